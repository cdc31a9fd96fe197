package main

import (
	"context"
	"time"

	"homeward/internal/agent/command"
	"homeward/internal/server/export"
	"homeward/internal/server/store"
)

type auditExport struct {
	ofTenant

	Format string    `help:"csv or jsonl." enum:"csv,jsonl" default:"csv"`
	From   time.Time `help:"First moment, such as 2026-03-01T00:00:00Z." placeholder:"TIME"`
	To     time.Time `help:"Moment before which it ends." placeholder:"TIME"`
	After  int64     `help:"Only rows with a greater number: to go on where an earlier file ended." placeholder:"SEQ"`
}

// exportRows is how many rows are read at once.
const exportRows = 1000

// Run implements the verb.
func (v *auditExport) Run(ctx context.Context, s command.Streams) error {
	format, err := export.ParseFormat(v.Format)
	if err != nil {
		return err
	}
	return v.with(ctx, s, func(st *store.Store, id string) error {
		names, err := machineNames(ctx, st, id)
		if err != nil {
			return err
		}
		out := format.NewWriter(s.Out)
		for at := v.After; ; {
			rows, err := st.RecordsAfter(ctx, id, at, exportRows)
			if err != nil {
				return err
			}
			for _, r := range rows {
				if r.At.Before(v.From) || !v.To.IsZero() && !r.At.Before(v.To) {
					continue
				}
				if err := out.Write(export.Of(r, names)); err != nil {
					return err
				}
			}
			if len(rows) < exportRows {
				return out.Flush()
			}
			at = rows[len(rows)-1].Seq
		}
	})
}

// machineNames says what the machines are called; people stay ids, as a file may outlive them.
func machineNames(ctx context.Context, st *store.Store, tenantID string) (export.Names, error) {
	all, err := st.Agents(ctx, tenantID)
	if err != nil {
		return nil, err
	}
	machines := map[string]string{}
	for _, a := range all {
		machines[a.ID] = a.Machine
	}
	return func(id string) string { return orWords(machines[id], id) }, nil
}

// allNames says what machines and people are called, each looked up once.
func allNames(ctx context.Context, st *store.Store, tenantID string) (export.Names, error) {
	machines, err := machineNames(ctx, st, tenantID)
	if err != nil {
		return nil, err
	}
	people := map[string]string{}
	return func(id string) string {
		if name := machines(id); name != id || id == "" {
			return name
		}
		if known, ok := people[id]; ok {
			return known
		}
		people[id] = id
		if p, err := st.Person(ctx, tenantID, id); err == nil {
			people[id] = orWords(p.DisplayName, p.Name())
		}
		return people[id]
	}, nil
}
