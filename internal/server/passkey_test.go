package server

import (
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"homeward/internal/protocol"
	"homeward/internal/server/registration"
	"homeward/internal/server/reset"
	"homeward/internal/server/verify"
)

const chromium = "/usr/bin/chromium"

// tab is a headless Chromium with a virtual authenticator, in front of the portal over a bench.
type tab struct {
	*bench

	ctx  context.Context //nolint:containedctx // the browser's own
	base string
	key  webauthn.AuthenticatorID
}

func newTab(t *testing.T) *tab {
	t.Helper()
	if _, err := os.Stat(chromium); err != nil {
		t.Fatalf("%s is missing; install the Debian package chromium (apt-get install chromium)", chromium)
	}
	b := newBench(t, sqliteDSN(t))
	b.tenant.Settings.Checks.Methods = []string{"passkey", "mail"}
	b.fleet.policy = protocol.PersonPolicy{Version: 2, Found: true, MinLength: 12, DisplayName: "Amara Okafor", SAM: "amara"}
	server := httptest.NewUnstartedServer(nil)
	base := strings.Replace("http://"+server.Listener.Addr().String(), "127.0.0.1", "localhost", 1) // a secure context all the same
	passkeys, err := verify.NewPasskeys(base, "Contoso", []byte("passkey key"))
	if err != nil {
		t.Fatal(err)
	}
	b.deps.Passkeys = passkeys
	b.Service = reset.New(b.deps)
	t.Cleanup(b.Close)
	b.infos = b.registration()
	server.Config.Handler = b.site(t).Handler()
	server.Start()
	t.Cleanup(server.Close)
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(chromium), chromedp.NoSandbox, chromedp.DisableGPU)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	v := &tab{bench: b, ctx: ctx, base: base}
	v.open("/start")
	if _, err := chromedp.Call(ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	v.key = v.authenticator()
	return v
}

// authenticator plugs in a new one.
func (v *tab) authenticator() webauthn.AuthenticatorID {
	v.t.Helper()
	got, err := chromedp.Call(v.ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: "ctap2", Transport: "internal", HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}})
	if err != nil {
		v.t.Fatal(err)
	}
	return got.AuthenticatorID
}

func (v *tab) unplug() {
	v.t.Helper()
	if _, err := chromedp.Call(v.ctx, webauthn.RemoveVirtualAuthenticator, webauthn.RemoveVirtualAuthenticatorParams{AuthenticatorID: v.key}); err != nil {
		v.t.Fatal(err)
	}
}

func (v *tab) open(path string) {
	v.t.Helper()
	if err := chromedp.Do(v.ctx, chromedp.Navigate(v.base+path)); err != nil {
		v.t.Fatal(err)
	}
}

// run evaluates statements.
func (v *tab) run(statements string) {
	v.t.Helper()
	if _, err := chromedp.Run(v.ctx, chromedp.Evaluate[bool]("{"+statements+"}; true")); err != nil {
		v.t.Fatal(err)
	}
}

// sees waits until the page shows a heading at a path.
func (v *tab) sees(path, heading string) {
	v.t.Helper()
	v.until(`location.pathname.startsWith("` + path + `") && document.querySelector("h1").textContent.startsWith("` + heading + `")`)
}

// refused uses the passkey and waits until a new page says that it didn't help.
func (v *tab) refused() {
	v.t.Helper()
	v.run(`window.before = 1`)
	v.press("#use:enabled")
	v.until(`!window.before && document.querySelector(".summary").textContent.includes("We didn’t hear from your passkey")`)
}

func (v *tab) until(condition string) {
	v.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); <-tick.C {
		if ok, err := chromedp.Run(v.ctx, chromedp.Evaluate[bool](condition)); err == nil && ok {
			return
		}
	}
	text, err := chromedp.Run(v.ctx, chromedp.Evaluate[string]("location.pathname + document.body.innerText"))
	v.t.Fatalf("never became true: %s; the page is %.900s (%v)", condition, text, err)
}

// press waits for what it presses: the page may be on its way.
func (v *tab) press(selector string) {
	v.t.Helper()
	v.until(`!!document.querySelector(` + "`" + selector + "`" + `)`)
	v.run(`document.querySelector(` + "`" + selector + "`" + `).click()`)
}

// byMail signs in to the security info.
func (v *tab) byMail() {
	v.t.Helper()
	v.open("/security-info")
	v.run(`document.getElementById("name").value = "amara@contoso.com"`)
	v.press("main .button")
	v.sees("/verify/1", "How should")
	v.press(`[value=mail]`)
	v.sees("/verify/1/code", "Enter the code")
	v.run(`document.getElementById("code").value = "` + v.mailed() + `"`)
	v.press("main .button")
	v.sees("/security-info", "Your security info")
}

// begin goes to the passkey's check of a reset.
func (v *tab) atPasskey(name string) {
	v.t.Helper()
	v.open("/start")
	v.run(`document.getElementById("name").value = "` + name + `"; document.getElementById("problem").checked = true`)
	v.press("main .button")
	v.sees("/verify/1", "How should")
	v.press(`[value=passkey]`)
	v.sees("/verify/1/code", "Use your passkey")
}

func (v *tab) addPasskey() {
	v.t.Helper()
	v.open("/security-info/add")
	v.press(`[value=passkey]`)
	v.sees("/security-info/add/passkey", "Add a passkey")
	v.press("#use:enabled")
	v.sees("/security-info", "Your security info")
}

func TestPasskeyInABrowser(t *testing.T) {
	v := newTab(t)
	v.byMail()
	v.addPasskey()
	methods, err := v.store.Methods(t.Context(), "contoso", v.amara().ID)
	if err != nil || len(methods) != 1 || methods[0].Kind != verify.Passkey {
		t.Fatalf("%d methods, %v", len(methods), err)
	}
	if told := v.letters.infos; len(told) != 1 || told[0] != "mail amara@mail.example: added passkey" {
		t.Errorf("told %v", told)
	}
	// The same device makes no second one.
	v.open("/security-info/add/passkey")
	v.refused()

	for range 2 { // its counter grows
		v.atPasskey("amara@contoso.com")
		v.press("#use:enabled")
		v.sees("/password", "Choose a new password")
	}
	again, err := v.store.Methods(t.Context(), "contoso", v.amara().ID)
	if err != nil || again[0].Step <= methods[0].Step || again[0].Used.IsZero() {
		t.Errorf("counter %d after %d, %v", again[0].Step, methods[0].Step, err)
	}
}

func TestPasskeyRefusals(t *testing.T) {
	v := newTab(t)
	v.byMail()
	v.addPasskey()
	// Somebody else's name with Amara's device.
	v.with(v.person("nomail@contoso.com").ID, verify.Passkey, "", []byte(`{"id":"bm9ib2R5"}`))
	v.atPasskey("nomail@contoso.com")
	v.refused()
	// A signature that is none.
	v.atPasskey("amara@contoso.com")
	bogus := true
	if _, err := chromedp.Call(v.ctx, webauthn.SetResponseOverrideBits, webauthn.SetResponseOverrideBitsParams{AuthenticatorID: v.key, IsBogusSignature: &bogus}); err != nil {
		t.Fatal(err)
	}
	v.refused()
	// Nobody confirmed with face, finger or screen lock.
	bogus = false
	badUV := true
	if _, err := chromedp.Call(v.ctx, webauthn.SetResponseOverrideBits, webauthn.SetResponseOverrideBitsParams{AuthenticatorID: v.key, IsBogusSignature: &bogus, IsBadUV: &badUV}); err != nil {
		t.Fatal(err)
	}
	v.refused()
	// Another device, which has none.
	v.unplug()
	v.key = v.authenticator()
	v.atPasskey("amara@contoso.com")
	v.refused()
}

// TestPasskeyQuestionTellsNothing: it differs from name to name in its random challenge only.
func TestPasskeyQuestionTellsNothing(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	passkeys, err := verify.NewPasskeys("https://password.contoso.com", "Contoso", []byte("passkey key"))
	if err != nil {
		t.Fatal(err)
	}
	b.deps.Passkeys = passkeys
	b.Service = reset.New(b.deps)
	t.Cleanup(b.Close)
	b.with(b.amara().ID, verify.Passkey, "", []byte(`{"id":"bm9ib2R5"}`))
	var shapes []string
	for _, name := range []string{"amara@contoso.com", "nobody@contoso.com"} {
		q, err := b.PasskeyQuestion(b.begin(name))
		if err != nil {
			t.Fatal(err)
		}
		before, after, ok := strings.Cut(string(q), `"challenge":"`)
		if !ok || strings.Contains(string(q), "bm9ib2R5") {
			t.Fatalf("%s", q)
		}
		_, after, _ = strings.Cut(after, `"`)
		shapes = append(shapes, before+after)
	}
	if shapes[0] != shapes[1] {
		t.Errorf("%s\n%s", shapes[0], shapes[1])
	}
	for _, answer := range []string{"", "{}", "null", "[]", `{"id":"bm9ib2R5","rawId":"bm9ib2R5","type":"public-key","response":{}}`, strings.Repeat("x", 13<<10)} {
		if _, _, err := passkeys.Match("a", b.amara().ID, nil, answer); !errors.Is(err, verify.ErrPasskey) {
			t.Errorf("%.40q: %v", answer, err)
		}
		if _, _, err := passkeys.Made("a", "p", "n", nil, answer); !errors.Is(err, verify.ErrPasskey) {
			t.Errorf("%.40q: %v", answer, err)
		}
	}
}

// TestPasskeysNeedAName: at a bare address they are off, for everybody, whatever is allowed.
func TestPasskeysNeedAName(t *testing.T) {
	if _, err := verify.NewPasskeys("https://192.0.2.1", "Contoso", []byte("key")); err == nil {
		t.Error("passkeys at an address")
	}
	b := newBench(t, sqliteDSN(t))
	b.with(b.amara().ID, verify.Passkey, "", []byte(`{"id":"bm9ib2R5"}`))
	if got := b.offered(b.begin("amara@contoso.com")); len(got) != 1 || strings.Contains(got[0], "passkey") {
		t.Errorf("offered %v", got)
	}
	if _, err := b.infos.Invitation(t.Context(), b.tenant, b.signedIn()); !errors.Is(err, registration.ErrNotAllowed) {
		t.Errorf("%v", err)
	}
}
