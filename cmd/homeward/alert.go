package main

import (
	"context"
	"fmt"
	"log/slog"

	"homeward/internal/agent/command"
	"homeward/internal/daemon"
	"homeward/internal/server"
	"homeward/internal/server/store"
)

type alertVerbs struct {
	List   alertList   `cmd:"" help:"List what administrators were told of and what isn't over."`
	Secret alertSecret `cmd:"" help:"Print the secret that signs the alerts of a tenant's webhook, for its receiver."`
}

type alertList struct {
	ofTenant

	JSON bool `help:"Print JSON."`
}

// Run implements the verb.
func (v *alertList) Run(ctx context.Context, s command.Streams) error {
	return v.with(ctx, s, func(st *store.Store, id string) error {
		rows, err := st.Alerts(ctx, id)
		if err != nil {
			return err
		}
		if v.JSON {
			return printJSON(s, rows)
		}
		if len(rows) == 0 {
			_, err := fmt.Fprintln(s.Out, "Nothing needs an administrator.")
			return err
		}
		for _, r := range rows {
			told := "not told yet"
			if !r.Told.IsZero() {
				told = "told at " + r.Told.Local().Format("2 January 15:04:05")
			}
			if _, err := fmt.Fprintf(s.Out, "%s since %s, %s\n", r.Name, r.Since.Local().Format("2 January 15:04:05"), told); err != nil {
				return err
			}
		}
		return nil
	})
}

type alertSecret struct{ ofTenant }

// Run implements the verb.
func (v *alertSecret) Run(ctx context.Context, s command.Streams) error {
	c, err := v.load()
	if err != nil {
		return err
	}
	key, err := server.MasterKey(c, daemon.NewLog(s.Err, slog.LevelWarn, false))
	if err != nil {
		return err
	}
	return v.with(ctx, s, func(_ *store.Store, id string) error {
		secret, err := server.HookSecret(key, id)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(s.Out, secret)
		return err
	})
}
