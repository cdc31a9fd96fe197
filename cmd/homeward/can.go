package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"homeward/internal/agent/command"
	"homeward/internal/cli/answer"
	"homeward/internal/event"
	"homeward/internal/server/control"
	"homeward/internal/server/reset"
)

type peopleCan struct{ onePerson }

// Answer implements cli.Answering.
func (peopleCan) Answer() any { return standingAnswer{} }

// Run implements the verb.
func (v *peopleCan) Run(ctx context.Context, s command.Streams) error {
	return v.call(ctx, s, func(c *control.Client, id string) error {
		var a control.Standing
		if err := c.Call(ctx, control.PathCan, control.Person{Tenant: id, Operator: operator(), Name: v.Name}, &a); err != nil {
			return err
		}
		var err error
		if v.JSON {
			err = answer.JSON(s.Out, standingOf(a))
		} else {
			err = canText(s.Out, v.Name, a, v.zone)
		}
		if err == nil && a.Can != reset.Open {
			err = command.ErrTold
		}
		return err
	})
}

// canText writes the gates as a table, and below it what to do about those that are shut.
func canText(out io.Writer, typed string, a control.Standing, zone *time.Location) error {
	name := a.Name
	if name == "" {
		name = typed
	}
	verdict := map[reset.GateState]string{reset.Open: "can", reset.Shut: "can't", reset.Unknown: "may or may not be able to"}[a.Can]
	if _, err := fmt.Fprintf(out, "%s %s reset their own password now.\n\n", name, verdict); err != nil {
		return err
	}
	t := answer.Of("", "GATE", "STATE", "WHY")
	for _, g := range a.Gates {
		t.Add(g.ID, g.State, gateWhy(g, zone))
	}
	if err := t.Write(out); err != nil {
		return err
	}
	for _, g := range a.Gates {
		if e, ok := event.Lookup(g.Event); g.State == reset.Shut && ok && e.Remedy != "" {
			if _, err := fmt.Fprintf(out, "\n%s: %s\n", g.ID, e.Remedy); err != nil {
				return err
			}
		}
	}
	return nil
}

func gateWhy(g reset.Gate, zone *time.Location) string {
	switch {
	case g.ID == reset.GateMethods:
		kinds := make([]string, len(g.Kinds))
		for i, k := range g.Kinds {
			kinds[i] = string(k)
		}
		why := fmt.Sprintf("%d registered, %d required", g.Have, g.Need)
		if len(kinds) > 0 {
			why += " (" + strings.Join(kinds, ", ") + ")"
		}
		return why
	case !g.Until.IsZero():
		return "the policy's minimum age ends " + answer.Within(g.Until, zone).Format(time.DateTime)
	case g.State == reset.Noted:
		return "holds a role: always two checks, never questions"
	case g.State == reset.Unknown:
		return "no agent has answered"
	case g.Reason != "":
		return strings.ReplaceAll(string(g.Reason), "_", " ")
	}
	return g.Name
}
