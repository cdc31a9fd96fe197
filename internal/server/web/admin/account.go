package admin

import (
	"errors"
	"net/http"
	"strings"

	"homeward/internal/server/operator"
)

// AccountPage shows what somebody signs in with, and where they have: GET /admin/account.
type AccountPage struct {
	Frame

	Sessions []operator.Session
	Current  string // id of this browser's
	Passkeys []operator.Passkey
	Usable   bool   // passkeys work at this server's address
	Provider string // what the tenant's OpenID provider is called; empty: there is none
	Linked   *operator.Identity
	Done     string // what was done, in a word
	Problems Problems
}

// Problem reports whether something was refused.
func (p AccountPage) Problem() bool { return len(p.Problems) > 0 }

// DoneText says what was done.
func (p AccountPage) DoneText() string {
	switch p.Done {
	case "added":
		return p.T("admin.account.done.added")
	case "renamed":
		return p.T("admin.account.done.renamed")
	case "removed":
		return p.T("admin.account.done.removed")
	case "linked":
		return p.T("admin.account.done.linked")
	case "unlinked":
		return p.T("admin.account.done.unlinked")
	}
	return ""
}

// How says what a session was begun with.
func (p AccountPage) How(s operator.Session) string {
	switch s.How {
	case operator.ByPasskey:
		return p.T("admin.account.how.passkey")
	case operator.ByProvider:
		return p.T("admin.account.how.provider")
	case operator.ByPassword:
	}
	return p.T("admin.account.how.password")
}

// Template names the page's file.
func (AccountPage) Template() string { return "account" }

// Title is the page's one h1.
func (p AccountPage) Title() string { return p.T("admin.account.title") }

// Crumbs lead to the page.
func (p AccountPage) Crumbs() []Crumb { return []Crumb{{p.Title(), ""}} }

// Others reports whether the operator has sessions beside this one.
func (p AccountPage) Others() bool { return len(p.Sessions) > 1 }

// Browser names a browser roughly, from its own words.
func (p AccountPage) Browser(s operator.Session) string {
	name := func(pairs ...string) string {
		for i := 0; i+1 < len(pairs); i += 2 {
			if strings.Contains(s.Browser, pairs[i]) {
				return pairs[i+1]
			}
		}
		return ""
	}
	what := name("Edg/", "Edge", "OPR/", "Opera", "Firefox/", "Firefox", "Chrome/", "Chrome", "Safari/", "Safari")
	where := name("Windows", "Windows", "Android", "Android", "iPhone", "iPhone", "iPad", "iPad", "Mac OS X", "macOS", "Linux", "Linux")
	switch {
	case what == "":
		return p.T("admin.account.browser")
	case where == "":
		return what
	}
	return what + ", " + where
}

func (v *visit) account() (AccountPage, error) {
	p := AccountPage{Frame: v.frame, Current: v.session.ID, Usable: v.Operators.Passkeys != nil}
	p.Path, p.Poll = accountPath, ""
	o, err := v.Operators.ByID(v.ctx(), v.by.Tenant, v.by.ID)
	if err != nil {
		return p, err
	}
	p.Operator = o
	if p.Sessions, err = v.Operators.List(v.ctx(), o); err != nil {
		return p, err
	}
	if p.Passkeys, err = v.Operators.PasskeysOf(v.ctx(), o); err != nil {
		return p, err
	}
	c := v.tenant.Settings.Provider
	if !c.On() {
		return p, nil
	}
	p.Provider = c.Title()
	all, err := v.Operators.IdentitiesOf(v.ctx(), o)
	for i := range all {
		if all[i].Issuer == c.Issuer {
			p.Linked = &all[i]
		}
	}
	return p, err
}

func (v *visit) getAccount() error {
	p, err := v.account()
	if err != nil {
		return err
	}
	p.Done = v.r.URL.Query().Get("done")
	return v.render(http.StatusOK, p)
}

// accountAgain shows the page with what went wrong.
func (v *visit) accountAgain(field, text string) error {
	p, err := v.account()
	if err != nil {
		return err
	}
	p.Problems = Problems{{field, text}}
	return v.render(http.StatusUnprocessableEntity, p)
}

func (v *visit) postSignOut() error {
	if err := v.Operators.End(v.ctx(), v.by, v.session.ID); err != nil && !errors.Is(err, operator.ErrNotFound) {
		return err
	}
	v.remember("")
	if v.session.How == operator.ByProvider && v.tenant.Settings.Provider.Logout {
		return v.signedOut()
	}
	return v.seeOther(signInPath)
}

func (v *visit) postEnd() error {
	if err := v.form(); err != nil {
		return err
	}
	err := v.Operators.End(v.ctx(), v.by, v.r.PostForm.Get("session"))
	if err != nil && !errors.Is(err, operator.ErrNotFound) { // ended already: that is what was wanted
		return err
	}
	return v.seeOther(accountPath)
}

func (v *visit) postEndOthers() error {
	if err := v.Operators.EndOthers(v.ctx(), v.by, v.session); err != nil {
		return err
	}
	return v.seeOther(accountPath)
}
