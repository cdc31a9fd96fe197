package admin

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"homeward/internal/server/operator"
)

const operatorsPath = "/admin/operators"

func operatorRoutes() []route {
	return []route{
		{"GET " + operatorsPath, operator.ChangeOperators, (*visit).getOperators},
		{"POST " + operatorsPath + "/invite", operator.ChangeOperators, (*visit).postInvite},
		{"POST " + operatorsPath + "/{id}/role", operator.ChangeOperators, ofOperator((*visit).postRole)},
		{"POST " + operatorsPath + "/{id}/link", operator.ChangeOperators, ofOperator((*visit).postLink)},
		{"POST " + operatorsPath + "/{id}/end", operator.ChangeOperators, ofOperator((*visit).postEndOperator)},
		{"POST " + operatorsPath + "/{id}/disable", operator.ChangeOperators, ofOperator((*visit).postDisable)},
	}
}

// OperatorsPage lists who administers: GET /admin/operators, and what its forms answer.
type OperatorsPage struct {
	Frame

	Rows     []OperatorRow
	Done     string // id of what was done, in words
	Problems Problems
	Name     string // typed for an invitation
	Role     operator.Role
	Link     string // a set-up link, shown once
	For      string // whom it sets up
	Until    time.Time
}

// OperatorRow is one administrator.
type OperatorRow struct {
	operator.Operator

	Path             string
	Sessions         int
	Look, Icon, Word string
	Self, Last       bool // Last: the only Global Administrator who can sign in
}

// Template names the page's file.
func (OperatorsPage) Template() string { return "operators" }

// Title is the page's one h1.
func (p OperatorsPage) Title() string { return p.T("admin.nav.operators") }

// Crumbs lead to the page.
func (p OperatorsPage) Crumbs() []Crumb {
	return []Crumb{{p.T("admin.nav.administration"), ""}, {p.Title(), ""}}
}

// Problem reports whether something was refused.
func (p OperatorsPage) Problem() bool { return len(p.Problems) > 0 }

// Ways says what somebody signs in with.
func (p OperatorsPage) Ways(r OperatorRow) string {
	var out []string
	if r.Password != "" && r.App() {
		out = append(out, p.T("admin.account.app"))
	}
	if r.Passkeys > 0 {
		out = append(out, p.T("admin.operators.passkeys", "N", r.Passkeys))
	}
	if r.Links > 0 {
		out = append(out, p.T("admin.account.how.provider"))
	}
	return strings.Join(out, " · ")
}

// Roles are those there are.
func (OperatorsPage) Roles() []operator.Role { return operator.Roles() }

// UntilText is when the link is over.
func (p OperatorsPage) UntilText() string { return p.Second(p.Until) }

// DoneText says what was done.
func (p OperatorsPage) DoneText() string {
	switch p.Done {
	case "role":
		return p.T("admin.operators.done.role")
	case "end":
		return p.T("admin.operators.done.end")
	case "disable":
		return p.T("admin.operators.done.disable")
	}
	return ""
}

func (v *visit) operators() (OperatorsPage, error) {
	f := v.frame
	f.Path, f.Poll = operatorsPath, ""
	p := OperatorsPage{Frame: f, Role: operator.HelpdeskAdministrator}
	all, err := v.Operators.All(v.ctx(), v.tenant.ID)
	if err != nil {
		return p, err
	}
	ready := 0
	for _, o := range all {
		if o.Role == operator.GlobalAdministrator && o.Ready() {
			ready++
		}
	}
	for _, o := range all {
		sessions, err := v.Operators.List(v.ctx(), o)
		if err != nil {
			return p, err
		}
		row := OperatorRow{Operator: o, Path: operatorsPath + "/" + url.PathEscape(o.ID), Sessions: len(sessions), Self: o.ID == v.by.ID}
		row.Last = o.Role == operator.GlobalAdministrator && (ready == 0 || ready == 1 && o.Ready())
		switch {
		case o.Disabled:
			row.Look, row.Icon, row.Word = "unknown", "minus", f.T("admin.operators.disabled")
		case o.Ready():
			row.Look, row.Icon, row.Word = "ok", "check", f.T("admin.operators.ready")
		default:
			row.Look, row.Icon, row.Word = "warn", "clock", f.T("admin.operators.invited")
		}
		p.Rows = append(p.Rows, row)
	}
	return p, nil
}

func (v *visit) getOperators() error {
	p, err := v.operators()
	if err != nil {
		return err
	}
	p.Done = v.r.URL.Query().Get("done")
	return v.render(http.StatusOK, p)
}

// showLink answers with a set-up link, which nobody can show a second time.
func (v *visit) showLink(name, token string, until time.Time) error {
	p, err := v.operators()
	if err != nil {
		return err
	}
	p.Link, p.For, p.Until = strings.TrimSuffix(v.BaseURL, "/")+setUpPath+token, name, until
	return v.render(http.StatusOK, p)
}

// refuse shows the list again with what went wrong.
func (v *visit) refuse(field, text string, fill func(*OperatorsPage)) error {
	p, err := v.operators()
	if err != nil {
		return err
	}
	p.Problems = Problems{{field, text}}
	if fill != nil {
		fill(&p)
	}
	return v.render(http.StatusUnprocessableEntity, p)
}

func (v *visit) postInvite() error {
	if err := v.form(); err != nil {
		return err
	}
	name := v.typed("name")
	role, err := operator.ParseRole(v.typed("role"))
	again := func(p *OperatorsPage) { p.Name, p.Role = name, role }
	if err != nil {
		return v.refuse("role", v.frame.T("admin.operators.role.choose"), nil)
	}
	if operator.CheckName(name) != nil {
		return v.refuse("name", v.frame.T("admin.operators.name.wrong"), again)
	}
	token, until, err := v.Operators.Invite(v.ctx(), v.tenant.ID, name, role, v.by.Name)
	if errors.Is(err, operator.ErrConflict) {
		return v.refuse("name", v.frame.T("admin.operators.name.taken"), again)
	}
	if err != nil {
		return err
	}
	return v.showLink(name, token, until)
}

// ofOperator finds the operator of an address among those of the tenant.
func ofOperator(do func(v *visit, o operator.Operator) error) func(v *visit) error {
	return func(v *visit) error {
		if err := v.form(); err != nil {
			return err
		}
		o, err := v.Operators.ByID(v.ctx(), v.tenant.ID, v.r.PathValue("id"))
		if errors.Is(err, operator.ErrNotFound) {
			return errNoPage
		}
		if err != nil {
			return err
		}
		err = do(v, o)
		if errors.Is(err, operator.ErrLast) {
			return v.refuse("role-"+o.ID, v.frame.T("admin.operators.last", "Name", o.Name), nil)
		}
		return err
	}
}

func (v *visit) postRole(o operator.Operator) error {
	role, err := operator.ParseRole(v.typed("role"))
	if err != nil {
		return v.refuse("role-"+o.ID, v.frame.T("admin.operators.role.choose"), nil)
	}
	if was := v.typed("was"); was != string(o.Role) {
		return v.refuse("role-"+o.ID, v.frame.T("admin.onprem.meanwhile"), nil)
	}
	if err := v.Operators.SetRole(v.ctx(), o, role, v.by.Name); err != nil {
		return err
	}
	return v.seeOther(operatorsPath + "?done=role")
}

// postLink voids what somebody signs in with. One's own would be lost with the page that shows the link.
func (v *visit) postLink(o operator.Operator) error {
	if o.ID == v.by.ID {
		return v.refuse("role-"+o.ID, v.frame.T("admin.operators.self"), nil)
	}
	_, token, until, err := v.Operators.Reset(v.ctx(), o.Name, v.by.Name)
	if err != nil {
		return err
	}
	return v.showLink(o.Name, token, until)
}

func (v *visit) postEndOperator(o operator.Operator) error {
	if err := v.Operators.EndAll(v.ctx(), o, v.by.Name); err != nil {
		return err
	}
	return v.seeOther(operatorsPath + "?done=end")
}

func (v *visit) postDisable(o operator.Operator) error {
	if _, err := v.Operators.Disable(v.ctx(), o.Name, v.by.Name); err != nil {
		return err
	}
	return v.seeOther(operatorsPath + "?done=disable")
}
