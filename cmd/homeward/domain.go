package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"homeward/internal/agent/command"
	"homeward/internal/cli/answer"
	"homeward/internal/server/provision"
	"homeward/internal/server/store"
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
		t := v.table("No domain name has been added.", "DOMAIN", "VERIFIED")
		for _, d := range all {
			state := "not yet"
			if !d.Verified.IsZero() {
				state = answer.Moment(d.Verified, v.zone)
			}
			t.Add(d.Name, state)
		}
		return v.print(s, each(all, domainOf), t)
	})
}

// Answer implements cli.Answering.
func (domainList) Answer() any { return []domainAnswer(nil) }
