package main

import (
	"context"
	"fmt"
	"time"

	"homeward/internal/agent/command"
	"homeward/internal/cli/answer"
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
		t := v.table("Nobody's self-service is stopped.", "WHO", "SINCE", "BY", "WHY")
		all := []holdAnswer{}
		for _, h := range holds {
			who := h.Person
			if p, err := st.Person(ctx, id, h.Person); err == nil {
				who = p.Name()
			}
			t.Add(who, h.At, orWords(h.Operator, "the person"), h.Reason)
			all = append(all, holdAnswer{h.Person, who, answer.At(h.At), h.Operator, h.Reason})
		}
		return v.print(s, all, t)
	})
}

// holdAnswer is one person whose self-service is stopped.
type holdAnswer struct {
	ID     string      `json:"id" about:"Of the person."`
	Name   string      `json:"name"`
	Since  answer.Time `json:"since"`
	By     string      `json:"by,omitempty" about:"Left out: the person, by a link in a mail."`
	Reason string      `json:"reason"`
}

// Answer implements cli.Answering.
func (peopleHeld) Answer() any { return []holdAnswer(nil) }
