// Package webaddress is the one rule for addresses that the server posts to: exports, alerts and text messages.
package webaddress

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
)

// Errors say what is wrong with an address.
var (
	ErrAddress = errors.New("not a whole web address without a user name, such as https://alerts.contoso.com/in")
	// ErrPlain reports http where only https will do: what is posted tells who did what.
	ErrPlain = errors.New("use https: without it what is posted, and the address itself, can be read on the way")
	// ErrUnconfirmed reports http to this machine or a private network, which somebody has to confirm.
	ErrUnconfirmed = errors.New("http to a private address has to be confirmed: what is posted can be read in that network")
)

// maxLength of an address.
const maxLength = 500

// Check refuses what nothing may be posted to. Addresses are https. Only with confirmed, an administrator's word, they may be
// http as well, and only to this machine or a private network that is named by its number: what a name leads to can change.
func Check(text string, confirmed bool) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Hostname() == "" || u.User != nil || len(text) > maxLength || strings.ContainsAny(text, " \"<>\\") {
		return ErrAddress
	}
	switch {
	case u.Scheme == "https":
		return nil
	case u.Scheme != "http":
		return ErrAddress
	case !inside(u.Hostname()):
		return ErrPlain
	case !confirmed:
		return ErrUnconfirmed
	}
	return nil
}

// inside reports whether a host is this machine, or the number of a machine in a private network.
func inside(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	a = a.Unmap()
	return a.IsLoopback() || a.IsPrivate()
}
