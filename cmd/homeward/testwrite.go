package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"homeward/internal/agent/command"
	"homeward/internal/cli"
	"homeward/internal/cli/answer"
	"homeward/internal/server/control"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
)

type testVerb struct {
	running
	asJSON

	Every  string `help:"Write on schedule: a duration such as 24h, or off. Without this, write once, now." placeholder:"24h|off"`
	Domain string `help:"Only this domain." placeholder:"NAME"`
}

// Answer implements cli.Answering.
func (testVerb) Answer() any { return control.Trials{} }

// leastEvery keeps a schedule from filling the account's password history for nothing.
const leastEvery = 10 * time.Minute

// Run implements the verb.
func (v *testVerb) Run(ctx context.Context, s command.Streams) error {
	if v.Every != "" {
		return v.schedule(ctx, s)
	}
	return v.call(ctx, s, func(c *control.Client, id string) error {
		r := control.Trials{Results: []control.TrialResult{}}
		if err := c.Call(ctx, control.PathTest, control.Trial{Tenant: id, Operator: operator(), Domain: v.Domain}, &r); err != nil {
			return err
		}
		if v.JSON {
			return errors.Join(answer.JSON(s.Out, r), failedTrials(r))
		}
		for _, t := range r.Results { // failures are told here, with their causes
			if _, err := fmt.Fprintf(s.Out, "%s: %s\n", t.Domain, trialText(t)); err != nil {
				return err
			}
		}
		return failedTrials(r)
	})
}

func trialText(t control.TrialResult) string {
	switch {
	case t.Error != "":
		return t.Error
	case t.Outcome == "changed":
		return "written in " + took(t.Micros)
	case t.Passed:
		return "the domain's minimum password age refused it, so the way there works (" + took(t.Micros) + ")"
	}
	return t.Outcome + ": " + strings.ReplaceAll(t.Reason, "_", " ") + ". homeward-agent doctor on the agent's machine tells more"
}

func failedTrials(r control.Trials) error {
	for _, t := range r.Results {
		if !t.Passed {
			return command.ErrTold
		}
	}
	return nil
}

// schedule stores how often test accounts are written; a running server takes it up by itself.
func (v *testVerb) schedule(ctx context.Context, s command.Streams) error {
	var every time.Duration
	if v.Every != "off" {
		var err error
		if every, err = time.ParseDuration(v.Every); err != nil || every < leastEvery {
			return cli.Wrong(fmt.Errorf("--every %s: use 10m or more, such as 24h, or off", v.Every))
		}
	}
	return v.with(ctx, s, func(st *store.Store, id string) error {
		_, err := st.ChangeTenant(ctx, id, func(tx *store.Store, t *tenant.Tenant) error {
			t.Settings.TestEvery = every
			return noted(ctx, tx, id, "Schedule test writes", "", v.Every)
		})
		if err != nil {
			return err
		}
		said := "No test writes on schedule."
		if every > 0 {
			said = fmt.Sprintf("Each test account is written every %s. Agents name theirs in directories[].test_account; without one nothing is written.", v.Every)
		}
		_, err = fmt.Fprintln(s.Out, said)
		return err
	})
}

type keysVerbs struct {
	Status keysStatus `cmd:"" help:"List the keys, and how many agents obey each."`
	Roll   keysRoll   `cmd:"" help:"Make the next key now. Agents take it with their next heartbeat; nobody notices."`
}

// keysAnswer is what both verbs about keys print.
type keysAnswer struct {
	running
	asJSON
}

type keysStatus struct{ keysAnswer }

// Run implements the verb.
func (v *keysStatus) Run(ctx context.Context, s command.Streams) error {
	return v.ask(ctx, s, control.PathKeys)
}

type keysRoll struct{ keysAnswer }

// Run implements the verb.
func (v *keysRoll) Run(ctx context.Context, s command.Streams) error {
	return v.ask(ctx, s, control.PathRoll)
}

func (v *keysAnswer) ask(ctx context.Context, s command.Streams, path string) error {
	return v.call(ctx, s, func(c *control.Client, _ string) error {
		var k control.Keys
		if err := c.Call(ctx, path, control.Operator{Operator: operator()}, &k); err != nil {
			return err
		}
		if v.JSON {
			return answer.JSON(s.Out, k)
		}
		t := v.table("", "KEY", "MADE", "AGENTS", "STATE")
		for _, one := range k.Keys {
			state := "replaced; kept while an agent needs it"
			switch {
			case one.Newest:
				state = "newest, replaced on " + v.at(k.Due).Format("2 January 2006")
			case one.Erased:
				state = "replaced and erased"
			}
			t.Add(one.ID, one.Made, one.Agents, state)
		}
		return t.Write(s.Out)
	})
}

// Answer implements cli.Answering.
func (keysAnswer) Answer() any { return control.Keys{} }
