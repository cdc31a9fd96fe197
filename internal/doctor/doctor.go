// Package doctor runs checks and tells what they found: as a table for people, as JSON for monitoring.
//
// It guarantees that a check runs after those it needs and is skipped when one of them failed, so that one cause
// is told once; that the words carry the meaning and colour only repeats it; and that nothing but what the checks
// return is printed. It knows nothing of what is checked.
package doctor

import (
	"context"
	"slices"
)

// Status is how a finding is to be taken.
type Status string

// Statuses.
const (
	OK   Status = "ok"
	Note Status = "info" // worth knowing, nothing to do
	Warn Status = "warn"
	Fail Status = "FAIL"
	Skip Status = "skip" // not looked at, because something it needs failed
)

// Remedy is something to do, and commands that do it.
type Remedy struct {
	What     string    `json:"what"`
	Commands []Command `json:"commands,omitempty"`
}

// Command is one command on one line, and where it is run.
type Command struct {
	Where string `json:"where"`
	Line  string `json:"line"`
}

// Finding is one line of the report.
type Finding struct {
	Name     string   `json:"name"`
	Status   Status   `json:"status"`
	Text     string   `json:"text"`
	Count    int      `json:"count,omitempty"`    // how many people it concerns
	Affected []string `json:"affected,omitempty"` // who, possibly not all of them
	Remedies []Remedy `json:"remedies,omitempty"`

	// What a page that has words of its own needs of a missing right.
	Rights []string `json:"rights,omitempty"`
	Cause  string   `json:"cause,omitempty"` // in a word that never changes
	Where  string   `json:"where,omitempty"`
}

// Check looks at one thing. Run is called once; every finding without a name gets the check's.
type Check struct {
	Section string
	Name    string
	Needs   []string // names of checks of the same section, or Section/Name of another
	Run     func(context.Context) []Finding
}

func (c Check) id() string { return c.Section + "/" + c.Name }

func (c Check) needs() []string {
	out := make([]string, len(c.Needs))
	for i, n := range c.Needs {
		out[i] = n
		if !slices.Contains([]byte(n), '/') {
			out[i] = c.Section + "/" + n
		}
	}
	return out
}

// Section is a group of findings.
type Section struct {
	Name     string    `json:"name"`
	Findings []Finding `json:"findings"`
}

// Report is everything that was found.
type Report struct {
	Title    string    `json:"title"`
	At       string    `json:"at"` // RFC 3339
	Problems int       `json:"problems"`
	Warnings int       `json:"warnings"`
	Sections []Section `json:"sections"`
}

// Run runs the checks in an order in which each follows what it needs, and reports in the order they were given. A
// check that needs something unknown, or itself, is skipped. Once ctx has ended, those that are left say so and aren't run.
func Run(ctx context.Context, checks []Check) Report {
	found := map[string][]Finding{}
	for len(found) < len(checks) {
		before := len(found)
		for _, c := range checks {
			if _, done := found[c.id()]; !done && ready(c, found) {
				found[c.id()] = perform(ctx, c, found)
			}
		}
		if len(found) == before {
			break
		}
	}
	var r Report
	for _, c := range checks {
		findings, done := found[c.id()]
		if !done {
			findings = []Finding{{Name: c.Name, Status: Skip, Text: "what it needs was never checked"}}
		}
		delete(found, c.id()) // a name given twice is told once
		r.add(c.Section, findings)
	}
	return r
}

func ready(c Check, found map[string][]Finding) bool {
	for _, n := range c.needs() {
		if _, done := found[n]; !done {
			return false
		}
	}
	return true
}

func perform(ctx context.Context, c Check, found map[string][]Finding) []Finding {
	for _, n := range c.needs() {
		for _, f := range found[n] {
			if f.Status == Fail || f.Status == Skip {
				return []Finding{{Name: c.Name, Status: Skip, Text: "not checked, because of " + f.Name}}
			}
		}
	}
	if ctx.Err() != nil {
		return []Finding{{Name: c.Name, Status: Skip, Text: "not checked: there was no time left"}}
	}
	findings := slices.Clone(c.Run(ctx))
	for i := range findings {
		if findings[i].Name == "" {
			findings[i].Name = c.Name
		}
	}
	return findings
}

func (r *Report) add(section string, findings []Finding) {
	for _, f := range findings {
		switch f.Status {
		case Fail:
			r.Problems++
		case Warn:
			r.Warnings++
		}
	}
	i := slices.IndexFunc(r.Sections, func(s Section) bool { return s.Name == section })
	if i < 0 {
		i = len(r.Sections)
		r.Sections = append(r.Sections, Section{Name: section})
	}
	r.Sections[i].Findings = append(r.Sections[i].Findings, findings...)
}
