package verify

import (
	"strings"
	"testing"
	"time"
)

func TestDevices(t *testing.T) {
	now := time.Now()
	d := NewDevices([]byte("key"), func() time.Time { return now })
	cookie := d.Remember("", "contoso", "amara")
	first := d.Known(cookie, "contoso", "amara")
	if first == "" {
		t.Fatal("not recognised")
	}
	for _, c := range []struct{ cookie, tenant, person string }{
		{cookie, "contoso", "sam"},
		{cookie, "contoso", ""},
		{cookie, "fabrikam", "amara"},
		{"", "contoso", "amara"},
		{cookie[1:], "contoso", "amara"},
		{"A" + cookie, "contoso", "amara"},
		{strings.Repeat("A", len(cookie)), "contoso", ""},
	} {
		if d.Known(c.cookie, c.tenant, c.person) != "" {
			t.Errorf("%+v is recognised", c)
		}
	}
	if other := NewDevices([]byte("other"), d.now); other.Known(cookie, "contoso", "amara") != "" {
		t.Error("another server's cookie is recognised")
	}
	shared := d.Remember(d.Remember(cookie, "contoso", "sam"), "contoso", "amara")
	if d.Known(shared, "contoso", "sam") == "" || d.Known(shared, "contoso", "amara") != first {
		t.Error("a shared browser forgot somebody, or counts anew")
	}
	for _, person := range []string{"a", "b", "c", "d"} {
		shared = d.Remember(shared, "contoso", person)
	}
	if d.Known(shared, "contoso", "d") == "" || d.Known(shared, "contoso", "a") == "" || d.Known(shared, "contoso", "sam") != "" || len(shared) > 200 {
		t.Errorf("a browser of many people: %s", shared)
	}
	now = now.Add(DeviceLife)
	if d.Known(cookie, "contoso", "amara") != "" {
		t.Error("recognised for ever")
	}
	now = now.Add(-DeviceLife - 2*time.Hour)
	if d.Known(cookie, "contoso", "amara") != "" {
		t.Error("a cookie from the future is recognised")
	}
}

// FuzzDeviceCookie: whatever a browser sends, it is recognised for nobody who didn't get it, and what comes back is small.
func FuzzDeviceCookie(f *testing.F) {
	d := NewDevices([]byte("key"), func() time.Time { return time.Unix(1_800_000_000, 0) })
	f.Add("")
	f.Add("....")
	f.Add(d.Remember("", "contoso", "sam"))
	f.Add(strings.Repeat("A", 43) + "." + strings.Repeat("_", 43))
	f.Fuzz(func(t *testing.T, cookie string) {
		if d.Known(cookie, "contoso", "amara") != "" {
			t.Fatal("recognised")
		}
		next := d.Remember(cookie, "contoso", "amara")
		if d.Known(next, "contoso", "amara") == "" || len(next) > 200 || strings.ContainsAny(next, " ;,\"\\\r\n") {
			t.Fatalf("%q", next)
		}
	})
}
