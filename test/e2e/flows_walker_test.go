package e2e_test

import (
	"crypto/sha256"
	"fmt"
	"html"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"homeward/internal/demo"
	"homeward/internal/event"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	attempts "homeward/internal/server/reset"
	"homeward/internal/server/verify"
	"homeward/test/dctest"
)

// guest is somebody in a tab of their own.
type guest struct {
	*browser
	desk *flowSite
	p    lab.Person

	apps    []*app
	answers map[string]string    // by question, as the page says it
	number  string               // registered mobile
	address string               // registered mail
	since   time.Time            // when a code was asked for
	pass    string               // from the helpdesk
	erred   map[verify.Kind]bool // a wrong code was tried
	away    bool                 // that no agent is heard is expected
}

// walk opens a tab for somebody.
func (d *flowSite) walk(t *testing.T, p lab.Person) *guest {
	t.Helper()
	w := &guest{browser: d.browser.beside(t), desk: d, p: p, number: mobileOf(p), answers: map[string]string{}, erred: map[verify.Kind]bool{}}
	n := addresses.Add(1)
	from := net.IPv4(198, 18, byte(n>>8), byte(n)).String() // RFC 2544: nobody's
	call(t, w.browser, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"X-Forwarded-For": from}})
	call(t, w.browser, webauthn.Enable, webauthn.EnableParams{})
	call(t, w.browser, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: "ctap2", Transport: "internal", HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}})
	return w
}

// says is a sentence of the pages. What is bold there is not here.
func (w *guest) says(id string, args ...any) string {
	return strings.ReplaceAll(w.desk.words.T(id, args...), "**", "")
}

// open loads a page.
func (w *guest) open(t *testing.T, path string) {
	t.Helper()
	w.run(t, chromedp.Navigate(w.desk.Portal()+path))
}

// fill types into a field, in place of what is in it.
func (w *guest) fill(t *testing.T, selector, text string) {
	t.Helper()
	w.sees(t, fmt.Sprintf("document.querySelector(%q) && (document.querySelector(%[1]q).select(), true)", selector))
	call(t, w.browser, input.InsertText, input.InsertTextParams{Text: text})
	w.sees(t, fmt.Sprintf("document.querySelector(%q).value === %q", selector, text))
}

// click presses something that stays on the page.
func (w *guest) click(t *testing.T, selector string) {
	t.Helper()
	w.sees(t, fmt.Sprintf("document.readyState === 'complete' && document.querySelector(%q)?.disabled === false", selector))
	w.eval(t, fmt.Sprintf("document.querySelector(%q).click()", selector))
}

// press presses something that leads to another page, and waits for that.
func (w *guest) press(t *testing.T, selector string) {
	t.Helper()
	w.sees(t, fmt.Sprintf("document.readyState === 'complete' && document.querySelector(%q) && !document.querySelector(%[1]q).disabled", selector))
	w.eval(t, fmt.Sprintf("window.before = true; document.querySelector(%q).click()", selector))
	w.sees(t, "!window.before && document.readyState === 'complete'")
}

// eval runs statements.
func (w *guest) eval(t *testing.T, statements string) {
	t.Helper()
	if _, err := try[bool](w.browser, "{"+statements+"}; true"); err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
}

// reads waits until a part of the page says something.
func (w *guest) reads(t *testing.T, selector, sentence string) {
	t.Helper()
	w.sees(t, fmt.Sprintf("document.querySelector(%q)?.textContent.replace(/\\s+/g, ' ').includes(%q)", selector, strings.Join(strings.Fields(sentence), " ")))
}

// titled waits for a page by a sentence of the bundle. On a machine so busy that the agent isn't heard in time, the portal
// says so, and the person tries again.
func (w *guest) titled(t *testing.T, id string, args ...any) {
	t.Helper()
	want, away := w.says(id, args...), w.says("status.offline.title")
	w.sees(t, fmt.Sprintf(`(() => {
		const title = document.querySelector("h1")?.textContent;
		if (title === %q) return true;
		if (title === %q) document.querySelector("main a.button[href='/password']")?.click();
		return false;
	})()`, want, away))
}

// attempt is what the server keeps of the tab's visit.
func (w *guest) attempt(t *testing.T) attempts.Attempt {
	t.Helper()
	got, err := chromedp.Call(w.ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{w.desk.Portal() + "/"}})
	must(t, err)
	for _, c := range got.Cookies {
		if c.Name == "__Host-homeward" {
			h := sha256.Sum256([]byte(c.Value))
			a, err := w.desk.Store.AttemptBySession(t.Context(), demo.TenantID, h[:])
			must(t, err)
			return a
		}
	}
	t.Fatal("the tab has no session")
	return attempts.Attempt{}
}

// recorded waits for a record of the visit that has a reason, and an event that says what it means.
func (w *guest) recorded(t *testing.T, reason protocol.Reason) audit.Record {
	t.Helper()
	var found audit.Record
	a := w.attempt(t)
	eventually(t, func() error {
		records, err := w.desk.Store.Records(t.Context(), demo.TenantID, a.Support)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(records, func(r audit.Record) bool { return r.Reason == string(reason) })
		if i < 0 {
			return fmt.Errorf("no record of %s has the reason %s: %+v", a.Support, reason, records)
		}
		found = records[i]
		return nil
	})
	if e, ok := event.Lookup(event.Code(found.Event)); !ok || e.Meaning == "" {
		t.Errorf("the record with reason %s has event %d, which explains nothing", reason, found.Event)
	}
	return found
}

// held is what must not have changed.
type heldPassword struct {
	writes  uint32
	lastSet string
}

func (w *guest) held(t *testing.T) heldPassword {
	t.Helper()
	return heldPassword{w.desk.writes(t, w.p), strings.Join(w.desk.admin(t).Attr(t, w.p.DN, "pwdLastSet"), " ")}
}

// signs asserts which of two passwords opens the directory.
func (w *guest) signs(t *testing.T, right, wrong string) {
	t.Helper()
	eventually(t, func() error { return w.desk.admin(t).Bind(w.p.UPN, right) })
	if wrong == "" {
		return
	}
	eventually(t, func() error {
		err := w.desk.admin(t).Bind(w.p.UPN, wrong)
		if err != nil && dctest.BindCode(err) == "" {
			return err // nobody answered
		}
		if err == nil {
			t.Errorf("%s: the wrong password signs in", w.p.UPN)
		}
		return nil
	})
}

// untouched asserts that the directory holds what it held.
func (w *guest) untouched(t *testing.T, before heldPassword) {
	t.Helper()
	if now := w.held(t); now != before {
		t.Errorf("%s: the directory holds %+v and held %+v", w.p.UPN, now, before)
	}
}

// begins types the name on a first page. problem is forgot, locked, change or info.
func (w *guest) begins(t *testing.T, problem string) {
	t.Helper()
	w.beginsAs(t, w.p.UPN, problem)
}

func (w *guest) beginsAs(t *testing.T, name, problem string) {
	t.Helper()
	path, ok := map[string]string{"change": "/change", "info": "/security-info"}[problem]
	if !ok {
		path = "/start"
	}
	for range 8 { // ten starts an hour are allowed
		w.open(t, path)
		w.fill(t, "#name", name)
		if path == "/start" {
			w.click(t, fmt.Sprintf("[name=problem][value=%s]", problem))
		}
		w.press(t, "main form .button")
		if !w.offline(t) {
			return
		}
	}
}

// chooses takes a new password, and for a change gives the current one.
func (w *guest) chooses(t *testing.T, current, fresh string) {
	t.Helper()
	for range 3 {
		if current != "" {
			w.fill(t, "#current", current)
		}
		w.fill(t, "#password", fresh)
		w.press(t, "#change")
		if !w.offline(t) {
			return
		}
		w.press(t, "main a.button[href='/password']")
	}
}

// offline reports whether the page says that no agent is heard where one should be, as on a machine that is very busy.
func (w *guest) offline(t *testing.T) bool {
	t.Helper()
	off, err := try[bool](w.browser, fmt.Sprintf("document.querySelector('h1').textContent === %q", w.says("status.offline.title")))
	must(t, err)
	if off && !w.away {
		t.Logf("%s: the agent isn't heard", w.p.UPN)
	}
	return off && !w.away
}

// insists sends a password without the page's advice, as an older page or a hostile one would.
func (w *guest) insists(t *testing.T, fresh string) {
	t.Helper()
	w.sees(t, "document.readyState === 'complete' && document.getElementById('change')?.disabled === false")
	w.eval(t, fmt.Sprintf(`window.before = true; (async () => {
		const post = async (to, fields) => (await fetch(to, { method: "POST", headers: { "HX-Request": "true" },
			body: new URLSearchParams({ flow: document.querySelector("[name=flow]").value, ...fields }) })).json();
		const bytes = (s) => Uint8Array.from(atob(s), (c) => c.charCodeAt(0));
		const ticket = await post("/password/ticket", {});
		const sealed = await homewardSeal.seal(bytes(ticket.key), bytes(ticket.header), %q);
		location.assign((await post("/password", { request: ticket.request, sealed: btoa(String.fromCharCode(...sealed)) })).redirect);
	})()`, fresh))
	w.sees(t, "!window.before && document.readyState === 'complete' && !document.querySelector('[data-poll]')")
}

// summary waits for the mistake that a page names.
func (w *guest) summary(t *testing.T, id string, args ...any) {
	t.Helper()
	w.reads(t, ".summary", w.says(id, args...))
}

// expire makes the visit older than it may become. The real clock can't be moved.
func (w *guest) expire(t *testing.T) {
	t.Helper()
	a := w.attempt(t)
	a.Expires = time.Now().Add(-time.Second)
	_, err := w.desk.Store.Move(t.Context(), a, attempts.Started, attempts.Verified, attempts.Refused)
	must(t, err)
}

// expireCode does so with the code that was sent.
func (w *guest) expireCode(t *testing.T) {
	t.Helper()
	a := w.attempt(t)
	c, err := w.desk.Store.Code(t.Context(), demo.TenantID, a.ID)
	must(t, err)
	c.Expires, c.Sent = time.Now().Add(-time.Second), c.Sent.Add(-verify.ResendAfter)
	must(t, w.desk.Store.PutCode(t.Context(), c))
}

// plain is all that the page says, without what names the person.
func (w *guest) plain(t *testing.T) string {
	t.Helper()
	text, err := try[string](w.browser, "document.title + ' ' + document.querySelector('main').innerText")
	must(t, err)
	return strings.Join(strings.Fields(html.UnescapeString(text)), " ")
}
