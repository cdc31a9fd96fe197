package server

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/protocol"
)

// TestMailsFollowTheLanguage: who changes the language on the way keeps the place in the flow, and gets the next code
// and the last confirmation in it.
func TestMailsFollowTheLanguage(t *testing.T) {
	v := newVisitor(t)
	v.do(http.MethodPost, "/start", url.Values{"name": {"amara@contoso.com"}, "problem": {"forgot"}})
	v.do(http.MethodPost, "/verify/1", url.Values{"method": {"mail"}})
	page, at := v.do(http.MethodGet, "/verify/1/code?mkt=sv", nil)
	if at != "/verify/1/code" || !strings.Contains(page, `<html lang="sv" dir="ltr">`) || !strings.Contains(page, `action="/verify/1/code"`) {
		t.Fatalf("at %s: %.500s", at, page)
	}
	v.b.advance(time.Minute)
	v.do(http.MethodPost, "/verify/1/resend", nil)
	if _, at = v.do(http.MethodGet, "/verify/1/code?mkt=ar", nil); at != "/verify/1/code" {
		t.Fatalf("the second choice leads to %s", at)
	}
	page, at = v.do(http.MethodPost, "/verify/1/code", url.Values{"code": {v.b.letters.codes[len(v.b.letters.codes)-1]}})
	if at != "/password" || !strings.Contains(page, `<html lang="ar" dir="rtl">`) {
		t.Fatalf("at %s: %.500s", at, page)
	}
	v.submit(page)
	open, err := v.b.store.OpenAttempts(t.Context())
	if err != nil || len(open) != 1 {
		t.Fatalf("%d open attempts, %v", len(open), err)
	}
	if err := v.b.Result(t.Context(), "contoso", "UAGENT", v.b.result(open[0], protocol.Changed, "")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"en", "sv", "ar"}, v.b.letters.langs); diff != "" {
		t.Errorf("languages of code, code and confirmation: %s", diff)
	}
}
