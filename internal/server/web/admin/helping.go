package admin

import (
	"context"
	"errors"
	"net/http"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/helpdesk"
	"homeward/internal/server/operator"
	"homeward/internal/server/reset"
)

// act is what an operator can do for somebody.
type act string

const (
	actUnlock act = "unlock"
	actReset  act = "reset"
	actPass   act = "pass"
	actAgain  act = "register"
)

// HelpPage asks whether something shall be done for somebody, and why: GET and, when something is missing, POST
// /admin/users/…/unlock, reset, pass and register.
type HelpPage struct {
	Frame

	Act                        act
	PersonPath, Name, Verified string
	Mark, Reason, Life         string
	CanVerify                  bool
	Problems                   Problems
}

// Template names the page's file.
func (HelpPage) Template() string { return "help" }

// Title is the page's one h1.
func (p HelpPage) Title() string { return p.T(actTitle(p.Act)) + ": " + p.Name }

// Lead says what will happen.
func (p HelpPage) Lead() string { return p.T(actLead(p.Act), "Name", p.Name) }

// Button is what the button says.
func (p HelpPage) Button() string { return p.T(actGo(p.Act)) }

// Problem reports whether the page carries an error.
func (p HelpPage) Problem() bool { return len(p.Problems) > 0 }

// Crumbs lead to the page.
func (p HelpPage) Crumbs() []Crumb {
	return []Crumb{{p.T("admin.nav.users"), usersPath}, {p.Name, p.PersonPath}, {p.T(actTitle(p.Act)), ""}}
}

// lives is how long a pass may work, by what the form says.
func lives() map[string]time.Duration {
	return map[string]time.Duration{"15m": 15 * time.Minute, "1h": time.Hour, "8h": 8 * time.Hour}
}

// Lives are how long a pass may work.
func (p HelpPage) Lives() []Choice {
	return []Choice{
		{"15m", p.T("admin.help.life.short"), p.Life == "" || p.Life == "15m"},
		{"1h", p.T("admin.help.life.hour"), p.Life == "1h"},
		{"8h", p.T("admin.help.life.day"), p.Life == "8h"},
	}
}

// DonePage says what became of it, with what is shown once. It is only ever the answer to a POST.
type DonePage struct {
	Frame

	Act                            act
	Name, PersonPath               string
	Look                           Look
	Support, SupportPath           string
	Secret                         string // a password or a pass; shown with this answer and never again
	Until, Must, Why, Unsure, Told string
	Changed                        bool
}

// Template names the page's file.
func (DonePage) Template() string { return "done" }

// Title is the page's one h1.
func (p DonePage) Title() string { return p.Look.Word }

// Crumbs lead to the page.
func (p DonePage) Crumbs() []Crumb {
	return []Crumb{{p.T("admin.nav.users"), usersPath}, {p.Name, p.PersonPath}, {p.T(actTitle(p.Act)), ""}}
}

// needs is the permission of an act.
func (a act) needs() operator.Permission {
	if a == actPass {
		return operator.HelpUsers
	}
	return operator.ResetUsers
}

func (v *visit) getUnlock() error { return v.ask(actUnlock) }

func (v *visit) getReset() error { return v.ask(actReset) }

func (v *visit) getPass() error { return v.ask(actPass) }

func (v *visit) getAgain() error { return v.ask(actAgain) }

// ask shows the page that asks for a reason.
func (v *visit) ask(a act) error {
	p, err := v.helpPage(a)
	if err != nil {
		return err
	}
	return v.render(http.StatusOK, p)
}

// helpPage finds the person, whom the operator must be able to help.
func (v *visit) helpPage(a act) (HelpPage, error) {
	view, err := v.Helpdesk.Look(v.ctx(), v.tenant, v.by, v.r.PathValue("id"), false)
	if err != nil {
		return HelpPage{}, err
	}
	bar := view.Reset
	if a.needs() == operator.HelpUsers {
		bar = view.Help
	}
	if bar != "" {
		return HelpPage{}, &helpdesk.BarredError{Bar: bar}
	}
	return HelpPage{
		Frame: v.frame, Act: a, PersonPath: userPath(view.Person.ID), Name: personName(view.Person), Verified: lastVerified(v.frame, view.Verified),
		CanVerify: v.by.Role.May(operator.HelpUsers), Mark: v.Helpdesk.Mark(helpdesk.Act{By: v.by, Person: view.Person.ID}),
	}, nil
}

// order is what was asked for, of somebody the operator can help.
func (v *visit) order(a act) (HelpPage, helpdesk.Act, error) {
	if err := v.form(); err != nil {
		return HelpPage{}, helpdesk.Act{}, err
	}
	p, err := v.helpPage(a)
	if err != nil {
		return p, helpdesk.Act{}, err
	}
	p.Reason, p.Life = v.r.PostForm.Get("reason"), v.r.PostForm.Get("life")
	return p, helpdesk.Act{By: v.by, Person: v.r.PathValue("id"), Reason: p.Reason, Mark: v.r.PostForm.Get("mark")}, nil
}

// again shows the form once more when the reason was missing; other errors are the visit's.
func (v *visit) again(p HelpPage, err error) error {
	if !errors.Is(err, reset.ErrNoReason) {
		return err
	}
	p.Problems = Problems{{Field: "reason", Text: p.T("admin.help.reason.wrong")}}
	return v.render(http.StatusUnprocessableEntity, p)
}

func (v *visit) postUnlock() error {
	p, a, err := v.order(actUnlock)
	if err != nil {
		return err
	}
	d, err := v.Helpdesk.Unlock(context.WithoutCancel(v.ctx()), v.tenant, a)
	if err != nil {
		return v.again(p, err)
	}
	return v.done(p, d)
}

func (v *visit) postReset() error {
	p, a, err := v.order(actReset)
	if err != nil {
		return err
	}
	d, err := v.Helpdesk.Reset(context.WithoutCancel(v.ctx()), v.tenant, a)
	defer clear(d.Password)
	if err != nil {
		return v.again(p, err)
	}
	return v.done(p, d)
}

func (v *visit) postPass() error {
	p, a, err := v.order(actPass)
	if err != nil {
		return err
	}
	life, ok := lives()[p.Life]
	if !ok {
		life = lives()["15m"]
	}
	given, err := v.Helpdesk.Pass(context.WithoutCancel(v.ctx()), v.tenant, a, life)
	if err != nil {
		return v.again(p, err)
	}
	d := v.donePage(p, given.Support)
	d.Look, d.Secret, d.Changed = Look{"ok", "check", p.T("admin.help.done.pass")}, given.Code, true
	d.Until = p.T("admin.help.until", "Time", p.day(given.Expires))
	return v.render(http.StatusOK, d)
}

func (v *visit) postAgain() error {
	p, a, err := v.order(actAgain)
	if err != nil {
		return err
	}
	if err := v.Helpdesk.RegisterAgain(context.WithoutCancel(v.ctx()), v.tenant, a); err != nil {
		return v.again(p, err)
	}
	d := v.donePage(p, "")
	d.Look, d.Changed = Look{"ok", "check", p.T(actDone(p.Act))}, true
	return v.render(http.StatusOK, d)
}

func (v *visit) donePage(p HelpPage, support string) DonePage {
	d := DonePage{Frame: v.frame, Act: p.Act, Name: p.Name, PersonPath: p.PersonPath, Support: support, Told: p.T("admin.help.told")}
	d.Poll = "" // nothing of this page can be asked for again
	if support != "" && v.frame.CanSeeAudit() {
		d.SupportPath = auditPath + "/" + support
	}
	return d
}

// done tells what became of a write.
func (v *visit) done(p HelpPage, done helpdesk.Done) error {
	a := done.Attempt
	d := v.donePage(p, a.Support)
	d.Secret = string(done.Password) // one more copy, which html/template needs; it is gone with the answer
	switch {
	case done.Unsure():
		d.Look, d.Unsure = Look{"unknown", "question", p.T("admin.help.done.unsure")}, p.T("admin.help.unsure")
	case a.State == reset.Changed:
		d.Look, d.Changed = Look{"ok", "check", p.T(actDone(p.Act))}, true
	default:
		d.Look, d.Why, d.Told = Look{"bad", "cross", p.T("admin.help.done.failed")}, p.reason(string(a.Reason)), ""
	}
	if d.Secret != "" {
		if d.Must = p.T("admin.help.must"); a.MustChange != protocol.MustChangeSet && d.Changed {
			d.Must = p.T("admin.help.must.not")
		}
	}
	return v.render(http.StatusOK, d)
}
