package admin

import (
	"net/http"

	"homeward/internal/server/status"
)

// ChecklistPage leads to the first password written back; each step checks itself: GET /admin/setup.
type ChecklistPage struct {
	Frame

	Steps []CheckStep
}

// CheckStep is one step. State is done, next (to be done now) or later (it needs an earlier one).
type CheckStep struct {
	Number      int
	Name, About string
	State       string
	Path        string // where to do it; empty: not on a page this operator may open
	Action      string
	Command     string
}

// Template names the page's file.
func (ChecklistPage) Template() string { return "checklist" }

// Title is the page's one h1.
func (p ChecklistPage) Title() string { return p.T("admin.check.title") }

// Crumbs lead to the page.
func (p ChecklistPage) Crumbs() []Crumb {
	return []Crumb{{p.T("admin.nav.directory"), ""}, {p.T("admin.nav.setup"), ""}}
}

// Done counts the steps that are done.
func (p ChecklistPage) Done() int {
	n := 0
	for _, s := range p.Steps {
		if s.State == "done" {
			n++
		}
	}
	return n
}

// StateText is a step's state in words.
func (p ChecklistPage) StateText(s CheckStep) string {
	switch s.State {
	case "done":
		return p.T("admin.check.done")
	case "next":
		return p.T("admin.check.open")
	}
	return p.T("admin.check.later")
}

// checkFacts are what the steps are judged from.
type checkFacts struct {
	people   int
	ready    int // of those in scope: how many have enough methods
	testable bool
	off      bool
}

func (f Frame) checklist(facts checkFacts) []CheckStep {
	r := f.Report
	online, able, tested := 0, len(r.Domains) > 0, false
	for _, a := range r.Agents {
		if a.State != "offline" && a.State != "silent" {
			online++
		}
	}
	for _, d := range r.Domains {
		able = able && d.Agents > 0
		tested = tested || d.Test != nil && d.Test.Passed
	}
	works := able && !facts.off
	var steps []CheckStep
	add := func(done, open bool, s CheckStep) {
		s.Number, s.State = len(steps)+1, "later"
		if done {
			s.State = "done"
		} else if open {
			s.State = "next"
		}
		if s.State == "done" {
			s.Command = ""
		}
		steps = append(steps, s)
	}
	agents := CheckStep{Action: f.T("admin.nav.agents")}
	if f.CanSeeAgents() {
		agents.Path = agentsPath
	}
	with := func(s CheckStep, name, about, command string) CheckStep {
		s.Name, s.About, s.Command = name, about, command
		return s
	}
	add(len(r.Agents) > 0, true, with(agents, f.T("admin.check.agent"), f.T("admin.check.agent.about", "N", len(r.Agents)), ""))
	add(online > 0, len(r.Agents) > 0, with(agents, f.T("admin.check.online"), f.T("admin.check.online.about", "Online", online, "Total", len(r.Agents)), "homeward-agent doctor"))
	add(able, online > 0, with(agents, f.T("admin.check.rights"), f.T("admin.check.rights.about"), "homeward-agent doctor"))
	add(facts.people > 0, online > 0, with(CheckStep{}, f.T("admin.check.people"), f.T("admin.check.people.about", "N", facts.people), ""))
	ready := CheckStep{Name: f.T("admin.check.ready"), About: f.T("admin.check.ready.about", "N", facts.ready), Action: f.T("admin.nav.registration")}
	if f.CanSeeSettings() {
		ready.Path = registrationPath
	}
	add(facts.ready > 0, facts.people > 0, ready)
	test := CheckStep{Name: f.T("admin.check.test"), About: f.T("admin.check.test.about"), Path: overviewPath, Action: f.T("admin.nav.overview")}
	if !facts.testable {
		test.About = f.T("admin.check.test.none")
	}
	add(tested, able, test)
	turn := CheckStep{Name: f.T("admin.check.on"), About: f.T("admin.check.on.about"), Action: f.T("admin.nav.onprem")}
	if f.CanTurn() {
		turn.Path = onpremPath
	}
	add(works, able, turn)
	add(online > 1, online > 0, with(agents, f.T("admin.check.second"), f.T("admin.check.second.about"), ""))
	return steps
}

func (v *visit) getChecklist() error {
	facts, err := v.checkFacts()
	if err != nil {
		return err
	}
	return v.render(http.StatusOK, ChecklistPage{Frame: v.frame, Steps: v.frame.checklist(facts)})
}

func (v *visit) checkFacts() (checkFacts, error) {
	facts := checkFacts{off: v.frame.Report.State == status.Off}
	var err error
	if facts.people, err = v.People(v.ctx(), v.tenant.ID); err != nil {
		return facts, err
	}
	short, of, err := v.short()
	if err != nil {
		return facts, err
	}
	facts.ready = of - short
	domains, err := v.Tests.Domains(v.ctx(), v.tenant.ID)
	facts.testable = len(domains) > 0
	return facts, err
}
