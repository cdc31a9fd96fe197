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
				_, _ = fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%s\n", d.Name, word(d), d.Agents, dash(d.DC), test(d.Test))
			}
		})
	}
	if len(r.Agents) > 0 {
		p.line("")
		p.table(func(t io.Writer) { AgentTable(t, r.Agents) })
	}
	return p.err
}

// AgentTable writes one line for each agent, tabs between the columns.
func AgentTable(t io.Writer, agents []Agent) {
	_, _ = fmt.Fprintln(t, "AGENT\tSTATE\tSEEN\tPENDING\tVERSION\tDOMAINS\tID")
	for _, a := range agents {
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\t%s\t%s\n", a.Machine, a.State, moment(a.Seen), a.Pending, a.Build, dash(strings.Join(a.Domains, ",")), a.ID)
	}
}

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

func test(t *Test) string {
	switch {
	case t == nil:
		return "–"
	case t.Outcome == "changed":
		return "ok " + moment(t.At)
	case t.Passed:
		return "too young " + moment(t.At)
	}
	return "failed " + moment(t.At)
}

func dash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}
