package portal

import "strings"

// Field names of the start form.
const (
	FieldName    = "name"
	FieldProblem = "problem"
)

// Addresses of the two first pages.
const (
	startPath  = "/start"
	changePath = "/change"
)

// Answers to "What's the problem?".
const (
	ProblemForgot = "forgot"
	ProblemLocked = "locked"
)

// StartPage asks for the account and the problem: GET and POST /start. For a change, at /change, there is no problem
// to choose.
type StartPage struct {
	Frame
	Info          bool // signing in to the security info, at /security-info: nothing to choose either
	Change        bool
	Name          string // what was typed before, when the page is shown again
	Choice        string // ProblemForgot, ProblemLocked or nothing yet
	UnlockOffered bool   // people may unlock without a new password
	ExampleUPN    string // in the hint; empty leaves it out
	ExampleDown   string // DOMAIN\name in the same hint
	Checks        int    // how many checks a reset has, for the step bar; 0 means one
	NoName        bool   // nothing was typed
	NoChoice      bool   // nothing was chosen
}

// Template names the page's file.
func (StartPage) Template() string { return "start" }

// Title is the page's one h1.
func (p StartPage) Title() string {
	switch {
	case p.Info:
		return p.T("info.title")
	case p.Change:
		return p.T("change.title")
	}
	return p.T("start.title")
}

// Lead says what the page is for.
func (p StartPage) Lead() string {
	switch {
	case p.Info:
		return p.T("info.start", "Name", p.TenantName)
	case p.Change:
		return p.T("change.lead", "Name", p.TenantName)
	}
	if p.Look.Lead != "" {
		return p.Look.Lead
	}
	return p.T("start.lead", "Name", p.TenantName)
}

// Notes are the lines of the organisation's own note.
func (p StartPage) Notes() []string {
	if p.Info || p.Look.Note == "" {
		return nil
	}
	return strings.Split(p.Look.Note, "\n")
}

// Asks reports whether there is something to choose.
func (p StartPage) Asks() bool { return !p.Change && !p.Info }

// Action is where the form posts.
func (p StartPage) Action() string {
	switch {
	case p.Info:
		return infoPath
	case p.Change:
		return changePath
	}
	return startPath
}

// Keep is the form with what was typed and chosen.
func (StartPage) Keep() string { return "first" }

// Hills shows them on a small screen.
func (StartPage) Hills() bool { return true }

// Steps is the first of the whole reset, the longer way.
func (p StartPage) Steps() *Steps {
	if p.Info {
		return nil
	}
	return &Steps{Now: 1, Of: 2 + max(p.Checks, 1), Name: p.T("step.account")}
}

// Scripts tell the server what zone the pages after this one tell times in.
func (StartPage) Scripts() []string { return []string{"zone.js"} }

// Problem reports whether something is missing.
func (p StartPage) Problem() bool { return p.NoName || p.NoChoice }

// Problems lists what is missing.
func (p StartPage) Problems() Problems {
	var out Problems
	if p.NoName {
		out = append(out, FieldError{FieldName, p.T("start.error.name")})
	}
	if p.NoChoice {
		out = append(out, FieldError{FieldProblem, p.T("start.error.problem")})
	}
	return out
}

// Hint gives examples of what may be typed.
func (p StartPage) Hint() string {
	switch {
	case p.ExampleUPN != "" && p.ExampleDown != "":
		return p.T("start.hint.both", "Mail", p.ExampleUPN, "Name", p.ExampleDown)
	case p.ExampleUPN != "" || p.ExampleDown != "":
		return p.T("start.hint.one", "Example", p.ExampleUPN+p.ExampleDown)
	}
	return ""
}
