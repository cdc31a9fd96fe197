package main

import (
	"context"
	"fmt"
	"time"

	"homeward/internal/agent/command"
	"homeward/internal/cli/answer"
	"homeward/internal/server/control"
)

type peoplePass struct {
	onePerson

	Reason string        `help:"Why, for the audit log: how you made sure who they are, or a ticket's number." required:"" placeholder:"TEXT"`
	Life   time.Duration `help:"How long the code works: 1m to 24h." default:"15m"`
}

// Answer implements cli.Answering.
func (peoplePass) Answer() any { return control.Pass{} }

// Run implements the verb. The code is on standard output alone, once; nothing keeps a copy.
func (v *peoplePass) Run(ctx context.Context, s command.Streams) error {
	return v.call(ctx, s, func(c *control.Client, id string) error {
		var p control.Pass
		q := control.PassFor{Tenant: id, Operator: operator(), Name: v.Name, Reason: v.Reason, Millis: v.Life.Milliseconds()}
		if err := c.Call(ctx, control.PathPass, q, &p); err != nil {
			return err
		}
		if v.JSON {
			return answer.JSON(s.Out, p)
		}
		_, _ = fmt.Fprintf(s.Err, "Works once, until %s, as one check for %s. Tell it to them only after making sure who they are.\n",
			v.at(p.Expires).Format("15:04"), v.Name)
		_, err := fmt.Fprintln(s.Out, p.Code)
		return err
	})
}
