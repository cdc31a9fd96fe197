package server

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"homeward/internal/server/reset"
	"homeward/internal/server/verify"
)

// useUp plays strangers who type somebody's name from ever other addresses: wrong codes until no more are taken, then codes
// until no more are sent.
func (b *bench) useUp(name string) (wrong, sent int) {
	b.t.Helper()
	var limited *reset.LimitError
	for i := 0; ; i++ {
		a := b.beginFrom(name, fmt.Sprintf("203.0.113.%d", i))
		a, err := b.Choose(b.t.Context(), b.tenant, a, "mail")
		if errors.As(err, &limited) {
			break
		}
		if err != nil {
			b.t.Fatal(err)
		}
		sent++
		for range verify.CodeTries {
			_, _, err := b.CheckCode(b.t.Context(), a, "000000")
			if errors.As(err, &limited) {
				break
			}
			if err != nil {
				b.t.Fatal(err)
			}
			wrong++
		}
	}
	return wrong, sent
}

// TestStrangersDontKeepTheOwnerOut: with everybody's tries used up, the person gets in by mail in a browser that is known,
// and elsewhere by any other way; a browser that is known for somebody else is none.
func TestStrangersDontKeepTheOwnerOut(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		b.withApp()
		first := b.choose(b.begin("amara@contoso.com"), "mail")
		first = b.say(first, b.mailed(), verify.OK)
		known := b.Remember(first, "")
		if known == "" || b.Remember(b.begin("amara@contoso.com"), "") != "" {
			t.Fatal("who is remembered isn't who has passed")
		}
		wrong, sent := b.useUp("amara@contoso.com")
		t.Logf("strangers were heard %d times, %d codes were sent", wrong, sent)
		if wrong == 0 || wrong > 20 || sent > 10 {
			t.Errorf("%d wrong codes and %d sent", wrong, sent)
		}
		var limited *reset.LimitError
		for _, cookie := range []string{"", b.deps.Devices.Remember("", "contoso", b.person("nomail@contoso.com").ID)} {
			a := b.Recognise(b.begin("amara@contoso.com"), cookie)
			if _, err := b.Choose(t.Context(), b.tenant, a, "mail"); !errors.As(err, &limited) {
				t.Errorf("a strange browser gets a code: %v", err)
			}
			if a = b.say(b.choose(b.begin("amara@contoso.com"), "app"), appCode(t, b.clock()), verify.OK); a.State != reset.Verified {
				t.Errorf("by app: %s", a.State)
			}
			b.advance(2 * time.Minute)
		}
		if a := b.say(b.choose(b.begin("amara@contoso.com"), "pass"), b.pass("amara@contoso.com", time.Hour), verify.OK); a.State != reset.Verified {
			t.Errorf("by the helpdesk's pass: %s", a.State)
		}
		for i := range 3 { // mistypes too, and comes again
			a, err := b.Choose(t.Context(), b.tenant, b.Recognise(b.beginFrom("amara@contoso.com", fmt.Sprintf("198.51.100.%d", i)), known), "mail")
			if err != nil {
				t.Fatalf("the known browser gets no code: %v", err)
			}
			a = b.Recognise(a, known)
			a = b.say(a, "000000", verify.Wrong)
			if a = b.say(a, b.mailed(), verify.OK); a.State != reset.Verified {
				t.Errorf("in the known browser: %s", a.State)
			}
		}
		// The person's success gave strangers nothing.
		if _, err := b.Choose(t.Context(), b.tenant, b.beginFrom("amara@contoso.com", "198.51.100.99"), "mail"); !errors.As(err, &limited) {
			t.Errorf("strangers get codes again: %v", err)
		}
	})
}

// TestKnownBrowserThroughThePages: the cookie comes with the last check, not before, and says nothing to anybody.
func TestKnownBrowserThroughThePages(t *testing.T) {
	v := newVisitor(t)
	v.b.two()
	v.b.withApp()
	base, err := url.Parse(v.base)
	if err != nil {
		t.Fatal(err)
	}
	known := func() string {
		for _, c := range v.client.Jar.Cookies(base) {
			if c.Name == "__Host-homeward-known" {
				return c.Value
			}
		}
		return ""
	}
	v.atCode("amara@contoso.com")
	v.do(http.MethodPost, "/verify/1/code", url.Values{"code": {v.b.mailed()}})
	if known() != "" {
		t.Fatal("known after one of two checks: whoever has the mailbox could guess the rest with more tries")
	}
	v.do(http.MethodPost, "/verify/2", url.Values{"method": {"app"}})
	if _, at := v.do(http.MethodPost, "/verify/2/code", url.Values{"code": {appCode(t, v.b.clock())}}); at != "/password" {
		t.Fatalf("at %s", at)
	}
	first := known()
	if first == "" || strings.Contains(first, v.b.amara().ID) {
		t.Fatalf("known by %q", first)
	}
	v.b.advance(time.Hour)
	v.b.useUp("amara@contoso.com")
	v.do(http.MethodPost, "/start", url.Values{"name": {"amara@contoso.com"}, "problem": {"forgot"}})
	if _, at := v.do(http.MethodPost, "/verify/1", url.Values{"method": {"mail"}}); at != "/verify/1/code" {
		t.Fatalf("the known browser is at %s", at)
	}
	if _, at := v.do(http.MethodPost, "/verify/1/code", url.Values{"code": {v.b.mailed()}}); at != "/verify/2" {
		t.Errorf("at %s", at)
	}
}
