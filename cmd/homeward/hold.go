package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"homeward/internal/agent/command"
	"homeward/internal/server"
	"homeward/internal/server/objection"
	"homeward/internal/server/store"
)

// holdOf is one person, and why.
type holdOf struct {
	ofTenant

	Name   string `arg:"" help:"User principal name, mail address, or DOMAIN\\name."`
	Reason string `help:"Why, for the audit log: one line of up to 200 characters." required:"" placeholder:"TEXT"`
}

// change finds the person and does what was asked.
func (v holdOf) change(ctx context.Context, s command.Streams, said string, do func(o *objection.Service, tenant, person string) error) error {
	return v.with(ctx, s, func(st *store.Store, id string) error {
		p, err := personNamed(ctx, st, id, v.Name)
		if err != nil {
			return err
		}
		if err := do(server.Objections(st, nil, time.Now), id, p.ID); err != nil {
			return fmt.Errorf("%s: %w", p.Name(), err)
		}
		_, err = fmt.Fprintf(s.Out, said+"\n", p.Name())
		return err
	})
}

type peopleHold struct{ holdOf }

// Run implements the verb.
func (v *peopleHold) Run(ctx context.Context, s command.Streams) error {
	const said = "Self-service is stopped for %s, and whatever was open in the portal is over. An operator can still reset the password."
	return v.change(ctx, s, said, func(o *objection.Service, tenant, person string) error {
		return o.Hold(ctx, tenant, operator(), person, v.Reason)
	})
}

type peopleRelease struct{ holdOf }

// Run implements the verb.
func (v *peopleRelease) Run(ctx context.Context, s command.Streams) error {
	return v.change(ctx, s, "%s can use the portal again.", func(o *objection.Service, tenant, person string) error {
		return o.Release(ctx, tenant, operator(), person, v.Reason)
	})
}

type peopleHeld struct {
	ofTenant
	asJSON
}

// Run implements the verb.
func (v *peopleHeld) Run(ctx context.Context, s command.Streams) error {
	return v.with(ctx, s, func(st *store.Store, id string) error {
		holds, err := st.Holds(ctx, id)
		if err != nil {
			return err
		}
		if v.JSON {
			return printJSON(s, append([]objection.Hold{}, holds...))
		}
		w := tabwriter.NewWriter(s.Out, 0, 4, 2, ' ', 0)
		_, _ = fmt.Fprintln(w, "WHO\tSINCE\tBY\tWHY")
		for _, h := range holds {
			who, by := h.Person, h.Operator
			if p, err := st.Person(ctx, id, h.Person); err == nil {
				who = p.Name()
			}
			if by == "" {
				by = "the person"
			}
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", who, h.At.Local().Format("2006-01-02 15:04"), by, h.Reason)
		}
		return w.Flush()
	})
}
