package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"homeward/internal/agent/command"
	"homeward/internal/cli"
	"homeward/internal/cli/answer"
	"homeward/internal/server"
	"homeward/internal/server/report"
	"homeward/internal/server/store"
	"homeward/internal/server/verify"
)

type reportVerbs struct {
	Registration reportRegistration `cmd:"" help:"How many people can reset their password, why the others can't, and what is registered."`
	People       reportPeople       `cmd:"" help:"The same person by person: whether they can, and if not, why."`
	Usage        reportUsage        `cmd:"" help:"What was done day by day, and what became of it."`
}

type reportRegistration struct {
	ofTenant
	asJSON
}

// readyAnswer is how ready a tenant's people are.
type readyAnswer struct {
	People  int                 `json:"people"`
	Able    int                 `json:"able" about:"How many can reset their password."`
	Why     map[report.Why]int  `json:"why" about:"Why the others can't, by reason."`
	Methods map[verify.Kind]int `json:"methods" about:"How many have registered each kind."`
	None    int                 `json:"none" about:"How many have registered nothing."`
	At      answer.Time         `json:"at"`
}

// Answer implements cli.Answering.
func (reportRegistration) Answer() any { return readyAnswer{} }

// Run implements the verb.
func (v *reportRegistration) Run(ctx context.Context, s command.Streams) error {
	conf, err := v.load()
	if err != nil {
		return err
	}
	return v.with(ctx, s, func(st *store.Store, id string) error {
		t, err := st.Tenant(ctx, id)
		if err != nil {
			return err
		}
		r, err := server.Reports(conf, st, time.Now).Summary(ctx, t)
		if err != nil {
			return err
		}
		table := answer.Of("", "WHAT", "PEOPLE")
		table.Add("all", r.People)
		table.Add("can reset their password", r.Able)
		for _, w := range report.Reasons() {
			if n := r.Why[w]; n > 0 {
				table.Add("can't: "+spelt(w), n)
			}
		}
		for _, k := range verify.Kinds() {
			table.Add("registered: "+string(k), r.With[k])
		}
		table.Add("registered: nothing", r.None)
		return v.print(s, readyAnswer{r.People, r.Able, r.Why, r.With, r.None, answer.At(r.At)}, table)
	})
}

type reportPeople struct {
	ofTenant
	asJSON

	Unable bool `help:"Only those who can't."`
	Limit  int  `help:"How many; 0: all." default:"0"`
}

// abilityAnswer is one person of the report.
type abilityAnswer struct {
	UPN       string        `json:"upn"`
	Name      string        `json:"name"`
	Domain    string        `json:"domain,omitempty"`
	Able      bool          `json:"able" about:"They can reset their password."`
	Why       report.Why    `json:"why,omitempty" about:"Why they can't."`
	Methods   []verify.Kind `json:"methods" about:"What they have registered."`
	Directory bool          `json:"directory_mail" about:"The directory's mail address counts as a check."`
	LastUsed  verify.Kind   `json:"last_used,omitempty" about:"What they last passed a check with."`
	Reviewed  answer.Time   `json:"reviewed,omitzero"`
}

// Answer implements cli.Answering.
func (reportPeople) Answer() any { return []abilityAnswer(nil) }

// Run implements the verb.
func (v *reportPeople) Run(ctx context.Context, s command.Streams) error {
	if v.Limit < 0 {
		return cli.Wrong(fmt.Errorf("--limit %d: use 1 or more, or 0 for all", v.Limit))
	}
	conf, err := v.load()
	if err != nil {
		return err
	}
	return v.with(ctx, s, func(st *store.Store, id string) error {
		t, err := st.Tenant(ctx, id)
		if err != nil {
			return err
		}
		table := answer.Of("Nobody is found.", "SIGN-IN NAME", "NAME", "CAN RESET", "WHY NOT", "METHODS", "LAST USED")
		all := []abilityAnswer{}
		err = server.Reports(conf, st, time.Now).Walk(ctx, t, func(p report.Person) error {
			if v.Unable && p.Why == "" || v.Limit > 0 && len(all) >= v.Limit {
				return nil
			}
			kinds := make([]string, len(p.Kinds))
			for i, k := range p.Kinds {
				kinds[i] = string(k)
			}
			table.Add(p.UPN, p.DisplayName, p.Why == "", spelt(p.Why), strings.Join(kinds, ", "), p.Last)
			all = append(all, abilityAnswer{
				p.UPN, p.DisplayName, p.Domain, p.Why == "", p.Why, append([]verify.Kind{}, p.Kinds...), p.Mailbox, p.Last, answer.At(p.Reviewed),
			})
			return nil
		})
		if err != nil {
			return err
		}
		return v.print(s, all, table)
	})
}

type reportUsage struct {
	ofTenant
	asJSON

	Days int `help:"How many days, today included: 1 to 90." default:"30"`
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
	return v.with(ctx, s, func(st *store.Store, id string) error {
		t, err := st.Tenant(ctx, id)
		if err != nil {
			return err
		}
		u, err := report.UsageOf(ctx, st, t, v.Days, time.Now())
		if err != nil {
			return err
		}
		head := []string{"DAY"}
		for _, o := range report.Outcomes() {
			head = append(head, strings.ToUpper(string(o)))
		}
		table := answer.Of("", head...)
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
