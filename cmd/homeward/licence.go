package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"homeward/internal/agent/command"
	"homeward/internal/cli/answer"
	"homeward/internal/server/licence"
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

func (v *licences) change(ctx context.Context, s command.Streams, activity, detail string, do func(set *tenant.Settings)) error {
	return v.with(ctx, s, func(st *store.Store, id string) error {
		var set tenant.Settings
		_, err := st.ChangeTenant(ctx, id, func(tx *store.Store, t *tenant.Tenant) error {
			do(&t.Settings)
			set = t.Settings
			return noted(ctx, tx, id, activity, "", detail)
		})
		if err != nil {
			return err
		}
		return tellLicences(s, v.JSON, set)
	})
}

type licenceNeed struct {
	licences

	Needed string `arg:"" help:"on or off." enum:"on,off"`
	Each   *bool  `negatable:"" help:"Each person needs one, too, given to them or to a group of theirs."`
}

// Run implements the verb.
func (v *licenceNeed) Run(ctx context.Context, s command.Streams) error {
	detail := v.Needed
	if v.Each != nil {
		detail += fmt.Sprintf(", each person: %t", *v.Each)
	}
	return v.change(ctx, s, "Change whether licences are needed", detail, func(set *tenant.Settings) {
		set.LicencesNeeded = v.Needed == "on"
		if v.Each != nil {
			set.LicencePerPerson = *v.Each
		}
	})
}

// oneProduct is a verb about one product.
type oneProduct struct {
	licences

	Product string `arg:"" help:"Part number or product name, such as SPE_E3."`
}

type licenceAdd struct {
	oneProduct

	Seats int `help:"How many were bought; without it they are not counted." placeholder:"NUMBER"`
}

// Run implements the verb.
func (v *licenceAdd) Run(ctx context.Context, s command.Streams) error {
	k, err := licence.Find(v.Product)
	if err != nil {
		return err
	}
	return v.change(ctx, s, "Add licence", k.Part, func(set *tenant.Settings) {
		if !slices.Contains(set.Licences, k.Part) {
			set.Licences = append(set.Licences, k.Part)
		}
		if v.Seats > 0 {
			if set.LicenceSeats == nil {
				set.LicenceSeats = map[string]int{}
			}
			set.LicenceSeats[k.Part] = v.Seats
		}
	})
}

type licenceRemove struct{ oneProduct }

// Run implements the verb.
func (v *licenceRemove) Run(ctx context.Context, s command.Streams) error {
	k, err := licence.Find(v.Product)
	if err != nil {
		return err
	}
	return v.change(ctx, s, "Remove licence", k.Part, func(set *tenant.Settings) {
		set.Licences = slices.DeleteFunc(set.Licences, func(part string) bool { return part == k.Part })
		delete(set.LicenceSeats, k.Part)
	})
}
