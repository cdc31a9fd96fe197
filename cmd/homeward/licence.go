package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"homeward/internal/agent/command"
	"homeward/internal/cli"
	"homeward/internal/cli/answer"
	"homeward/internal/server/licence"
	"homeward/internal/server/setting"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
)

type licenceVerbs struct {
	Show   licenceShow   `cmd:"" help:"Whether this tenant needs licences, which it has, and whether password writeback is in them."`
	List   licenceList   `cmd:"" help:"Every product, and whether it includes password writeback."`
	Need   licenceNeed   `cmd:"" help:"Say whether this tenant needs licences: on or off. Off is how one begins; then nothing mentions them."`
	Add    licenceAdd    `cmd:"" help:"Note a subscribed product by part number or name."`
	Remove licenceRemove `cmd:"" help:"Remove one."`

	Give    licenceGive    `cmd:"" help:"Give a subscribed product to a person or a group."`
	Take    licenceTake    `cmd:"" help:"Take it back."`
	Holders licenceHolders `cmd:"" help:"List who was given what."`
	Seats   licenceSeats   `cmd:"" help:"How many people have each product, and how many were bought."`
}

type licenceShow struct {
	ofTenant
	asJSON
}

// licenceAnswer is what licences a tenant needs and has.
type licenceAnswer struct {
	Needed    bool     `json:"needed" about:"false: nothing asks about licences."`
	PerPerson bool     `json:"per_person" about:"Each person needs one, too."`
	Allowed   bool     `json:"allowed" about:"Password writeback may be used."`
	Plans     []string `json:"plans" about:"Products subscribed to, by name."`
	Why       string   `json:"why,omitempty" about:"What is missing, and what would do."`
}

// Answer implements cli.Answering.
func (licenceShow) Answer() any { return licenceAnswer{} }

// Run implements the verb.
func (v *licenceShow) Run(ctx context.Context, s command.Streams) error {
	return v.with(ctx, s, func(st *store.Store, id string) error {
		t, err := st.Tenant(ctx, id)
		if err != nil {
			return err
		}
		return tellLicences(s, v.JSON, t.Settings)
	})
}

func tellLicences(s command.Streams, asJSON bool, set tenant.Settings) error {
	verdict := licence.Judge(set)
	if asJSON {
		a := licenceAnswer{verdict.Needed, set.LicencePerPerson, verdict.Allowed, append([]string{}, verdict.Plans...), verdict.Why}
		return answer.JSON(s.Out, a)
	}
	var said string
	switch {
	case !verdict.Needed:
		said = "This tenant needs no licences: password writeback may be used."
	case verdict.Allowed:
		said = "Password writeback may be used: " + strings.Join(verdict.Plans, ", ") + "."
	default:
		said = "Password writeback may not be used. " + verdict.Why
	}
	_, err := fmt.Fprintln(s.Out, said)
	return err
}

type licenceList struct {
	asJSON

	Find string `arg:"" optional:"" help:"Part of a part number or a product name."`
}

// Answer implements cli.Answering.
func (licenceList) Answer() any { return []productAnswer(nil) }

// Run implements the verb.
func (v *licenceList) Run(s command.Streams) error {
	all, err := licence.Catalogue()
	if err != nil {
		return err
	}
	t := answer.Of("No product has that in its part number or name.", "PART", "PRODUCT", "WRITEBACK")
	var found []licence.SKU
	for _, k := range all {
		if find := strings.ToLower(v.Find); strings.Contains(strings.ToLower(k.Part), find) || strings.Contains(strings.ToLower(k.Name), find) {
			found = append(found, k)
			t.Add(k.Part, k.Name, k.Writeback())
		}
	}
	return v.print(s, each(found, productOf), t)
}

// licences is a verb that changes them.
type licences struct {
	ofTenant
	asJSON
}

// Answer implements cli.Answering.
func (licences) Answer() any { return licenceAnswer{} }

// change changes a tenant as the page of licences does, and says what may be used then.
func (v *licences) change(ctx context.Context, s command.Streams, do func(tx *store.Store, t *tenant.Tenant) error) error {
	return v.with(ctx, s, func(st *store.Store, id string) error {
		t, err := st.ChangeTenant(ctx, id, do)
		if err != nil {
			return err
		}
		return tellLicences(s, v.JSON, t.Settings)
	})
}

type licenceNeed struct {
	licences

	Needed string `arg:"" help:"on or off." enum:"on,off"`
	Each   *bool  `negatable:"" help:"Each person needs one, too, given to them or to a group of theirs."`
}

// Run implements the verb.
func (v *licenceNeed) Run(ctx context.Context, s command.Streams) error {
	return v.change(ctx, s, func(tx *store.Store, t *tenant.Tenant) error {
		before := setting.Licences(t.Settings)
		t.Settings.LicencesNeeded = v.Needed == "on"
		if v.Each != nil {
			t.Settings.LicencePerPerson = *v.Each
		}
		t.Settings.LicencePerPerson = t.Settings.LicencePerPerson && t.Settings.LicencesNeeded
		return recordChange(ctx, tx, t.ID, setting.Difference(before, setting.Licences(t.Settings)))
	})
}

// oneProduct is a verb about one product.
type oneProduct struct {
	licences

	Product string `arg:"" help:"Part number or product name, such as SPE_E3."`
}

type licenceAdd struct {
	oneProduct

	Seats *int `help:"How many were bought; 0: they are not counted." placeholder:"NUMBER"`
}

// Run implements the verb.
func (v *licenceAdd) Run(ctx context.Context, s command.Streams) error {
	k, err := licence.Find(v.Product)
	if err != nil {
		return err
	}
	return v.change(ctx, s, func(tx *store.Store, t *tenant.Tenant) error {
		if !slices.Contains(t.Settings.Licences, k.Part) {
			if err := licence.Subscribe(&t.Settings, k.Part); err != nil {
				return err
			}
			if err := record(ctx, tx, t.ID, setting.Done(operator(), "Add licence", k.Part)); err != nil {
				return err
			}
		}
		if v.Seats == nil || *v.Seats == t.Settings.LicenceSeats[k.Part] {
			return nil
		}
		detail := fmt.Sprintf("%s: %d → %d", k.Part, t.Settings.LicenceSeats[k.Part], *v.Seats)
		if err := licence.SetSeats(&t.Settings, k.Part, *v.Seats); err != nil {
			return cli.Wrong(fmt.Errorf("--seats: %w", err))
		}
		return record(ctx, tx, t.ID, setting.Done(operator(), "Change licence seats", detail))
	})
}

type licenceRemove struct{ oneProduct }

// Run implements the verb.
func (v *licenceRemove) Run(ctx context.Context, s command.Streams) error {
	k, err := licence.Find(v.Product)
	if err != nil {
		return err
	}
	return v.change(ctx, s, func(tx *store.Store, t *tenant.Tenant) error {
		if !slices.Contains(t.Settings.Licences, k.Part) {
			return licence.ErrNotOwned
		}
		licence.Unsubscribe(&t.Settings, k.Part)
		return record(ctx, tx, t.ID, setting.Done(operator(), "Remove licence", k.Part))
	})
}
