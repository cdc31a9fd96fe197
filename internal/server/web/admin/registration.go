package admin

import (
	"net/http"
	"strconv"

	"homeward/internal/server/provision"
	"homeward/internal/server/setting"
	"homeward/internal/server/tenant"
)

// RegistrationPage says how people come to have methods: GET and POST /admin/password-reset/registration.
type RegistrationPage struct {
	Settings

	Required bool
	Days     string // as typed
	First    bool
	Pass     bool // the helpdesk's passes count
	Ready    provision.Readiness
	Need     int
	Calls    Reminders
}

// Template names the page's file.
func (RegistrationPage) Template() string { return "registration" }

// Title is the page's one h1.
func (p RegistrationPage) Title() string { return p.T("admin.nav.registration") }

// Crumbs lead to the page.
func (p RegistrationPage) Crumbs() []Crumb { return p.crumbs(p.Title()) }

// Asked is whom the numbers are about: everybody in scope who isn't turned off or protected.
func (p RegistrationPage) Asked() int { return p.Ready.None + p.Ready.One + p.Ready.More }

// Enough is how many of them have enough.
func (p RegistrationPage) Enough() int { return p.Ready.Able(p.Need) }

// Bar is the parts of the drawn bar, in thousandths, from left to right.
func (p RegistrationPage) Bar() (out struct{ More, One int }) {
	if all := p.Asked(); all > 0 {
		out.More, out.One = p.Ready.More*1000/all, p.Ready.One*1000/all
	}
	return out
}

// RemindPath is where reminders are asked for.
func (RegistrationPage) RemindPath() string { return remindPath }

func (v *visit) registration(s tenant.Settings) (RegistrationPage, error) {
	p := RegistrationPage{
		Settings: v.base(registrationPath, setting.Registration(v.tenant.Settings)), Required: s.RegisterRequired,
		Days: strconv.Itoa(s.Checks.Reconfirm), First: s.FirstProof, Pass: !s.Checks.PassOff, Need: s.Checks.Need(false),
	}
	p.Calls.Sent = -1
	group := ""
	switch s.ResetScope {
	case tenant.ScopeNone:
		return p, nil
	case tenant.ScopeSelected:
		group = s.ResetGroup
	case tenant.ScopeAll:
	}
	var err error
	p.Ready, err = v.ready(group)
	return p, err
}

func (v *visit) getRegistration() error {
	p, err := v.registration(v.tenant.Settings)
	if err == nil {
		p.Calls, err = v.reminders(p.Asked() - p.Enough())
	}
	if err != nil {
		return err
	}
	return v.render(http.StatusOK, p)
}

func (v *visit) postRegistration() error {
	if err := v.form(); err != nil {
		return err
	}
	days := v.number("days")
	var problems Problems
	shown := v.tenant.Settings
	var err error
	if days < 0 || days > tenant.MaxReconfirm {
		problems = Problems{{"days", v.frame.T("admin.registration.days.wrong", "Most", tenant.MaxReconfirm)}}
		shown.RegisterRequired, shown.FirstProof = v.yes("register"), v.yes("first")
	} else if err = v.save(setting.Registration, func(s *tenant.Settings) error {
		s.RegisterRequired, s.FirstProof, s.Checks.Reconfirm = v.yes("register"), v.yes("first"), days
		return nil
	}); err == nil {
		return v.seeOther(registrationPath + "?saved=1")
	}
	status, known := v.refused(err, "days", &problems)
	if !known {
		return err
	}
	if status == http.StatusConflict {
		shown = v.tenant.Settings
	}
	p, err := v.registration(shown)
	if err == nil {
		p.Calls, err = v.reminders(p.Asked() - p.Enough())
	}
	if err != nil {
		return err
	}
	if status != http.StatusConflict {
		p.Days = v.typed("days")
	}
	p.Problems = problems
	return v.render(status, p)
}
