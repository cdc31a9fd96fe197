package webhook

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestOutwardReachesPublicAddressesOnly: what a name resolves to is judged, so localhost is refused as 127.0.0.1 is.
func TestOutwardReachesPublicAddressesOnly(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("reached") }))
	defer server.Close()
	for _, address := range []string{server.URL + "/?key=topsecret", strings.Replace(server.URL, "127.0.0.1", "localhost", 1) + "/?key=topsecret"} {
		err := Post(t.Context(), Outward(), address, []byte("s"), time.Now(), []byte("{}"))
		if !errors.Is(err, errInside) || strings.Contains(err.Error(), "topsecret") {
			t.Errorf("%s: %v", address, err)
		}
	}
	for address, want := range map[string]bool{
		"192.0.2.7": true, "2001:db8::7": true, "127.0.0.1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false,
		"100.64.0.1": false, "0.0.0.0": false, "::1": false, "fe80::1": false, "fd00::1": false, "224.0.0.1": false, "::": false,
		"64:ff9b::a01:203": false, "2002:a01:203::1": false, "::10.1.2.3": false, "198.18.0.1": false, "250.0.0.1": false, "2001:4860:4860::8888": true,
	} {
		if public(netip.MustParseAddr(address)) != want {
			t.Errorf("%s: %v", address, !want)
		}
	}
}

// TestRedirectsAreNotFollowed: a post goes where the administrator said, or nowhere.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	other := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("followed") }))
	defer other.Close()
	server := httptest.NewTLSServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	if err := Post(t.Context(), NewClient(server.Client().Transport), server.URL, []byte("s"), time.Now(), []byte("{}")); !errors.Is(err, ErrRefused) {
		t.Errorf("%v", err)
	}
}
