// Package webhook posts signed JSON to an address an administrator chose: text messages, exports and alerts. It follows no
// redirect, and an error never holds the address, which may carry a key.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// Header is the name of the signature's header. Its value is t=UNIX,v1=HEX: an HMAC-SHA-256 under the secret of the time, a
// point and the body. A receiver checks it and refuses what is older than a few minutes.
const Header = "Homeward-Signature"

// ErrRefused is what an answer other than 2xx is.
var ErrRefused = errors.New("refused by the other side")

// timeout is how long one post may take.
const timeout = 20 * time.Second

// NewClient returns a client that goes where the administrator said, or nowhere: it follows no redirect.
func NewClient(transport http.RoundTripper) *http.Client {
	return &http.Client{Transport: transport, Timeout: timeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// Trusting returns a client that trusts roots (nil: the machine's).
func Trusting(roots *tls.Config) *http.Client {
	return NewClient(&http.Transport{TLSClientConfig: roots, Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true})
}

// Outward returns a client that reaches public addresses only: for addresses that an administrator of one organisation
// chose, who must not reach what stands beside the server. What a name resolves to is judged when it is dialled, so a
// name that changes its mind gains nothing. It uses no proxy, which would dial by itself.
func Outward() *http.Client {
	d := &net.Dialer{Timeout: timeout / 2, ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil || !public(to.Addr().Unmap()) {
			return errInside
		}
		return nil
	}}
	return NewClient(&http.Transport{DialContext: d.DialContext, ForceAttemptHTTP2: true})
}

var errInside = errors.New("the address is inside a private network, which this webhook may not reach")

// public reports whether an address is one of the Internet's.
func public(a netip.Addr) bool {
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	return !slices.ContainsFunc(special(), func(n netip.Prefix) bool { return n.Contains(a) })
}

// special are networks that look public and aren't, or lead to one that isn't: addresses of version 4 are hidden in some of
// version 6 (IANA's registries of special-purpose addresses, RFC 6890).
func special() []netip.Prefix {
	var out []netip.Prefix
	for _, n := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "198.18.0.0/15", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16", "fec0::/10",
	} {
		out = append(out, netip.MustParsePrefix(n))
	}
	return out
}

// Post sends one body. It returns ErrRefused when the answer isn't 2xx.
func Post(ctx context.Context, client *http.Client, address string, secret []byte, at time.Time, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return errors.New("webhook address can't be used")
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(Header, Sign(secret, at, body))
	answer, err := client.Do(r)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok { // without the address, which may hold a key
			err = u.Err
		}
		return fmt.Errorf("webhook: %w", err)
	}
	defer answer.Body.Close() //nolint:errcheck // nothing of it is needed
	_, _ = io.CopyN(io.Discard, answer.Body, 4096)
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return fmt.Errorf("webhook answered %d: %w", answer.StatusCode, ErrRefused)
	}
	return nil
}

// Sign is the header's value.
func Sign(secret []byte, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(t + "."))
	h.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(h.Sum(nil))
}
