package e2e_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/page"

	"homeward/internal/server/web/admin"
)

// control is something on a page of the admin portal that somebody can use: a field, a switch, a choice, a button, a file.
type control struct {
	Action string // route it leads to, or the page's own where it leads nowhere
	Kind   string
	Name   string // of the field or button; with a value where several share one
	What   string // hidden fields that tell apart what two forms of one action do
}

// String names a control as a message does.
func (c control) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %s", c.Action, c.Kind, c.Name, c.What))
}

// ledger is every control that browsers have shown, and those somebody has used. A control counts as used when a trusted event
// of the browser changed it and its form was then sent, or when it was pressed itself.
type ledger struct {
	mux *http.ServeMux

	mu     sync.Mutex
	seen   map[control]string // to a page it is on
	used   map[control]bool
	opened map[string]bool // routes
	lost   []string        // forms that lead nowhere
}

func newLedger() *ledger {
	l := &ledger{mux: http.NewServeMux(), seen: map[control]string{}, used: map[control]bool{}, opened: map[string]bool{}}
	for _, r := range admin.Rules() {
		l.mux.Handle(r.Pattern, http.NotFoundHandler())
	}
	return l
}

// watching keeps, in the storage of the tab, what each page has and what is done on it. It sees what a person sees: the DOM
// when it is complete, and when it is left.
const watching = `(() => {
	if (!location.pathname.startsWith("/admin") || window.top !== window) return;
	const put = (where, lines) => {
		const have = new Set(JSON.parse(sessionStorage.getItem(where) || "[]"));
		lines.forEach((l) => have.add(l));
		sessionStorage.setItem(where, JSON.stringify([...have]));
	};
	const apart = ["do", "what", "to", "force"];
	const line = (e) => {
		const form = e.form, at = location.pathname;
		let method = "", action = "", what = "";
		if (e.matches("a")) [method, action] = ["GET", new URL(e.href).pathname];
		if (form) {
			method = form.method.toUpperCase();
			action = new URL(form.getAttribute("action") ?? "", location.href).pathname;
			what = [...form.elements].filter((h) => h.type === "hidden" && apart.includes(h.name)).map((h) => h.name + "=" + h.value).join(" ");
		}
		const button = e.localName === "button";
		let name = e.name || (form ? "" : e.className);
		if (e.type === "radio" || button && e.name) name += "=" + e.value;
		return JSON.stringify([at, method, action, button ? "button" : e.type || e.localName, name, what]);
	};
	const look = () => {
		const all = [...document.querySelectorAll("input, select, textarea, button, summary, a[download]")];
		put("controls", all.filter((e) => e.type !== "hidden" && !e.hidden).map(line));
		put("loaded", performance.getEntriesByType("resource").map((r) => new URL(r.name).pathname).concat(location.pathname));
	};
	const touched = new WeakSet();
	for (const kind of ["input", "change"]) {
		addEventListener(kind, (event) => { if (event.isTrusted) touched.add(event.target); }, true);
	}
	addEventListener("submit", (event) => {
		const form = event.target;
		put("used", [...form.elements].filter((e) => touched.has(e) || e === event.submitter).map(line));
	}, true);
	addEventListener("click", (event) => {
		const e = event.isTrusted && event.target.closest?.("a[download], summary, button[type=button]");
		if (e) put("used", [line(e)]);
	}, true);
	addEventListener("DOMContentLoaded", look);
	addEventListener("pagehide", look);
	window.lookAtControls = look;
})()`

// watch has a browser keep the ledger from the next page on.
func (l *ledger) watch(t *testing.T, b *browser) {
	t.Helper()
	call(t, b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watching})
}

// take reads what a browser has kept. It shows a page of the admin portal.
func (l *ledger) take(t *testing.T, b *browser) {
	t.Helper()
	raw, err := try[string](b, `(() => { lookAtControls(); return JSON.stringify(["controls", "used", "loaded"].map((k) => JSON.parse(sessionStorage.getItem(k) || "[]"))); })()`)
	must(t, err)
	var kept [3][]string
	must(t, json.Unmarshal([]byte(raw), &kept))
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range kept[0] {
		c, at := l.read(t, line)
		l.seen[c] = cmp.Or(l.seen[c], at)
	}
	for _, line := range kept[1] {
		c, _ := l.read(t, line)
		l.used[c] = true
		l.opened[c.Action] = true
	}
	for _, path := range kept[2] {
		l.opened[l.route(http.MethodGet, path)] = true
	}
}

// asks notes an address that somebody typed: the page may be another one by the time it is there.
func (l *ledger) asks(path string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	path, _, _ = strings.Cut(path, "?")
	l.opened[l.route(http.MethodGet, path)] = true
}

// route is the pattern that an address belongs to; empty: none.
func (l *ledger) route(method, path string) string {
	_, pattern := l.mux.Handler(&http.Request{Method: method, URL: &url.URL{Path: path}, Host: "localhost"})
	return pattern
}

// read understands one line.
func (l *ledger) read(t *testing.T, line string) (c control, at string) {
	t.Helper()
	var f [6]string
	must(t, json.Unmarshal([]byte(line), &f))
	at, c.Kind, c.Name, c.What = f[0], f[3], f[4], f[5]
	if f[1] == "" {
		c.Action = "on the page"
		return c, at
	}
	if c.Action = l.route(f[1], f[2]); c.Action == "" {
		l.lost = append(l.lost, fmt.Sprintf("%s %s on %s", f[1], f[2], at))
	}
	name, value, _ := strings.Cut(c.Name, "=")
	const word = 12
	switch {
	case name == "mkt": // the choice of language is on every page, and leads back to it
		return control{Action: "any page", Kind: c.Kind, Name: name}, at
	case len(value) > word: // somebody's or something's id
		c.Name = name
	}
	return c, at
}

// complete tells of each control that nobody has used, each form that leads nowhere, and each route that was never asked for.
func (l *ledger) complete(t *testing.T, tell func(format string, args ...any)) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var missing []string
	for c, at := range l.seen {
		if !l.used[c] && !byOwnBrowser(c.Action) {
			missing = append(missing, fmt.Sprintf("%s (seen on %s)", c, at))
		}
	}
	slices.Sort(missing)
	for _, m := range missing {
		tell("nothing uses the control %s: let the walk use it, and prove what it does", m)
	}
	for _, r := range admin.Rules() {
		if !l.opened[r.Pattern] && !byOwnBrowser(r.Pattern) {
			tell("the walk never asks for %s", r.Pattern)
		}
	}
	l.templates(t, tell)
	for _, f := range l.lost {
		tell("a form leads nowhere: %s", f)
	}
	t.Logf("%d controls of %d routes were used", len(l.seen), len(l.opened))
}

// byOwnBrowser tells of routes that TestOperatorInABrowser of internal/server uses in a browser: passkeys need a virtual
// authenticator, and sign-in elsewhere an OpenID provider; neither has anything to do with a domain controller.
func byOwnBrowser(route string) bool {
	_, path, _ := strings.Cut(route, " ")
	for _, of := range []string{
		"/admin/sign-in/passkey", "/admin/sign-in/second", "/admin/sign-in/oidc/", "/admin/account/confirm", "/admin/account/passkeys", "/admin/account/app",
		"/admin/account/provider", "/admin/operators/provider",
	} {
		if strings.HasPrefix(path, of) {
			return true
		}
	}
	return false
}

// templates tells of each field that a page's template has and that no browser has used: one of a state that the walk never comes to.
func (l *ledger) templates(t *testing.T, tell func(format string, args ...any)) {
	t.Helper()
	names, whats := map[string]bool{}, map[string]bool{}
	for c := range l.used {
		name, _, _ := strings.Cut(c.Name, "=")
		names[name] = true
		for what := range strings.FieldsSeq(c.What) {
			whats[what] = true
		}
	}
	files, err := filepath.Glob("../../internal/server/web/admin/p*s/*.html")
	must(t, err)
	field := regexp.MustCompile(`<(?:input|select|textarea|button)\b[^>]*?\bname="([^"{]+)"[^>]*>`)
	fixed := regexp.MustCompile(`type="hidden" name="(do|what|to|force)" value="([^"{]+)"`)
	found := 0
	for _, file := range files {
		if filepath.Base(file) == "provider.html" {
			continue // byOwnBrowser
		}
		text, err := os.ReadFile(file)
		must(t, err)
		for _, m := range field.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[0], `type="hidden"`) || strings.Contains(m[0], " hidden>") {
				continue
			}
			if found++; !names[m[1]] {
				tell("%s has a field %s that nothing uses: let the walk come to it, and prove what it does", file, m[1])
			}
		}
		for _, m := range fixed.FindAllStringSubmatch(string(text), -1) {
			if !whats[m[1]+"="+m[2]] {
				tell("%s has a form with %s=%s that nothing sends", file, m[1], m[2])
			}
		}
	}
	const least = 50
	if found < least {
		t.Errorf("only %d fields were found in the templates: the pattern no longer fits them", found)
	}
}
