package admin

import (
	"errors"
	"net/http"
	"strings"

	"homeward/internal/server/operator"
)

// AccountPage shows who has signed in and where: GET /admin/account.
type AccountPage struct {
	Frame

	Sessions []operator.Session
	Current  string // id of this browser's
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

func (v *visit) getAccount() error {
	all, err := v.Operators.List(v.ctx(), v.by)
	if err != nil {
		return err
	}
	return v.render(http.StatusOK, AccountPage{Frame: v.frame, Sessions: all, Current: v.session.ID})
}

func (v *visit) postSignOut() error {
	if err := v.Operators.End(v.ctx(), v.by, v.session.ID); err != nil && !errors.Is(err, operator.ErrNotFound) {
		return err
	}
	v.remember("")
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
