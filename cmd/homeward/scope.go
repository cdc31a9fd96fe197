package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"homeward/internal/agent/command"
	"homeward/internal/server/licence"
	"homeward/internal/server/provision"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
)

type domainVerbs struct {
	Add    domainAdd    `cmd:"" help:"Add a domain name. Prints the DNS record that proves it is yours."`
	Verify domainVerify `cmd:"" help:"Look for that DNS record, and take the domain as verified."`
	Remove domainRemove `cmd:"" help:"Remove a domain name."`
	List   domainList   `cmd:"" help:"List the domain names."`
}

// oneDomain is a verb about one domain name.
type oneDomain struct {
	ofTenant

	Name string `arg:"" help:"Domain name, such as contoso.com."`
}

// verification is what the DNS has to show.
func verification(token string) string { return "homeward-verification=" + token }

type domainAdd struct{ oneDomain }

// Run implements the verb.
func (v *domainAdd) Run(ctx context.Context, s command.Streams) error {
	return v.withEngine(ctx, s, func(e *provision.Engine, _ *store.Store, id string) error {
		d, err := e.AddDomain(ctx, id, operator(), v.Name)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.Out, "Added %s. To prove that it is yours, make this DNS record, then run homeward domain verify %[1]s:\n%[1]s. TXT \"%s\"\n", d.Name, verification(d.Token))
		return err
	})
}

type domainVerify struct {
	oneDomain

	Trust bool   `help:"Take the domain as verified without looking, because you know whose it is."`
	DNS   string `help:"host:port of the DNS server to ask; without it the machine's." placeholder:"HOST:PORT"`
}

const lookWithin = 10 * time.Second

// Run implements the verb.
func (v *domainVerify) Run(ctx context.Context, s command.Streams) error {
	return v.withEngine(ctx, s, func(e *provision.Engine, _ *store.Store, id string) error {
		d, err := v.find(ctx, e, id)
		if err != nil {
			return err
		}
		if !v.Trust {
			if err := v.look(ctx, d); err != nil {
				return err
			}
		}
		if err := e.VerifyDomain(ctx, id, operator(), d.Name); err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.Out, "%s is verified: people may sign in with names that end in it.\n", d.Name)
		return err
	})
}

// find returns the domain, which is added first if it is to be trusted.
func (v *domainVerify) find(ctx context.Context, e *provision.Engine, tenantID string) (provision.Domain, error) {
	all, err := e.Domains(ctx, tenantID)
	if err != nil {
		return provision.Domain{}, err
	}
	if i := slices.IndexFunc(all, func(d provision.Domain) bool { return strings.EqualFold(d.Name, v.Name) }); i >= 0 {
		return all[i], nil
	}
	if v.Trust {
		return e.AddDomain(ctx, tenantID, operator(), v.Name)
	}
	return provision.Domain{}, fmt.Errorf("there is no domain %q: homeward domain add %[1]s", v.Name)
}

func (v *domainVerify) look(ctx context.Context, d provision.Domain) error {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	r := net.DefaultResolver
	if v.DNS != "" {
		r = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, v.DNS)
		}}
	}
	texts, err := r.LookupTXT(ctx, d.Name+".")
	if err != nil {
		return fmt.Errorf("look for the DNS record of %s: %w", d.Name, err)
	}
	if !slices.Contains(texts, verification(d.Token)) {
		return fmt.Errorf("%s has no TXT record %q; it has %d others. A new record can take an hour to be seen", d.Name, verification(d.Token), len(texts))
	}
	return nil
}

type domainRemove struct{ oneDomain }

// Run implements the verb.
func (v *domainRemove) Run(ctx context.Context, s command.Streams) error {
	return v.withEngine(ctx, s, func(e *provision.Engine, _ *store.Store, id string) error {
		if err := e.RemoveDomain(ctx, id, operator(), v.Name); err != nil {
			return err
		}
		_, err := fmt.Fprintf(s.Out, "Removed %s.\n", v.Name)
		return err
	})
}

type domainList struct {
	ofTenant
	asJSON
}

// Run implements the verb.
func (v *domainList) Run(ctx context.Context, s command.Streams) error {
	return v.withEngine(ctx, s, func(e *provision.Engine, _ *store.Store, id string) error {
		all, err := e.Domains(ctx, id)
		if err != nil {
			return err
		}
		if v.JSON {
			return printJSON(s, append([]provision.Domain{}, all...))
		}
		w := tabwriter.NewWriter(s.Out, 0, 4, 2, ' ', 0)
		_, _ = fmt.Fprintln(w, "DOMAIN\tVERIFIED")
		for _, d := range all {
			state := "not yet"
			if !d.Verified.IsZero() {
				state = d.Verified.Local().Format("2006-01-02 15:04")
			}
			_, _ = fmt.Fprintf(w, "%s\t%s\n", d.Name, state)
		}
		return w.Flush()
	})
}

type groupVerbs struct {
	Find  groupFind  `cmd:"" help:"Find synced groups by name."`
	Scope groupScope `cmd:"" help:"Show or choose who may reset their password: all, none, or the people of one group and of the groups in it."`
}

type groupFind struct {
	ofTenant
	asJSON

	Name string `arg:"" help:"Name, logon name or object id."`
}

// Run implements the verb.
func (v *groupFind) Run(ctx context.Context, s command.Streams) error {
	return v.withEngine(ctx, s, func(e *provision.Engine, _ *store.Store, id string) error {
		all, err := e.FindGroups(ctx, id, v.Name)
		if err != nil {
			return err
		}
		if v.JSON {
			return printJSON(s, append([]provision.Group{}, all...))
		}
		w := tabwriter.NewWriter(s.Out, 0, 4, 2, ' ', 0)
		_, _ = fmt.Fprintln(w, "ID\tNAME\tPEOPLE\tWHERE")
		for _, g := range all {
			n, _, err := e.ScopeCount(ctx, id, tenant.ScopeSelected, g.Object)
			if err != nil {
				return err
			}
			_, _ = fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", g.Object, g.Name, n, g.DN)
		}
		return w.Flush()
	})
}

type groupScope struct {
	ofTenant

	Scope string `arg:"" optional:"" help:"all, none, or selected." enum:"all,none,selected," default:""`
	Group string `arg:"" optional:"" help:"With selected: the group's name or id."`
}

// Run implements the verb.
func (v *groupScope) Run(ctx context.Context, s command.Streams) error {
	return v.withEngine(ctx, s, func(e *provision.Engine, st *store.Store, id string) error {
		t, err := st.Tenant(ctx, id)
		if err != nil {
			return err
		}
		if v.Scope != "" {
			if t.Settings, err = v.choose(ctx, e, id, t.Settings); err != nil {
				return err
			}
			_, err = st.ChangeTenant(ctx, id, func(tx *store.Store, fresh *tenant.Tenant) error {
				fresh.Settings.ResetScope, fresh.Settings.ResetGroup = t.Settings.ResetScope, t.Settings.ResetGroup
				return noted(ctx, tx, id, "Choose who may reset", fresh.Settings.ResetGroup, v.Scope)
			})
			if err != nil {
				return err
			}
		}
		in, all, err := e.ScopeCount(ctx, id, t.Settings.ResetScope, t.Settings.ResetGroup)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.Out, "%s may reset their password: %d of %d people.\n", scopeName(ctx, e, id, t.Settings), in, all)
		return err
	})
}

func (v *groupScope) choose(ctx context.Context, e *provision.Engine, tenantID string, set tenant.Settings) (tenant.Settings, error) {
	set.ResetGroup = ""
	switch v.Scope {
	case "all":
		set.ResetScope = tenant.ScopeAll
	case "none":
		set.ResetScope = tenant.ScopeNone
	case "selected":
		found, err := e.FindGroups(ctx, tenantID, v.Group)
		if err != nil {
			return set, err
		}
		if len(found) != 1 {
			return set, fmt.Errorf("%d synced groups are called %q: name one by its id, as homeward group find shows it", len(found), v.Group)
		}
		set.ResetScope, set.ResetGroup = tenant.ScopeSelected, found[0].Object
	}
	return set, nil
}

func scopeName(ctx context.Context, e *provision.Engine, tenantID string, set tenant.Settings) string {
	switch set.ResetScope {
	case tenant.ScopeNone:
		return "Nobody"
	case tenant.ScopeSelected:
		if found, err := e.FindGroups(ctx, tenantID, set.ResetGroup); err == nil && len(found) == 1 {
			return "The people of " + found[0].Name + " and of the groups in it"
		}
		return "The people of a group that isn't synced any more"
	case tenant.ScopeAll:
	}
	return "Everybody"
}

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

type licenceShow struct{ ofTenant }

// Run implements the verb.
func (v *licenceShow) Run(ctx context.Context, s command.Streams) error {
	return v.with(ctx, s, func(st *store.Store, id string) error {
		t, err := st.Tenant(ctx, id)
		if err != nil {
			return err
		}
		return tellLicences(s, t.Settings)
	})
}

func tellLicences(s command.Streams, set tenant.Settings) error {
	verdict := licence.Judge(set)
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

type licenceList struct{ asJSON }

// Run implements the verb.
func (v *licenceList) Run(s command.Streams) error {
	all, err := licence.Catalogue()
	if err != nil {
		return err
	}
	if v.JSON {
		return printJSON(s, all)
	}
	w := tabwriter.NewWriter(s.Out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "PART\tPRODUCT\tWRITEBACK")
	for _, k := range all {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\n", k.Part, k.Name, map[bool]string{true: "yes", false: "no"}[k.Writeback()])
	}
	return w.Flush()
}

// licences is a verb that changes them.
type licences struct{ ofTenant }

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
		return tellLicences(s, set)
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
