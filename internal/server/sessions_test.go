package server

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"homeward/internal/protocol"
	"homeward/internal/server/reset"
	"homeward/internal/server/tenant"
)

// as is the visitor with another session's token.
func (v *visitor) as(token string) *visitor {
	v.t.Helper()
	other := *v
	client := *v.client
	jar, err := cookiejar.New(nil)
	if err != nil {
		v.t.Fatal(err)
	}
	base, err := url.Parse(v.base)
	if err != nil {
		v.t.Fatal(err)
	}
	if token != "" {
		jar.SetCookies(base, []*http.Cookie{{Name: "__Host-homeward", Value: token, Secure: true, Path: "/"}})
	}
	client.Jar, other.client = jar, &client
	return &other
}

const (
	tooLong   = "This page was open too long"
	elsewhere = "This page belongs to another visit"
)

// TestSessionIsNotFixed: whoever plants a session, or has begun one and left it, has nothing of it once somebody has proven
// who they are in it; and a token that the server never drew is never taken up.
func TestSessionIsNotFixed(t *testing.T) {
	v := newVisitor(t)
	v.b.two()
	v.b.withApp()
	made := v.as(strings.Repeat("A", 26))
	made.do(http.MethodPost, "/start", url.Values{"name": {"amara@contoso.com"}, "problem": {"forgot"}})
	if made.cookie() == strings.Repeat("A", 26) {
		t.Error("a token that the visitor made up is taken")
	}
	v.atCode("amara@contoso.com")
	planted := v.cookie()
	v.do(http.MethodPost, "/verify/1/code", url.Values{"code": {v.b.mailed()}})
	one := v.cookie()
	v.do(http.MethodPost, "/verify/2", url.Values{"method": {"app"}})
	_, at := v.do(http.MethodPost, "/verify/2/code", url.Values{"code": {appCode(t, v.b.clock())}})
	two := v.cookie()
	if at != "/password" || planted == one || one == two {
		t.Fatalf("at %s; the token stays the same", at)
	}
	for _, token := range []string{planted, one, "", two + "x", strings.ToLower(two)} {
		thief := v.as(token)
		for _, path := range []string{"/password", "/verify/1", "/status/" + v.standing().ID} {
			if page, _ := thief.do(http.MethodGet, path, nil); strings.Contains(page, "amara@contoso.com") || !strings.Contains(page, tooLong) && !strings.Contains(page, elsewhere) {
				t.Errorf("%q opens %s: %.300s", token, path, page)
			}
		}
	}
	for _, path := range []string{"/password?session=" + two, "/password;__Host-homeward=" + two} {
		if page, _ := v.as("").do(http.MethodGet, path, nil); strings.Contains(page, "amara@contoso.com") {
			t.Errorf("a token in the address is taken: %s", path)
		}
	}
}

// TestDoubleClickOnTheCode: the second half carries the old token, and leads where the first did. The old token without the
// answer, or later, leads nowhere.
func TestDoubleClickOnTheCode(t *testing.T) {
	v := newVisitor(t)
	v.atCode("amara@contoso.com")
	old, code := v.cookie(), url.Values{"code": {v.b.mailed()}}
	if _, at := v.do(http.MethodPost, "/verify/1/code", code); at != "/password" {
		t.Fatalf("at %s", at)
	}
	second := v.as(old)
	if page, at := second.do(http.MethodPost, "/verify/1/code", code); at != "/password" || !strings.Contains(page, "amara@contoso.com") || second.cookie() != v.cookie() {
		t.Errorf("the second click leads to %s: %.300s", at, page)
	}
	if page, at := v.as(old).do(http.MethodPost, "/verify/1/code", url.Values{"code": {"000000"}}); at == "/password" || !strings.Contains(page, tooLong) {
		t.Errorf("the old token with another answer leads to %s", at)
	}
	if page, _ := v.as("x").do(http.MethodPost, "/verify/1/code", code); !strings.Contains(page, tooLong) {
		t.Errorf("the answer with another token: %.300s", page)
	}
	v.b.advance(11 * time.Second)
	if page, at := v.as(old).do(http.MethodPost, "/verify/1/code", code); at == "/password" || !strings.Contains(page, tooLong) {
		t.Errorf("later it leads to %s", at)
	}
}

// TestNoTabStealsAnothersFlow: a page of one flow can't write in another's, sees nothing of it, and claims nothing that it
// doesn't know.
func TestNoTabStealsAnothersFlow(t *testing.T) {
	v := newVisitor(t)
	v.atCode("amara@contoso.com")
	page, at := v.do(http.MethodPost, "/verify/1/code", url.Values{"code": {v.b.mailed()}})
	if at != "/password" {
		t.Fatalf("at %s", at)
	}
	first := v.standing()
	flow := regexp.MustCompile(`name="flow" value="([^"]+)"`).FindStringSubmatch(page)[1]
	v.do(http.MethodPost, "/start", url.Values{"name": {"nomail@contoso.com"}, "problem": {"forgot"}}) // in a second tab
	if answer, _ := v.do(http.MethodPost, "/password/ticket", url.Values{"flow": {flow}}); answer != `{"redirect":"/status/elsewhere"}` {
		t.Errorf("the first tab's button: %s", answer)
	}
	if answer, _ := v.do(http.MethodPost, "/password", url.Values{"flow": {flow}, "request": {"00"}, "sealed": {"AAAA"}}); answer != `{"redirect":"/status/elsewhere"}` {
		t.Errorf("the first tab's password: %s", answer)
	}
	page, _ = v.do(http.MethodGet, "/status/elsewhere", nil)
	if !strings.Contains(page, elsewhere) || strings.Contains(page, "Nothing has changed") {
		t.Errorf("%.900s", page)
	}
	if page, _ = v.do(http.MethodGet, "/status/"+first.ID, nil); !strings.Contains(page, elsewhere) || strings.Contains(page, first.Support) {
		t.Errorf("another flow's status: %.900s", page)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, v.base+"/status/"+first.ID+"?after=writing-relay", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("HX-Request", "true")
	answer, err := v.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if to := answer.Header.Get("HX-Redirect"); to != "/status/"+first.ID {
		t.Errorf("a page that waits is told %s to go to %q: it would wait for ever", answer.Status, to)
	}
	if n := len(v.b.fleet.called()); n != 0 || v.b.reload(first).State != reset.Verified {
		t.Errorf("%d commands; the first is %s", n, v.b.reload(first).State)
	}
}

// TestTimeoutWhileAWriteIsUnderWay: the session's end doesn't end the write, and nobody is told that nothing has changed.
func TestTimeoutWhileAWriteIsUnderWay(t *testing.T) {
	v := newVisitor(t)
	v.atCode("amara@contoso.com")
	page, _ := v.do(http.MethodPost, "/verify/1/code", url.Values{"code": {v.b.mailed()}})
	v.submit(page)
	a := v.standing()
	v.b.advance(11 * time.Minute)
	for _, path := range []string{"/status/" + a.ID, "/password", "/verify/1"} {
		page, at := v.do(http.MethodGet, path, nil)
		if at != "/status/"+a.ID || strings.Contains(page, "Nothing has changed") || strings.Contains(page, tooLong) || !strings.Contains(page, `data-mark="`) {
			t.Errorf("%s while it is written leads to %s: %.600s", path, at, page)
		}
	}
	if err := v.b.Result(t.Context(), "contoso", "UAGENT", v.b.result(v.b.reload(a), protocol.Changed, "")); err != nil {
		t.Fatal(err)
	}
	if page, _ = v.do(http.MethodGet, "/status/"+a.ID, nil); !strings.Contains(page, "Your password has been changed in Active Directory") {
		t.Errorf("%.600s", page)
	}
	v = newVisitor(t)
	v.atCode("amara@contoso.com")
	v.do(http.MethodPost, "/verify/1/code", url.Values{"code": {v.b.mailed()}})
	v.b.advance(11 * time.Minute)
	if page, _ = v.do(http.MethodGet, "/password", nil); !strings.Contains(page, tooLong) || !strings.Contains(page, "Nothing has changed") {
		t.Errorf("with nothing sent: %.600s", page)
	}
}

// TestCookieOfAnotherTenant opens nothing there, though the other's attempt is in the same database.
func TestCookieOfAnotherTenant(t *testing.T) {
	v := newVisitor(t)
	v.atCode("amara@contoso.com")
	v.do(http.MethodPost, "/verify/1/code", url.Values{"code": {v.b.mailed()}})
	other := tenant.Tenant{ID: "fabrikam", Name: "Fabrikam", Account: "AFAB", Created: v.b.clock()}
	if err := v.b.store.CreateTenant(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	site := v.b.site(t)
	site.Tenant = func(*http.Request) (tenant.Tenant, error) { return other, nil }
	a := v.standing()
	for _, path := range []string{"/password", "/status/" + a.ID, "/verify/1", "/security-info/add"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://password.fabrikam.test"+path, nil)
		r.Header.Set("Cookie", "__Host-homeward="+v.cookie())
		w := httptest.NewRecorder()
		site.Handler().ServeHTTP(w, r)
		body, _ := io.ReadAll(w.Body)
		if w.Code == http.StatusOK || strings.Contains(string(body), "amara") || strings.Contains(string(body), "Contoso") {
			t.Errorf("%s: status %d, %.300s", path, w.Code, body)
		}
	}
}

// TestBackAfterSuccess in a real browser: the page of the password doesn't come back with what was typed, and says where the
// reset stands; nothing is sent twice.
func TestBackAfterSuccess(t *testing.T) {
	v := newTab(t)
	v.toPassword()
	v.chooses("Quiet harbour lamp 7")
	v.sees("/status/", "Changing your password")
	a := v.written(protocol.Changed, "")
	v.sees("/status/", "Your password has been changed")
	for range 3 { // past the page of the code, too
		v.run(`history.back()`)
		v.until(`location.pathname === "/status/` + a.ID + `" && document.querySelector("h1").textContent.startsWith("Your password has been changed") && !document.querySelector("#password")`)
	}
	v.open("/password")
	v.sees("/status/"+a.ID, "Your password has been changed")
	if n := len(v.fleet.called()); n != 1 {
		t.Errorf("%d commands were sent", n)
	}
}

// TestTwoTabs of one browser: the second begins something else. The first says so, and neither writes for the other.
func TestTwoTabs(t *testing.T) {
	v := newTab(t)
	v.toPassword()
	ctx, cancel := chromedp.NewContext(v.ctx)
	t.Cleanup(cancel)
	second := *v
	second.ctx = ctx
	second.open("/start")
	second.typed("name", "nomail@contoso.com")
	second.press("#problem")
	second.press("main .button")
	second.sees("/verify/1", "How should")
	v.chooses("Quiet harbour lamp 7")
	v.sees("/status/elsewhere", elsewhere)
	if n := len(v.fleet.called()); n != 0 {
		t.Errorf("%d commands were sent", n)
	}
	second.press(`[value=mail]`)
	second.sees("/verify/1/code", "Enter the code")
}
