package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"homeward/internal/agent/command"
	"homeward/internal/cli/answer"
	"homeward/internal/server/provision"
	"homeward/internal/server/store"
)

type syncDecisions struct {
	ofTenant
	asJSON

	Limit int `help:"How many." default:"100"`
}

// decisionAnswer is one decision.
type decisionAnswer struct {
	Object string           `json:"object" about:"objectGUID, 32 hex digits."`
	Name   string           `json:"name,omitempty" about:"Left out: nothing is known of it any more."`
	Choice provision.Choice `json:"choice"`
	Other  string           `json:"other,omitempty" about:"Name of the account it is about."`
	Value  string           `json:"value,omitempty" about:"What was contested."`
	By     string           `json:"by"`
	At     answer.Time      `json:"at"`
}

// Answer implements cli.Answering.
func (syncDecisions) Answer() any { return []decisionAnswer(nil) }

// Run implements the verb.
func (v *syncDecisions) Run(ctx context.Context, s command.Streams) error {
	return v.withEngine(ctx, s, func(e *provision.Engine, _ *store.Store, id string) error {
		all, _, err := e.Decided(ctx, id, 0, v.Limit)
		if err != nil {
			return err
		}
		t := v.table("Nothing has been decided.", "WHEN", "OBJECT", "WHO", "DECISION", "WITH", "VALUE", "BY")
		for _, d := range all {
			t.Add(d.At, shortObject(d.Object), d.Name, strings.ReplaceAll(string(d.Choice), "_", "-"), d.OtherName, d.Value, d.Operator)
		}
		return v.print(s, each(all, func(d provision.Decided) decisionAnswer {
			return decisionAnswer{d.Object, d.Name, d.Choice, d.OtherName, d.Value, d.Operator, answer.At(d.At)}
		}), t)
	})
}

type syncForget struct {
	ofTenant

	Object string `arg:"" help:"The object's id as homeward sync decisions shows it, or its first characters (at least six)."`
}

// mostDecisions bounds where an object is looked for by the beginning of its id.
const mostDecisions = 100_000

// Run implements the verb.
func (v *syncForget) Run(ctx context.Context, s command.Streams) error {
	return v.withEngine(ctx, s, func(e *provision.Engine, _ *store.Store, id string) error {
		all, _, err := e.Decided(ctx, id, 0, mostDecisions)
		if err != nil {
			return err
		}
		names := map[string]string{}
		for _, d := range all {
			if d.Object == v.Object || len(v.Object) >= 6 && strings.HasPrefix(d.Object, strings.ToLower(v.Object)) {
				names[d.Object] = d.Name
			}
		}
		if len(names) != 1 {
			return fmt.Errorf("%d objects about which something was decided begin with %q; homeward sync decisions shows them", len(names), v.Object)
		}
		for object, name := range names {
			if err := e.Forget(ctx, id, operator(), object); err != nil {
				return err
			}
			if _, err := fmt.Fprintf(s.Out, "Taken back what was decided about %s. It is judged anew.\n", cmp.Or(name, shortObject(object))); err != nil {
				return err
			}
		}
		return nil
	})
}

type syncDeletions struct {
	ofDomain
	asJSON

	Limit int `help:"How many of each domain." default:"100"`
}

// Answer implements cli.Answering.
func (syncDeletions) Answer() any { return []personAnswer(nil) }

// Run implements the verb.
func (v *syncDeletions) Run(ctx context.Context, s command.Streams) error {
	return v.withEngine(ctx, s, func(e *provision.Engine, _ *store.Store, id string) error {
		domains, err := e.State(ctx, id)
		if err != nil {
			return err
		}
		var people []provision.Person
		for _, d := range domains {
			if d.Staging || v.Domain != "" && !strings.EqualFold(d.Domain, v.Domain) {
				continue
			}
			some, err := e.Pending(ctx, id, d.Domain, v.Limit)
			if err != nil {
				return err
			}
			people = append(people, some...)
		}
		t := v.table("Nobody waits to be deleted.", "WHO", "SIGN-IN NAME", "NAME", "WHERE")
		for _, p := range people {
			t.Add(p.Name(), p.UPN, p.DisplayName, p.DN)
		}
		return v.print(s, each(people, personOf), t)
	})
}

type syncKeep struct {
	ofTenant

	Domain string `arg:"" help:"The domain, by its DNS name."`
}

// Run implements the verb.
func (v *syncKeep) Run(ctx context.Context, s command.Streams) error {
	return v.withEngine(ctx, s, func(e *provision.Engine, _ *store.Store, id string) error {
		n, err := e.KeepDeletions(ctx, id, v.Domain, operator())
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.Out, "%d kept. They stay as they are, and are deleted only when the directory says so again.\n", n)
		return err
	})
}

type syncAllow struct {
	ofTenant

	Domain string `arg:"" help:"The domain, by its DNS name."`
}

// Run implements the verb.
func (v *syncAllow) Run(ctx context.Context, s command.Streams) error {
	return v.withEngine(ctx, s, func(e *provision.Engine, _ *store.Store, id string) error {
		n, err := e.AllowDeletions(ctx, id, v.Domain, operator())
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.Out, "%d deleted. They come back as the same accounts if Active Directory brings them back within 30 days.\n", n)
		return err
	})
}
