package main

import (
	"context"
	"errors"

	"homeward/internal/agent/command"
	"homeward/internal/cli"
	"homeward/internal/server/control"
	"homeward/internal/server/export"
	"homeward/internal/server/report"
	"homeward/internal/server/verify"
)

type reportRegistration struct {
	running
	asJSON
}

// Answer implements cli.Answering.
func (reportRegistration) Answer() any { return report.Summary{} }

// Run implements the verb.
func (v *reportRegistration) Run(ctx context.Context, s command.Streams) error {
	return v.call(ctx, s, func(c *control.Client, id string) error {
		var sum report.Summary
		if err := c.Call(ctx, control.PathSum, control.Query{Tenant: id}, &sum); err != nil {
			return err
		}
		t := v.table("", "WHAT", "PEOPLE")
		t.Add("all", sum.People)
		t.Add("can reset their password now", sum.Able)
		for _, w := range report.Reasons() {
			if n := sum.Why[w]; n > 0 {
				t.Add("can't: "+spelt(w), n)
			}
		}
		for _, k := range verify.Kinds() {
			t.Add("have registered: "+string(k), sum.With[k])
		}
		t.Add("have registered nothing", sum.None)
		return v.print(s, sum, t)
	})
}

type reportPeople struct {
	running
	asJSON

	CSV    bool   `help:"Print CSV, as the admin portal's file." name:"csv"`
	Can    string `help:"Only those who can reset (yes), or can't (no)." enum:"yes,no," default:""`
	Reason string `help:"Only those who can't for this reason." enum:"disabled,stopped,not_in_scope,not_licensed,too_few_methods,cloud_only,turned_off,held,no_agent,protected,other," default:""`
}

// Answer implements cli.Answering.
func (reportPeople) Answer() any { return []report.Line(nil) }

// Run implements the verb. A file is written as people are read, however many there are.
func (v *reportPeople) Run(ctx context.Context, s command.Streams) error {
	if v.CSV && v.JSON {
		return cli.Wrong(errOneForm())
	}
	return v.call(ctx, s, func(c *control.Client, id string) error {
		if v.CSV {
			out := export.NewTable(s.Out, report.Columns()...)
			err := v.each(ctx, c, id, func(l report.Line) error { return out.Row(l.Cells()...) })
			if err != nil {
				return err
			}
			return out.Flush()
		}
		t := v.table("Nobody is found.", "SIGN-IN NAME", "NAME", "CAN RESET", "REASON", "METHODS", "LAST USED")
		lines := []report.Line{}
		err := v.each(ctx, c, id, func(l report.Line) error {
			lines = append(lines, l)
			t.Add(l.UPN, l.Name, l.Can, spelt(l.Why), l.Kinds(), l.Last)
			return nil
		})
		if err != nil {
			return err
		}
		return v.print(s, lines, t)
	})
}

// each calls do with every line that is wanted.
func (v *reportPeople) each(ctx context.Context, c *control.Client, tenantID string, do func(report.Line) error) error {
	q := control.ReadyFor{Tenant: tenantID}
	for {
		var part control.ReadyPart
		if err := c.Call(ctx, control.PathReady, q, &part); err != nil {
			return err
		}
		for _, l := range part.People {
			if v.Can == "yes" && !l.Can || v.Can == "no" && l.Can || v.Reason != "" && string(l.Why) != v.Reason {
				continue
			}
			if err := do(l); err != nil {
				return err
			}
		}
		if part.Next == "" {
			return nil
		}
		q.After = part.Next
	}
}

// errOneForm reports two forms asked for at once.
func errOneForm() error { return errors.New("--json and --csv: use one of them") }
