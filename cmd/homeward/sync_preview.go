package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"homeward/internal/agent/command"
	"homeward/internal/cli"
	"homeward/internal/cli/answer"
	"homeward/internal/server/control"
	"homeward/internal/server/provision"
	"homeward/internal/server/store"
)

type syncPreview struct {
	ofDomain
	asJSON

	All bool `help:"Also those whom nothing would happen to."`
	Ask bool `help:"Have an agent of the domain (--domain) read it first; the list is whole when it has read everybody."`
}

// previewPage is how many verdicts are read at once.
const previewPage = 1000

// Run implements the verb.
func (v *syncPreview) Run(ctx context.Context, s command.Streams) error {
	if v.Ask {
		return v.ask(ctx, s)
	}
	return v.withEngine(ctx, s, func(e *provision.Engine, _ *store.Store, id string) error {
		states, err := e.State(ctx, id)
		if err != nil {
			return err
		}
		var list []provision.Preview
		shown := 0
		for _, d := range states {
			if !d.Staging || v.Domain != "" && !strings.EqualFold(d.Domain, v.Domain) {
				continue
			}
			shown++
			counts, err := v.collect(ctx, e, id, d.Domain, &list)
			if err != nil {
				return err
			}
			if !v.JSON {
				if err := tellCounts(s.Out, v.at(time.Now()), d, counts); err != nil {
					return err
				}
			}
		}
		switch {
		case shown == 0:
			return errors.New("no agent has made a preview yet. Ask for one: homeward sync preview --ask --domain NAME, or in the admin portal: Sync status > Preview; or on the agent's machine: homeward-agent connect preview")
		case v.JSON:
			return answer.JSON(s.Out, each(list, previewOf))
		}
		return previewTable(s.Out, list)
	})
}

// Answer implements cli.Answering.
func (syncPreview) Answer() any { return []previewAnswer(nil) }

// ask has the domain's agent begin, as the button of the admin portal does.
func (v *syncPreview) ask(ctx context.Context, s command.Streams) error {
	if v.Domain == "" {
		return cli.Wrong(errors.New("--ask: name the domain with --domain"))
	}
	return (&running{v.ofTenant}).call(ctx, s, func(c *control.Client, id string) error {
		if err := c.Call(ctx, control.PathStage, control.Preview{Tenant: id, Operator: operator(), Domain: v.Domain}, &control.Done{}); err != nil {
			return err
		}
		_, err := fmt.Fprintf(s.Out, "An agent reads %s; nothing is changed. What it finds: homeward sync preview\n", v.Domain)
		return err
	})
}

func (v *syncPreview) collect(ctx context.Context, e *provision.Engine, tenantID, domain string, list *[]provision.Preview) (map[provision.Verdict]int, error) {
	after := ""
	for {
		page, counts, err := e.Previews(ctx, tenantID, domain, after, previewPage)
		if err != nil {
			return nil, err
		}
		for _, p := range page {
			if v.All || p.Verdict != provision.WouldLeave {
				*list = append(*list, p)
			}
			after = p.Object
		}
		if len(page) < previewPage {
			return counts, nil
		}
	}
}

func tellCounts(w io.Writer, now time.Time, d provision.Status, counts map[provision.Verdict]int) error {
	joined := counts[provision.WouldJoinHard] + counts[provision.WouldJoinSoft] + counts[provision.WouldLink]
	_, err := fmt.Fprintf(w, "%s, read %s: %d would be made, %d joined to an account that exists, %d changed, %d restored, %d left as they are, %d left out, %d in conflict. Nothing has been changed.\n",
		d.Domain, ago(d.Applied, now), counts[provision.WouldCreate], joined, counts[provision.WouldUpdate], counts[provision.WouldRestore],
		counts[provision.WouldLeave], counts[provision.WouldSkip], counts[provision.WouldConflict])
	return err
}

func previewTable(out io.Writer, list []provision.Preview) error {
	t := answer.Of("Nothing would happen to anybody.", "VERDICT", "WHO", "SIGN-IN NAME", "ADDRESS", "WITH", "WHY")
	for _, p := range list {
		t.Add(spelt(p.Verdict), p.Name, p.UPN, p.Address, p.OtherName, spelt(p.Reason))
	}
	return t.Write(out)
}

// spelt is a code of several words, for people.
func spelt[T ~string](code T) string { return strings.ReplaceAll(string(code), "_", " ") }

type syncPasswords struct {
	ofTenant
	asJSON

	Limit int `help:"How many." default:"1000"`
}

// Run implements the verb.
func (v *syncPasswords) Run(ctx context.Context, s command.Streams) error {
	return v.withEngine(ctx, s, func(e *provision.Engine, _ *store.Store, id string) error {
		all, err := e.NotYetOne(ctx, id, "", v.Limit)
		if err != nil {
			return err
		}
		t := v.table("Everybody who was joined has one password.", "WHO", "SIGN-IN NAME", "JOINED", "STATE")
		for _, p := range all {
			state := "the cloud password is written at the next sign-in with it"
			switch p.Password {
			case provision.CloudWriting:
				state = "is being written"
			case provision.CloudRefused:
				state = "Active Directory refused the cloud password (" + spelt(p.PasswordReason) + "): let them reset it in the portal"
			case provision.OnePassword, provision.CloudPending, provision.CloudWritten, provision.FromDirectory:
			}
			t.Add(p.Name(), p.UPN, p.Joined, state)
		}
		return v.print(s, each(all, personOf), t)
	})
}

// Answer implements cli.Answering.
func (syncPasswords) Answer() any { return []personAnswer(nil) }
