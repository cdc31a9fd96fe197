package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"homeward/internal/agent/command"
	"homeward/internal/cli"
	"homeward/internal/server/export"
	"homeward/internal/server/report"
	"homeward/internal/server/store"
)

type reportVerbs struct {
	Registration reportRegistration `cmd:"" help:"How many people can reset their password now, why the others can't, and what they have registered."`
	People       reportPeople       `cmd:"" help:"Who can reset their password now, and why not: a line for each person."`
	Usage        reportUsage        `cmd:"" help:"What was done day by day, and what became of it."`
}

type reportUsage struct {
	ofTenant
	asJSON

	Days int  `help:"How many days, today included: 1 to 90." default:"30"`
	CSV  bool `help:"Print CSV, as the admin portal's file." name:"csv"`
}

// dayAnswer is one day.
type dayAnswer struct {
	Date     string                 `json:"date" about:"Where the tenant's people are."`
	Done     map[string]int         `json:"done" about:"What was done, by activity."`
	Outcomes map[report.Outcome]int `json:"outcomes" about:"What became of attempts: done, refused, failed, unknown or unfinished."`
}

// Answer implements cli.Answering.
func (reportUsage) Answer() any { return []dayAnswer(nil) }

// Run implements the verb.
func (v *reportUsage) Run(ctx context.Context, s command.Streams) error {
	if v.Days < 1 || v.Days > report.MostDays {
		return cli.Wrong(fmt.Errorf("--days %d: use 1 to %d", v.Days, report.MostDays))
	}
	if v.CSV && v.JSON {
		return cli.Wrong(errOneForm())
	}
	return v.with(ctx, s, func(st *store.Store, id string) error {
		t, err := st.Tenant(ctx, id)
		if err != nil {
			return err
		}
		u, err := report.UsageOf(ctx, st, t, v.Days, time.Now())
		if err != nil {
			return err
		}
		if v.CSV {
			return usageCSV(s, u)
		}
		head := []string{"DAY"}
		for _, o := range report.Outcomes() {
			head = append(head, strings.ToUpper(string(o)))
		}
		table := v.table("", head...)
		all := []dayAnswer{}
		for _, d := range u.Days {
			cells := []any{d.Date.Format(time.DateOnly)}
			for _, o := range report.Outcomes() {
				cells = append(cells, d.Of[o])
			}
			table.Add(cells...)
			all = append(all, dayAnswer{d.Date.Format(time.DateOnly), d.Done, d.Of})
		}
		return v.print(s, all, table)
	})
}

func usageCSV(s command.Streams, u report.Usage) error {
	out := export.NewTable(s.Out, report.DayColumns()...)
	for _, d := range u.Days {
		if err := out.Row(d.Cells()...); err != nil {
			return err
		}
	}
	return out.Flush()
}
