package admin

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"homeward/internal/server/operator"
	"homeward/internal/server/verify"
)

const (
	secondPath  = signInPath + "/second"
	confirmPath = accountPath + "/confirm"
	// secondLife is how long a browser carries what stands between two steps.
	secondLife = 10 * time.Minute
)

// FactorPage asks for a second factor: of somebody who signs in, and of somebody who is about to change what they sign in with.
// GET and POST /admin/sign-in/second and /admin/account/confirm.
type FactorPage struct {
	Frame

	Confirm        bool // of somebody who is signed in
	Action, Next   string
	Token, Options string // for a passkey; empty: none can be used
	Code           bool   // a code can be typed
	Problems       Problems
}

// Template names the page's file.
func (FactorPage) Template() string { return "factor" }

// Title is the page's one h1.
func (p FactorPage) Title() string { return p.T("admin.factor.title") }

// Crumbs lead to the page.
func (p FactorPage) Crumbs() []Crumb {
	return []Crumb{{p.T("admin.account.title"), accountPath}, {p.Title(), ""}}
}

// Problem reports whether the last try was refused.
func (p FactorPage) Problem() bool { return len(p.Problems) > 0 }

// Scripts talk to the browser's passkeys.
func (p FactorPage) Scripts() []string { return withPasskeys(p.Frame, p.Options) }

// withPasskeys are the scripts of a page that asks for a passkey if there is a question.
func withPasskeys(f Frame, question string) []string {
	if question == "" {
		return f.Scripts()
	}
	return append(f.Scripts(), "passkey.js")
}

// proof reads a second factor out of a form. empty: nothing was typed, or the browser had no passkey to show.
func (v *visit) proof() (p operator.Proof, field string, empty bool) {
	code := v.r.PostForm.Get("code")
	if v.r.PostForm.Get("by") == "passkey" {
		return operator.Proof{Answer: code}, "use", code == ""
	}
	return operator.Proof{Code: code}, "code", v.typed("code") == ""
}

// factorProblem says what was wrong with one.
func (v *visit) factorProblem(field string) Problems {
	if field == "use" {
		return Problems{{field, v.frame.T("passkey.error")}}
	}
	return Problems{{field, v.frame.T("admin.factor.wrong")}}
}

// toSecond goes to the second step of a sign-in.
func (v *visit) toSecond(pending, next string) error {
	v.give(secondCookie, pending, http.SameSiteStrictMode, secondLife)
	return v.seeOther(secondAt(next))
}

func secondAt(next string) string { return secondPath + "?" + url.Values{"next": {next}}.Encode() }

func (v *visit) second(status int, next string, problems Problems) error {
	options, err := v.Operators.Asked(v.cookie(secondCookie))
	if err != nil {
		return err
	}
	return v.render(status, FactorPage{Frame: v.frame, Action: secondPath, Next: next, Options: string(options), Code: true, Problems: problems})
}

func (v *visit) getSecond() error {
	return v.second(http.StatusOK, inside(v.r.URL.Query().Get("next")), nil)
}

func (v *visit) postSecond() error {
	if err := v.form(); err != nil {
		return err
	}
	next := inside(v.r.PostForm.Get("next"))
	proof, field, empty := v.proof()
	if empty {
		return v.second(http.StatusUnprocessableEntity, next, v.factorProblem(field))
	}
	cookie, err := v.Operators.Finish(v.ctx(), v.cookie(secondCookie), proof, v.visitor())
	switch {
	case errors.Is(err, operator.ErrRefused):
		return v.second(http.StatusUnprocessableEntity, next, Problems{{field, v.frame.T("admin.factor.refused")}})
	case errors.Is(err, operator.ErrTaken):
		return v.message(http.StatusConflict, MessagePage{Kind: taken})
	case err != nil:
		return err
	}
	v.give(secondCookie, "", http.SameSiteStrictMode, 0)
	return v.enterAt(cookie, next)
}

// confirmFirst asks who somebody is, and comes back to the page they wanted; what a form held must be sent anew.
func (v *visit) confirmFirst() {
	next := accountPath
	if v.r.Method == http.MethodGet {
		next = v.r.URL.RequestURI()
	}
	http.Redirect(v.w, v.r, confirmPath+"?"+url.Values{"next": {next}}.Encode(), http.StatusSeeOther)
}

func (v *visit) confirm(status int, next string, problems Problems) error {
	p := FactorPage{Frame: v.frame, Confirm: true, Action: confirmPath, Next: next, Code: v.by.Password != "", Problems: problems}
	p.Path, p.Poll = confirmPath, ""
	if v.by.Passkeys > 0 {
		token, options, err := v.Operators.Question()
		if err != nil {
			return err
		}
		p.Token, p.Options = token, string(options)
	}
	return v.render(status, p)
}

func (v *visit) getConfirm() error {
	next := inside(v.r.URL.Query().Get("next"))
	if v.Operators.Fresh(v.session) {
		return v.seeOther(next)
	}
	return v.confirm(http.StatusOK, next, nil)
}

func (v *visit) postConfirm() error {
	if err := v.form(); err != nil {
		return err
	}
	next := inside(v.r.PostForm.Get("next"))
	proof, field, empty := v.proof()
	if empty {
		return v.confirm(http.StatusUnprocessableEntity, next, v.factorProblem(field))
	}
	err := v.Operators.Confirm(v.ctx(), v.by, v.session, v.r.PostForm.Get("token"), proof, v.visitor())
	if errors.Is(err, operator.ErrCode) || errors.Is(err, verify.ErrPasskey) || errors.Is(err, operator.ErrStale) {
		return v.confirm(http.StatusUnprocessableEntity, next, v.factorProblem(field))
	}
	if err != nil {
		return err
	}
	return v.seeOther(next)
}
