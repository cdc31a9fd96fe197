package admin

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/boombuler/barcode/qr"

	"homeward/internal/server/operator"
	"homeward/internal/server/verify"
)

// FieldError is one mistake: the id of the field it belongs to, and the sentence.
type FieldError struct{ Field, Text string }

// Problems are the mistakes of a form. The same words stand in the summary and at the field.
type Problems []FieldError

// At returns the sentence for one field, or nothing.
func (p Problems) At(field string) string {
	for _, e := range p {
		if e.Field == field {
			return e.Text
		}
	}
	return ""
}

// SignInPage asks for name, password and code at once, or for a passkey alone: GET and POST /admin/sign-in.
type SignInPage struct {
	Frame

	Name     string // as typed
	Next     string
	Problems Problems
	// Token and Options are the question for a passkey; empty where passkeys can't work.
	Token, Options string
	// Provider is what the tenant's OpenID provider is called, and ProviderPath where it is; empty: there is none.
	Provider, ProviderPath string
}

// Template names the page's file.
func (SignInPage) Template() string { return "signin" }

// Title is the page's one h1.
func (p SignInPage) Title() string { return p.T("admin.signin.title") }

// Problem reports whether the last try was refused.
func (p SignInPage) Problem() bool { return len(p.Problems) > 0 }

// Scripts talk to the browser's passkeys.
func (p SignInPage) Scripts() []string { return withPasskeys(p.Frame, p.Options) }

func signInRoutes() []route {
	return []route{
		{"GET " + signInPath, operator.Public, (*visit).getSignIn},
		{"POST " + signInPath, operator.Public, (*visit).postSignIn},
		{"POST " + signInPath + "/passkey", operator.Public, (*visit).postPasskey},
		{"GET " + secondPath, operator.Public, (*visit).getSecond},
		{"POST " + secondPath, operator.Public, (*visit).postSecond},
	}
}

// signIn shows the page, with a fresh question for a passkey.
func (v *visit) signIn(status int, p SignInPage) error {
	token, options, err := v.Operators.Question()
	if err != nil {
		return err
	}
	p.Frame, p.Token, p.Options = v.frame, token, string(options)
	if c := v.tenant.Settings.Provider; c.On() {
		p.Provider = c.Title()
		p.ProviderPath = ProviderPath(v.tenant.ID) + "?" + url.Values{"next": {p.Next}}.Encode()
	}
	return v.render(status, p)
}

func (v *visit) getSignIn() error {
	next := inside(v.r.URL.Query().Get("next"))
	if v.signedIn(v.ctx()) == nil {
		return v.seeOther(next)
	}
	return v.signIn(http.StatusOK, SignInPage{Next: next})
}

func (v *visit) postSignIn() error {
	if err := v.form(); err != nil {
		return err
	}
	f := v.r.PostForm
	next, name, code := inside(f.Get("next")), f.Get("name"), f.Get("code")
	password := []byte(f.Get("password"))
	defer clear(password)
	if name != "" && len(password) > 0 && strings.TrimSpace(code) == "" {
		pending, err := v.Operators.Begin(v.ctx(), name, password, v.visitor())
		if err != nil {
			return err
		}
		return v.toSecond(pending, next)
	}
	cookie, err := v.Operators.SignIn(v.ctx(), name, password, code, v.visitor())
	if errors.Is(err, operator.ErrRefused) {
		return v.signIn(http.StatusUnprocessableEntity, SignInPage{
			Name: name, Next: next, Problems: Problems{{"password", v.frame.T("admin.signin.refused")}},
		})
	}
	if err != nil {
		return err
	}
	return v.enterAt(cookie, next)
}

func (v *visit) postPasskey() error {
	if err := v.form(); err != nil {
		return err
	}
	f := v.r.PostForm
	next := inside(f.Get("next"))
	var cookie string
	err := operator.ErrRefused
	if f.Get("code") != "" { // the browser had nothing to show, or somebody stopped it
		cookie, err = v.Operators.SignInByPasskey(v.ctx(), f.Get("token"), f.Get("code"), v.visitor())
	}
	if errors.Is(err, operator.ErrRefused) || errors.Is(err, operator.ErrStale) {
		return v.signIn(http.StatusUnprocessableEntity, SignInPage{Next: next, Problems: Problems{{"use", v.frame.T("passkey.error")}}})
	}
	if err != nil {
		return err
	}
	return v.enterAt(cookie, next)
}

// enterAt begins a session and goes to a page.
func (v *visit) enterAt(cookie, next string) error {
	if err := v.replace(cookie); err != nil {
		return err
	}
	return v.seeOther(next)
}

// replace begins a new session in this browser, which is known from then on; one that it had ends.
func (v *visit) replace(cookie string) error {
	if v.signedIn(v.ctx()) == nil {
		if err := v.Operators.End(v.ctx(), v.by, v.session.ID); err != nil {
			v.Log.Warn("the session before couldn't be ended", "error", err)
		}
	}
	o, _, err := v.Operators.Session(v.ctx(), cookie, false)
	if err != nil {
		return err
	}
	v.remember(cookie)
	if device := v.Operators.Remember(o, v.cookie(deviceCookie)); device != "" {
		v.give(deviceCookie, device, http.SameSiteStrictMode, verify.DeviceLife)
	}
	return nil
}

// SetUpPage asks for a password and shows the second factor's secret: GET and POST /admin/set-up/….
type SetUpPage struct {
	Frame

	Pending  operator.Pending
	Problems Problems
}

// Template names the page's file.
func (SetUpPage) Template() string { return "setup" }

// Title is the page's one h1.
func (p SetUpPage) Title() string { return p.T("admin.setup.title") }

// Problem reports whether something is wrong with what was typed.
func (p SetUpPage) Problem() bool { return len(p.Problems) > 0 }

// Secret is the second factor's secret in groups of four, as people type it.
func (p SetUpPage) Secret() string { return grouped(p.Pending.Secret) }

func grouped(secret string) string {
	var b strings.Builder
	for i, c := range secret {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// Picture is a QR code as the squares of an SVG path.
type Picture struct {
	Size int
	Path string
}

// Picture is the secret as an authenticator app reads it.
func (p SetUpPage) Picture() *Picture { return pictured(p.Pending.Address) }

// pictured draws a QR code. One that can't be drawn is left out: the text is there.
func pictured(address string) *Picture {
	code, err := qr.Encode(address, qr.M, qr.Auto)
	if err != nil {
		return nil
	}
	const border = 4 // ISO/IEC 18004: the quiet zone
	size := code.Bounds().Dx()
	var b strings.Builder
	for y := range size {
		for x := range size {
			if r, _, _, _ := code.At(x, y).RGBA(); r == 0 {
				fmt.Fprintf(&b, "M%d %dh1v1h-1z", x+border, y+border)
			}
		}
	}
	return &Picture{Size: size + 2*border, Path: b.String()}
}

func (v *visit) getSetUp() error {
	p, err := v.Operators.Pending(v.ctx(), v.r.PathValue("link"), v.issuer())
	if err != nil {
		return err
	}
	return v.render(http.StatusOK, SetUpPage{Frame: v.frame, Pending: p})
}

// issuer is how an authenticator app names the account.
func (v *visit) issuer() string { return "Homeward " + v.tenant.Name }

func (v *visit) postSetUp() error {
	if err := v.form(); err != nil {
		return err
	}
	link, f := v.r.PathValue("link"), v.r.PostForm
	pending, err := v.Operators.Pending(v.ctx(), link, v.issuer())
	if err != nil {
		return err
	}
	again := func(field, id string) error {
		return v.render(http.StatusUnprocessableEntity, SetUpPage{Frame: v.frame, Pending: pending, Problems: Problems{{field, v.frame.T(id)}}})
	}
	if f.Get("password") != f.Get("repeat") {
		return again("repeat", "admin.setup.differ")
	}
	password := []byte(f.Get("password"))
	defer clear(password)
	cookie, recovery, err := v.Operators.SetUp(v.ctx(), link, password, f.Get("code"), v.visitor())
	weak, refused := errors.AsType[*operator.PasswordError](err)
	switch {
	case refused && weak.Short:
		return again("password", "admin.setup.short")
	case refused && weak.Name:
		return again("password", "admin.setup.name")
	case refused:
		return again("password", "admin.setup.long")
	case errors.Is(err, operator.ErrCode):
		return again("code", "admin.setup.wrong")
	case err != nil:
		return err
	}
	if err := v.replace(cookie); err != nil {
		return err
	}
	return v.render(http.StatusOK, CodesPage{Frame: v.frame, Codes: recovery})
}

// CodesPage shows the recovery codes, once.
type CodesPage struct {
	Frame

	Codes []string
}

// Template names the page's file.
func (CodesPage) Template() string { return "codes" }

// Title is the page's one h1.
func (p CodesPage) Title() string { return p.T("admin.codes.title") }
