package web_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"homeward/internal/server/web"
)

func trusting(t testing.TB, networks ...string) web.Front {
	t.Helper()
	var proxies []netip.Prefix
	for _, n := range networks {
		proxies = append(proxies, netip.MustParsePrefix(n))
	}
	f, err := web.NewFront("https://password.contoso.test", proxies)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// behind is what a handler sees of a request.
func behind(f web.Front, r *http.Request) *http.Request {
	var seen *http.Request
	f.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r })).ServeHTTP(httptest.NewRecorder(), r)
	return seen
}

func TestFrontFindsTheVisitor(t *testing.T) {
	for name, c := range map[string]struct {
		trusted []string
		peer    string
		header  []string
		want    string
	}{
		"nobody is trusted":            {nil, "10.0.0.1:4711", []string{"192.0.2.7"}, "10.0.0.1"},
		"not from the proxy":           {[]string{"10.0.0.1/32"}, "198.51.100.9:4711", []string{"192.0.2.7"}, "198.51.100.9"},
		"one proxy":                    {[]string{"10.0.0.1/32"}, "10.0.0.1:4711", []string{"192.0.2.7"}, "192.0.2.7"},
		"the visitor invents":          {[]string{"10.0.0.1/32"}, "10.0.0.1:4711", []string{"6.6.6.6, 192.0.2.7"}, "192.0.2.7"},
		"invents in a line of its own": {[]string{"10.0.0.1/32"}, "10.0.0.1:4711", []string{"6.6.6.6", "192.0.2.7"}, "192.0.2.7"},
		"invents a trusted one":        {[]string{"10.0.0.0/8"}, "10.0.0.1:4711", []string{"10.9.9.9, 192.0.2.7"}, "192.0.2.7"},
		"two proxies":                  {[]string{"10.0.0.0/8"}, "10.0.0.1:4711", []string{"6.6.6.6,192.0.2.7, 10.0.0.2"}, "192.0.2.7"},
		"from inside":                  {[]string{"10.0.0.0/8"}, "10.0.0.1:4711", []string{"10.3.3.3"}, "10.3.3.3"},
		"no header":                    {[]string{"10.0.0.1/32"}, "10.0.0.1:4711", nil, "10.0.0.1"},
		"empty header":                 {[]string{"10.0.0.1/32"}, "10.0.0.1:4711", []string{""}, "10.0.0.1"},
		"no address":                   {[]string{"10.0.0.1/32"}, "10.0.0.1:4711", []string{"192.0.2.7, unknown"}, "10.0.0.1"},
		"ends with a comma":            {[]string{"10.0.0.1/32"}, "10.0.0.1:4711", []string{"192.0.2.7,"}, "10.0.0.1"},
		"with a port":                  {[]string{"10.0.0.1/32"}, "10.0.0.1:4711", []string{"192.0.2.7:5555"}, "192.0.2.7"},
		"version 6":                    {[]string{"10.0.0.1/32"}, "10.0.0.1:4711", []string{"2001:db8::7"}, "2001:db8::7"},
		"version 6 with a port":        {[]string{"10.0.0.1/32"}, "10.0.0.1:4711", []string{"[2001:db8::7]:5555"}, "2001:db8::7"},
		"with a zone":                  {[]string{"10.0.0.1/32"}, "10.0.0.1:4711", []string{"fe80::1%eth0"}, "10.0.0.1"},
		"4 in 6":                       {[]string{"10.0.0.1/32"}, "[::ffff:10.0.0.1]:4711", []string{"::ffff:192.0.2.7"}, "192.0.2.7"},
		"a hundred trusted hops":       {[]string{"10.0.0.0/8"}, "10.0.0.1:4711", []string{"192.0.2.7" + strings.Repeat(", 10.0.0.3", 100)}, "10.0.0.3"},
		"no address of its own":        {[]string{"10.0.0.1/32"}, "@", []string{"192.0.2.7"}, "@"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/start", nil)
			r.RemoteAddr = c.peer
			r.Header["X-Forwarded-For"] = c.header
			got := behind(trusting(t, c.trusted...), r).RemoteAddr
			if host, _, err := net.SplitHostPort(got); err == nil {
				got = host
			}
			if got = strings.TrimPrefix(got, "::ffff:"); got != c.want {
				t.Errorf("the visitor is %s, want %s", got, c.want)
			}
		})
	}
}

func TestFrontHidesWhatOthersSay(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "http://evil.example/start?mkt=de", nil)
	for _, name := range []string{
		"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-Original-URL", "X-Rewrite-URL", "X-Real-IP", "X-HTTP-Method-Override",
	} {
		r.Header.Set(name, "evil.example")
	}
	r.Header.Set("Accept-Language", "sv")
	r.Host = "evil.example"
	got := behind(trusting(t, "192.0.2.0/24"), r)
	if got.Host != "password.contoso.test" || got.URL.String() != "/start?mkt=de" || got.RequestURI != "/start?mkt=de" || len(got.Header) != 1 {
		t.Errorf("host %q, address %q, %q, headers %v", got.Host, got.URL, got.RequestURI, got.Header)
	}
	if r.Host != "evil.example" || r.Header.Get("Forwarded") == "" || r.URL.Host != "evil.example" {
		t.Error("the caller's request was changed")
	}
}

// FuzzForwardedFor: whatever is in the header, the visitor is the peer or an address that stands in it, and who isn't
// trusted decides nothing.
func FuzzForwardedFor(f *testing.F) {
	for _, s := range []string{"192.0.2.7", "6.6.6.6, 192.0.2.7,10.0.0.2", "[::1]:80", ",,,", "for=1.2.3.4", "10.0.0.1%1", strings.Repeat("10.0.0.1,", 99)} {
		f.Add(s, "x")
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		front := trusting(t, "10.0.0.0/8")
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr, r.Header["X-Forwarded-For"] = "192.0.2.1:1", []string{first, second}
		if got := behind(front, r).RemoteAddr; got != "192.0.2.1:1" {
			t.Fatalf("a stranger made it %s", got)
		}
		r.RemoteAddr = "10.0.0.1:1"
		got, err := netip.ParseAddrPort(behind(front, r).RemoteAddr)
		if err != nil {
			t.Fatal(err)
		}
		if got.Addr() == netip.MustParseAddr("10.0.0.1") {
			return
		}
		for entry := range strings.SplitSeq(first+","+second, ",") {
			entry = strings.Trim(entry, " \t")
			a, err := netip.ParseAddr(entry)
			if err != nil {
				ap, _ := netip.ParseAddrPort(entry)
				a = ap.Addr()
			}
			if a.IsValid() && a.Unmap() == got.Addr() {
				return
			}
		}
		t.Fatalf("%s stands nowhere in %q, %q", got, first, second)
	})
}
