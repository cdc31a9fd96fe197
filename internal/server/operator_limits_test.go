package server

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"homeward/internal/server/openid/openidtest"
)

// TestStrangersDontLockOperatorsOut: with everybody's tries for a name used up, its owner signs in where they have before, and
// elsewhere through the provider; a browser that is known for somebody else is none. Whoever has the password gets no more
// than ten codes in ten days to try, and what they use up keeps nobody out either.
func TestStrangersDontLockOperatorsOut(t *testing.T) {
	t.Parallel()
	b := newProviderBench(t)
	code := func(steps int) string {
		t.Helper()
		c, err := totp.GenerateCode(b.secret, time.Now().Add(time.Duration(steps)*30*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	try := func(g *guest, name, password, code string) int {
		t.Helper()
		return g.do(http.MethodPost, "/admin/sign-in", url.Values{"name": {name}, "password": {password}, "code": {code}}).Code
	}
	karin, err := b.operators.ByName(t.Context(), "karin@contoso.com")
	if err != nil {
		t.Fatal(err)
	}
	known := b.guest()
	known.cookies["__Host-homeward-admin-known"] = &http.Cookie{Name: "__Host-homeward-admin-known", Value: b.operators.Remember(karin, "")}
	other := karin
	other.ID = "somebody else"
	// A stranger who has the password guesses codes.
	heard := 0
	for i := range 15 {
		g := b.guest()
		if status := try(g, "karin@contoso.com", benchPassword, fmt.Sprintf("%06d", i)); status != http.StatusUnprocessableEntity {
			t.Fatalf("status %d", status)
		}
		if b.last().Reason == "wrong_code" {
			heard++
		} else if r := b.last().Reason; r != "too_many_codes" {
			t.Errorf("recorded %s", r)
		}
	}
	if heard != 10 {
		t.Errorf("%d codes were judged", heard)
	}
	// Another one only types the name.
	refused := 0
	for range 30 {
		if try(b.guest(), "karin@contoso.com", "not it", "000000") == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused == 0 {
		t.Error("a name may be tried without end")
	}
	strange := b.guest()
	strange.cookies["__Host-homeward-admin-known"] = &http.Cookie{Name: "__Host-homeward-admin-known", Value: b.operators.Remember(other, "")}
	if status := try(strange, "karin@contoso.com", benchPassword, code(1)); status != http.StatusTooManyRequests {
		t.Errorf("a browser that is known for somebody else: status %d", status)
	}
	for range 3 { // mistypes too
		if status := try(known, "karin@contoso.com", benchPassword, "000000"); status != http.StatusUnprocessableEntity {
			t.Errorf("mistyped in the known browser: status %d", status)
		}
	}
	if status := try(known, "karin@contoso.com", benchPassword, code(1)); status != http.StatusSeeOther {
		t.Fatalf("in the known browser: status %d, recorded %+v", status, b.last())
	}
	if status := try(b.guest(), "karin@contoso.com", benchPassword, "000000"); status != http.StatusTooManyRequests {
		t.Errorf("the owner's success gave strangers their tries back: status %d", status)
	}
	if err := b.operators.LinkSubject(t.Context(), karin, b.provider.URL, "sub-karin@contoso.com", "test"); err != nil {
		t.Fatal(err)
	}
	b.provider.Be(user("karin@contoso.com"), openidtest.Twist{})
	g := b.guest()
	if g.signIn("/admin"); g.in() != "karin@contoso.com" {
		t.Errorf("through the provider: in as %q", g.in())
	}
	// Known browsers have an end too.
	for range 20 {
		try(known, "karin@contoso.com", "not it", "000000")
	}
	if status := try(known, "karin@contoso.com", "not it", "000000"); status != http.StatusTooManyRequests {
		t.Errorf("a known browser may try without end: status %d", status)
	}
}
