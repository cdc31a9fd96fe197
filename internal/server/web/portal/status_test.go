package portal_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/google/go-cmp/cmp"

	"homeward/internal/server/web/portal"
	"homeward/test/webtest"
)

// progress is a request whose position the test moves.
type progress struct {
	mu    sync.Mutex
	page  portal.StatusPage
	moved string // HX-Redirect, once the request has ended
	asked []string
}

func (p *progress) set(change func(*progress)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
}

// statusPage serves one request at /status/4f2a as the handlers do. Tests with a page of their own run beside each other.
func statusPage(t *testing.T) (*webtest.Browser, *progress, string) {
	t.Helper()
	t.Parallel()
	engine, _, catalog := newSite(t)
	p := &progress{page: portal.StatusPage{
		Frame: sampleFrame(catalog, "en", "/status/4f2a"), ID: "4f2a", State: portal.Writing, Now: now(), Location: now().Location(),
	}}
	server := sampleServer(t, func(mux *http.ServeMux) {
		mux.HandleFunc("GET /status/4f2a", func(w http.ResponseWriter, r *http.Request) {
			p.mu.Lock()
			defer p.mu.Unlock()
			render := engine.Render
			if r.Header.Get("HX-Request") == "true" {
				after := r.URL.Query().Get("after")
				p.asked = append(p.asked, after)
				if p.moved != "" {
					w.Header().Set("HX-Redirect", p.moved)
				}
				if p.moved != "" || after == p.page.Mark() {
					w.WriteHeader(http.StatusNoContent)
					return
				}
				render = engine.Fragment
			}
			if err := render(w, http.StatusOK, p.page); err != nil {
				t.Error(err)
			}
		})
	})
	return webtest.Open(t), p, server.URL + "/status/4f2a"
}

const (
	hopStates = `Array.from(document.querySelectorAll(".path li"), li => li.dataset.state).join(" ")`
	spokenNow = `document.getElementById("spoken").textContent`
)

// TestStatusFollows: the path moves, the live region speaks only on change, and the result takes over with
// focus on its heading.
func TestStatusFollows(t *testing.T) {
	b, p, address := statusPage(t)
	b.Go(t, address)
	b.Until(t, spokenNow+` === "Encrypted. Passing through the relay."`)
	if got := webtest.Value[string](t, b, hopStates); got != "done active waiting" {
		t.Errorf("path is %q", got)
	}
	b.Do(t, `document.querySelector(".path").dataset.same = "yes"`)
	asked := func(n int) { // until the page has asked n times more
		p.set(func(p *progress) { p.asked = nil })
		webtest.Eventually(t, func() bool { p.mu.Lock(); defer p.mu.Unlock(); return len(p.asked) >= n })
	}
	asked(2)
	if !webtest.Value[bool](t, b, `document.querySelector(".path").dataset.same === "yes"`) {
		t.Error("the region was swapped although nothing changed")
	}
	p.set(func(p *progress) { p.page.Progress = portal.AtDirectory })
	b.Until(t, hopStates+` === "done done active"`)
	if got := webtest.Value[string](t, b, spokenNow); got != "Active Directory is writing it." {
		t.Errorf("spoken is %q", got)
	}
	p.set(func(p *progress) { p.page.State = portal.NotSure })
	b.Until(t, `document.activeElement.id === "result"`)
	if got := webtest.Value[string](t, b, "document.title"); got != "We’re not sure your password changed – Contoso" {
		t.Errorf("title is %q", got)
	}
	asked(1) // "not sure" resolves by itself
	p.set(func(p *progress) { p.page.State, p.moved, p.page.At = portal.Changed, "/status/4f2a", now() })
	b.Until(t, `document.querySelector(".badge.ok") && document.activeElement.id === "result"`)
	b.Quiet(t, "status")
}

// TestStatusIgnoresForeignRedirects: the script goes nowhere else, whatever a header says.
func TestStatusIgnoresForeignRedirects(t *testing.T) {
	b, p, address := statusPage(t)
	p.moved = "https://elsewhere.example/"
	b.Go(t, address)
	webtest.Eventually(t, func() bool { p.mu.Lock(); defer p.mu.Unlock(); return len(p.asked) >= 2 })
	if got := webtest.Value[string](t, b, "location.href"); got != address {
		t.Errorf("the page went to %s", got)
	}
}

// TestWithoutScript: every page shows what it must; the password page says what it needs and stays shut.
func TestWithoutScript(t *testing.T) {
	b, p, address := statusPage(t)
	webtest.Call(t, b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.Go(t, address)
	p.set(func(p *progress) { p.page.State = portal.Unlocked })
	b.Until(t, `document.getElementById("result").textContent === "Your account is unlocked"`) // by the refresh
	root := address[:len(address)-len("/status/4f2a")]
	b.Go(t, root+"/sample/en/password")
	got := webtest.Value[map[string]bool](t, b, `({
		shut: document.getElementById("change").disabled, note: document.getElementById("no-script").checkVisibility(),
		show: document.getElementById("show").checkVisibility(), rules: document.getElementById("rules").checkVisibility(),
		named: document.getElementById("password").hasAttribute("name")})`)
	if diff := cmp.Diff(map[string]bool{"shut": true, "note": true, "show": false, "rules": true, "named": false}, got); diff != "" {
		t.Error(diff)
	}
	b.Go(t, root+"/sample/en/status-offline")
	if webtest.Value[bool](t, b, `document.querySelector("[data-copy]").checkVisibility()`) {
		t.Error("Copy shows though it cannot work")
	}
}

// TestErrorsTakeFocus: the summary is focused on load, its link leads to the field, and the skip link to main.
func TestErrorsTakeFocus(t *testing.T) {
	b, _, address := statusPage(t)
	root := address[:len(address)-len("/status/4f2a")]
	b.Go(t, root+"/sample/en/start-empty")
	b.Until(t, `document.activeElement.className === "summary"`)
	b.Do(t, `document.querySelector(".summary a").click()`)
	b.Until(t, `document.activeElement.id === "name"`)
	if got := webtest.Value[string](t, b, `document.getElementById(document.activeElement.getAttribute("aria-describedby").split(" ").pop()).textContent`); got != "Enter your work email or user name" {
		t.Errorf("the field is described by %q", got)
	}
	b.Do(t, `document.querySelector(".skip").click()`)
	b.Until(t, `document.activeElement.id === "main"`)
}

// TestSmallHelps: the next code can be asked for once the time is over, and a support code can be copied.
func TestSmallHelps(t *testing.T) {
	engine, _, catalog := newSite(t)
	server := sampleServer(t, func(mux *http.ServeMux) {
		mux.HandleFunc("GET /soon", func(w http.ResponseWriter, _ *http.Request) {
			p := portal.CodePage{Frame: sampleFrame(catalog, "en", "/soon"), Check: portal.Check{Number: 1, Of: 1}, Now: now(), NextSend: now().Add(4 * time.Second)}
			if err := engine.Render(w, http.StatusOK, p); err != nil {
				t.Error(err)
			}
		})
	})
	b := webtest.Open(t)
	b.Go(t, server.URL+"/soon")
	if !webtest.Value[bool](t, b, `document.getElementById("resend").disabled`) {
		t.Error("a new code can be asked for too early")
	}
	b.Until(t, `/^You can ask for a new code in ([23] seconds|1 second)\.$/.test(document.getElementById("resend-wait").textContent)`)
	b.Until(t, `!document.getElementById("resend").disabled && !document.getElementById("resend-wait")`)
	b.Go(t, server.URL+"/sample/en/status-failed")
	b.Do(t, `document.querySelector("[data-copy]").click()`)
	b.Until(t, `getSelection().toString() === "HW-7K3Q-92MD" || document.querySelector("[data-copied]").textContent === "Copied"`)
	b.Quiet(t, "small helps")
}
