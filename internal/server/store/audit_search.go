package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"homeward/internal/server/audit"
)

// clockSlack is how far back the clock may have been set without an entry being missed by a search.
const clockSlack = time.Hour

// SearchAudit returns entries, newest first; see audit.Query. With more than Limit fitting, those nearest to Before or
// After are returned.
func (s *Store) SearchAudit(ctx context.Context, tenant string, q audit.Query) ([]audit.Record, error) {
	where, args := []string{"tenant = ?"}, []any{tenant}
	add := func(condition string, values ...any) {
		where, args = append(where, condition), append(args, values...)
	}
	if err := s.auditSpan(ctx, tenant, q, add); err != nil {
		return nil, fmt.Errorf("search the audit record: %w", err)
	}
	if q.Support != "" {
		add("support = ?", q.Support)
	}
	if q.Activity != "" {
		add("activity = ?", q.Activity)
	}
	if q.Result != "" {
		add("result = ?", q.Result)
	}
	if q.People != nil {
		if len(q.People) == 0 {
			return nil, nil
		}
		ids := make([]any, len(q.People))
		for i, p := range q.People {
			ids[i] = p
		}
		in := "(" + marks(len(ids)) + ")"
		add("(target IN "+in+" OR actor IN "+in+")", append(slices.Clone(ids), ids...)...)
	}
	add("event <> ?", audit.Told)
	add(`(support = '' OR NOT EXISTS (SELECT 1 FROM audit later
		WHERE later.tenant = audit.tenant AND later.support = audit.support AND later.seq > audit.seq AND later.event <> ?))`, audit.Told)
	order := "DESC"
	if q.After > 0 && q.Before == 0 {
		order = "ASC"
	}
	found, err := s.records(ctx, strings.Join(where, " AND ")+" ORDER BY seq "+order+" LIMIT ?", append(args, q.Limit)...)
	if order == "ASC" {
		slices.Reverse(found)
	}
	return found, err
}

// auditSpan turns the times of a query into numbers of rows, because rows are read in the order of their numbers.
func (s *Store) auditSpan(ctx context.Context, tenant string, q audit.Query, add func(string, ...any)) error {
	low, high := q.After, q.Before
	if !q.From.IsZero() {
		add("at >= ?", millis(q.From))
		var seq int64
		const first = `SELECT seq FROM audit WHERE tenant = ? AND at >= ? ORDER BY at, seq LIMIT 1`
		err := s.readRow(ctx, first, tenant, millis(q.From.Add(-clockSlack))).Scan(&seq)
		if errors.Is(err, ErrNotFound) {
			add("seq < ?", 0)
			return nil
		}
		if err != nil {
			return err
		}
		low = max(low, seq-1)
	}
	if !q.To.IsZero() {
		add("at < ?", millis(q.To))
		var seq int64
		const last = `SELECT seq FROM audit WHERE tenant = ? AND at < ? ORDER BY at DESC, seq DESC LIMIT 1`
		err := s.readRow(ctx, last, tenant, millis(q.To.Add(clockSlack))).Scan(&seq)
		if errors.Is(err, ErrNotFound) {
			add("seq < ?", 0)
			return nil
		}
		if err != nil {
			return err
		}
		if high == 0 || seq+1 < high {
			high = seq + 1
		}
	}
	if low > 0 {
		add("seq > ?", low)
	}
	if high > 0 {
		add("seq < ?", high)
	}
	return nil
}

// AuditRow returns one row of a tenant's record; none when there is no such row.
func (s *Store) AuditRow(ctx context.Context, tenant string, seq int64) ([]audit.Record, error) {
	return s.records(ctx, `tenant = ? AND seq = ?`, tenant, seq)
}
