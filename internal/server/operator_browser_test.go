package server

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/security"
	"github.com/chromedp/chromedp"
	"github.com/pquerna/otp/totp"

	"homeward/internal/config"
	"homeward/internal/event"
	"homeward/internal/server/openid/openidtest"
	"homeward/internal/server/operator"
	"homeward/internal/server/tenant"
)

// TestOperatorInABrowser: a passkey is made, renamed, used with and without a password, asked for before changes, and kept when
// it is the last; then somebody comes through a provider of another site. One browser, one server.
func TestOperatorInABrowser(t *testing.T) {
	v := newTab(t)
	server := httptest.NewUnstartedServer(nil)
	base := strings.Replace("http://"+server.Listener.Addr().String(), "127.0.0.1", "localhost", 1)
	provider := openidtest.Start(t, base+"/admin/sign-in/oidc/contoso/back")
	provider.Ask = true
	b := newAdminBench(t, func(c *config.Server) { c.BaseURL, c.Operators.CAFile = base, provider.CAFile })
	server.Config.Handler = b.handler
	server.Start()
	t.Cleanup(server.Close)
	v.base = base
	secret := b.operator("contoso", "karin@contoso.com", operator.GlobalAdministrator)
	if _, err := chromedp.Call(v.ctx, security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: true}); err != nil {
		t.Fatal(err)
	}
	use := func() {
		t.Helper()
		v.until(`document.readyState === "complete" && !!document.querySelector("#use:enabled")`)
		v.press("#use:enabled")
	}
	password := func(code string) {
		t.Helper()
		v.open("/admin/sign-in")
		v.run(`document.getElementById("name").value = "karin@contoso.com"; document.getElementById("password").value = "` + benchPassword + `"; document.getElementById("code").value = "` + code + `"`)
		v.press("main form .button")
	}
	leave := func() {
		t.Helper()
		v.open("/admin/account")
		v.press(`form[action="/admin/sign-out"] button`)
		v.until(`document.readyState === "complete" && (location.pathname === "/admin/sign-in" || location.pathname === "/admin/sign-out") && !!document.querySelector("main h1")`)
	}
	code, err := totp.GenerateCode(secret, time.Now().Add(30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	password(code)
	v.until(`location.pathname === "/admin"`)

	v.open("/admin/account/passkeys")
	v.run(`document.getElementById("name").value = "Work laptop"`)
	use()
	v.sees("/admin/account", "Your account")
	v.until(`document.getElementById("factors-card").innerText.includes("Work laptop")`)
	v.open("/admin/account/passkeys") // the same device makes no second one
	v.run(`document.getElementById("name").value = "Again"; window.before = 1`)
	use()
	v.until(`!window.before && document.querySelector(".summary").textContent.includes("No new passkey")`)
	v.open("/admin/account")
	v.run(`document.querySelector(".rename input.input").value = "Desk key"`)
	v.press(".rename button")
	v.until(`location.search === "?done=renamed" && document.getElementById("factors-card").innerText.includes("Desk key")`)

	leave()
	use() // no name, no password
	v.until(`location.pathname === "/admin"`)
	v.open("/admin/account")
	v.until(`Array.from(document.querySelectorAll("tbody tr")).some((r) => r.innerText.includes("Passkey") && r.innerText.includes("This browser"))`)
	leave()
	password("") // as the second factor
	v.sees("/admin/sign-in/second", "Confirm it")
	use()
	v.until(`location.pathname === "/admin"`)
	leave()
	v.run(`document.getElementById("name").value = "karin@contoso.com"; document.getElementById("password").value = "not it"`)
	v.press("main form .button")
	v.sees("/admin/sign-in/second", "Confirm it") // the page comes whatever was typed
	use()
	v.until(`!!document.querySelector(".summary")`)
	v.open("/admin/sign-in")
	use()
	v.until(`location.pathname === "/admin"`)

	karin, err := b.operators.ByName(t.Context(), "karin@contoso.com")
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := b.operators.List(t.Context(), karin)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sessions { // an hour later
		if err := b.store.ProveSession(t.Context(), s.Hash, time.Now().Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	v.open("/admin/account/app")
	v.sees("/admin/account/confirm", "Confirm it")
	use()
	v.sees("/admin/account/app", "Add an authenticator app")
	v.open("/admin/account")
	v.press(`form[action="/admin/account/app/remove"] button`)
	v.until(`location.search === "?done=removed" && !!document.querySelector('form[action="/admin/account/passkeys/remove"] button')`)
	v.press(`form[action="/admin/account/passkeys/remove"] button`)
	v.until(`!!document.querySelector(".summary") && document.querySelector(".summary").textContent.includes("Without this you couldn")`)
	leave()

	if err := b.changeSettings(t.Context(), "contoso", func(s *tenant.Settings) error {
		s.Provider = tenant.Provider{Issuer: provider.URL, ClientID: provider.ClientID, Name: "Contoso login", AMR: []string{"mfa"}, Logout: true}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := b.store.PutSecret(t.Context(), "contoso", providerSecret, []byte(provider.Secret)); err != nil {
		t.Fatal(err)
	}
	provider.Be(user("karin@contoso.com"), openidtest.Twist{})
	v.open("/admin/sign-in?next=/admin/account")
	v.press(`a[href^="/admin/sign-in/oidc/contoso"]`)
	v.until(`!!document.getElementById("yes")`)
	v.press("#yes")
	v.sees("/admin/sign-in/second", "Confirm it") // the first time, an account there is linked with a proof
	use()
	v.sees("/admin/account", "Your account")
	v.until(`document.getElementById("factors-card").innerText.includes("Linked.")`)
	leave()
	v.until(`document.querySelector("main a.button").href.startsWith("` + provider.URL + `/logout")`)
	v.open("/admin/sign-in?next=/admin/account")
	v.press(`a[href^="/admin/sign-in/oidc/contoso"]`)
	v.until(`!!document.getElementById("yes")`)
	v.press("#yes")
	v.sees("/admin/account", "Your account")
	leave()

	// A copy of the passkey is in use: its counter is ahead.
	keys, err := b.store.Passkeys(t.Context(), "contoso", karin.ID)
	if err != nil || len(keys) != 1 || keys[0].Step == 0 {
		t.Fatalf("%d passkeys, %v", len(keys), err)
	}
	if err := b.store.UsePasskey(t.Context(), "contoso", keys[0].ID, keys[0].Step+1000, time.Now()); err != nil {
		t.Fatal(err)
	}
	v.open("/admin/sign-in")
	v.run(`window.before = 1`)
	use()
	v.until(`!window.before && document.querySelector(".summary").textContent.includes("We didn’t hear from your passkey")`)
	keys, err = b.store.Passkeys(t.Context(), "contoso", karin.ID)
	if err != nil || keys[0].Warned.IsZero() {
		t.Errorf("nobody is warned, %v", err)
	}
	records, err := b.store.LastRecords(t.Context(), "contoso", 100)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]int{}
	for _, r := range records {
		seen[r.Event]++
	}
	for _, e := range []event.Code{event.FactorAdded, event.FactorRemoved, event.FactorCopied, event.OperatorLinked, event.OperatorConfirmed, event.OperatorSignedIn} {
		if seen[int(e)] == 0 {
			t.Errorf("no record of %d", e)
		}
	}
}
