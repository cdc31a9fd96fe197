package status

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// Text writes a report for a terminal.
func Text(w io.Writer, r Report) error {
	p := &printer{w: w}
	p.line("%s", r.Sentence)
	p.causes("Why it is off", r.Off)
	p.causes("Needs attention", r.Notes)
	if len(r.Domains) > 0 {
		p.line("")
		p.table(func(t io.Writer) {
			_, _ = fmt.Fprintln(t, "DOMAIN\tSTATE\tAGENTS\tCONTROLLER\tLAST TEST WRITE")
			for _, d := range r.Domains {
				_, _ = fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%s\n", d.Name, word(d), d.Agents, dash(d.DC), test(r.At, d.Test))
			}
		})
	}
	if len(r.Agents) > 0 {
		p.line("")
		p.table(func(t io.Writer) { AgentTable(t, r.At, r.Agents) })
	}
	return p.err
}

// AgentTable writes one line for each agent, tabs between the columns. Ids are cut to what verbs accept; JSON has them
// whole.
func AgentTable(t io.Writer, now time.Time, agents []Agent) {
	_, _ = fmt.Fprintln(t, "AGENT\tSTATE\tSEEN\tPENDING\tVERSION\tDOMAINS\tID")
	for _, a := range agents {
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\t%s\t%s\n", a.Machine, a.State, ago(now, a.Seen), a.Pending, a.Build, dash(strings.Join(a.Domains, ",")), ShortID(a.ID))
	}
}

// shortID is how much of an id is shown.
const shortID = 10

// ShortID is the beginning of an agent's id, enough for every verb.
func ShortID(id string) string { return id[:min(len(id), shortID)] }

type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

func (p *printer) causes(title string, all []Cause) {
	if len(all) == 0 {
		return
	}
	p.line("\n%s:", title)
	for _, c := range all {
		p.line("  %s. %s\n    %s", c.Name, c.Says, c.Next)
	}
}

func (p *printer) table(fill func(io.Writer)) {
	t := tabwriter.NewWriter(p.w, 0, 4, 2, ' ', 0)
	fill(t)
	if err := t.Flush(); p.err == nil {
		p.err = err
	}
}

func word(d Domain) string {
	switch {
	case d.Works:
		return "works"
	case d.Reason != "":
		return strings.ReplaceAll(string(d.Reason), "_", " ")
	}
	return "no agent"
}

func test(now time.Time, t *Test) string {
	switch {
	case t == nil:
		return "–"
	case t.Outcome == "changed":
		return "ok, " + ago(now, t.At)
	case t.Passed:
		return "too young, " + ago(now, t.At)
	}
	return "failed, " + ago(now, t.At)
}

func dash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

const day = 24 * time.Hour

// ago says how long ago a moment was, as roughly as it matters.
func ago(now, t time.Time) string {
	d := now.Sub(t)
	switch {
	case t.IsZero():
		return "never"
	case d < time.Second:
		return "now"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s ago", int(d/time.Second))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min ago", int(d/time.Minute))
	case d < 2*day:
		return fmt.Sprintf("%d h ago", int(d/time.Hour))
	}
	return fmt.Sprintf("%d days ago", int(d/day))
}
