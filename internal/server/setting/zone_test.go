package setting_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"homeward/internal/server/setting"
)

func TestZonesAreAllThere(t *testing.T) {
	t.Parallel()
	all := setting.Zones()
	if len(all) < 500 {
		t.Fatalf("%d zones", len(all))
	}
	for _, z := range all {
		if _, err := time.LoadLocation(z); err != nil {
			t.Errorf("%s: %v", z, err)
		}
		if got, err := setting.ParseZone(z); err != nil || got != z {
			t.Errorf("%s: %s %v", z, got, err)
		}
	}
}

func TestParseZone(t *testing.T) {
	t.Parallel()
	const spaced = " America/New York "
	for typed, want := range map[string]string{
		"europe/stockholm": "Europe/Stockholm", spaced: "America/New_York", "utc": "UTC", "Asia/Kathmandu": "Asia/Kathmandu",
	} {
		if got, err := setting.ParseZone(typed); err != nil || got != want {
			t.Errorf("%q: %q %v", typed, got, err)
		}
	}
	for typed, like := range map[string]string{
		"Europe/Stokholm": "Europe/Stockholm", "Stockholm": "Europe/Stockholm", "Amerika/New_York": "America/New_York", "tokio": "Asia/Tokyo", "Asia/Calcuta": "Asia/Calcutta",
		"Middle/Earth": "", "Local": "", "": "", "../etc/passwd": "", "Europe/": "Europe/",
	} {
		got, err := setting.ParseZone(typed)
		wrong, ok := errors.AsType[*setting.ZoneError](err)
		switch {
		case got != "" || !ok:
			t.Errorf("%q: %q %v", typed, got, err)
		case like == "Europe/":
			if len(wrong.Like) != 3 {
				t.Errorf("%q: %v", typed, wrong.Like)
			}
		case like == "" && len(wrong.Like) > 0 && typed != "Local", like != "" && !slices.Contains(wrong.Like, like):
			t.Errorf("%q: %v, want %s", typed, wrong.Like, like)
		}
	}
}

func FuzzParseZone(f *testing.F) {
	for _, seed := range []string{"", "Europe/Stockholm", "stokholm", "/", "../..", "Ünïcode/Ö", "a b c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		name, err := setting.ParseZone(typed)
		if (name == "") != (err != nil) || name != "" && !slices.Contains(setting.Zones(), name) {
			t.Errorf("%q: %q %v", typed, name, err)
		}
	})
}
