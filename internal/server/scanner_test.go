package server

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"homeward/internal/server/operator"
	"homeward/internal/server/reset"
	"homeward/internal/server/verify"
)

// What a link in a mail could use up. The audit log and limits may grow; these may not change.
var consumables = []string{"attempts", "codes", "passes", "methods", "registrations", "operators", "operator_links", "operator_recovery", "operator_sessions", "operator_passkeys", "operator_identities"} //nolint:gochecknoglobals // a constant in all but type

// contents is all that stands in the tables that a link could use up, as far as they exist.
func contents(t *testing.T, dsn string) map[string]string {
	t.Helper()
	db, err := sql.Open("sqlite", strings.TrimPrefix(dsn, "sqlite:"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	names, err := db.QueryContext(t.Context(), `SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`)
	if err != nil {
		t.Fatal(err)
	}
	defer names.Close()
	var tables []string
	for names.Next() {
		var name string
		if err := names.Scan(&name); err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(consumables, func(c string) bool { return strings.HasPrefix(name, c) || strings.HasPrefix(c, name) }) {
			tables = append(tables, name)
		}
	}
	if err := names.Err(); err != nil {
		t.Fatal(err)
	}
	if len(tables) < 6 {
		t.Fatalf("only %v are looked at", tables)
	}
	out := map[string]string{}
	for _, table := range tables {
		out[table] = dump(t, db, table)
	}
	return out
}

func dump(t *testing.T, db *sql.DB, table string) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT * FROM `+table+` ORDER BY 1, 2`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		if err := rows.Scan(values...); err != nil {
			t.Fatal(err)
		}
		for i, v := range values {
			if columns[i] == "seen" || columns[i] == "used_at" { // when a session was last used says nothing of its use
				continue
			}
			fmt.Fprintf(&out, "%s=%v ", columns[i], *v.(*any)) //nolint:forcetypeassert // made above
		}
		out.WriteByte('\n')
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// unchanged fails the test if anything was used up.
func unchanged(t *testing.T, what string, before, after map[string]string) {
	t.Helper()
	for table, rows := range before {
		if after[table] != rows {
			t.Errorf("%s changed %s:\n%s\nbefore:\n%s", what, table, after[table], rows)
		}
	}
}

// prefetching are the ways in which something opens a link that nobody pressed.
func prefetching() map[string]http.Header {
	return map[string]http.Header{
		"a plain visit": {}, "a scanner": {"User-Agent": {"Mozilla/5.0 (compatible; SafeLinks)"}, "Accept": {"*/*"}},
		"a prefetch": {"Sec-Purpose": {"prefetch"}, "Purpose": {"prefetch"}, "Sec-Fetch-Site": {"none"}}, "a prerender": {"Sec-Purpose": {"prefetch;prerender"}},
		"a preview": {"X-Purpose": {"preview"}, "X-Moz": {"prefetch"}},
	}
}

// links are all addresses that somebody at a check, or at their security info, could be led to, with what they'd have to
// type as part of the address.
func links(code, pass, method string) []string {
	typed := url.Values{"code": {code}, "method": {"mail"}, "name": {"amara@contoso.com"}, "problem": {"forgot"}, "flow": {"x"}, "pass": {pass}}.Encode()
	var out []string
	for _, path := range []string{
		"/", "/start", "/change", "/verify/1", "/verify/1/code", "/verify/1/resend", "/verify/2", "/verify/2/code", "/password", "/password/ticket", "/password/extend",
		"/security-info", "/security-info/add", "/security-info/add/mail", "/security-info/add/app", "/security-info/add/passkey", "/security-info/add/questions",
		"/security-info/new/" + method, "/security-info/new/" + method + "/resend", "/security-info/change/" + method, "/security-info/remove/" + method,
		"/security-info/review", "/sign-out", "/status/x",
	} {
		out = append(out, path, path+"?"+typed)
	}
	return out
}

// TestOpeningALinkUsesNothingUp: no GET, HEAD or OPTIONS of any page of the portal, with the right code and pass in the
// address even, uses anything up, neither for a stranger nor in the person's own browser.
func TestOpeningALinkUsesNothingUp(t *testing.T) {
	for _, c := range []struct {
		what  string
		begin func(v *visitor) (code string)
	}{
		{"at the code of a reset", func(v *visitor) string {
			v.atCode("amara@contoso.com")
			return v.b.mailed()
		}},
		{"at the security info, with a method that waits for its code", func(v *visitor) string {
			v.do(http.MethodPost, "/security-info", url.Values{"name": {"amara@contoso.com"}})
			v.do(http.MethodPost, "/verify/1", url.Values{"method": {"mail"}})
			v.do(http.MethodPost, "/verify/1/code", url.Values{"code": {v.b.mailed()}})
			v.do(http.MethodPost, "/security-info/add/mail", url.Values{"destination": {"amara@home.example"}})
			return v.b.mailed()
		}},
	} {
		t.Run(c.what, func(t *testing.T) {
			b := newBench(t, sqliteDSN(t))
			v := visitorOf(t, b)
			b.withApp()
			pass := b.pass("amara@contoso.com", time.Hour)
			code := c.begin(v)
			methods, err := b.store.Methods(t.Context(), "contoso", b.amara().ID)
			if err != nil {
				t.Fatal(err)
			}
			before := contents(t, b.dsn)
			for _, who := range []*visitor{v.as(""), v} {
				for how, header := range prefetching() {
					for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions} {
						for _, path := range links(code, pass, methods[len(methods)-1].ID) {
							who.fetch(method, path, header)
						}
					}
					unchanged(t, how, before, contents(t, b.dsn))
				}
			}
			if c.what == "at the code of a reset" {
				if _, at := v.do(http.MethodPost, "/verify/1/code", url.Values{"code": {code}}); at != "/password" {
					t.Errorf("the code leads to %s afterwards", at)
				}
				b.say(b.choose(b.begin("amara@contoso.com"), "pass"), pass, verify.OK)
				if after := contents(t, b.dsn); after["codes"] == before["codes"] || after["passes"] == before["passes"] {
					t.Error("what was used up doesn't show")
				}
			}
		})
	}
}

// fetch opens an address and follows redirects, as scanners do.
func (v *visitor) fetch(method, path string, header http.Header) {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.base+path, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header = header.Clone()
	answer, err := v.client.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode >= 500 && answer.StatusCode != http.StatusServiceUnavailable {
		v.t.Errorf("%s %s: %s", method, path, answer.Status)
	}
}

// TestOpeningASetUpLinkUsesNothingUp: the link of a new administrator, opened by whatever opens links, and by a browser that
// runs its scripts, still works, and shows each the same key of the second factor or none.
func TestOpeningASetUpLinkUsesNothingUp(t *testing.T) {
	b := newAdminBench(t)
	link, _, err := b.operators.Invite(t.Context(), "contoso", "new", operator.ReportsReader, "test")
	if err != nil {
		t.Fatal(err)
	}
	dsn := b.config.Database
	path := "/admin/set-up/" + link
	b.ask("", http.MethodGet, path, nil) // the key of the second factor is drawn when the page is first looked at
	before := contents(t, dsn)
	for how, header := range prefetching() {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions} {
			for _, address := range []string{path, path + "?password=Quiet+harbour+lamp+7&again=Quiet+harbour+lamp+7&code=000000", path + "/"} {
				r := httptest.NewRequestWithContext(t.Context(), method, "https://password.contoso.test"+address, nil)
				r.Header = header.Clone()
				w := httptest.NewRecorder()
				b.handler.ServeHTTP(w, r)
			}
		}
		unchanged(t, how, before, contents(t, dsn))
	}
	server := httptest.NewServer(b.handler)
	t.Cleanup(server.Close)
	v := newTab(t)
	for range 2 {
		if err := chromedp.Do(v.ctx, chromedp.Navigate(server.URL+path)); err != nil {
			t.Fatal(err)
		}
		v.until(`document.readyState === "complete" && !!document.querySelector("input[type=password]")`)
		v.run(`document.querySelectorAll("button:not([type=submit]), summary").forEach((e) => { if (e.type === "button" || e.tagName === "SUMMARY") e.click(); })`)
	}
	unchanged(t, "a browser that runs the page's script", before, contents(t, dsn))
	p, err := b.operators.Pending(context.WithoutCancel(t.Context()), link, "Homeward")
	if err != nil || p.Secret == "" {
		t.Errorf("the link doesn't work any more: %v", err)
	}
}

// TestScriptsUseNothingUp: a browser opens each page of a reset and runs its scripts, as some scanners do, with the person's
// cookie even; nothing is used up, and the person goes on.
func TestScriptsUseNothingUp(t *testing.T) {
	v := newTab(t)
	v.toCode()
	code := v.mailed()
	before := contents(t, v.dsn)
	for _, path := range []string{"/verify/1/code?code=" + code, "/verify/1?method=mail", "/verify/1/code", "/start?name=amara@contoso.com&problem=forgot", "/password?code=" + code, "/security-info?code=" + code} {
		v.open(path)
		v.until(`document.readyState === "complete"`)
		v.run(`dispatchEvent(new Event("pageshow")); document.dispatchEvent(new Event("visibilitychange")); dispatchEvent(new Event("focus"))`)
	}
	unchanged(t, "a browser that runs the pages' scripts", before, contents(t, v.dsn))
	v.open("/verify/1/code")
	v.typed("code", code)
	v.press("main .button")
	v.sees("/password", "Choose a new password")
	open := v.standingOf("amara@contoso.com")
	if open.State != reset.Verified {
		t.Errorf("the person is %s", open.State)
	}
	before = contents(t, v.dsn)
	for range 2 {
		v.open("/password")
		v.until(`!!document.querySelector("#change:enabled")`)
	}
	if n := len(v.fleet.called()); n != 0 {
		t.Errorf("%d commands were sent by opening a page", n)
	}
	unchanged(t, "the password page's script", before, contents(t, v.dsn))
}

// standingOf is somebody's newest attempt.
func (b *bench) standingOf(name string) reset.Attempt {
	b.t.Helper()
	person := b.person(name).ID
	db, err := sql.Open("sqlite", strings.TrimPrefix(b.dsn, "sqlite:"))
	if err != nil {
		b.t.Fatal(err)
	}
	defer db.Close()
	var id string
	if err := db.QueryRowContext(b.t.Context(), `SELECT id FROM attempts WHERE person = ? ORDER BY created DESC LIMIT 1`, person).Scan(&id); err != nil {
		b.t.Fatal(err)
	}
	return b.reload(reset.Attempt{Tenant: "contoso", ID: id})
}
