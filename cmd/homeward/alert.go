package main

import (
	"context"
	"fmt"
	"log/slog"

	"homeward/internal/agent/command"
	"homeward/internal/cli/answer"
	"homeward/internal/daemon"
	"homeward/internal/server"
	"homeward/internal/server/alert"
	"homeward/internal/server/store"
)

type alertVerbs struct {
	List   alertList   `cmd:"" help:"List what administrators were told of and what isn't over."`
	Secret alertSecret `cmd:"" help:"Print the secret that signs the alerts of a tenant's webhook, for its receiver."`
}

type alertList struct {
	ofTenant
	asJSON
}

// alertAnswer is one thing that administrators are told of.
type alertAnswer struct {
	Name    string       `json:"name"`
	Kind    alert.Kind   `json:"kind"`
	About   string       `json:"about,omitempty" about:"Id of the agent or the person, or a domain."`
	Since   answer.Time  `json:"since"`
	Told    answer.Time  `json:"told,omitzero" about:"Left out: not told yet."`
	Cleared answer.Time  `json:"cleared,omitzero" about:"Since when it is over; left out: it isn't."`
	Values  alert.Values `json:"values"`
}

// Answer implements cli.Answering.
func (alertList) Answer() any { return []alertAnswer(nil) }

// Run implements the verb.
func (v *alertList) Run(ctx context.Context, s command.Streams) error {
	return v.with(ctx, s, func(st *store.Store, id string) error {
		rows, err := st.Alerts(ctx, id)
		if err != nil {
			return err
		}
		t := v.table("Nothing needs an administrator.", "ALERT", "SINCE", "TOLD")
		for _, r := range rows {
			t.Add(r.Name, r.Since, orWords(answer.Moment(r.Told, v.zone), "not yet"))
		}
		return v.print(s, each(rows, func(r alert.Row) alertAnswer {
			return alertAnswer{r.Name, r.Kind, r.About, answer.At(r.Since), answer.At(r.Told), answer.At(r.Cleared), r.Values}
		}), t)
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
