package main

import (
	"context"
	"strings"
	"time"

	"homeward/internal/agent/command"
	"homeward/internal/cli/answer"
	"homeward/internal/server/control"
	"homeward/internal/server/status"
)

type agentList struct {
	running
	asJSON
}

// Answer implements cli.Answering.
func (agentList) Answer() any { return []status.Agent(nil) }

// Run implements the verb.
func (v *agentList) Run(ctx context.Context, s command.Streams) error {
	return v.call(ctx, s, func(c *control.Client, id string) error {
		var r status.Report
		if err := c.Call(ctx, control.PathStatus, control.Query{Tenant: id}, &r); err != nil {
			return err
		}
		t := v.table("No agent has been registered: homeward agent code, then homeward-agent connect on its machine.",
			"AGENT", "STATE", "SEEN", "PENDING", "VERSION", "DOMAINS", "ID")
		for _, a := range r.Agents {
			t.Add(a.Machine, a.State, orWords(answer.Moment(a.Seen, v.zone), "never"), a.Pending, a.Build, orWords(strings.Join(a.Domains, ","), "–"), status.ShortID(a.ID))
		}
		return v.print(s, append([]status.Agent{}, r.Agents...), t)
	})
}

type agentShow struct {
	oneAgent
	asJSON
}

// agentAnswer is one agent, and what is wrong with it.
type agentAnswer struct {
	status.Agent

	Writes []status.Domain `json:"writes" about:"The domains it serves, as all their agents together can write them."`
	Causes []status.Cause  `json:"causes" about:"What is wrong with it, in fixing order."`
}

// Answer implements cli.Answering.
func (agentShow) Answer() any { return agentAnswer{} }

// Run implements the verb.
func (v *agentShow) Run(ctx context.Context, s command.Streams) error {
	return v.call(ctx, s, func(c *control.Client, id string) error {
		var r status.Report
		if err := c.Call(ctx, control.PathStatus, control.Query{Tenant: id}, &r); err != nil {
			return err
		}
		found, err := agentNamed(r.Agents, v.Agent, func(a status.Agent) (id, machine string) { return a.ID, a.Machine })
		if err != nil {
			return err
		}
		a := agentAnswer{Agent: found, Writes: []status.Domain{}, Causes: []status.Cause{}}
		for _, d := range r.Domains {
			for _, name := range found.Domains {
				if strings.EqualFold(d.Name, name) {
					a.Writes = append(a.Writes, d)
				}
			}
		}
		for _, one := range append(r.Off, r.Notes...) {
			if one.Agent == found.ID {
				a.Causes = append(a.Causes, one)
			}
		}
		return v.print(s, a, a.table(v.zone))
	})
}

func (a agentAnswer) table(zone *time.Location) *answer.Table {
	t := answer.Settings()
	t.Zone = zone
	t.Add("agent", a.Machine)
	t.Add("id", a.ID)
	t.Add("state", a.State)
	t.Add("seen", orWords(answer.Moment(a.Seen, zone), "never"))
	t.Add("version", a.Build)
	t.Add("protocol", a.Protocol)
	t.Add("pending", a.Pending)
	if !a.Draining.IsZero() {
		t.Add("draining since", a.Draining)
		t.Add("idle", a.Idle)
	}
	if a.Rival != nil {
		t.Add("refused", a.Rival.Machine+" ("+spelt(a.Rival.Reason)+")")
	}
	for _, d := range a.Writes {
		state := "works"
		if !d.Works {
			state = orWords(spelt(d.Reason), "no agent can write it")
		}
		t.Add("domain "+d.Name, state)
	}
	for _, c := range a.Causes {
		t.Add("problem", c.Name+". "+c.Says+" "+c.Next)
	}
	return t
}
