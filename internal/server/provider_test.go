package server

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"homeward/internal/config"
	"homeward/internal/server/audit"
	"homeward/internal/server/openid/openidtest"
	"homeward/internal/server/operator"
	"homeward/internal/server/tenant"
)

const benchBase = "https://password.contoso.test"

// providerBench is an admin bench whose first tenant has a running OpenID provider, set up on the page by karin.
type providerBench struct {
	*adminBench

	provider *openidtest.Provider
	visits   int
	secret   string // of karin's app
}

func newProviderBench(t *testing.T) *providerBench {
	t.Helper()
	p := openidtest.Start(t, benchBase+"/admin/sign-in/oidc/contoso/back")
	b := &providerBench{provider: p, adminBench: newAdminBench(t, func(c *config.Server) { c.Operators.CAFile = p.CAFile })}
	b.secret = b.operator("contoso", "karin@contoso.com", operator.GlobalAdministrator)
	if w := b.configure(nil); w.Code != http.StatusSeeOther {
		t.Fatalf("the settings: status %d: %.2000s", w.Code, w.Body.String())
	}
	return b
}

// configure sends the page's form with changes.
func (b *providerBench) configure(changes map[string]string) *httptest.ResponseRecorder {
	b.t.Helper()
	page := b.ask("karin@contoso.com", http.MethodGet, "/admin/operators/provider", nil)
	found := regexp.MustCompile(`name="revision" value="([^"]+)"`).FindStringSubmatch(page.Body.String())
	if page.Code != http.StatusOK || found == nil || !strings.Contains(page.Body.String(), benchBase+"/admin/sign-in/oidc/contoso/back") || strings.Contains(page.Body.String(), b.provider.Secret) {
		b.t.Fatalf("the page: status %d: %.2000s", page.Code, page.Body.String())
	}
	form := url.Values{
		"revision": {found[1]}, "issuer": {b.provider.URL}, "client": {b.provider.ClientID}, "secret": {b.provider.Secret}, "name": {"Contoso login"},
		"claim": {"groups"}, "groups": {"hw-admins = Global Administrator\nhw-desk = helpdesk-administrator"}, "amr": {"mfa"}, "logout": {"on"},
	}
	for name, value := range changes {
		form.Set(name, value)
	}
	return b.ask("karin@contoso.com", http.MethodPost, "/admin/operators/provider", form)
}

// guest is a browser that nobody has signed in with, at an address of its own.
type guest struct {
	*providerBench

	cookies map[string]*http.Cookie
	address string
}

func (b *providerBench) guest() *guest {
	b.visits++
	return &guest{b, map[string]*http.Cookie{}, fmt.Sprintf("198.51.100.%d:1", b.visits)}
}

func (g *guest) do(method, path string, form url.Values) *httptest.ResponseRecorder {
	g.t.Helper()
	r := httptest.NewRequestWithContext(g.t.Context(), method, benchBase+path, strings.NewReader(form.Encode()))
	r.RemoteAddr = g.address
	if method == http.MethodPost {
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, c := range g.cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	g.handler.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if g.cookies[c.Name] = c; c.MaxAge < 0 {
			delete(g.cookies, c.Name)
		}
	}
	return w
}

// away goes to the provider and returns the way back, unused.
func (g *guest) away(next string) (back string) {
	g.t.Helper()
	w := g.do(http.MethodGet, "/admin/sign-in/oidc/contoso?"+url.Values{"next": {next}}.Encode(), nil)
	if w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), g.provider.URL+"/authorize?") {
		g.t.Fatalf("status %d to %q", w.Code, w.Header().Get("Location"))
	}
	client := g.provider.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	answer, err := client.Get(w.Header().Get("Location"))
	if err != nil {
		g.t.Fatal(err)
	}
	defer answer.Body.Close()
	path, ours := strings.CutPrefix(answer.Header.Get("Location"), benchBase)
	if !ours {
		g.t.Fatalf("the provider says %s, %q", answer.Status, answer.Header.Get("Location"))
	}
	return path
}

func (g *guest) signIn(next string) *httptest.ResponseRecorder {
	return g.do(http.MethodGet, g.away(next), nil)
}

// in reports who the browser is signed in as.
func (g *guest) in() string {
	g.t.Helper()
	c := g.cookies["__Host-homeward-admin"]
	if c == nil {
		return ""
	}
	o, s, err := g.operators.Session(g.t.Context(), c.Value, true)
	if errors.Is(err, operator.ErrNoSession) {
		return ""
	}
	if err != nil || s.How != operator.ByProvider {
		g.t.Errorf("session by %s, %v", s.How, err)
	}
	return o.Name
}

// last is the newest record of a refused sign-in.
func (b *providerBench) last() audit.Record {
	b.t.Helper()
	all, err := b.store.LastRecords(b.t.Context(), "contoso", 5)
	if err != nil {
		b.t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(r audit.Record) bool { return r.Activity == "Sign in (administrator)" })
	if i < 0 {
		return audit.Record{}
	}
	return all[i]
}

func user(name string) openidtest.User {
	return openidtest.User{Subject: "sub-" + name, Mail: name, Verified: true, AMR: []string{"pwd", "mfa"}}
}

func (b *providerBench) invite(name string, role operator.Role) {
	b.t.Helper()
	if _, _, err := b.operators.Invite(b.t.Context(), "contoso", name, role, "test"); err != nil {
		b.t.Fatal(err)
	}
}

// TestSignInThroughAProvider: who may come, as whom, and with which second factor.
func TestSignInThroughAProvider(t *testing.T) {
	t.Parallel()
	b := newProviderBench(t)
	b.invite("sam@contoso.com", operator.ReportsReader)
	expect := func(what string, u openidtest.User, w openidtest.Twist, status int, who, reason string) *guest {
		t.Helper()
		b.provider.Be(u, w)
		g := b.guest()
		a := g.signIn("/admin/audit")
		if a.Code != status || g.in() != who {
			t.Errorf("%s: status %d, in as %q: %.300s", what, a.Code, g.in(), a.Body.String())
		}
		if who != "" && a.Header().Get("Refresh") != "0; url=/admin/audit" {
			t.Errorf("%s: goes on to %q", what, a.Header().Get("Refresh"))
		}
		if r := b.last(); reason != "" && (r.Reason != reason || r.Result != "refused") {
			t.Errorf("%s: recorded %+v", what, r)
		}
		return g
	}
	sam := user("sam@contoso.com")
	weak, unverified, stranger := sam, sam, user("nobody@contoso.com")
	weak.AMR, unverified.Verified = []string{"pwd"}, false
	expect("without a second factor", weak, openidtest.Twist{}, 403, "", "no_second_factor")
	expect("an address that isn't verified", unverified, openidtest.Twist{}, 403, "", "unverified_mail")
	expect("nobody", stranger, openidtest.Twist{}, 403, "", "not_invited")
	expect("an invited operator", sam, openidtest.Twist{}, 200, "sam@contoso.com", "")
	if r := b.last(); r.Result != "ok" || r.Actor != "sam@contoso.com" || !strings.Contains(r.Detail, "by provider") {
		t.Errorf("recorded %+v", r)
	}
	moved := sam
	moved.Mail, moved.Verified = "other@contoso.com", false
	expect("the same account with another address", moved, openidtest.Twist{}, 200, "sam@contoso.com", "")
	other := sam
	other.Subject = "another account"
	expect("another account with the address", other, openidtest.Twist{}, 403, "", "another_account")
	slim := user("late@contoso.com")
	slim.Groups = []string{"staff", "hw-desk"}
	expect("address and groups at the userinfo endpoint", slim, openidtest.Twist{Slim: true}, 200, "late@contoso.com", "")
	expect("userinfo of somebody else", slim, openidtest.Twist{Slim: true, Stranger: true}, 403, "", "provider_userinfo_subject")
	late, err := b.operators.ByName(t.Context(), "late@contoso.com")
	if err != nil || late.Role != operator.HelpdeskAdministrator || late.Local() || !late.Ready() {
		t.Errorf("made from a group: %+v, %v", late, err)
	}
	slim.Groups = []string{"hw-admins"}
	g := expect("another group", slim, openidtest.Twist{}, 200, "late@contoso.com", "")
	if late, err = b.operators.ByName(t.Context(), "late@contoso.com"); err != nil || late.Role != operator.GlobalAdministrator {
		t.Errorf("role %s, %v", late.Role, err)
	}
	slim.Groups = nil
	expect("no group any more", slim, openidtest.Twist{}, 403, "", "no_group")
	if g.in() != "" {
		t.Error("the session of somebody without a group lives")
	}
	if _, err := b.operators.Disable(t.Context(), "sam@contoso.com", "test"); err != nil {
		t.Fatal(err)
	}
	expect("disabled", sam, openidtest.Twist{}, 403, "", "disabled")
}

// TestProviderAsksTheOwnFactor: somebody who can sign in here proves it before an account there becomes theirs; and
// whenever the provider doesn't say that it asked for a second factor.
func TestProviderAsksTheOwnFactor(t *testing.T) {
	t.Parallel()
	b := newProviderBench(t)
	b.provider.Be(user("karin@contoso.com"), openidtest.Twist{})
	g := b.guest()
	w := g.signIn("/admin/agents")
	if w.Code != 200 || g.in() != "" || !strings.HasPrefix(w.Header().Get("Refresh"), "0; url=/admin/sign-in/second?") {
		t.Fatalf("status %d, in as %q, on to %q", w.Code, g.in(), w.Header().Get("Refresh"))
	}
	if w = g.do(http.MethodPost, "/admin/sign-in/second", url.Values{"code": {"000000"}}); w.Code != 422 || g.in() != "" {
		t.Errorf("a wrong code: status %d", w.Code)
	}
	if o, err := b.operators.ByName(t.Context(), "karin@contoso.com"); err != nil || o.Links != 0 {
		t.Errorf("linked without a second factor: %v", err)
	}
	carried := maps.Clone(g.cookies)
	code, err := totp.GenerateCode(b.secret, time.Now().Add(30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	w = g.do(http.MethodPost, "/admin/sign-in/second", url.Values{"code": {code}, "next": {"/admin/agents"}})
	if w.Code != 303 || w.Header().Get("Location") != "/admin/agents" || g.in() != "karin@contoso.com" {
		t.Fatalf("status %d to %q, in as %q", w.Code, w.Header().Get("Location"), g.in())
	}
	again := &guest{b, carried, g.address}
	if w = again.do(http.MethodPost, "/admin/sign-in/second", url.Values{"code": {code}}); w.Code == 303 || again.in() != "" {
		t.Errorf("the same step again: status %d", w.Code)
	}
	// From now on the provider's word is enough, and signing out here offers to sign out there.
	second := b.guest()
	if w = second.signIn("/admin"); second.in() != "karin@contoso.com" {
		t.Fatalf("status %d", w.Code)
	}
	if w = second.do(http.MethodGet, "/admin/account", nil); !strings.Contains(w.Body.String(), "Sign-in provider") {
		t.Error("the list of sessions doesn't say how they were begun")
	}
	w = second.do(http.MethodPost, "/admin/sign-out", nil)
	if w.Code != 200 || !strings.Contains(w.Body.String(), b.provider.URL+"/logout?client_id=homeward") || second.in() != "" {
		t.Errorf("status %d: %s", w.Code, w.Body.String())
	}
}

// TestHostileProviders: nothing that isn't signed by the provider, for this server, for this browser, once and just now lets
// anybody in; what is wrong is recorded, and the page says no more than that.
func TestHostileProviders(t *testing.T) {
	t.Parallel()
	b := newProviderBench(t)
	b.invite("sam@contoso.com", operator.ReportsReader)
	now := time.Now()
	claims := func(pairs ...any) openidtest.Twist {
		m := map[string]any{}
		for i := 0; i+1 < len(pairs); i += 2 {
			m[pairs[i].(string)] = pairs[i+1] //nolint:forcetypeassert // below
		}
		return openidtest.Twist{Claims: m}
	}
	for what, c := range map[string]struct {
		twist  openidtest.Twist
		reason string
	}{
		"another nonce":              {claims("nonce", "another"), "nonce"},
		"no nonce":                   {claims("nonce", nil), "nonce"},
		"another audience":           {claims("aud", "another"), "token"},
		"several audiences":          {claims("aud", []string{"homeward", "another"}), "azp"},
		"another authorized party":   {claims("azp", "another"), "azp"},
		"another issuer":             {claims("iss", "https://login.evil.test"), "token"},
		"expired":                    {claims("exp", now.Add(-time.Minute).Unix()), "expired"},
		"of yesterday":               {claims("iat", now.Add(-24*time.Hour).Unix(), "exp", now.Add(time.Hour).Unix()), "issued"},
		"of tomorrow":                {claims("iat", now.Add(24*time.Hour).Unix(), "exp", now.Add(48*time.Hour).Unix()), "issued"},
		"no subject":                 {claims("sub", ""), "subject"},
		"a subject without end":      {claims("sub", strings.Repeat("x", 300)), "subject"},
		"another access token":       {claims("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), "access_token"},
		"no signature":               {openidtest.Twist{None: true}, "token"},
		"signed with our secret":     {openidtest.Twist{Symmetric: true}, "token"},
		"signed with another key":    {openidtest.Twist{OtherKey: true}, "token"},
		"mixed up with another":      {openidtest.Twist{Back: map[string]string{"iss": "https://login.evil.test"}}, "issuer"},
		"not said by whom":           {openidtest.Twist{Back: map[string]string{"iss": ""}}, "issuer"},
		"another state":              {openidtest.Twist{Back: map[string]string{"state": "another"}}, "state"},
		"no state":                   {openidtest.Twist{Back: map[string]string{"state": ""}}, "state"},
		"an invented code":           {openidtest.Twist{Back: map[string]string{"code": "another"}}, "code_refused"},
		"no code":                    {openidtest.Twist{Back: map[string]string{"code": ""}}, "code"},
		"an error that says nothing": {openidtest.Twist{Back: map[string]string{"error": "access_denied", "error_description": "<script>"}}, "provider_refused"},
	} {
		b.provider.Be(user("sam@contoso.com"), c.twist)
		g := b.guest()
		w := g.signIn("/admin")
		if r := b.last(); w.Code != 403 || g.in() != "" || r.Reason != "provider_"+c.reason || strings.Contains(w.Body.String(), "script>alert") {
			t.Errorf("%s: status %d, in as %q, recorded %s", what, w.Code, g.in(), r.Reason)
		}
	}
	b.provider.Be(user("sam@contoso.com"), openidtest.Twist{})
	refused := func(what, reason string, g *guest, back string) {
		t.Helper()
		if w := g.do(http.MethodGet, back, nil); w.Code != 403 || g.in() != "" || b.last().Reason != "provider_"+reason {
			t.Errorf("%s: status %d, in as %q, recorded %s", what, w.Code, g.in(), b.last().Reason)
		}
	}
	// A code that somebody else was given, in a browser that went there too, and in one that didn't.
	victim, attacker := b.guest(), b.guest()
	victim.away("/admin")
	refused("somebody else's code", "state", victim, attacker.away("/admin"))
	refused("no errand", "errand", b.guest(), attacker.away("/admin"))
	// The same way back twice.
	g := b.guest()
	back := g.away("/admin")
	carried := maps.Clone(g.cookies)
	if w := g.do(http.MethodGet, back, nil); w.Code != 200 || g.in() == "" {
		t.Fatalf("the right one: status %d, recorded %+v", w.Code, b.last())
	}
	refused("the way back again, with what the browser carried", "replayed", &guest{b, carried, "198.51.100.250:1"}, back)
	refused("the way back again", "errand", b.guest(), back)
	// Where somebody wants to go afterwards is a page of this portal.
	for _, next := range []string{"https://evil.test/", "//evil.test/admin", "/admin\\evil", "/start", "javascript:1", "/admin/x\r\nX: y"} {
		g := b.guest()
		if w := g.signIn(next); w.Header().Get("Refresh") != "0; url=/admin" || strings.Contains(w.Body.String(), "evil") {
			t.Errorf("next %q leads to %q", next, w.Header().Get("Refresh"))
		}
	}
	if w := b.guest().do(http.MethodGet, "/admin/sign-in/oidc/fabrikam", nil); w.Code != 404 {
		t.Errorf("a tenant without a provider: status %d", w.Code)
	}
	// Settings that lead to what can't be used are refused when they are made.
	for what, w := range map[string]openidtest.Twist{"a huge discovery document": {Huge: true}, "an endpoint without TLS": {Plain: true}, "another issuer's document": {Elsewhere: true}} {
		b.provider.Be(user("sam@contoso.com"), w)
		if a := b.configure(map[string]string{"name": what}); a.Code != 422 || !strings.Contains(a.Body.String(), `href="#issuer"`) {
			t.Errorf("%s: status %d", what, a.Code)
		}
	}
	for field, wrong := range map[string]string{"issuer": "http://127.0.0.1/", "client": "two words", "groups": "hw-admins = root", "acr": "é", "name": strings.Repeat("x", 61)} {
		if a := b.configure(map[string]string{field: wrong}); a.Code != 422 || !strings.Contains(a.Body.String(), `href="#`+field+`"`) {
			t.Errorf("%s %q: status %d", field, wrong, a.Code)
		}
	}
}

// TestProviderDown: nobody is locked out by it, and turning it off ends what it began.
func TestProviderDown(t *testing.T) {
	t.Parallel()
	b := newProviderBench(t)
	b.invite("sam@contoso.com", operator.ReportsReader)
	b.provider.Be(user("sam@contoso.com"), openidtest.Twist{})
	g := b.guest()
	if g.signIn("/admin"); g.in() == "" {
		t.Fatal("not in")
	}
	back := b.guest().away("/admin")
	b.provider.Close()
	if w := b.guest().do(http.MethodGet, back, nil); w.Code != 403 {
		t.Errorf("status %d", w.Code)
	}
	b.provider2(t)
	code, err := totp.GenerateCode(b.secret, time.Now().Add(30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	local := b.guest()
	w := local.do(http.MethodPost, "/admin/sign-in", url.Values{"name": {"karin@contoso.com"}, "password": {benchPassword}, "code": {code}})
	if w.Code != 303 || w.Header().Get("Location") != "/admin" {
		t.Fatalf("a local administrator while the provider is down: status %d", w.Code)
	}
	if w := local.do(http.MethodGet, "/admin/operators/provider", nil); w.Code != 200 {
		t.Fatalf("status %d", w.Code)
	} else {
		revision := regexp.MustCompile(`name="revision" value="([^"]+)"`).FindStringSubmatch(w.Body.String())
		w = local.do(http.MethodPost, "/admin/operators/provider/off", url.Values{"revision": {revision[1]}})
		if w.Code != 303 {
			t.Fatalf("turning it off: status %d", w.Code)
		}
	}
	if g.in() != "" {
		t.Error("a session that the provider began lives on without it")
	}
	if kept, err := b.store.Secret(t.Context(), "contoso", providerSecret); err != nil || len(kept) > 0 {
		t.Errorf("the client secret is kept: %v", err)
	}
	if w := b.guest().do(http.MethodGet, "/admin/sign-in", nil); strings.Contains(w.Body.String(), "Contoso login") {
		t.Error("the sign-in page still offers it")
	}
}

// provider2 asks for the way to a provider that is gone: its document may be remembered, so another issuer is set.
func (b *providerBench) provider2(t *testing.T) {
	t.Helper()
	if err := b.changeSettings(t.Context(), "contoso", func(s *tenant.Settings) error {
		s.Provider.Issuer = "https://127.0.0.1:1"
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	w := b.guest().do(http.MethodGet, "/admin/sign-in/oidc/contoso", nil)
	if w.Code != http.StatusBadGateway || !strings.Contains(w.Body.String(), "can’t be reached") {
		t.Errorf("status %d", w.Code)
	}
}

// TestProviderSecretsLeaveNoTrace: the client secret, codes, tokens, cookies and states are in no table, no log, no record
// and on no page.
func TestProviderSecretsLeaveNoTrace(t *testing.T) {
	t.Parallel()
	b := newProviderBench(t)
	b.invite("sam@contoso.com", operator.ReportsReader)
	var secrets []string
	var shown bytes.Buffer
	for _, w := range []openidtest.Twist{{}, {None: true}, {Back: map[string]string{"code": "an-invented-code"}}, {Slim: true}} {
		b.provider.Be(user("sam@contoso.com"), w)
		g := b.guest()
		back := g.away("/admin")
		secrets = append(secrets, g.cookies["__Host-homeward-admin-errand"].Value, back)
		if u, err := url.Parse(back); err == nil {
			secrets = append(secrets, u.Query().Get("state"))
		}
		a := g.do(http.MethodGet, back, nil)
		shown.Write(a.Body.Bytes())
		shown.WriteString(a.Header().Get("Refresh") + a.Header().Get("Location"))
		if c := g.cookies["__Host-homeward-admin"]; c != nil {
			secrets = append(secrets, c.Value)
		}
	}
	secrets = append(secrets, b.provider.Given()...)
	for _, page := range []string{"/admin/operators/provider", "/admin/operators", "/admin/audit", "/admin/account", "/admin/audit/export?format=csv"} {
		shown.Write(b.ask("karin@contoso.com", http.MethodGet, page, nil).Body.Bytes())
	}
	files, err := filepath.Glob(filepath.Join(b.config.State, "*"))
	if err != nil || len(files) < 2 {
		t.Fatal(err)
	}
	places := map[string][]byte{"the log": b.logged.bytes(), "a page": shown.Bytes()}
	for _, f := range files {
		if raw, err := os.ReadFile(f); err == nil {
			places[filepath.Base(f)] = raw
		}
	}
	records, err := b.store.LastRecords(t.Context(), "contoso", 200)
	if err != nil || len(records) < 5 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	places["the audit log"] = fmt.Append(nil, records)
	if len(secrets) < 15 || len(places["the log"]) == 0 || !bytes.Contains(places["homeward.db"], []byte("sub-sam@contoso.com")) && !bytes.Contains(places["homeward.db-wal"], []byte("sub-sam@contoso.com")) {
		t.Errorf("%d secrets are looked for; nothing would be found", len(secrets))
	}
	for where, raw := range places {
		for _, s := range secrets {
			if s == "" || bytes.Contains(raw, []byte(s)) {
				t.Errorf("%s holds a secret: %.12s…", where, s)
			}
		}
	}
}
