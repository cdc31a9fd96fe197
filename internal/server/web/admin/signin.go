package admin

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/boombuler/barcode/qr"

	"homeward/internal/server/operator"
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

// SignInPage asks for name, password and code at once: GET and POST /admin/sign-in.
type SignInPage struct {
	Frame

	Name     string // as typed
	Next     string
	Problems Problems
}

// Template names the page's file.
func (SignInPage) Template() string { return "signin" }

// Title is the page's one h1.
func (p SignInPage) Title() string { return p.T("admin.signin.title") }

// Problem reports whether the last try was refused.
func (p SignInPage) Problem() bool { return len(p.Problems) > 0 }

func (v *visit) getSignIn() error {
	next := inside(v.r.URL.Query().Get("next"))
	if v.signedIn(v.ctx()) == nil {
		return v.seeOther(next)
	}
	return v.render(http.StatusOK, SignInPage{Frame: v.frame, Next: next})
}

func (v *visit) postSignIn() error {
	if err := v.form(); err != nil {
		return err
	}
	f := v.r.PostForm
	next := inside(f.Get("next"))
	password := []byte(f.Get("password"))
	defer clear(password)
	cookie, err := v.Operators.SignIn(v.ctx(), f.Get("name"), password, f.Get("code"), v.visitor())
	if errors.Is(err, operator.ErrRefused) {
		return v.render(http.StatusUnprocessableEntity, SignInPage{
			Frame: v.frame, Name: f.Get("name"), Next: next, Problems: Problems{{"password", v.frame.T("admin.signin.refused")}},
		})
	}
	if err != nil {
		return err
	}
	v.replace(cookie)
	return v.seeOther(next)
}

// replace begins a new session in this browser; one that it had ends.
func (v *visit) replace(cookie string) {
	if v.signedIn(v.ctx()) == nil {
		if err := v.Operators.End(v.ctx(), v.by, v.session.ID); err != nil {
			v.Log.Warn("the session before couldn't be ended", "error", err)
		}
	}
	v.remember(cookie)
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
func (p SetUpPage) Secret() string {
	var b strings.Builder
	for i, c := range p.Pending.Secret {
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

// Picture is the secret as an authenticator app reads it. A picture that can't be drawn is left out: the text is there.
func (p SetUpPage) Picture() *Picture {
	code, err := qr.Encode(p.Pending.Address, qr.M, qr.Auto)
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
	v.replace(cookie)
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
