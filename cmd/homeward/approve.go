package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"homeward/internal/agent/command"
	"homeward/internal/server"
	"homeward/internal/server/enrol"
	"homeward/internal/server/store"
)

// agentApproval answers the sign-in by device code of a Connect wizard.
type agentApproval struct {
	ofTenant

	Code   string `arg:"" help:"Code the wizard shows, such as FJ4K-82QP."`
	Refuse bool   `help:"Turn the machine away instead."`
}

// Run implements the verb.
func (v *agentApproval) Run(ctx context.Context, s command.Streams) error {
	return v.with(ctx, s, func(st *store.Store, id string) error {
		e := server.Enrolments(st, time.Now)
		d, err := e.Waiting(ctx, v.Code)
		if errors.Is(err, enrol.ErrNotFound) {
			return fmt.Errorf("no machine waits with the code %q: it may be mistyped, decided already, or older than %s. The wizard shows a new one when it is run again",
				v.Code, enrol.DeviceLife)
		}
		if err != nil {
			return err
		}
		activity, done := "Approve machine", "may enrol as an agent of "+id+"; its wizard goes on by itself"
		if v.Refuse {
			activity, done = "Refuse machine", "was turned away"
		}
		err = st.WithTx(ctx, func(tx *store.Store) error {
			return errors.Join(server.Enrolments(tx, time.Now).Decide(ctx, d, id, operator(), !v.Refuse),
				noted(ctx, tx, id, activity, d.Machine, "asked from "+d.Address))
		})
		if errors.Is(err, enrol.ErrConflict) {
			return errors.New("somebody else decided about this machine in this moment")
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.Out, "%s, which asked from %s at %s, %s.\n", d.Machine, d.Address, v.at(d.Created).Format("15:04"), done)
		return err
	})
}
