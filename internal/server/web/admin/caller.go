package admin

import (
	"errors"
	"net/http"
	"net/url"

	"homeward/internal/server/reset"
	"homeward/internal/server/verify"
)

// VerifyPage chooses how a caller proves who they are: GET /admin/users/…/verify.
type VerifyPage struct {
	Frame

	Name, PersonPath string
	Ways             []CallerWay
	Problems         Problems
}

// CallerWay is one way.
type CallerWay struct{ Value, Name, Masked string }

// Template names the page's file.
func (VerifyPage) Template() string { return "verify" }

// Title is the page's one h1.
func (p VerifyPage) Title() string { return p.T("admin.help.verify") + ": " + p.Name }

// Problem reports whether the page carries an error.
func (p VerifyPage) Problem() bool { return len(p.Problems) > 0 }

// Crumbs lead to the page.
func (p VerifyPage) Crumbs() []Crumb {
	return []Crumb{{p.T("admin.nav.users"), usersPath}, {p.Name, p.PersonPath}, {p.T("admin.help.verify"), ""}}
}

// CallerPage takes what the caller reads out: GET and POST /admin/users/…/verify/….
type CallerPage struct {
	Frame

	Name, PersonPath, Here string
	To, Support            string // To is empty for an app, which shows a code by itself
	Right                  bool
	Over                   bool // only a new code helps
	Problems               Problems
}

// Template names the page's file.
func (CallerPage) Template() string { return "caller" }

// Title is the page's one h1.
func (p CallerPage) Title() string {
	if p.Right {
		return p.T("admin.caller.right")
	}
	return p.T("admin.help.verify") + ": " + p.Name
}

// Problem reports whether the page carries an error.
func (p CallerPage) Problem() bool { return len(p.Problems) > 0 }

// Crumbs lead to the page.
func (p CallerPage) Crumbs() []Crumb {
	return []Crumb{{p.T("admin.nav.users"), usersPath}, {p.Name, p.PersonPath}, {p.T("admin.help.verify"), ""}}
}

func (v *visit) verifyPage() (VerifyPage, error) {
	id := v.r.PathValue("id")
	ways, err := v.Helpdesk.CallerMethods(v.ctx(), v.tenant, v.by, id)
	if err != nil {
		return VerifyPage{}, err
	}
	one, err := v.Helpdesk.Find(v.ctx(), v.tenant, v.by, id)
	p := VerifyPage{Frame: v.frame, Name: personName(one), PersonPath: userPath(one.ID)}
	for _, w := range ways {
		p.Ways = append(p.Ways, CallerWay{w.Value, p.kind(verify.Kind(w.Kind)), w.Masked})
	}
	return p, err
}

func (v *visit) getVerify() error {
	p, err := v.verifyPage()
	if err != nil {
		return err
	}
	return v.render(http.StatusOK, p)
}

// postVerify sends the code, or has the caller look at their app.
func (v *visit) postVerify() error {
	if err := v.form(); err != nil {
		return err
	}
	p, err := v.verifyPage()
	if err != nil {
		return err
	}
	a, err := v.Helpdesk.Ask(v.ctx(), v.tenant, v.by, v.r.PathValue("id"), v.r.PostForm.Get("way"))
	if errors.Is(err, reset.ErrNoMethod) {
		field := "way"
		if len(p.Ways) > 0 {
			field += "-" + p.Ways[0].Value
		}
		p.Problems = Problems{{Field: field, Text: p.T("admin.caller.choose")}}
		return v.render(http.StatusUnprocessableEntity, p)
	}
	if err != nil {
		return err
	}
	return v.seeOther(p.PersonPath + "/verify/" + url.PathEscape(a.ID))
}

func (v *visit) callerPage() (CallerPage, reset.Attempt, error) {
	id := v.r.PathValue("id")
	one, err := v.Helpdesk.Find(v.ctx(), v.tenant, v.by, id)
	if err != nil {
		return CallerPage{}, reset.Attempt{}, err
	}
	a, m, err := v.Helpdesk.Asked(v.ctx(), v.tenant, v.by, id, v.r.PathValue("attempt"))
	p := CallerPage{
		Frame: v.frame, Name: personName(one), PersonPath: userPath(one.ID), Here: userPath(one.ID) + "/verify/" + url.PathEscape(a.ID), To: m.Masked, Support: a.Support,
		Right: a.State == reset.Verified,
	}
	if m.Kind == string(verify.App) {
		p.To = ""
	}
	return p, a, err
}

func (v *visit) getCaller() error {
	p, _, err := v.callerPage()
	if over(err) {
		return v.seeOther(userPath(v.r.PathValue("id")) + "/verify")
	}
	if err != nil {
		return err
	}
	return v.render(http.StatusOK, p)
}

// over reports whether a question can't be answered any more, so that another one has to be put.
func over(err error) bool {
	return errors.Is(err, reset.ErrExpired) || errors.Is(err, reset.ErrNoMethod)
}

func (v *visit) postCaller() error {
	if err := v.form(); err != nil {
		return err
	}
	p, a, err := v.callerPage()
	if over(err) {
		return v.seeOther(userPath(v.r.PathValue("id")) + "/verify")
	}
	if err != nil {
		return err
	}
	answer, err := v.Helpdesk.Hear(v.ctx(), v.tenant, v.by, v.r.PathValue("id"), a.ID, v.r.PostForm.Get("code"))
	switch {
	case errors.Is(err, verify.ErrNotSix):
		p.Problems = Problems{{Field: "code", Text: p.T("code.error.shape")}}
	case errors.Is(err, reset.ErrState) || errors.Is(err, reset.ErrConflict): // a double click
		return v.seeOther(p.Here)
	case err != nil:
		return err
	case answer.Result == verify.OK:
		return v.seeOther(p.Here)
	case answer.Result == verify.Wrong:
		p.Problems = Problems{{Field: "code", Text: p.T("admin.caller.wrong")}}
	default:
		p.Over = true
		p.Problems = Problems{{Field: "again", Text: p.T("admin.caller.over")}}
	}
	return v.render(http.StatusUnprocessableEntity, p)
}
