package store

import (
	"context"
	"errors"
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

// putEntry makes r the entry of its attempt, or an entry of its own. Whoever calls it holds the end of the tenant's chain.
func (s *Store) putEntry(ctx context.Context, r audit.Record) error {
	if err := s.recount(ctx, r); err != nil {
		return err
	}
	const text = `INSERT INTO audit_entries (` + entryColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (tenant, support) WHERE support <> '' DO UPDATE SET seq = excluded.seq, at = excluded.at, activity = excluded.activity,
		result = excluded.result, actor = excluded.actor, target = excluded.target`
	_, err := s.exec(ctx, text, r.Tenant, r.Seq, r.Support, moment{&r.At}, r.Activity, r.Result, r.Actor, r.Target)
	return err
}

// slotMillis is how long a slot of audit_counts is: no zone's midnight lies within one.
const slotMillis = 15 * 60 * 1000

// counted is what an entry counts as.
type counted struct {
	activity, result string
	slot             int64
}

// recount counts r in place of the entry of its attempt, which is still there.
func (s *Store) recount(ctx context.Context, r audit.Record) error {
	now := counted{r.Activity, r.Result, millis(r.At) / slotMillis}
	if r.Support != "" {
		var old counted
		const before = `SELECT activity, result, at / 900000 FROM audit_entries WHERE tenant = ? AND support = ? AND support <> ''`
		err := s.readRow(ctx, before, r.Tenant, r.Support).Scan(&old.activity, &old.result, &old.slot)
		if old == now {
			return nil
		}
		if err == nil {
			err = s.count(ctx, r.Tenant, old, -1)
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return s.count(ctx, r.Tenant, now, 1)
}

func (s *Store) count(ctx context.Context, tenant string, c counted, n int) error {
	const text = `INSERT INTO audit_counts (tenant, activity, slot, result, n) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (tenant, activity, slot, result) DO UPDATE SET n = audit_counts.n + excluded.n`
	_, err := s.exec(ctx, text, tenant, c.activity, c.slot, c.result, n)
	return err
}
