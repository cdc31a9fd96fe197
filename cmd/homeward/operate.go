package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strings"
	"time"

	"homeward/internal/agent/command"
	"homeward/internal/cli/answer"
	"homeward/internal/server/audit"
	"homeward/internal/server/control"
	"homeward/internal/server/enrol"
	"homeward/internal/server/status"
	"homeward/internal/server/store"
)

// running is ofTenant for a verb that asks the running server.
type running struct{ ofTenant }

// call finds the tenant and hands do a way to the running server.
func (f *running) call(ctx context.Context, s command.Streams, do func(c *control.Client, tenant string) error) error {
	conf, err := f.load()
	if err != nil {
		return err
	}
	return f.with(ctx, s, func(_ *store.Store, id string) error {
		return do(control.NewClient(control.Path(conf.State)), id)
	})
}

// operator is who runs this command, for the audit log.
func operator() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if sudo := os.Getenv("SUDO_USER"); sudo != "" && sudo != name {
		return sudo + " (as " + name + ")"
	}
	return name
}

// noted records what an operator did to the store itself.
func noted(ctx context.Context, st *store.Store, tenantID, activity, target, detail string) error {
	return record(ctx, st, tenantID, audit.Record{Activity: activity, Hop: "operator", Result: "ok", Actor: operator(), Target: target, Detail: detail})
}

// record appends to a tenant's audit log.
func record(ctx context.Context, st *store.Store, tenantID string, r audit.Record) error {
	r.Tenant, r.At = tenantID, time.Now()
	return st.Append(ctx, tenantID, r)
}

type statusVerb struct {
	running
	asJSON
}

// Answer implements cli.Answering.
func (statusVerb) Answer() any { return status.Report{} }

// Run implements the verb.
func (v *statusVerb) Run(ctx context.Context, s command.Streams) error {
	return v.call(ctx, s, func(c *control.Client, id string) error {
		var r status.Report
		err := c.Call(ctx, control.PathStatus, control.Query{Tenant: id}, &r)
		switch {
		case err != nil:
			return err
		case v.JSON:
			err = answer.JSON(s.Out, r)
		default:
			err = status.Text(s.Out, r)
		}
		if err == nil && !r.Works {
			err = command.ErrTold // the report has said why
		}
		return err
	})
}

// oneAgent is running for a verb about one agent.
type oneAgent struct {
	running

	Agent string `arg:"" help:"The agent's machine name, its id, or at least six characters of the id's beginning."`
}

// change asks for one change of the agent and says what was done.
func (v *oneAgent) change(ctx context.Context, s command.Streams, path string, force bool, said func(control.Done) string) error {
	return v.call(ctx, s, func(c *control.Client, id string) error {
		var done control.Done
		q := control.Target{Tenant: id, Agent: v.Agent, Operator: operator(), Force: force}
		if err := c.Call(ctx, path, q, &done); err != nil {
			return err
		}
		_, err := fmt.Fprintln(s.Out, said(done))
		return err
	})
}

type agentDrain struct {
	oneAgent

	Wait  bool `help:"Return when nothing is left for it to do."`
	Force bool `help:"Drain it even if no other agent can write its domains: resets stop until it is resumed."`
}

// drainLook is how often drain --wait looks.
const drainLook = 250 * time.Millisecond

// Run implements the verb.
func (v *agentDrain) Run(ctx context.Context, s command.Streams) error {
	var agent string
	err := v.change(ctx, s, control.PathDrain, v.Force, func(d control.Done) string {
		agent = d.Agent
		return d.Machine + " takes no new requests. Back into service: homeward agent resume " + status.ShortID(d.Agent)
	})
	if err != nil || !v.Wait {
		return err
	}
	return v.call(ctx, s, func(c *control.Client, id string) error {
		tick := time.NewTicker(drainLook)
		defer tick.Stop()
		for {
			idle, err := isIdle(ctx, c, id, agent)
			if err != nil {
				return err
			}
			if idle {
				_, err = fmt.Fprintln(s.Out, "Nothing is left for it to do: it can be stopped.")
				return err
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-tick.C:
			}
		}
	})
}

func isIdle(ctx context.Context, c *control.Client, tenantID, agent string) (bool, error) {
	var r status.Report
	if err := c.Call(ctx, control.PathStatus, control.Query{Tenant: tenantID}, &r); err != nil {
		return false, err
	}
	for _, a := range r.Agents {
		if a.ID != agent {
			continue
		}
		if a.Draining.IsZero() {
			return false, errors.New("somebody has resumed this agent meanwhile")
		}
		return a.Idle, nil
	}
	return false, errors.New("somebody has revoked this agent meanwhile")
}

type agentResume struct{ oneAgent }

// Run implements the verb.
func (v *agentResume) Run(ctx context.Context, s command.Streams) error {
	return v.change(ctx, s, control.PathResume, false, func(d control.Done) string { return d.Machine + " takes requests again." })
}

type agentCutOff struct{ oneAgent }

// Run implements the verb.
func (v *agentCutOff) Run(ctx context.Context, s command.Streams) error {
	return v.change(ctx, s, control.PathRevoke, false, func(d control.Done) string {
		return d.Machine + " is cut off and can't return. Its identity on that machine is worthless now; remove its state folder."
	})
}

type agentMove struct{ oneAgent }

// Run implements the verb.
func (v *agentMove) Run(ctx context.Context, s command.Streams) error {
	return v.change(ctx, s, control.PathMove, false, func(d control.Done) string {
		return fmt.Sprintf("The agent serves from %s from now on, and no longer from %s. It connects by itself within half a minute.", d.Machine, d.From)
	})
}

// replaced finds the agent that a new one takes the place of.
func replaced(ctx context.Context, st *store.Store, tenantID, name string) (string, error) {
	if name == "" {
		return "", nil
	}
	agents, err := st.Agents(ctx, tenantID)
	if err != nil {
		return "", err
	}
	agents = slices.DeleteFunc(agents, func(a enrol.Agent) bool { return a.Status != enrol.Approved })
	a, err := agentNamed(agents, name, func(a enrol.Agent) (id, machine string) { return a.ID, a.Machine })
	return a.ID, err
}

// agentNamed finds the agent that a machine's name, an id or at least six characters of its beginning mean.
func agentNamed[A any](agents []A, name string, names func(A) (id, machine string)) (A, error) {
	var none A
	var found []A
	for _, a := range agents {
		id, machine := names(a)
		if len(name) >= 6 && strings.HasPrefix(id, strings.ToUpper(name)) || strings.EqualFold(machine, name) {
			found = append(found, a)
		}
	}
	switch len(found) {
	case 0:
		return none, fmt.Errorf("there is no agent %q; homeward agent list shows them", name)
	case 1:
		return found[0], nil
	}
	return none, fmt.Errorf("%d agents are named %q, so name one by its id", len(found), name)
}
