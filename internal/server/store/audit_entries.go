package store

import (
	"context"
	"slices"

	"homeward/internal/server/audit"
)

// isEntry reports whether r is an entry of its own so far: the rows after it, which are appended with it, may be what
// its attempt came to instead.
func isEntry(r audit.Record, after []audit.Record) bool {
	return r.Event != audit.Told && (r.Support == "" || !slices.ContainsFunc(after, func(later audit.Record) bool {
		return clean(later.Support) == r.Support && later.Event != audit.Told
	}))
}

const entryColumns = "tenant, seq, support, at, activity, result, actor, target"

// putEntry makes r the entry of its attempt, or an entry of its own.
func (s *Store) putEntry(ctx context.Context, r audit.Record) error {
	const text = `INSERT INTO audit_entries (` + entryColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (tenant, support) WHERE support <> '' DO UPDATE SET seq = excluded.seq, at = excluded.at, activity = excluded.activity,
		result = excluded.result, actor = excluded.actor, target = excluded.target`
	_, err := s.exec(ctx, text, r.Tenant, r.Seq, r.Support, moment{&r.At}, r.Activity, r.Result, r.Actor, r.Target)
	return err
}
