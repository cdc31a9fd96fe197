package web

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Front stands before every handler. It takes out of a request all that others may have written about where it went and
// where it came from, so that nothing behind it can believe them by mistake: the host is the configured one, whatever Host
// header or absolute address was sent, and headers of proxies are gone. The visitor's address is the connection's, unless
// that is a proxy that was configured as trusted.
type Front struct {
	// Host is the base URL's, with a port if it has one.
	Host string
	// Proxies are believed when they say whom they speak for. None: nobody is.
	Proxies []netip.Prefix
}

// NewFront returns the Front of a base URL.
func NewFront(baseURL string, proxies []netip.Prefix) (Front, error) {
	u, err := url.Parse(baseURL)
	if err != nil {
		return Front{}, err
	}
	return Front{Host: u.Host, Proxies: proxies}, nil
}

// forwardedFor is the one header of a proxy that is ever read.
const forwardedFor = "X-Forwarded-For"

// untold are headers in which a sender may say where a request came from or went to. No handler sees them.
func untold() []string {
	return []string{
		forwardedFor, "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Server", "X-Forwarded-Scheme",
		"X-Forwarded-Ssl", "X-Forwarded-Uri", "X-Forwarded", "Forwarded", "X-Host", "X-Real-Ip", "X-Client-Ip", "X-Original-Host", "X-Original-Url",
		"X-Rewrite-Url", "X-Http-Host-Override", "X-Http-Method-Override", "X-Http-Method", "X-Method-Override", "True-Client-Ip", "Cf-Connecting-Ip",
		"X-Cluster-Client-Ip", "X-Originating-Ip", "X-Remote-Ip", "X-Remote-Addr", "Front-End-Https", "Via",
	}
}

// Handler wraps all of a server.
func (f Front) Handler(next http.Handler) http.Handler {
	hide := untold()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner := r.WithContext(r.Context())
		inner.Host = f.Host
		u := *r.URL
		u.Scheme, u.Host, u.User, u.Opaque = "", "", nil, ""
		if u.Path == "" {
			u.Path = "/"
		}
		inner.URL, inner.RequestURI = &u, u.RequestURI()
		if peer, ok := addressOf(r.RemoteAddr); ok {
			if client := f.client(peer, r.Header[forwardedFor]); client != peer {
				inner.RemoteAddr = net.JoinHostPort(client.String(), "0")
			}
		}
		if slices.ContainsFunc(hide, func(name string) bool { return len(r.Header[name]) > 0 }) {
			inner.Header = r.Header.Clone()
			for _, name := range hide {
				delete(inner.Header, name)
			}
		}
		next.ServeHTTP(w, inner)
	})
}

// mostHops bounds how much of a header is read.
const mostHops = 32

// client is the address that a request comes from. Each proxy adds to the end of the header whom it heard, so it is read
// from there for as long as who wrote the next entry is trusted; what stands before may be anybody's invention. An entry
// that is no address ends the reading too: then it is whoever is known to have passed it on.
func (f Front) client(peer netip.Addr, lines []string) netip.Addr {
	heard := peer
	rest := strings.Join(lines, ",")
	for range mostHops {
		if rest == "" || !f.trusts(heard) {
			return heard
		}
		i := strings.LastIndexByte(rest, ',')
		next, ok := addressOf(strings.Trim(rest[i+1:], " \t"))
		if !ok {
			return heard
		}
		heard, rest = next, rest[:max(i, 0)]
	}
	return heard
}

func (f Front) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(f.Proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// addressOf reads an address, with or without a port: some proxies add theirs.
func addressOf(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		var ap netip.AddrPort
		if ap, err = netip.ParseAddrPort(s); err == nil {
			a = ap.Addr()
		}
	}
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, false
	}
	return a.Unmap(), true
}
