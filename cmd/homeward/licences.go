package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"homeward/internal/agent/command"
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
		if v.JSON {
			return printJSON(s, append([]licence.Assignment{}, all...))
		}
		w := tabwriter.NewWriter(s.Out, 0, 4, 2, ' ', 0)
		_, _ = fmt.Fprintln(w, "PART\tTO\tNAME\tBY")
		for _, a := range all {
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", a.Part, a.Kind, a.Name, a.Operator)
		}
		return w.Flush()
	})
}

type licenceSeats struct{ ofTenant }

// Run implements the verb.
func (v *licenceSeats) Run(ctx context.Context, s command.Streams) error {
	return v.with(ctx, s, func(st *store.Store, id string) error {
		t, err := st.Tenant(ctx, id)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(s.Out, 0, 4, 2, ' ', 0)
		_, _ = fmt.Fprintln(w, "PART\tUSED\tBOUGHT")
		for _, part := range slices.Sorted(slices.Values(t.Settings.Licences)) {
			used, err := st.SeatsUsed(ctx, id, part)
			if err != nil {
				return errors.Join(err, w.Flush())
			}
			bought := "not counted"
			if n := t.Settings.LicenceSeats[part]; n > 0 {
				bought = strconv.Itoa(n)
			}
			_, _ = fmt.Fprintf(w, "%s\t%d\t%s\n", part, used, bought)
		}
		return w.Flush()
	})
}
