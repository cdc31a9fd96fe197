package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"homeward/internal/config"
	"homeward/internal/event"
	"homeward/internal/server/audit"
	"homeward/internal/server/enrol"
	"homeward/internal/server/operator"
	"homeward/internal/server/provision"
	"homeward/internal/server/tenant"
	"homeward/internal/server/web/admin"
)

// adminBench is a whole server that nobody listens to, with two tenants and an agent in the first.
type adminBench struct {
	*Server
	t       *testing.T
	handler http.Handler
	cookies map[string]string // of operators, by name
	logged  *lockedBuffer
}

const (
	benchAgent    = "UBENCHAGENTBENCHAGENTBENCHAGENTBENCHAGENTBENCHAGENTBENCH"
	benchPassword = "Quiet harbour lamp 7"
	benchPerson   = "benchpersonbenchperson0001"
)

func newAdminBench(t *testing.T, edits ...func(c *config.Server)) *adminBench {
	t.Helper()
	dir := t.TempDir()
	c := config.Server{
		Listen: "127.0.0.1:0", BaseURL: "https://password.contoso.test", State: dir, Database: "sqlite:" + filepath.Join(dir, "homeward.db"),
		MasterKey: filepath.Join(dir, "master.key"), KeyLife: time.Hour,
		Mail: config.Mail{Host: "127.0.0.1", Port: 25, TLS: "none", From: "password@contoso.test"},
	}
	for _, edit := range edits {
		edit(&c)
	}
	logged := &lockedBuffer{}
	log := slog.New(slog.NewTextHandler(logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	st, err := OpenStore(t.Context(), c, log)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"contoso", "fabrikam"} {
		if err := CreateTenant(t.Context(), st, tenant.Tenant{ID: id, Name: strings.ToUpper(id[:1]) + id[1:], Settings: tenant.Settings{UnlockOnly: true}}); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	if err := st.SaveAgent(t.Context(), enrol.Agent{
		Tenant: "contoso", ID: benchAgent, Machine: "SRV-HW01", SealKey: []byte{1}, KeyID: "7f3a91c4d20b5e81", Build: "1.4.2", Protocol: 2,
		Status: enrol.Approved, Created: now, Seen: now,
	}); err != nil {
		t.Fatal(err)
	}
	if err := st.InsertPeople(t.Context(), []provision.Person{benchJonas()}); err != nil {
		t.Fatal(err)
	}
	if err := st.Append(t.Context(), "contoso", audit.Record{Activity: "Secret of Contoso", Hop: "portal", Result: "ok", Support: "HW-7K3Q-92MD", Event: int(event.ResetSuccess)}); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), c, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return &adminBench{Server: s, t: t, handler: s.routes(), cookies: map[string]string{}, logged: logged}
}

// benchJonas is somebody of Contoso.
func benchJonas() provision.Person {
	return provision.Person{
		Tenant: "contoso", ID: benchPerson, Object: strings.Repeat("0a", 16), Anchor: strings.Repeat("0a", 16), Domain: "corp.contoso.test", NetBIOS: "CORP",
		UPN: "jonas.lindqvist@contoso.com", SAM: "jlindqvist", Mail: "jonas@mail.example", DisplayName: "Jonas Lindqvist", Updated: time.Now(),
		DN: "CN=Jonas Lindqvist,OU=Sales,DC=corp,DC=contoso,DC=test",
	}
}

// operator sets somebody up and keeps their cookie.
func (b *adminBench) operator(tenantID, name string, role operator.Role) (secret string) {
	b.t.Helper()
	link, _, err := b.operators.Invite(b.t.Context(), tenantID, name, role, "test")
	if err != nil {
		b.t.Fatal(err)
	}
	p, err := b.operators.Pending(b.t.Context(), link, "Homeward")
	if err != nil {
		b.t.Fatal(err)
	}
	code, err := totp.GenerateCode(p.Secret, time.Now())
	if err != nil {
		b.t.Fatal(err)
	}
	cookie, _, err := b.operators.SetUp(b.t.Context(), link, []byte(benchPassword), code, operator.Visit{Address: name})
	if err != nil {
		b.t.Fatal(err)
	}
	b.cookies[name] = cookie
	return p.Secret
}

// ask sends a request of an operator's browser; the empty name is nobody's.
func (b *adminBench) ask(name, method, path string, form url.Values) *httptest.ResponseRecorder {
	b.t.Helper()
	r := httptest.NewRequestWithContext(b.t.Context(), method, "https://password.contoso.test"+path, strings.NewReader(form.Encode()))
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if c := b.cookies[name]; c != "" {
		r.AddCookie(&http.Cookie{Name: "__Host-homeward-admin", Value: c})
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	return w
}

func all() []operator.Role { return operator.Roles() }

// allowed says again, apart from the code, who may ask for what. nil: no sign-in is needed.
func allowed() map[string][]operator.Role {
	const (
		global, hybrid, policy = operator.GlobalAdministrator, operator.HybridIdentityAdministrator, operator.AuthenticationPolicyAdministrator
		users, reports         = operator.UserAdministrator, operator.ReportsReader
	)
	agents := []operator.Role{global, hybrid}
	helpers := []operator.Role{global, users, operator.HelpdeskAdministrator}
	settings, seen, top := []operator.Role{global, policy}, []operator.Role{global, hybrid, policy}, []operator.Role{global}
	return map[string][]operator.Role{
		"GET /admin/sign-in":                                  nil,
		"POST /admin/sign-in":                                 nil,
		"GET /admin/set-up/{link}":                            nil,
		"POST /admin/set-up/{link}":                           nil,
		"GET /admin/account":                                  all(),
		"POST /admin/sign-out":                                all(),
		"POST /admin/account/sessions/end":                    all(),
		"POST /admin/account/sessions/end-others":             all(),
		"GET /admin/{$}":                                      all(),
		"GET /admin":                                          all(),
		"POST /admin/test-write":                              agents,
		"GET /admin/password-reset/onprem":                    {global, hybrid, policy},
		"POST /admin/password-reset/onprem":                   {global, policy},
		"GET /admin/agents":                                   {global, hybrid, policy},
		"POST /admin/agents/codes":                            agents,
		"GET /admin/agents/{id}":                              {global, hybrid, policy},
		"POST /admin/agents/{id}/check":                       agents,
		"POST /admin/agents/{id}/rotate-key":                  agents,
		"POST /admin/agents/{id}/drain":                       agents,
		"POST /admin/agents/{id}/resume":                      agents,
		"POST /admin/agents/{id}/accept-move":                 agents,
		"POST /admin/agents/{id}/cut-off":                     agents,
		"GET /admin/setup":                                    all(),
		"GET /admin/users":                                    append([]operator.Role{hybrid}, helpers...),
		"GET /admin/users.csv":                                append([]operator.Role{hybrid}, helpers...),
		"GET /admin/users/{id}":                               append([]operator.Role{hybrid}, helpers...),
		"GET /admin/users/{id}/unlock":                        helpers,
		"POST /admin/users/{id}/unlock":                       helpers,
		"GET /admin/users/{id}/reset":                         helpers,
		"POST /admin/users/{id}/reset":                        helpers,
		"GET /admin/users/{id}/pass":                          helpers,
		"POST /admin/users/{id}/pass":                         helpers,
		"GET /admin/users/{id}/register":                      helpers,
		"POST /admin/users/{id}/register":                     helpers,
		"GET /admin/users/{id}/verify":                        helpers,
		"POST /admin/users/{id}/verify":                       helpers,
		"GET /admin/users/{id}/verify/{attempt}":              helpers,
		"POST /admin/users/{id}/verify/{attempt}":             helpers,
		"GET /admin/audit":                                    {global, hybrid, policy, users, reports},
		"GET /admin/audit/{id}":                               {global, hybrid, policy, users, reports},
		"GET /admin/reports":                                  {global, hybrid, policy, users, reports},
		"GET /admin/reports/registration.csv":                 {global, hybrid, policy, users, reports},
		"GET /admin/reports/usage.csv":                        {global, hybrid, policy, users, reports},
		"GET /admin/audit/export":                             {global, hybrid, policy, users, reports},
		"GET /admin/sync":                                     {global, hybrid, policy, users, reports},
		"POST /admin/sync/now":                                agents,
		"POST /admin/sync/decide":                             agents,
		"POST /admin/sync/switch":                             agents,
		"GET /admin/sync/deletions":                           {global, hybrid, policy, users, reports},
		"POST /admin/sync/deletions":                          agents,
		"GET /admin/sync/decisions":                           {global, hybrid, policy, users, reports},
		"POST /admin/sync/decisions/forget":                   agents,
		"GET /admin/sync/preview":                             {global, hybrid, policy, users, reports},
		"POST /admin/sync/preview":                            agents,
		"GET /admin/sync/preview/verdicts.csv":                {global, hybrid, policy, users, reports},
		"GET /admin/password-reset/properties":                seen,
		"POST /admin/password-reset/properties":               settings,
		"GET /admin/password-reset/methods":                   seen,
		"POST /admin/password-reset/methods":                  settings,
		"GET /admin/password-reset/registration":              seen,
		"POST /admin/password-reset/registration":             settings,
		"POST /admin/password-reset/registration/remind":      settings,
		"GET /admin/password-reset/notifications":             seen,
		"POST /admin/password-reset/notifications":            settings,
		"POST /admin/password-reset/notifications/test":       settings,
		"GET /admin/password-reset/customization":             seen,
		"POST /admin/password-reset/customization":            settings,
		"GET /admin/password-reset/customization/logo":        seen,
		"GET /admin/password-reset/customization/preview.css": seen,
		"GET /admin/licences":                                 {global, hybrid, policy, users},
		"POST /admin/licences/needed":                         top,
		"POST /admin/licences/products":                       top,
		"POST /admin/licences/holders":                        {global, users},
		"GET /admin/operators":                                top,
		"POST /admin/operators/invite":                        top,
		"POST /admin/operators/{id}/role":                     top,
		"POST /admin/operators/{id}/link":                     top,
		"POST /admin/operators/{id}/end":                      top,
		"POST /admin/operators/{id}/disable":                  top,
		"GET /admin/operators/provider":                       top,
		"POST /admin/operators/provider":                      top,
		"POST /admin/operators/provider/off":                  top,
		"POST /admin/sign-in/passkey":                         nil,
		"GET /admin/sign-in/second":                           nil,
		"POST /admin/sign-in/second":                          nil,
		"GET /admin/sign-in/oidc/{tenant}":                    nil,
		"GET /admin/sign-in/oidc/{tenant}/back":               nil,
		"GET /admin/account/confirm":                          all(),
		"POST /admin/account/confirm":                         all(),
		"GET /admin/account/passkeys":                         all(),
		"POST /admin/account/passkeys":                        all(),
		"POST /admin/account/passkeys/rename":                 all(),
		"POST /admin/account/passkeys/remove":                 all(),
		"GET /admin/account/app":                              all(),
		"POST /admin/account/app":                             all(),
		"POST /admin/account/app/remove":                      all(),
		"POST /admin/account/recovery":                        all(),
		"GET /admin/account/provider":                         all(),
		"POST /admin/account/provider/remove":                 all(),
	}
}

// address fills a pattern in.
func address(pattern string) (method, path string) {
	method, path, _ = strings.Cut(pattern, " ")
	path = strings.Replace(path, "/audit/{id}", "/audit/HW-7K3Q-92MD", 1)
	path = strings.Replace(path, "/audit/export", "/audit/export?format=csv", 1)
	path = strings.Replace(path, "/users/{id}", "/users/"+benchPerson, 1)
	return method, strings.NewReplacer("{$}", "", "{id}", benchAgent, "{link}", "nonsense", "{attempt}", "nonsense", "{tenant}", "contoso").Replace(path)
}

// TestEveryRouteWithEveryRole walks every route that is served, with every role, with none, and from another site. A
// route that is missing in the table above fails.
func TestEveryRouteWithEveryRole(t *testing.T) {
	t.Parallel()
	b := newAdminBench(t)
	want := allowed()
	for i, r := range all() {
		b.operator("contoso", fmt.Sprintf("op%d", i), r)
	}
	rules := admin.Rules()
	if len(rules) != len(want) {
		t.Errorf("%d routes are served, %d are in the table", len(rules), len(want))
	}
	slices.SortStableFunc(rules, func(a, b admin.Rule) int { // last, because it ends the session
		return strings.Compare(b2s(strings.Contains(a.Pattern, "sign-out")), b2s(strings.Contains(b.Pattern, "sign-out")))
	})
	for _, rule := range rules {
		roles, known := want[rule.Pattern]
		if !known {
			t.Errorf("%s is served, and the table doesn't say to whom", rule.Pattern)
			continue
		}
		method, path := address(rule.Pattern)
		anybody := b.ask("", method, path, url.Values{})
		toSignIn := anybody.Code == http.StatusSeeOther && strings.HasPrefix(anybody.Header().Get("Location"), "/admin/sign-in")
		if open := roles == nil; open == toSignIn {
			t.Errorf("%s without a sign-in: status %d to %q", rule.Pattern, anybody.Code, anybody.Header().Get("Location"))
		}
		if anybody.Header().Get("Content-Security-Policy") == "" || anybody.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: headers %v", rule.Pattern, anybody.Header())
		}
		for i, role := range all() {
			w := b.ask(fmt.Sprintf("op%d", i), method, path, url.Values{})
			may := roles == nil || slices.Contains(roles, role)
			refused := w.Code == http.StatusForbidden
			if may == refused || w.Code >= http.StatusInternalServerError || may && strings.HasPrefix(w.Header().Get("Location"), "/admin/sign-in") && !strings.Contains(path, "sign-") {
				t.Errorf("%s as %s: status %d to %q", rule.Pattern, role, w.Code, w.Header().Get("Location"))
			}
		}
	}
}

func b2s(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// TestOtherSitesCantAsk: every form is refused when another site sends it, also with the cookie.
func TestOtherSitesCantAsk(t *testing.T) {
	t.Parallel()
	b := newAdminBench(t)
	b.operator("contoso", "karin", operator.GlobalAdministrator)
	for _, rule := range admin.Rules() {
		method, path := address(rule.Pattern)
		if method != http.MethodPost {
			continue
		}
		for header, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"} {
			r := httptest.NewRequestWithContext(t.Context(), method, "https://password.contoso.test"+path, nil)
			r.Header.Set(header, value)
			r.AddCookie(&http.Cookie{Name: "__Host-homeward-admin", Value: b.cookies["karin"]})
			w := httptest.NewRecorder()
			b.handler.ServeHTTP(w, r)
			if w.Code != http.StatusForbidden {
				t.Errorf("%s with %s %s: status %d", rule.Pattern, header, value, w.Code)
			}
		}
	}
}

// TestTenantsDontSeeEachOther: an operator of one tenant finds nothing of another, whatever they ask for.
func TestTenantsDontSeeEachOther(t *testing.T) {
	t.Parallel()
	b := newAdminBench(t)
	b.operator("contoso", "karin", operator.GlobalAdministrator)
	b.operator("fabrikam", "sam", operator.GlobalAdministrator)
	for _, rule := range admin.Rules() {
		method, path := address(rule.Pattern)
		if strings.Contains(path, "sign-") || strings.Contains(path, "set-up") || strings.Contains(path, "account") {
			continue
		}
		w := b.ask("sam", method, path, url.Values{"sure": {"1"}, "force": {"1"}})
		if strings.Contains(rule.Pattern, "{id}") && w.Code != http.StatusNotFound {
			t.Errorf("%s: status %d", rule.Pattern, w.Code)
		}
		for _, secret := range []string{"SRV-HW01", "Secret of Contoso", "HW-7K3Q-92MD", benchAgent, benchPerson, "Lindqvist"} {
			if strings.Contains(path, secret) {
				continue // the answer repeats the address that was asked for
			}
			if strings.Contains(w.Body.String(), secret) {
				t.Errorf("%s shows %q of another tenant", rule.Pattern, secret)
			}
		}
	}
	if w := b.ask("sam", http.MethodGet, "/admin/audit/1", nil); strings.Contains(w.Body.String(), "Contoso") {
		t.Error("a row of another tenant by its number")
	}
	a, err := b.store.Agent(t.Context(), benchAgent)
	if err != nil || a.Status != enrol.Approved || !a.Draining.IsZero() {
		t.Errorf("the other tenant's agent is %s, draining %v, %v", a.Status, a.Draining, err)
	}
	for path, shown := range map[string]string{"/admin/agents": "SRV-HW01", "/admin/agents/" + benchAgent: "SRV-HW01", "/admin/audit": "Secret of Contoso", "/admin/audit/HW-7K3Q-92MD": "Secret of Contoso"} {
		if w := b.ask("karin", http.MethodGet, path, nil); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), shown) {
			t.Errorf("%s of their own: status %d without %q", path, w.Code, shown)
		}
	}
}

// TestCookieIsSafe: bound to the host, unreadable for scripts, never sent from other sites, new with every sign-in.
func TestCookieIsSafe(t *testing.T) {
	t.Parallel()
	b := newAdminBench(t)
	secret := b.operator("contoso", "karin", operator.GlobalAdministrator)
	before := b.cookies["karin"]
	form := func(code string) url.Values {
		return url.Values{"name": {"karin"}, "password": {benchPassword}, "code": {code}, "next": {"/admin/agents"}}
	}
	next, err := totp.GenerateCode(secret, time.Now().Add(30*time.Second)) // of the next step: this one is used
	if err != nil {
		t.Fatal(err)
	}
	for what, f := range map[string]url.Values{
		"a wrong code": form("000000"), "nobody": {"name": {"nobody"}, "password": {benchPassword}, "code": {next}}, "nothing": {},
	} {
		w := b.ask("", http.MethodPost, "/admin/sign-in", f)
		if w.Code != http.StatusUnprocessableEntity || len(w.Result().Cookies()) > 0 || strings.Contains(w.Body.String(), benchPassword) {
			t.Errorf("%s: status %d, cookies %v", what, w.Code, w.Result().Cookies())
		}
	}
	w := b.ask("karin", http.MethodPost, "/admin/sign-in", form(next))
	cookies := w.Result().Cookies()
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/admin/agents" || len(cookies) != 2 || cookies[1].Name != "__Host-homeward-admin-known" {
		t.Fatalf("status %d to %q, %d cookies", w.Code, w.Header().Get("Location"), len(cookies))
	}
	c := cookies[0]
	if c.Name != "__Host-homeward-admin" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.Value == before {
		t.Errorf("cookie %+v", c)
	}
	if w := b.ask("karin", http.MethodGet, "/admin", nil); w.Code != http.StatusSeeOther { // the one it had before is over
		t.Errorf("the session before the sign-in still works: status %d", w.Code)
	}
	for _, next := range []string{"https://evil.test/", "//evil.test/admin", "/admin\\evil", "/start", "javascript:1", "/admin/x\r\nX: y"} {
		w := b.ask("", http.MethodGet, "/admin/sign-in?"+url.Values{"next": {next}}.Encode(), nil)
		if !strings.Contains(w.Body.String(), `name="next" value="/admin"`) {
			t.Errorf("next %q is taken", next)
		}
	}
}

// TestSwitchesAreAudited: what is stored, who did it, and that it holds at once.
func TestSwitchesAreAudited(t *testing.T) {
	t.Parallel()
	b := newAdminBench(t)
	b.operator("contoso", "karin", operator.AuthenticationPolicyAdministrator)
	settings := func() tenant.Settings {
		one, err := b.tenants.tenant(t.Context(), "contoso")
		if err != nil {
			t.Fatal(err)
		}
		return one.Settings
	}
	turn := func(field, was, to string) *httptest.ResponseRecorder {
		f := url.Values{field + "_was": {was}}
		if to == "on" {
			f.Set(field, "on")
		}
		return b.ask("karin", http.MethodPost, "/admin/password-reset/onprem", f)
	}
	if w := turn("writeback", "on", "off"); w.Code != http.StatusSeeOther || !settings().WritebackOff {
		t.Errorf("off: status %d, %+v", w.Code, settings())
	}
	if w := turn("writeback", "off", "on"); w.Code != http.StatusUnprocessableEntity || !settings().WritebackOff || !strings.Contains(w.Body.String(), `data-reason="offline"`) {
		t.Errorf("on while no agent is online: status %d, %+v", w.Code, settings())
	}
	if w := turn("writeback", "on", "off"); w.Code != http.StatusConflict {
		t.Errorf("somebody was faster: status %d", w.Code)
	}
	if w := turn("unlock", "on", "off"); w.Code != http.StatusSeeOther || settings().UnlockOnly {
		t.Errorf("unlock off: status %d, %+v", w.Code, settings())
	}
	found, err := b.store.SearchAudit(t.Context(), "contoso", audit.Query{Activity: "Change setting", Limit: 10})
	if err != nil || len(found) != 2 || found[1].Detail != "writeback: on → off" || found[1].Actor != "karin" || found[0].Detail != "unlock: on → off" {
		t.Errorf("%v %+v", err, found)
	}
	if err := b.store.VerifyChain(t.Context(), "contoso"); err != nil {
		t.Error(err)
	}
}

// TestTurnedOffMeansNobodyWrites, without a restart.
func TestTurnedOffMeansNobodyWrites(t *testing.T) {
	t.Parallel()
	b := newAdminBench(t)
	if err := b.changeSettings(t.Context(), "contoso", func(s *tenant.Settings) error {
		s.WritebackOff = true
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if w, err := b.fleet.Writers(t.Context(), "contoso", ""); err != nil || len(w) != 0 {
		t.Errorf("%d writers, %v", len(w), err)
	}
	one, err := b.tenants.tenant(t.Context(), "contoso")
	if err != nil {
		t.Fatal(err)
	}
	r, err := b.status(t.Context(), one)
	if err != nil || r.State != "off" || r.Works {
		t.Errorf("status %s, %v", r.State, err)
	}
}

// TestFirstOperatorIsInvitedOnce: the link is printed while nobody administers the tenant, and never again.
func TestFirstOperatorIsInvitedOnce(t *testing.T) {
	t.Parallel()
	b := newAdminBench(t)
	var first, again strings.Builder
	if err := b.FirstOperators(t.Context(), &first); err != nil {
		t.Fatal(err)
	}
	if err := b.FirstOperators(t.Context(), &again); err != nil {
		t.Fatal(err)
	}
	_, link, ok := strings.Cut(first.String(), "https://password.contoso.test/admin/set-up/")
	if !ok || again.Len() > 0 || strings.Count(first.String(), "https://") != 2 {
		t.Fatalf("first start prints %q, the second %q", first.String(), again.String())
	}
	link, _, _ = strings.Cut(link, "\n")
	w := b.ask("", http.MethodGet, "/admin/set-up/"+link, nil)
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Global Administrator") {
		t.Errorf("status %d", w.Code)
	}
}
