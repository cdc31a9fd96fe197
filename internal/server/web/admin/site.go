package admin

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/enrol"
	"homeward/internal/server/fleet"
	"homeward/internal/server/helpdesk"
	"homeward/internal/server/locale"
	"homeward/internal/server/operator"
	"homeward/internal/server/provision"
	"homeward/internal/server/report"
	"homeward/internal/server/reset"
	"homeward/internal/server/status"
	"homeward/internal/server/tenant"
	"homeward/internal/server/web"
)

const (
	// sessionCookie is bound to this very host by its prefix (RFC 6265bis 4.1.3.2).
	sessionCookie  = "__Host-homeward-admin"
	languageCookie = "__Host-homeward-language"
	// deviceCookie is by which a browser is known to be somebody's: it opens nothing.
	deviceCookie = "__Host-homeward-admin-known"
	// secondCookie is somebody between two steps of a sign-in, errandCookie somebody who is at their provider.
	secondCookie = "__Host-homeward-admin-second"
	errandCookie = "__Host-homeward-admin-errand"
	// pollHeader marks a request that a page makes by itself: it is no use of the session.
	pollHeader = "Homeward-Refresh"

	maxForm = 16 << 10

	signInPath   = "/admin/sign-in"
	setUpPath    = "/admin/set-up/"
	accountPath  = "/admin/account"
	overviewPath = "/admin"
	onpremPath   = "/admin/password-reset/onprem"
	agentsPath   = "/admin/agents"
	auditPath    = "/admin/audit"
	setupPath    = "/admin/setup"
)

// Fleet is what operators do to agents.
type Fleet interface {
	Drain(ctx context.Context, tenantID, id, operator string, force bool) error
	Resume(ctx context.Context, tenantID, id, operator string) error
	Revoke(ctx context.Context, tenantID, id, operator, why string) error
	AcceptMove(ctx context.Context, tenantID, id, operator string) (protocol.Machine, error)
}

// Checkups asks agents how they are.
type Checkups interface {
	Of(agent string) fleet.Checkup
	Begin(ctx context.Context, tenantID, id, operator string) error
	Roll(ctx context.Context, tenantID, id, operator string) (keyID string, err error)
}

// Tests makes test writes.
type Tests interface {
	Domains(ctx context.Context, tenantID string) ([]string, error)
	Write(ctx context.Context, tenantID, operator, domain string) (protocol.TestResult, error)
}

// Records reads the audit log.
type Records interface {
	SearchAudit(ctx context.Context, tenant string, q audit.Query) ([]audit.Record, error)
	// CountAudit counts what a query asks for, after its After; one more than most stands for all that are more.
	CountAudit(ctx context.Context, tenant string, q audit.Query, most int) (int, error)
	AuditRow(ctx context.Context, tenant string, seq int64) ([]audit.Record, error)
	Records(ctx context.Context, tenant, support string) ([]audit.Record, error)
}

// Names finds who a record speaks of.
type Names interface {
	FindPeople(ctx context.Context, tenant, typed string) ([]provision.Person, error)
	Person(ctx context.Context, tenant, id string) (provision.Person, error)
	PeopleByID(ctx context.Context, tenant string, ids []string) ([]provision.Person, error)
	Agents(ctx context.Context, tenant string) ([]enrol.Agent, error)
}

// Site answers for the admin portal's pages.
type Site struct {
	Operators *operator.Service
	Fleet     Fleet
	Tests     Tests
	Checkups  Checkups
	Records   Records
	Names     Names
	Reports   Reports
	Sync      Sync
	// Helpdesk finds people and acts on them.
	Helpdesk *helpdesk.Service
	// States asks a domain's directory how people's accounts stand at this moment; nil: nobody can be asked.
	States func(ctx context.Context, tenantID, domain string, objects []string) (map[string]protocol.AccountState, error)
	// Written counts what each agent has written within the last day.
	Written func(ctx context.Context, tenantID string) ([]report.Written, error)
	// Which asks a domain's directory whose accounts stand in a certain way at this moment; nil: nobody can be asked.
	Which func(ctx context.Context, tenantID, domain string, standing protocol.Standing) (objects []string, more bool, err error)
	// Rules asks a domain's directory for its password policies; nil: nobody can be asked.
	Rules func(ctx context.Context, tenantID, domain string) (protocol.RulesAnswer, error)
	// Trip measures the way to a tenant's agents; nil: it isn't measured.
	Trip func(ctx context.Context, tenantID string) (fleet.Trip, error)
	// Certificate is until when the portal's own certificate is valid; zero: somebody else ends TLS. Nil: the same.
	Certificate func() time.Time
	// People counts a tenant's people.
	People func(ctx context.Context, tenantID string) (int, error)
	// Code makes a one-time code for a new agent.
	Code func(ctx context.Context, tenantID string) (string, time.Time, error)
	// Status says whether writeback works, from what is true now.
	Status func(ctx context.Context, t tenant.Tenant) (status.Report, error)
	// Change changes a tenant's settings, all or nothing.
	Change func(ctx context.Context, tenantID string, change func(*tenant.Settings) error) error
	// Record appends to a tenant's audit log.
	Record func(ctx context.Context, tenantID string, r audit.Record)
	// Tenant returns an operator's tenant; Home the one whose pages a request without one is for.
	Tenant func(ctx context.Context, id string) (tenant.Tenant, error)
	Home   func(r *http.Request) (tenant.Tenant, error)
	// Provider is where operators may sign in instead of here.
	Provider Provider
	// Desk is what the pages of settings, licences and operators stand on beside Change.
	Desk Desk

	Engine  *web.Engine
	Assets  *web.Assets
	Catalog *locale.Catalog
	BaseURL string
	Version string
	Now     func() time.Time
	Log     *slog.Logger

	counted shorts
	told    rulings
}

// route is one thing that can be asked for.
type route struct {
	pattern string
	needs   operator.Permission
	handle  func(v *visit) error
}

// routes is the whole table: what isn't in it isn't served.
func routes() []route {
	return slices.Concat(
		firstRoutes(), agentRoutes(), userRoutes(), userExportRoutes(), auditExportRoutes(), reportRoutes(), syncRoutes(), settingsRoutes(), remindRoutes(), tryRoutes(), licenceRoutes(), operatorRoutes(),
		signInRoutes(), factorRoutes(), providerRoutes(),
	)
}

func firstRoutes() []route {
	return []route{
		{"GET " + setUpPath + "{link}", operator.Public, (*visit).getSetUp},
		{"POST " + setUpPath + "{link}", operator.Public, (*visit).postSetUp},

		{"POST /admin/sign-out", operator.Account, (*visit).postSignOut},
		{"POST " + accountPath + "/sessions/end", operator.Account, (*visit).postEnd},
		{"POST " + accountPath + "/sessions/end-others", operator.Account, (*visit).postEndOthers},

		{"GET " + overviewPath, operator.ReadOverview, (*visit).getOverview},
		{"GET " + overviewPath + "/{$}", operator.ReadOverview, func(v *visit) error { return v.seeOther(overviewPath) }},
		{"POST /admin/test-write", operator.TestWrite, (*visit).postTest},

		{"GET " + onpremPath, operator.ReadIntegration, (*visit).getOnprem},
		{"POST " + onpremPath, operator.ChangeIntegration, (*visit).postOnprem},

		{"GET " + agentsPath, operator.ReadAgents, (*visit).getAgents},
		{"POST " + agentsPath + "/codes", operator.ChangeAgents, (*visit).postCode},
		{"GET " + agentsPath + "/{id}", operator.ReadAgents, (*visit).getAgent},
		{"POST " + agentsPath + "/{id}/drain", operator.ChangeAgents, (*visit).postDrain},
		{"POST " + agentsPath + "/{id}/resume", operator.ChangeAgents, (*visit).postResume},
		{"POST " + agentsPath + "/{id}/accept-move", operator.ChangeAgents, (*visit).postMove},
		{"POST " + agentsPath + "/{id}/cut-off", operator.ChangeAgents, (*visit).postCutOff},

		{"GET " + setupPath, operator.ReadOverview, (*visit).getChecklist},

		{"GET " + auditPath, operator.ReadAudit, (*visit).getAudit},
		{"GET " + auditPath + "/{id}", operator.ReadAudit, (*visit).getEvent},
	}
}

// Rule is one line of the table of routes, for the reference and for the test that walks it.
type Rule struct {
	Pattern string
	Needs   operator.Permission
}

// Rules lists every route and what it needs. Static files, which tell nothing, are not in it.
func Rules() []Rule {
	var out []Rule
	for _, r := range routes() {
		out = append(out, Rule{r.pattern, r.needs})
	}
	return out
}

// Handler returns the admin portal's routes.
func (s *Site) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+staticPath, s.Assets)
	for _, r := range routes() {
		mux.Handle(r.pattern, s.page(r.needs, r.handle))
	}
	mux.Handle("/", s.page(operator.Public, func(v *visit) error { return errNoPage }))
	return http.NewCrossOriginProtection().Handler(web.Secure(mux))
}

// visit is one request on its way through a handler.
type visit struct {
	*Site
	w       http.ResponseWriter
	r       *http.Request
	tenant  tenant.Tenant
	by      operator.Operator
	session operator.Session
	frame   Frame
}

var (
	errNoPage    = errors.New("no such page")
	errForm      = errors.New("form can't be read")
	errForbidden = errors.New("not allowed")
)

func (v *visit) ctx() context.Context { return v.r.Context() }

// page wraps a handler: who asks, whether they may, language, body limit, and one place for everything that goes wrong.
func (s *Site) page(needs operator.Permission, handle func(v *visit) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, bodyLimit(r))
		v := &visit{Site: s, w: w, r: r}
		if v.chooseLanguage() {
			return
		}
		v.frame = Frame{Localizer: v.language(), Path: r.URL.Path, Languages: s.Catalog.Languages(), Version: s.Version, Now: s.Now()}
		err := v.enter(r.Context(), needs)
		if err == nil {
			err = handle(v)
		}
		if err != nil {
			v.fail(err)
		}
	})
}

// enter finds out who asks and whether they may.
func (v *visit) enter(ctx context.Context, needs operator.Permission) (err error) {
	if needs == operator.Public {
		v.tenant, err = v.Home(v.r)
		v.frame.TenantName, v.frame.Location = v.tenant.Name, v.tenant.Settings.Location()
		return err
	}
	if err := v.signedIn(ctx); err != nil {
		return err
	}
	if v.tenant, err = v.Tenant(ctx, v.by.Tenant); err != nil {
		return err
	}
	v.frame.TenantName, v.frame.Location, v.frame.Operator = v.tenant.Name, v.tenant.Settings.Location(), v.by
	v.frame.Licences = v.tenant.Settings.LicencesNeeded
	if !v.by.Role.May(needs) {
		v.Log.Warn("not allowed", "route", v.r.Pattern, "operator", v.by.Name)
		v.look(ctx)
		return errForbidden
	}
	v.look(ctx)
	v.frame.Path, v.frame.Poll = v.shown()
	return nil
}

// shown is the address under which what is shown can be asked for again, also when a form was sent.
func (v *visit) shown() (path, again string) {
	path = v.r.URL.Path
	if v.r.Method == http.MethodGet {
		return path, v.r.URL.RequestURI()
	}
	id := v.r.PathValue("id")
	if id != "" && strings.HasPrefix(path, usersPath+"/") {
		return userPath(id), ""
	}
	if id != "" {
		path = agentsPath + "/" + url.PathEscape(id)
	}
	path = strings.TrimSuffix(path, "/codes")
	return path, path
}

// signedIn finds the operator of the browser's cookie.
func (v *visit) signedIn(ctx context.Context) (err error) {
	v.by, v.session, err = v.Operators.Session(ctx, v.cookie(sessionCookie), v.r.Header.Get(pollHeader) == "")
	return err
}

// look asks whether writeback works: every page says so. A page is shown all the same when that can't be found out.
func (v *visit) look(ctx context.Context) {
	r, err := v.Status(ctx, v.tenant)
	v.frame.Report, v.frame.Known = r, err == nil
	if err != nil {
		if ctx.Err() == nil {
			v.Log.Error("status can't be told", "error", err)
		}
		return
	}
	v.frame.Domains = nil
	if v.frame.CanSeeSync() {
		if v.frame.Waits, err = v.Sync.Engine.Waits(ctx, v.tenant.ID); err != nil && ctx.Err() == nil {
			v.Log.Error("what waits for a decision can't be told", "error", err)
		}
	}
	for _, d := range r.Domains {
		v.frame.Domains = append(v.frame.Domains, d.Name)
	}
}

// chooseLanguage turns ?mkt= into a cookie and shows the same page without it.
func (v *visit) chooseLanguage() bool {
	q := v.r.URL.Query()
	if !q.Has("mkt") || v.r.Method != http.MethodGet {
		return false
	}
	lang := v.Catalog.For(v.r.Header.Get("Accept-Language"), q.Get("mkt"), "").Lang()
	http.SetCookie(v.w, &http.Cookie{
		Name: languageCookie, Value: lang, Path: "/", Secure: true, HttpOnly: true,
		SameSite: http.SameSiteLaxMode, MaxAge: int((365 * 24 * time.Hour).Seconds()),
	})
	q.Del("mkt")
	target := url.URL{Path: v.r.URL.Path, RawQuery: q.Encode()}
	http.Redirect(v.w, v.r, target.RequestURI(), http.StatusSeeOther)
	return true
}

func (v *visit) language() locale.Localizer {
	chosen := ""
	if c, err := v.r.Cookie(languageCookie); err == nil {
		chosen = c.Value
	}
	return v.Catalog.For(v.r.Header.Get("Accept-Language"), "", chosen)
}

// fail turns an error into the page it deserves. Only unexpected ones are logged, without what was typed.
func (v *visit) fail(err error) {
	var tooLarge *http.MaxBytesError
	limited, many := errors.AsType[*operator.LimitError](err)
	if other, ok := errors.AsType[*reset.LimitError](err); ok {
		limited, many = &operator.LimitError{Until: other.Until}, true
	}
	kept, isBarred := errors.AsType[*helpdesk.BarredError](err)
	var sent error
	switch {
	case isBarred:
		sent = v.message(http.StatusForbidden, MessagePage{Kind: barred, Why: barWord(kept.Bar)})
	case errors.Is(err, helpdesk.ErrUsed):
		sent = v.message(http.StatusConflict, MessagePage{Kind: usedUp})
	case errors.Is(err, helpdesk.ErrNoPerson), errors.Is(err, reset.ErrNoPerson), errors.Is(err, reset.ErrNoSession):
		sent = v.message(http.StatusNotFound, MessagePage{Kind: notFound})
	case errors.Is(err, operator.ErrNoSession):
		v.leave()
		return
	case errors.Is(err, operator.ErrNotFresh):
		v.confirmFirst()
		return
	case errors.Is(err, operator.ErrStale):
		sent = v.message(http.StatusGone, MessagePage{Kind: stale})
	case many:
		wait := max(limited.Until.Sub(v.Now()), time.Second)
		v.w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
		sent = v.message(http.StatusTooManyRequests, MessagePage{Kind: tooMany, Wait: wait})
	case errors.Is(err, operator.ErrLink):
		sent = v.message(http.StatusGone, MessagePage{Kind: linkOver})
	case errors.Is(err, errForbidden):
		sent = v.message(http.StatusForbidden, MessagePage{Kind: forbidden})
	case errors.Is(err, errNoPage):
		sent = v.message(http.StatusNotFound, MessagePage{Kind: notFound})
	case errors.As(err, &tooLarge), errors.Is(err, errForm):
		sent = v.message(http.StatusBadRequest, MessagePage{Kind: notFound})
	case errors.Is(err, context.Canceled), errors.Is(err, web.ErrGone):
		return
	default:
		v.Log.Error("admin page failed", "route", v.r.Pattern, "error", err)
		sent = v.message(http.StatusInternalServerError, MessagePage{Kind: broken})
	}
	if sent != nil && !errors.Is(sent, web.ErrGone) && v.ctx().Err() == nil {
		v.Log.Warn("answer couldn't be sent", "route", v.r.Pattern, "error", sent)
	}
}

// leave sends somebody who isn't signed in to the page where they do so, and afterwards back here.
func (v *visit) leave() {
	if v.r.Header.Get(pollHeader) != "" {
		v.w.WriteHeader(http.StatusUnauthorized) // the script goes to the sign-in by itself
		return
	}
	target := signInPath
	if v.r.Method == http.MethodGet && v.r.URL.Path != overviewPath {
		target += "?" + url.Values{"next": {v.r.URL.RequestURI()}}.Encode()
	}
	http.Redirect(v.w, v.r, target, http.StatusSeeOther)
}

// inside returns an address of this portal, or the overview for any other.
func inside(next string) string {
	u, err := url.Parse(next)
	const most = 500
	if err != nil || u.IsAbs() || u.Host != "" || len(next) > most || strings.ContainsAny(next, "\\\r\n") || strings.Contains(u.Path, "//") ||
		u.Path != overviewPath && !strings.HasPrefix(u.Path, overviewPath+"/") {
		return overviewPath
	}
	return u.RequestURI()
}

func (v *visit) form() error {
	if err := v.r.ParseForm(); err != nil {
		return errors.Join(errForm, err)
	}
	return nil
}

func (v *visit) render(status int, p web.Page) error { return v.Engine.Render(v.w, status, p) }

func (v *visit) seeOther(path string) error {
	http.Redirect(v.w, v.r, path, http.StatusSeeOther)
	return nil
}

// visitor is the browser that asks. What proxies say, web.Front has judged.
func (v *visit) visitor() operator.Visit {
	host, _, err := net.SplitHostPort(v.r.RemoteAddr)
	if err != nil {
		host = v.r.RemoteAddr
	}
	return operator.Visit{Address: host, Browser: v.r.UserAgent(), Tenant: v.tenant.ID, Device: v.cookie(deviceCookie)}
}

// remember gives the browser a session's cookie; the empty one takes it away.
func (v *visit) remember(cookie string) { v.give(sessionCookie, cookie, http.SameSiteStrictMode, 0) }

// give sets a cookie of this host, for so long or until the browser ends; the empty one is taken away.
func (v *visit) give(name, value string, site http.SameSite, life time.Duration) {
	c := &http.Cookie{Name: name, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: site, MaxAge: int(life.Seconds())} //nolint:gosec // SameSite is given, Lax or Strict
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(v.w, c)
}

// cookie is what the browser carries under a name.
func (v *visit) cookie(name string) string {
	c, err := v.r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}
