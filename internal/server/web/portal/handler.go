package portal

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/locale"
	"homeward/internal/server/objection"
	"homeward/internal/server/registration"
	"homeward/internal/server/reset"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
	"homeward/internal/server/web"
)

const (
	// sessionCookie is bound to this very host by its prefix (RFC 6265bis 4.1.3.2).
	sessionCookie  = "__Host-homeward"
	languageCookie = "__Host-homeward-language"
	// knownCookie is by which a browser is recognised that somebody has proven who they are in. It opens nothing.
	knownCookie = "__Host-homeward-known"

	maxForm = 16 << 10
	// pollWait is how long a status poll waits for news before it says that there is none.
	pollWait = 900 * time.Millisecond
)

// Site answers for the portal's pages.
type Site struct {
	Resets *reset.Service
	// Registration keeps people's security info.
	Registration *registration.Service
	// Objections act on the links of messages.
	Objections *objection.Service
	Engine     *web.Engine
	Assets     *web.Assets
	Catalog    *locale.Catalog
	// Tenant finds whose portal a request is for.
	Tenant func(r *http.Request) (tenant.Tenant, error)
	// Since tells when the tenant's directory was last heard.
	Since func(ctx context.Context, tenantID string) (time.Time, error)
	// Picture returns a tenant's logo by its hash.
	Picture func(ctx context.Context, tenantID, hash string) ([]byte, error)
	// Told reports whether the tenant's administrators were told that writeback stopped; nil: they never are.
	Told func(ctx context.Context, tenantID string) (bool, error)
	Now  func() time.Time
	Log  *slog.Logger
}

// Handler returns the portal's routes.
func (s *Site) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+web.StaticPath, s.Assets)
	mux.Handle("GET "+sheetPath, s.page((*visit).getSheet))
	mux.Handle("GET "+logoPath, s.page((*visit).getLogo))
	mux.Handle("GET /{$}", s.page(func(v *visit) error { return v.seeOther(startPath) }))
	mux.Handle("GET "+startPath, s.page((*visit).getStart))
	mux.Handle("POST "+startPath, s.page((*visit).postStart))
	mux.Handle("GET "+changePath, s.page((*visit).getChange))
	mux.Handle("POST "+changePath, s.page((*visit).postChange))
	mux.Handle("GET "+verifyPath, s.page((*visit).getMethod))
	mux.Handle("POST "+verifyPath, s.page((*visit).postMethod))
	mux.Handle("GET "+verifyPath+"/code", s.page((*visit).getCode))
	mux.Handle("POST "+verifyPath+"/code", s.page((*visit).postCode))
	mux.Handle("POST "+verifyPath+"/resend", s.page((*visit).postResend))
	s.infoRoutes(mux)
	s.notMeRoutes(mux)
	mux.Handle("GET /password", s.page((*visit).getPassword))
	mux.Handle("POST /password/ticket", s.page((*visit).postTicket))
	mux.Handle("POST /password/extend", s.page((*visit).postExtend))
	mux.Handle("POST /password", s.page((*visit).postPassword))
	mux.Handle("GET /status/{id}", s.page((*visit).getStatus))
	mux.Handle("/", s.page(func(v *visit) error { return v.message(http.StatusNotFound, MessagePage{Kind: NotFound}) }))
	return http.NewCrossOriginProtection().Handler(web.Secure(mux))
}

// visit is one request on its way through a handler.
type visit struct {
	*Site
	w      http.ResponseWriter
	r      *http.Request
	tenant tenant.Tenant
	frame  Frame
}

func (v *visit) ctx() context.Context { return v.r.Context() }

// page wraps a handler: tenant, language, body limit, and one place for everything that goes wrong.
func (s *Site) page(handle func(v *visit) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		v := &visit{Site: s, w: w, r: r}
		t, err := s.Tenant(r)
		v.tenant = t
		if err == nil && v.chooseLanguage() {
			return
		}
		v.frame = s.frame(t, v.language(), r)
		if err == nil {
			err = handle(v)
		}
		if err != nil {
			v.fail(err) //nolint:contextcheck // of the request, which v carries
		}
	})
}

// languageKey is the field's name for a choice of language: ?mkt=de-DE.
const languageKey = "mkt"

// chooseLanguage turns ?mkt= into a cookie and shows the same page without it.
func (v *visit) chooseLanguage() bool {
	q := v.r.URL.Query()
	if !q.Has(languageKey) || v.r.Method != http.MethodGet {
		return false
	}
	v.keepLanguage(q.Get(languageKey))
	q.Del(languageKey)
	target := *v.r.URL
	target.RawQuery = q.Encode()
	target.Scheme, target.Host = "", ""
	http.Redirect(v.w, v.r, target.RequestURI(), http.StatusSeeOther)
	return true
}

// keepLanguage remembers a choice for the visit. One that is none of ours leaves what was chosen or asked for before.
func (v *visit) keepLanguage(choice string) locale.Localizer {
	l := v.Catalog.For(v.r.Header.Get("Accept-Language"), choice, v.chosen())
	http.SetCookie(v.w, &http.Cookie{Name: languageCookie, Value: l.Lang(), Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	return l
}

// otherLanguage reports whether a form was sent to see its page in another language, with all that was typed. From
// then on the visit speaks it.
func (v *visit) otherLanguage() bool {
	if !v.r.PostForm.Has(languageKey) {
		return false
	}
	v.frame.Localizer = v.keepLanguage(v.r.PostForm.Get(languageKey))
	return true
}

func (v *visit) language() locale.Localizer {
	return v.Catalog.For(v.r.Header.Get("Accept-Language"), "", v.chosen())
}

// chosen is what was chosen earlier in the visit.
func (v *visit) chosen() string {
	c, err := v.r.Cookie(languageCookie)
	if err != nil {
		return ""
	}
	return c.Value
}

func (s *Site) frame(t tenant.Tenant, l locale.Localizer, r *http.Request) Frame {
	help := t.Settings.HelpURL
	if help == "" && t.Settings.HelpdeskMail != "" {
		help = "mailto:" + t.Settings.HelpdeskMail
	}
	return Frame{
		Localizer: l, TenantName: t.Name, HelpPhone: t.Settings.HelpdeskPhone, HelpURL: help, HelpMail: t.Settings.HelpdeskMail,
		SignInURL: t.Settings.SignInURL, Languages: s.Catalog.Languages(), Path: r.URL.Path, Look: lookOf(t),
	}
}

// fail turns an error into the page it deserves. Only unexpected ones are logged, without what was typed.
func (v *visit) fail(err error) {
	var limited *reset.LimitError
	var tooLarge *http.MaxBytesError
	var sent error
	switch {
	case errors.As(err, &limited):
		wait := max(limited.Until.Sub(v.Now()), 0)
		v.w.Header().Set("Retry-After", retryAfter(wait))
		sent = v.message(http.StatusTooManyRequests, MessagePage{Kind: TooMany, Wait: wait})
	case errors.Is(err, reset.ErrTooMany):
		sent = v.message(http.StatusTooManyRequests, MessagePage{Kind: TooMany, Wait: 15 * time.Minute})
	case errors.Is(err, reset.ErrExpired):
		v.timedOut()
		sent = v.render(http.StatusGone, StatusPage{Frame: v.frame, State: Expired, Now: v.Now(), Location: v.location()})
	case errors.Is(err, reset.ErrNoSession), errors.Is(err, reset.ErrState), errors.Is(err, reset.ErrConflict):
		sent = v.message(http.StatusGone, MessagePage{Kind: SessionOver})
	case errors.As(err, &tooLarge), errors.Is(err, errForm):
		sent = v.message(http.StatusBadRequest, MessagePage{Kind: NotFound})
	case errors.Is(err, context.Canceled), errors.Is(err, web.ErrGone):
		return
	default:
		v.Log.Error("page failed", "route", v.r.Pattern, "error", err)
		sent = v.message(http.StatusInternalServerError, MessagePage{Kind: Broken})
	}
	if sent != nil && !errors.Is(sent, web.ErrGone) && v.ctx().Err() == nil {
		v.Log.Warn("answer couldn't be sent", "route", v.r.Pattern, "error", sent)
	}
}

// timedOut records whose page was open for too long.
func (v *visit) timedOut() {
	if a, err := v.attempt(); errors.Is(err, reset.ErrExpired) && a.ID != "" {
		v.Resets.Refusal(v.ctx(), a, reset.ReasonTimedOut)
	}
}

// retryAfter is the Retry-After header's form of a wait: whole seconds.
func retryAfter(wait time.Duration) string {
	return strconv.Itoa(int((wait + time.Second - 1) / time.Second))
}

// errForm reports a form that cannot be read.
var errForm = errors.New("form can't be read")

func (v *visit) form() error {
	if err := v.r.ParseForm(); err != nil {
		return errors.Join(errForm, err)
	}
	return nil
}

func (v *visit) render(status int, p web.Page) error { return v.Engine.Render(v.w, status, p) }

// message sends a plain page; scripts that asked for JSON get the status with the way on.
func (v *visit) message(status int, p MessagePage) error {
	if v.r.Header.Get("HX-Request") == "true" && v.r.Method == http.MethodPost {
		return v.json(status, redirect{"/password"})
	}
	p.Frame = v.frame
	return v.render(status, p)
}

func (v *visit) json(status int, body any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "application/json")
	v.w.WriteHeader(status)
	_, err = v.w.Write(b)
	return err
}

func (v *visit) seeOther(path string) error {
	http.Redirect(v.w, v.r, path, http.StatusSeeOther)
	return nil
}

// attempt returns the attempt of the browser's cookie.
func (v *visit) attempt() (reset.Attempt, error) {
	c, err := v.r.Cookie(sessionCookie)
	if err != nil {
		return reset.Attempt{}, reset.ErrNoSession
	}
	a, err := v.Resets.Session(v.ctx(), v.tenant.ID, c.Value)
	a = v.Resets.Recognise(a, v.known())
	a.Locale = v.frame.Lang() // mails speak the language of the page they follow from,
	a.Zone = v.zone()         // and codes end at the same time
	return a, err
}

// known is what the browser is recognised by.
func (v *visit) known() string {
	c, err := v.r.Cookie(knownCookie)
	if err != nil {
		return ""
	}
	return c.Value
}

// recognise has the browser recognised from now on, once somebody has passed all checks in it.
func (v *visit) recognise(a reset.Attempt) {
	if value := v.Resets.Remember(a, v.known()); value != "" {
		http.SetCookie(v.w, &http.Cookie{
			Name: knownCookie, Value: value, Path: "/", MaxAge: int(verify.DeviceLife / time.Second), Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		})
	}
}

func (v *visit) remember(token string) {
	http.SetCookie(v.w, &http.Cookie{Name: sessionCookie, Value: token, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// address is the visitor's, without port. What proxies say, web.Front has judged.
func (v *visit) address() string {
	host, _, err := net.SplitHostPort(v.r.RemoteAddr)
	if err != nil {
		return v.r.RemoteAddr
	}
	return host
}

// at sends people to where their attempt stands.
func at(a reset.Attempt) string {
	switch a.State {
	case reset.Started:
		return "/verify/" + strconv.Itoa(len(a.Checks.Passed)+1)
	case reset.Verified, reset.Refused:
		switch a.Kind {
		case reset.Register:
			return infoPath
		case protocol.Unlock:
		default:
			return "/password"
		}
	}
	return "/status/" + a.ID
}
