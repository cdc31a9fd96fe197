package portal_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"homeward/internal/server/tenant"
	"homeward/internal/server/web/portal"
	"homeward/test/webtest"
)

// firstPages is a portal as far as its first page: nobody gets past it.
func firstPages(t *testing.T) http.Handler {
	t.Helper()
	engine, assets, catalog := newSite(t)
	contoso := tenant.Tenant{ID: "contoso", Name: "Contoso"}
	contoso.Settings.UnlockOnly = true
	site := &portal.Site{
		Engine: engine, Assets: assets, Catalog: catalog, Now: now, Log: slog.New(slog.DiscardHandler),
		Tenant: func(*http.Request) (tenant.Tenant, error) { return contoso, nil },
	}
	return site.Handler()
}

// ask sends one request with headers (name, value …) and returns the answer.
func ask(t *testing.T, h http.Handler, method, target, form string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestLanguageIsChosenForTheVisit: a link names a language, the visit keeps it, and the address is the plain one again.
func TestLanguageIsChosenForTheVisit(t *testing.T) {
	h := firstPages(t)
	for mkt, want := range map[string]string{"de-DE": "de", "de_AT": "de", "ja": "ja", "ar-SA": "ar", "fr-CA": "fr", "es-419": "es", "sv": "sv", "zh": "en", "%3Cscript%3E": "en", "": "en"} {
		w := ask(t, h, http.MethodGet, "/start?x=1&mkt="+mkt, "")
		cookies := w.Result().Cookies()
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/start?x=1" || len(cookies) != 1 {
			t.Fatalf("mkt=%s: status %d, location %q, cookies %v", mkt, w.Code, w.Header().Get("Location"), cookies)
		}
		if c := cookies[0]; c.Value != want || !c.Secure || !c.HttpOnly || c.MaxAge != 0 || !c.Expires.IsZero() {
			t.Errorf("mkt=%s: cookie is %v", mkt, c)
		}
		page := ask(t, h, http.MethodGet, "/start?x=1", "", "Cookie", cookies[0].String(), "Accept-Language", "de").Body.String()
		if !strings.Contains(page, `<html lang="`+want+`" dir=`) {
			t.Errorf("mkt=%s: the next page begins %.60q", mkt, page)
		}
	}
	w := ask(t, h, http.MethodGet, "/?mkt=sv", "")
	if got := w.Result().Cookies(); len(got) != 1 || got[0].Value != "sv" {
		t.Errorf("the bare address loses the language: %v", got)
	}
}

// TestUnknownChoiceChangesNothing: a language nobody speaks here leaves the one that was chosen.
func TestUnknownChoiceChangesNothing(t *testing.T) {
	w := ask(t, firstPages(t), http.MethodGet, "/start?mkt=zh", "", "Cookie", "__Host-homeward-language=sv", "Accept-Language", "de")
	if got := w.Result().Cookies(); len(got) != 1 || got[0].Value != "sv" {
		t.Errorf("cookies are %v", got)
	}
}

// TestChoosingKeepsTheForm: the chooser of the first pages brings back what was typed, and starts nothing.
func TestChoosingKeepsTheForm(t *testing.T) {
	for _, path := range []string{"/start", "/change"} {
		w := ask(t, firstPages(t), http.MethodPost, path, "mkt=ar&problem=locked&name="+url.QueryEscape(`CORP\"amara`))
		page := w.Body.String()
		if w.Code != http.StatusOK || !strings.Contains(page, `<html lang="ar" dir="rtl">`) || !strings.Contains(page, `value="CORP\&#34;amara"`) {
			t.Errorf("%s: status %d, page %.1500s", path, w.Code, page)
		}
		if strings.Contains(page, `role="alert"`) || path == "/start" && !strings.Contains(page, `value="locked" checked`) {
			t.Errorf("%s: the page complains, or forgot the choice", path)
		}
		if got := w.Result().Cookies(); len(got) != 1 || got[0].Value != "ar" {
			t.Errorf("%s: cookies are %v", path, got)
		}
	}
}

// TestChooserWithoutScript uses the chooser as people do, and presses Enter afterwards: that is still "continue".
func TestChooserWithoutScript(t *testing.T) {
	inner := firstPages(t)
	sent := make(chan url.Values, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			if err := r.ParseForm(); err != nil {
				t.Error(err)
			}
			if !r.PostForm.Has("mkt") {
				sent <- r.PostForm
				w.WriteHeader(http.StatusNoContent)
				return
			}
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	b := webtest.Open(t)
	b.Go(t, server.URL+"/start")
	b.Do(t, `document.getElementById("name").value = "amara@contoso.com"; document.querySelector("[value=locked]").checked = true; document.querySelector(".language summary").click()`)
	b.Do(t, `document.querySelector(".language [lang=ja]").click()`)
	b.Until(t, `document.documentElement.lang === "ja" && document.readyState === "complete"`)
	if got := webtest.Value[string](t, b, `document.getElementById("name").value + " " + document.querySelector(":checked").value`); got != "amara@contoso.com locked" {
		t.Errorf("after the choice the form holds %q", got)
	}
	b.Run(t, chromedp.Focus("#name"), chromedp.KeyEvent("\r"))
	select {
	case form := <-sent:
		if form.Get("name") != "amara@contoso.com" || form.Get("problem") != "locked" {
			t.Errorf("Enter sends %v", form)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Enter sends nothing")
	}
}
