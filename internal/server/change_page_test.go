package server

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/locale"
	"homeward/internal/server/tenant"
	"homeward/internal/server/web/portal"
)

// visitor is a browser without script in front of the portal, over a bench.
type visitor struct {
	t      testing.TB
	b      *bench
	client *http.Client
	base   string
	query  string // of the last answer's address
	zone   string // what the browser says of its own
}

// cookie is the session's token.
func (v *visitor) cookie() string {
	v.t.Helper()
	base, err := url.Parse(v.base)
	if err != nil {
		v.t.Fatal(err)
	}
	for _, c := range v.client.Jar.Cookies(base) {
		if c.Name == "__Host-homeward" {
			return c.Value
		}
	}
	v.t.Fatal("no session cookie")
	return ""
}

// site is the portal over a bench.
// spoken is what shows pages, made once for all tests: nothing of it changes.
var spoken = sync.OnceValues(func() (portal.Site, error) { //nolint:gochecknoglobals // a constant in all but type
	catalog, err := locale.New()
	if err != nil {
		return portal.Site{}, err
	}
	assets, err := portal.Assets()
	if err != nil {
		return portal.Site{}, err
	}
	engine, err := portal.NewEngine(assets, catalog)
	return portal.Site{Catalog: catalog, Assets: assets, Engine: engine}, err
})

func (b *bench) site(t testing.TB) *portal.Site {
	t.Helper()
	s, err := spoken()
	if err != nil {
		t.Fatal(err)
	}
	return &portal.Site{
		Resets: b.Service, Registration: b.infos, Objections: b.objects, Engine: s.Engine, Assets: s.Assets, Catalog: s.Catalog, Now: b.clock, Log: slog.New(slog.DiscardHandler),
		Tenant: func(*http.Request) (tenant.Tenant, error) { return b.tenant, nil },
		Since:  func(context.Context, string) (time.Time, error) { return b.clock(), nil },
	}
}

func newVisitor(t testing.TB) *visitor {
	t.Helper()
	return visitorOf(t, newBench(t, sqliteDSN(t)))
}

func visitorOf(t testing.TB, b *bench) *visitor {
	t.Helper()
	server := httptest.NewUnstartedServer(b.site(t).Handler())
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo) // browsers that leave in the middle of a handshake
	server.StartTLS()                                                               // its cookies are Secure
	t.Cleanup(server.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &visitor{t: t, b: b, client: server.Client(), base: server.URL}
	v.client.Jar = jar
	b.fleet.policy = protocol.PersonPolicy{Version: 2, Found: true, MinLength: 12, DisplayName: "Amara Okafor", SAM: "amara"}
	return v
}

// do sends a request and returns the page, and the path it ended on.
func (v *visitor) do(method, path string, form url.Values) (page, at string) {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if v.zone != "" {
		r.AddCookie(&http.Cookie{Name: "__Host-homeward-zone", Value: v.zone})
	}
	answer, err := v.client.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	v.query = answer.Request.URL.RawQuery
	return string(body), answer.Request.URL.Path
}

// atPassword goes from /change through the check.
func (v *visitor) atPassword() (page, at string) {
	v.t.Helper()
	v.do(http.MethodPost, "/change", url.Values{"name": {"amara@contoso.com"}})
	v.do(http.MethodPost, "/verify/1", url.Values{"method": {"mail"}})
	return v.do(http.MethodPost, "/verify/1/code", url.Values{"code": {v.b.letters.codes[len(v.b.letters.codes)-1]}})
}

func TestChangeThroughThePages(t *testing.T) {
	v := newVisitor(t)
	page, _ := v.do(http.MethodGet, "/start", nil)
	if !strings.Contains(page, `href="/change"`) {
		t.Error("the first page doesn't lead to a change")
	}
	if page, _ = v.do(http.MethodGet, "/change", nil); !strings.Contains(page, `action="/change"`) || strings.Contains(page, `name="problem"`) {
		t.Error("the page asks for a problem, or posts elsewhere")
	}
	if page, at := v.do(http.MethodPost, "/change", url.Values{}); at != "/change" || !strings.Contains(page, "Enter your work email") {
		t.Errorf("nothing typed: %s", at)
	}
	page, at := v.atPassword()
	if at != "/password" || !strings.Contains(page, `id="current"`) || !strings.Contains(page, `id="password"`) {
		t.Fatalf("at %s: %.300s", at, page)
	}
	seen := v.submit(page)
	a, err := v.b.store.OpenAttempts(t.Context())
	if err != nil || len(a) != 1 {
		t.Fatalf("%d open attempts, %v", len(a), err)
	}
	if answer, _ := v.do(http.MethodPost, "/password/ticket", url.Values{"flow": {seen}}); answer != `{"redirect":"/status/`+a[0].ID+`"}` {
		t.Errorf("a page whose connection broke got %s, not where its submission stands", answer)
	}
	if err := v.b.Result(t.Context(), "contoso", "UAGENT", v.b.result(a[0], protocol.Refused, protocol.ReasonWrongPassword)); err != nil {
		t.Fatal(err)
	}
	page, at = v.do(http.MethodGet, "/status/"+a[0].ID, nil)
	if at != "/password" || strings.Count(page, "Your current password isn’t right. If you don’t remember it, reset it instead.") != 2 || !strings.Contains(page, `href="/start">Reset it instead`) {
		t.Errorf("at %s after a wrong password: %.500s", at, page)
	}
	if strings.Contains(page, `id="current" type="password" value`) {
		t.Error("a password is echoed")
	}
	if answer, _ := v.do(http.MethodPost, "/password/ticket", url.Values{"flow": {seen}}); answer != `{"redirect":"/password"}` {
		t.Errorf("a page from before the refusal got %s: the same password could be sent again", answer)
	}
	v.submit(page)
	if a, err = v.b.store.OpenAttempts(t.Context()); err != nil || len(a) != 1 {
		t.Fatalf("%d open attempts, %v", len(a), err)
	}
	if err := v.b.Result(t.Context(), "contoso", "UAGENT", v.b.result(a[0], protocol.Changed, "")); err != nil {
		t.Fatal(err)
	}
	if page, _ = v.do(http.MethodGet, "/status/"+a[0].ID, nil); !strings.Contains(page, "Your password has been changed in Active Directory") {
		t.Errorf("%.500s", page)
	}
}

// submit does what the page's script does, with a seal of nothing, and returns the flow token it used.
func (v *visitor) submit(page string) string {
	v.t.Helper()
	flow := regexp.MustCompile(`name="flow" value="([^"]+)"`).FindStringSubmatch(page)
	if flow == nil {
		v.t.Fatalf("no form: %.500s", page)
	}
	var ticket struct{ Request, Redirect string }
	answer, _ := v.do(http.MethodPost, "/password/ticket", url.Values{"flow": {flow[1]}})
	if err := json.Unmarshal([]byte(answer), &ticket); err != nil || ticket.Request == "" {
		v.t.Fatalf("ticket %s, %v", answer, err)
	}
	sealed := base64.StdEncoding.EncodeToString(sealedBlank)
	answer, _ = v.do(http.MethodPost, "/password", url.Values{"flow": {flow[1]}, "request": {ticket.Request}, "sealed": {sealed}})
	if !strings.Contains(answer, "/status/") {
		v.t.Fatalf("submitted: %s", answer)
	}
	return flow[1]
}

// TestChangePageTellsBeforeTyping what holds for the person.
func TestChangePageTellsBeforeTyping(t *testing.T) {
	tries := func(n int) *int { return &n }
	for name, c := range map[string]struct {
		policy func(p *protocol.PersonPolicy, now time.Time)
		says   string
		not    string
	}{
		"nothing special": {func(p *protocol.PersonPolicy, _ time.Time) { p.TriesLeft = tries(9) }, "Current password", "tries for your"},
		"few tries":       {func(p *protocol.PersonPolicy, _ time.Time) { p.TriesLeft = tries(2) }, "You have 2 tries for your current password", ""},
		"one try":         {func(p *protocol.PersonPolicy, _ time.Time) { p.TriesLeft = tries(1) }, "You have 1 try for your current password", ""},
		"no try":          {func(p *protocol.PersonPolicy, _ time.Time) { p.TriesLeft = tries(0) }, "We stopped, so your account doesn’t lock", `id="current"`},
		"locked":          {func(p *protocol.PersonPolicy, _ time.Time) { p.Locked = true }, "Your account is locked", `id="current"`},
		"cannot change":   {func(p *protocol.PersonPolicy, _ time.Time) { p.CannotChange = true }, "You can’t change this password yourself", `id="current"`},
		"expired account": {func(p *protocol.PersonPolicy, _ time.Time) { p.Reason = protocol.ReasonAccountExpired }, "Your account has expired", `id="current"`},
		"two accounts":    {func(p *protocol.PersonPolicy, _ time.Time) { p.Reason = protocol.ReasonAmbiguous }, "There are two active accounts for you", `id="current"`},
		"rights":          {func(p *protocol.PersonPolicy, _ time.Time) { p.Reason = protocol.ReasonRights }, "Current password", "IT team"},
		"expires soon":    {func(p *protocol.PersonPolicy, now time.Time) { p.ExpiresAt = protocol.MilliOf(now.Add(72 * time.Hour)) }, "Your password expires in 3 days", ""},
		"expires later": {func(p *protocol.PersonPolicy, now time.Time) {
			p.ExpiresAt = protocol.MilliOf(now.Add(960 * time.Hour))
		}, "Your password expires on ", "won’t be locked out"},
		"never expires": {func(p *protocol.PersonPolicy, now time.Time) {
			p.ExpiresAt, p.NeverExpires = protocol.MilliOf(now.Add(72*time.Hour)), true
		}, "Current password", "expires"},
		"expired": {func(p *protocol.PersonPolicy, _ time.Time) { p.Expired = true }, "Your password has expired.", ""},
		"minimum age": {func(p *protocol.PersonPolicy, now time.Time) {
			p.MinAge, p.ChangeableAt = 86_400_000, protocol.MilliOf(now.Add(time.Hour))
		}, "You can change it again after ", `id="current"`},
		"must change, young": {func(p *protocol.PersonPolicy, now time.Time) {
			p.MustChange, p.ChangeableAt = true, protocol.MilliOf(now.Add(time.Hour))
		}, "You have to choose a new password", "change it again"},
		"gone": {func(p *protocol.PersonPolicy, _ time.Time) { p.Found = false }, "We can’t find your account", `id="current"`},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVisitor(t)
			c.policy(&v.b.fleet.policy, v.b.clock())
			page, at := v.atPassword()
			if !strings.Contains(page, c.says) || c.not != "" && strings.Contains(page, c.not) {
				t.Errorf("at %s: %.3000s", at, page)
			}
		})
	}
}

// TestChangeWithOldAgents is said on the first page, with the way that works.
func TestChangeWithOldAgents(t *testing.T) {
	v := newVisitor(t)
	v.b.fleet.version = 1
	page, at := v.do(http.MethodPost, "/change", url.Values{"name": {"amara@contoso.com"}})
	if !strings.HasPrefix(at, "/status/") || !strings.Contains(page, "You can’t change your password here yet") || !strings.Contains(page, `href="/start">Reset your password`) {
		t.Errorf("at %s: %.1000s", at, page)
	}
}
