package portal_test

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/seal"
	"homeward/test/webtest"
)

// writeback stands for the server's side of /password: it issues tickets and opens what comes back.
type writeback struct {
	t       *testing.T
	key     seal.PrivateKey
	mu      sync.Mutex
	tickets int
	again   int           // so many submissions are answered with "again"
	hold    chan struct{} // submissions wait for it, when set
	broken  bool          // the network is away
	lost    int           // no answer arrives to what is sent with the first tickets, however often the browser sends it
	opened  []string
	bodies  []string
	headers [][]byte
	sealed  [][]byte
}

func newWriteback(t *testing.T) *writeback {
	t.Helper()
	key, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return &writeback{t: t, key: key}
}

func (b *writeback) routes(mux *http.ServeMux) {
	mux.HandleFunc("POST /password/ticket", b.ticket)
	mux.HandleFunc("POST /password", b.submit)
	mux.HandleFunc("POST /password/extend", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("flow") != "flow-token" {
			b.t.Errorf("more time asked with flow %q", r.FormValue("flow"))
		}
		writeJSON(b.t, w, map[string]int{"seconds": 600})
	})
	mux.HandleFunc("GET /done", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if _, err := w.Write([]byte("<!doctype html><title>Done</title><p id=done>done")); err != nil {
			b.t.Error(err)
		}
	})
}

func (b *writeback) ticket(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.Header.Get("HX-Request") != "true" || r.FormValue("flow") != "flow-token" {
		b.t.Errorf("ticket asked with header %q and flow %q", r.Header.Get("HX-Request"), r.FormValue("flow"))
	}
	if b.broken {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	b.tickets++
	issued := time.Now()
	h := seal.Header{
		Tenant: "contoso", Key: b.key.Public().ID(), Anchor: bytes.Repeat([]byte{7}, 16), Operation: "reset",
		Request: seal.RequestID{byte(b.tickets)}, Issued: issued, AcceptBy: issued.Add(time.Minute), Expires: issued.Add(time.Minute),
	}
	header, err := h.Marshal()
	if err != nil {
		b.t.Error(err)
	}
	b.headers = append(b.headers, header)
	writeJSON(b.t, w, map[string]any{"request": h.Request.String(), "header": header, "key": b.key.Public().Bytes()})
}

func (b *writeback) submit(w http.ResponseWriter, r *http.Request) {
	if b.hold != nil {
		<-b.hold
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	sealed, err := base64.StdEncoding.DecodeString(r.FormValue("sealed"))
	if err != nil {
		b.t.Error(err)
	}
	b.bodies = append(b.bodies, r.Form.Encode())
	b.sealed = append(b.sealed, sealed)
	if want := (seal.RequestID{byte(b.tickets)}).String(); r.FormValue("request") != want || r.FormValue("flow") != "flow-token" {
		b.t.Errorf("submitted request %q with flow %q, want %q", r.FormValue("request"), r.FormValue("flow"), want)
	}
	secrets, err := seal.Open(b.key, b.headers[len(b.headers)-1], sealed)
	if err != nil {
		b.t.Error(err)
	}
	for _, s := range secrets {
		b.opened = append(b.opened, string(s))
	}
	if b.tickets <= b.lost {
		panic(http.ErrAbortHandler) //nolint:forbidigo // how net/http is told to drop a connection
	}
	if b.again > 0 {
		b.again--
		writeJSON(b.t, w, map[string]bool{"again": true})
		return
	}
	writeJSON(b.t, w, map[string]string{"redirect": "/done"})
}

// unreadable looks for whole passwords in what was sent, as they are and in base64: a few letters alone stand in
// six thousand random ones often enough to fail a run in fifty.
func (b *writeback) unreadable(passwords ...string) {
	b.t.Helper()
	for _, body := range b.bodies {
		form, err := url.ParseQuery(body)
		if err != nil {
			b.t.Fatal(err)
		}
		for field := range form {
			for _, p := range passwords {
				if v := form.Get(field); strings.Contains(v, p) || strings.Contains(v, base64.StdEncoding.EncodeToString([]byte(p))[:12]) {
					b.t.Errorf("a password crossed the network readable in %s: %s", field, v)
				}
			}
		}
	}
}

// passwordPage opens the page in a browser, in front of a stub writeback. Tests with a page of their own run beside each other.
func passwordPage(t *testing.T) (*webtest.Browser, *writeback, *httptest.Server) {
	t.Helper()
	t.Parallel()
	back := newWriteback(t)
	server := sampleServer(t, back.routes)
	b := webtest.Open(t)
	b.Go(t, server.URL+"/sample/en/password")
	b.Until(t, `!document.getElementById("change").disabled`)
	return b, back, server
}

func typePassword(t *testing.T, b *webtest.Browser, password string) {
	t.Helper()
	b.Do(t, `const f = document.getElementById("password"); f.value = `+strconv.Quote(password)+`; f.dispatchEvent(new Event("input"))`)
}

const press = `document.getElementById("change").click()`

// TestBrowserSealsAgentOpens is the whole path of a password out of a browser: what the page seals, package
// seal opens with the right header and no other, and nothing readable has crossed the network.
func TestBrowserSealsAgentOpens(t *testing.T) {
	const password = "Grüße-aus-Ångström-7 €𝄞"
	b, back, _ := passwordPage(t)
	typePassword(t, b, password)
	b.Do(t, press)
	b.Until(t, `document.getElementById("done")`)
	if diff := cmp.Diff([]string{password}, back.opened); diff != "" {
		t.Fatalf("opened (-want +got):\n%s", diff)
	}
	back.unreadable(password)
	if got, want := len(back.sealed[0]), seal.EncSize+seal.PlaintextSize+16; got != want {
		t.Errorf("sealed part has %d bytes, not %d", got, want)
	}
	header := bytes.Clone(back.headers[0])
	header[len(header)-1] ^= 1
	if _, err := seal.Open(back.key, header, back.sealed[0]); err == nil {
		t.Error("the seal opens with another header")
	}
	other, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := seal.Open(other, back.headers[0], back.sealed[0]); err == nil {
		t.Error("the seal opens with another key")
	}
	b.Quiet(t, "sealing")
}

// changePage opens the page of a change in a browser, in front of a stub writeback.
func changePage(t *testing.T) (*webtest.Browser, *writeback) {
	t.Helper()
	t.Parallel()
	back := newWriteback(t)
	server := sampleServer(t, back.routes)
	b := webtest.Open(t)
	b.Go(t, server.URL+"/sample/en/change")
	b.Until(t, `!document.getElementById("change").disabled`)
	return b, back
}

func typeCurrent(t *testing.T, b *webtest.Browser, password string) {
	t.Helper()
	b.Do(t, `document.getElementById("current").value = `+strconv.Quote(password))
}

// TestBrowserSealsTwoSecrets: a change carries the current password, then the new one, in one seal of the same size.
func TestBrowserSealsTwoSecrets(t *testing.T) {
	const current, password = " Old \u202eways🙂 ", "Grüße-aus-Ångström-7 €𝄞"
	b, back := changePage(t)
	typeCurrent(t, b, current)
	typePassword(t, b, password)
	b.Do(t, press)
	b.Until(t, `document.getElementById("done")`)
	if diff := cmp.Diff([]string{current, password}, back.opened); diff != "" {
		t.Fatalf("opened (-want +got):\n%s", diff)
	}
	if got, want := len(back.sealed[0]), seal.EncSize+seal.PlaintextSize+16; got != want {
		t.Errorf("sealed part has %d bytes, not %d", got, want)
	}
	back.unreadable(current, password)
	backToEmpty(t, b, "current", "password")
	b.Quiet(t, "sealing two")
}

// TestBrowserSealsTheLongestTwo: two passwords of 256 characters, each of three bytes, fit one seal.
func TestBrowserSealsTheLongestTwo(t *testing.T) {
	b, back := changePage(t)
	current, password := strings.Repeat("€", 256), strings.Repeat("ä", 250)+"Aa1€€€"
	typeCurrent(t, b, current)
	typePassword(t, b, password)
	b.Do(t, press)
	b.Until(t, `document.getElementById("done")`)
	if diff := cmp.Diff([]string{current, password}, back.opened); diff != "" {
		t.Fatalf("opened (-want +got):\n%s", diff)
	}
}

// TestBrowserAsksForTheCurrentPassword before anything is sent, at its own field.
func TestBrowserAsksForTheCurrentPassword(t *testing.T) {
	b, back := changePage(t)
	typePassword(t, b, "Long-enough-1-password")
	b.Do(t, press)
	b.Until(t, `document.querySelector("#problems .summary")`)
	if got := webtest.Value[string](t, b, `document.querySelector("#problems a").getAttribute("href") + " " + document.getElementById("current-error").textContent.trim()`); got != "#current Enter your current password" {
		t.Errorf("the page says %q", got)
	}
	if webtest.Value[bool](t, b, `document.getElementById("password").hasAttribute("aria-invalid")`) || back.tickets != 0 {
		t.Errorf("the new password is blamed, or %d tickets were asked for", back.tickets)
	}
	typeCurrent(t, b, "Old-password-1")
	typePassword(t, b, "short")
	b.Do(t, press)
	b.Until(t, `document.querySelector("#problems a").getAttribute("href") === "#password"`)
	if webtest.Value[bool](t, b, `document.getElementById("current").hasAttribute("aria-invalid")`) {
		t.Error("the current password is blamed for the new one")
	}
	b.Do(t, `document.querySelector("[data-show=current]").click()`)
	if got := webtest.Value[string](t, b, `document.getElementById("current").type + " " + document.getElementById("password").type`); got != "text password" {
		t.Errorf("showing the current password: fields are %s", got)
	}
	b.Quiet(t, "current password")
}

// TestBrowserOffersMoreTime: two minutes before the page is over it says so, and one button adds ten.
func TestBrowserOffersMoreTime(t *testing.T) {
	t.Parallel()
	server := sampleServer(t, newWriteback(t).routes)
	b := webtest.Open(t)
	b.Go(t, server.URL+"/sample/en/password-ending")
	b.Until(t, `!document.querySelector("#time p").hidden`)
	b.Do(t, `document.querySelector("#time button").click()`)
	b.Until(t, `document.querySelector("#time p").hidden`)
	b.Quiet(t, "more time")
}

// TestBrowserRepeatsWithFreshTicket: the agent was gone, so the password is sealed anew; after three tries
// the person is told, and what they typed is still there.
func TestBrowserRepeatsWithFreshTicket(t *testing.T) {
	b, back, _ := passwordPage(t)
	back.again = 3
	typePassword(t, b, "Long-enough-1-password")
	b.Do(t, press)
	b.Until(t, `document.querySelector("#problems .summary")`)
	if back.tickets != 3 || len(back.opened) != 3 {
		t.Errorf("%d tickets and %d submissions, want 3 of each", back.tickets, len(back.opened))
	}
	if got := webtest.Value[string](t, b, `document.getElementById("password").value`); got != "Long-enough-1-password" {
		t.Errorf("the field holds %q", got)
	}
	if webtest.Value[bool](t, b, `document.getElementById("change").disabled`) {
		t.Error("the button stays disabled")
	}
	b.Do(t, press)
	b.Until(t, `document.getElementById("done")`)
	if back.tickets != 4 {
		t.Errorf("%d tickets, want 4", back.tickets)
	}
}

// TestBrowserSendsOnce: a double click is one submission, and the field is empty once it is sent.
func TestBrowserSendsOnce(t *testing.T) {
	b, back, _ := passwordPage(t)
	back.hold = make(chan struct{})
	typePassword(t, b, "Long-enough-1-password")
	b.Do(t, press+";"+press+`;document.getElementById("password-form").requestSubmit()`)
	if !webtest.Value[bool](t, b, `document.getElementById("change").disabled`) {
		t.Error("the button can be pressed again while the password is on its way")
	}
	close(back.hold)
	b.Until(t, `document.getElementById("done")`)
	if len(back.opened) != 1 || back.tickets != 1 {
		t.Errorf("%d submissions with %d tickets, want one", len(back.opened), back.tickets)
	}
	backToEmpty(t, b, "password")
}

// backToEmpty goes back to the page of the password. It comes anew, or as the browser kept it and then anew, and what was
// typed is in no field at any time.
func backToEmpty(t *testing.T, b *webtest.Browser, fields ...string) {
	t.Helper()
	b.Do(t, "history.back()")
	for _, id := range fields {
		b.Until(t, `document.getElementById("`+id+`")`)
		if got := webtest.Value[string](t, b, `document.getElementById("`+id+`")?.value ?? ""`); got != "" {
			t.Errorf("going back shows %q in the field %s", got, id)
		}
	}
	b.Until(t, `!document.getElementById("change").disabled`)
	for _, id := range fields {
		if got := webtest.Value[string](t, b, `document.getElementById("`+id+`")?.value ?? ""`); got != "" {
			t.Errorf("going back shows %q in the field %s", got, id)
		}
	}
}

// TestBrowserWithoutNetwork: a plain sentence, nothing lost, and a second try works.
func TestBrowserWithoutNetwork(t *testing.T) {
	b, back, _ := passwordPage(t)
	back.broken = true
	typePassword(t, b, "Long-enough-1-password")
	b.Do(t, press)
	b.Until(t, `document.querySelector("#problems .summary")`)
	want := "We couldn’t send your password. Nothing has changed. Check your connection and try again."
	if got := webtest.Value[string](t, b, `document.querySelector("#problems a").textContent`); got != want {
		t.Errorf("the page says %q", got)
	}
	back.mu.Lock()
	back.broken = false
	back.mu.Unlock()
	b.Do(t, press)
	b.Until(t, `document.getElementById("done")`)
}

// TestBrowserLosesTheAnswer: the password may have arrived, so the page does not say that nothing changed.
func TestBrowserLosesTheAnswer(t *testing.T) {
	b, back, _ := passwordPage(t)
	back.lost = 3
	typePassword(t, b, "Long-enough-1-password")
	b.Do(t, press)
	b.Until(t, `document.querySelector("#problems .summary")`)
	want := "The connection broke while your password was being sent. Press the button again: you’ll see where it stands, and nothing is done twice."
	if got := webtest.Value[string](t, b, `document.querySelector("#problems a").textContent`); got != want {
		t.Errorf("the page says %q", got)
	}
	b.Do(t, press)
	b.Until(t, `document.getElementById("done")`)
}

// TestBrowserChangesTheNetwork: one broken connection is nothing the person has to know of.
func TestBrowserChangesTheNetwork(t *testing.T) {
	b, back, _ := passwordPage(t)
	back.lost = 1
	typePassword(t, b, "Long-enough-1-password")
	b.Do(t, press)
	b.Until(t, `document.getElementById("done")`)
	back.mu.Lock()
	defer back.mu.Unlock()
	if back.tickets != 2 {
		t.Errorf("%d tickets, want one for each try", back.tickets)
	}
}
