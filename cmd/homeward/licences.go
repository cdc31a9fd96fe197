package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"homeward/internal/agent/command"
	"homeward/internal/cli/answer"
	"homeward/internal/server"
	"homeward/internal/server/licence"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
)

// holderVerb is a verb that gives a product to a person or a group, or takes it back.
type holderVerb struct {
	ofTenant

	Product string `arg:"" help:"Part number or product name, such as SPE_E3."`
	Kind    string `arg:"" help:"person, or group: the people of the groups in it have it too." enum:"person,group"`
	Name    string `arg:"" help:"The person's sign-in name, or the group's name or id."`
}

func (v *holderVerb) run(ctx context.Context, s command.Streams, done string, do func(b *licence.Book, t tenant.Tenant, a licence.Assignment) error) error {
	k, err := licence.Find(v.Product)
	if err != nil {
		return err
	}
	return v.with(ctx, s, func(st *store.Store, id string) error {
		t, err := st.Tenant(ctx, id)
		if err != nil {
			return err
		}
		a := licence.Assignment{Part: k.Part, Kind: licence.Kind(v.Kind), Operator: operator()}
		if a.Subject, a.Name, err = v.subject(ctx, st, id); err != nil {
			return err
		}
		if err := do(server.Licences(st, time.Now, unrecorded(s)), t, a); err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.Out, done+"\n", a.Name, k.Name)
		return err
	})
}

// subject finds whom the name means.
func (v *holderVerb) subject(ctx context.Context, st *store.Store, tenantID string) (id, name string, err error) {
	var ids, names []string
	if v.Kind == string(licence.Person) {
		found, err := st.FindPeople(ctx, tenantID, v.Name)
		if err != nil {
			return "", "", err
		}
		for _, p := range found {
			ids, names = append(ids, p.ID), append(names, p.Name())
		}
	} else {
		found, err := server.Accounts(st, time.Now).FindGroups(ctx, tenantID, v.Name)
		if err != nil {
			return "", "", err
		}
		for _, g := range found {
			ids, names = append(ids, g.Object), append(names, g.Name)
		}
	}
	if len(ids) != 1 {
		return "", "", fmt.Errorf("%d of them are called %q: name one by what only it has, its full sign-in name or its object id", len(ids), v.Name)
	}
	return ids[0], names[0], nil
}

type licenceGive struct{ holderVerb }

// Run implements the verb.
func (v *licenceGive) Run(ctx context.Context, s command.Streams) error {
	return v.run(ctx, s, "%s has %s.", func(b *licence.Book, t tenant.Tenant, a licence.Assignment) error { return b.Assign(ctx, t, a) })
}

type licenceTake struct{ holderVerb }

// Run implements the verb.
func (v *licenceTake) Run(ctx context.Context, s command.Streams) error {
	return v.run(ctx, s, "%s no longer has %s.", func(b *licence.Book, t tenant.Tenant, a licence.Assignment) error { return b.Unassign(ctx, t, a) })
}

type licenceHolders struct {
	ofTenant
	asJSON
}

const shownHolders = 10_000

// Run implements the verb.
func (v *licenceHolders) Run(ctx context.Context, s command.Streams) error {
	return v.with(ctx, s, func(st *store.Store, id string) error {
		all, err := st.LicencesOf(ctx, id, shownHolders)
		if err != nil {
			return err
		}
		t := v.table("Nobody was given a product.", "PART", "TO", "NAME", "BY")
		for _, a := range all {
			t.Add(a.Part, a.Kind, a.Name, a.Operator)
		}
		return v.print(s, each(all, func(a licence.Assignment) holderAnswer {
			return holderAnswer{a.Part, a.Kind, a.Subject, a.Name, a.Operator, answer.At(a.At)}
		}), t)
	})
}

// holderAnswer is one product that was given to somebody.
type holderAnswer struct {
	Part string       `json:"part"`
	Kind licence.Kind `json:"kind" about:"person or group."`
	ID   string       `json:"id" about:"Of the person, or the group's objectGUID."`
	Name string       `json:"name,omitempty" about:"Left out: they are gone."`
	By   string       `json:"by"`
	At   answer.Time  `json:"at"`
}

// Answer implements cli.Answering.
func (licenceHolders) Answer() any { return []holderAnswer(nil) }

type licenceSeats struct {
	ofTenant
	asJSON
}

// seatsAnswer is how much of a product is used.
type seatsAnswer struct {
	Part   string `json:"part"`
	Used   int    `json:"used"`
	Bought int    `json:"bought,omitempty" about:"Left out: not counted."`
}

// Answer implements cli.Answering.
func (licenceSeats) Answer() any { return []seatsAnswer(nil) }

// Run implements the verb.
func (v *licenceSeats) Run(ctx context.Context, s command.Streams) error {
	return v.with(ctx, s, func(st *store.Store, id string) error {
		t, err := st.Tenant(ctx, id)
		if err != nil {
			return err
		}
		table := v.table("No product is on record: homeward licence add", "PART", "USED", "BOUGHT")
		all := []seatsAnswer{}
		for _, part := range slices.Sorted(slices.Values(t.Settings.Licences)) {
			used, err := st.SeatsUsed(ctx, id, part)
			if err != nil {
				return err
			}
			bought := "not counted"
			if n := t.Settings.LicenceSeats[part]; n > 0 {
				bought = strconv.Itoa(n)
			}
			table.Add(part, used, bought)
			all = append(all, seatsAnswer{part, used, t.Settings.LicenceSeats[part]})
		}
		return v.print(s, all, table)
	})
}
