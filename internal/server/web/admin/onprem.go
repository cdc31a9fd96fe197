package admin

import (
	"errors"
	"net/http"
	"strings"

	"homeward/internal/server/audit"
	"homeward/internal/server/setting"
	"homeward/internal/server/tenant"
)

// OnpremPage has both switches, and every reason that one is off: GET and POST /admin/password-reset/onprem.
type OnpremPage struct {
	Frame

	Writeback, Unlock Switch
	Saved             bool
	Last              string // who turned one of them last, and when; empty: nobody that is still known
	Table             RulesTable
	Problems          Problems
}

// Template names the page's file.
func (OnpremPage) Template() string { return "onprem" }

// Title is the page's one h1.
func (p OnpremPage) Title() string { return p.T("admin.nav.onprem") }

// Crumbs lead to the page.
func (p OnpremPage) Crumbs() []Crumb {
	return []Crumb{{p.T("admin.nav.reset"), ""}, {p.Title(), ""}}
}

// Problem reports whether a change was refused.
func (p OnpremPage) Problem() bool { return len(p.Problems) > 0 }

// Look is that of the note with the status sentence.
func (p OnpremPage) Look() string { return p.Pill().Look }

// CanSave reports whether there is a switch that this operator may turn now.
func (p OnpremPage) CanSave() bool { return p.Writeback.Editable || p.Unlock.Editable }

// ReadOnly reports whether the operator's role may only look.
func (p OnpremPage) ReadOnly() bool { return !p.CanTurn() }

// SwitchView is one switch with the page it stands on.
type SwitchView struct {
	OnpremPage

	Switch Switch
}

// For gives a switch's template what it needs.
func (p OnpremPage) For(s Switch) SwitchView { return SwitchView{p, s} }

// Switch is one setting: what is stored, whether it has effect, and why it can't be turned.
type Switch struct {
	Name     string // of the form's field
	Title    string
	About    string
	Stored   bool // what the setting says
	On       bool // what is so
	Editable bool
	Reasons  []CauseView
}

// Was is the stored state as the form sends it back: a change that somebody else made meanwhile is noticed.
func (s Switch) Was() string { return onOff(s.Stored) }

// Waiting reports a switch that comes on by itself when its reasons are gone.
func (s Switch) Waiting() bool { return s.Stored && !s.On }

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

const (
	fieldWriteback = "writeback"
	fieldUnlock    = "unlock"
)

// switches judges both. A reason that stops only some domains is told, but doesn't take the switch away.
func (v *visit) switches(t tenant.Tenant) (writeback, unlock Switch) {
	f := v.frame
	blocked := f.Known && f.Report.Blocked() // not knowing is no reason to forbid anything
	var reasons []CauseView
	for _, c := range f.causes(f.Report.Off) {
		if c.ID != "turned_off" {
			reasons = append(reasons, c)
		}
	}
	may := f.CanTurn()
	writeback = Switch{
		Name: fieldWriteback, Title: f.T("admin.onprem.writeback"), About: f.T("admin.onprem.writeback.about"),
		Stored: !t.Settings.WritebackOff, Reasons: reasons,
	}
	writeback.On, writeback.Editable = writeback.Stored && !blocked, may && !blocked
	unlock = Switch{
		Name: fieldUnlock, Title: f.T("admin.onprem.unlock"), About: f.T("admin.onprem.unlock.about"), Stored: t.Settings.UnlockOnly,
	}
	why := v.unlockReasons(t, blocked)
	unlock.Reasons = why
	unlock.On, unlock.Editable = unlock.Stored && len(why) == 0, may && len(why) == 0
	return writeback, unlock
}

// unlockReasons are what an unlock needs beside the setting.
func (v *visit) unlockReasons(t tenant.Tenant, blocked bool) []CauseView {
	f := v.frame
	if t.Settings.WritebackOff || blocked {
		return []CauseView{{ID: "needs", Name: f.T("admin.cause.needs"), Says: f.T("admin.cause.needs.says"), Next: f.T("admin.cause.needs.next")}}
	}
	var out []CauseView
	for _, a := range f.Report.CannotUnlock() {
		c := CauseView{ID: "old", Name: f.T("admin.cause.outdated"), Says: f.T("admin.cause.old.says", "Agent", a.Machine, "Version", a.Build), Next: f.T("admin.cause.outdated.next", "Agent", a.Machine)}
		if f.CanSeeAgents() {
			c.Agent = agentsPath + "/" + a.ID
		}
		out = append(out, c)
	}
	return out
}

func (v *visit) onprem(t tenant.Tenant) OnpremPage {
	p := OnpremPage{Frame: v.frame}
	p.Writeback, p.Unlock = v.switches(t)
	return p
}

// show sends the page with what stands around the switches.
func (v *visit) show(status int, p OnpremPage) (err error) {
	p.Table = v.frame.rulesTable(v.rulings())
	if p.Last, err = v.lastTurned(); err != nil {
		return err
	}
	return v.render(status, p)
}

// lately is how many of the last changes of settings are looked through for those of the switches.
const lately = 100

// lastTurned says who turned one of the switches last.
func (v *visit) lastTurned() (string, error) {
	found, err := v.Records.SearchAudit(v.ctx(), v.tenant.ID, audit.Query{Activity: setting.Turned("", "", true).Activity, Limit: lately})
	if err != nil {
		return "", err
	}
	for _, r := range found {
		name, _, _ := strings.Cut(r.Detail, ": ")
		if name == fieldWriteback || name == fieldUnlock {
			return v.frame.T("admin.onprem.last", "Time", v.frame.day(r.At), "Name", r.Actor), nil
		}
	}
	return "", nil
}

func (v *visit) getOnprem() error {
	p := v.onprem(v.tenant)
	p.Saved = v.r.URL.Query().Get("saved") == "1"
	return v.show(http.StatusOK, p)
}

// errMeanwhile reports a setting that somebody else has changed since the form was shown.
var errMeanwhile = errors.New("changed meanwhile")

// turn is one switch that a form wants turned.
type turn struct {
	name string
	to   bool
}

func (v *visit) postOnprem() error {
	if err := v.form(); err != nil {
		return err
	}
	page := v.onprem(v.tenant)
	var turns []turn
	for _, s := range []Switch{page.Writeback, page.Unlock} {
		was, want := v.r.PostForm.Get(s.Name+"_was"), v.r.PostForm.Get(s.Name) == "on"
		switch {
		case was == "" || was == onOff(want): // it couldn't be turned on that page, or wasn't
		case want && !s.Editable:
			page.Problems = append(page.Problems, FieldError{s.Name, v.frame.T("admin.onprem.blocked", "Switch", s.Title)})
		default:
			turns = append(turns, turn{s.Name, want})
		}
	}
	if len(page.Problems) > 0 {
		return v.show(http.StatusUnprocessableEntity, page)
	}
	var notes []turn
	err := v.Change(v.ctx(), v.tenant.ID, func(s *tenant.Settings) error {
		notes = nil
		for _, t := range turns {
			on := s.UnlockOnly
			if t.name == fieldWriteback {
				on = !s.WritebackOff
			}
			if on == t.to {
				return errMeanwhile
			}
			if t.name == fieldWriteback {
				s.WritebackOff = !t.to
			} else {
				s.UnlockOnly = t.to
			}
			notes = append(notes, t)
		}
		return nil
	})
	if errors.Is(err, errMeanwhile) {
		page.Problems = Problems{{turns[0].name, v.frame.T("admin.onprem.meanwhile")}}
		return v.show(http.StatusConflict, page)
	}
	if err != nil {
		return err
	}
	for _, n := range notes {
		v.Record(v.ctx(), v.tenant.ID, setting.Turned(v.by.Name, n.name, n.to))
	}
	return v.seeOther(onpremPath + "?saved=1")
}
