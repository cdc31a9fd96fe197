package store

import (
	"cmp"
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
	c := conditions{where: []string{"tenant = ?"}, args: []any{tenant}}
	if err := s.auditSpan(ctx, tenant, q, c.add); err != nil {
		return nil, fmt.Errorf("search the audit record: %w", err)
	}
	for _, f := range []struct{ column, value string }{{"support", q.Support}, {"activity", q.Activity}, {"result", q.Result}} {
		if f.value != "" {
			c.add(f.column+" = ?", f.value)
		}
	}
	c.add("event <> ?", audit.Told)
	c.add(`(support = '' OR NOT EXISTS (SELECT 1 FROM audit later
		WHERE later.tenant = audit.tenant AND later.support = audit.support AND later.seq > audit.seq AND later.event <> ?))`, audit.Told)
	c.back, c.limit = q.After > 0 && q.Before == 0, q.Limit
	if q.People == nil {
		return s.entries(ctx, c)
	}
	// One search for each name and column: each follows an index in the order of the rows, however rare the name is.
	var found []audit.Record
	for _, id := range q.People {
		for _, column := range []string{"target", "actor"} {
			some, err := s.entries(ctx, c.with(column+" = ?", id))
			if err != nil {
				return nil, err
			}
			found = append(found, some...)
		}
	}
	slices.SortFunc(found, func(a, b audit.Record) int { return cmp.Compare(b.Seq, a.Seq) })
	found = slices.CompactFunc(found, func(a, b audit.Record) bool { return a.Seq == b.Seq })
	if c.back && len(found) > q.Limit {
		return found[len(found)-q.Limit:], nil
	}
	return found[:min(len(found), q.Limit)], nil
}

// conditions are the WHERE of a search and in which direction it goes.
type conditions struct {
	where []string
	args  []any
	back  bool // from old to new
	limit int
}

func (c *conditions) add(condition string, values ...any) {
	c.where, c.args = append(c.where, condition), append(c.args, values...)
}

// with returns the conditions with one more; c stays as it is.
func (c *conditions) with(condition string, values ...any) conditions {
	more := conditions{where: slices.Clone(c.where), args: slices.Clone(c.args), back: c.back, limit: c.limit}
	more.add(condition, values...)
	return more
}

// entries returns what fits, newest first.
func (s *Store) entries(ctx context.Context, c conditions) ([]audit.Record, error) {
	order := " DESC"
	if c.back {
		order = " ASC"
	}
	found, err := s.records(ctx, strings.Join(c.where, " AND ")+" ORDER BY seq"+order+" LIMIT ?", append(slices.Clone(c.args), c.limit)...)
	if c.back {
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

// LastWrite returns the newest row that says what became of a reset or a change of somebody's password; none when there is none.
func (s *Store) LastWrite(ctx context.Context, tenant, person string) ([]audit.Record, error) {
	// || '': along the rows of the person, of which there are few, and not along those of an activity.
	const where = `tenant = ? AND target = ? AND result || '' IN ('changed', 'refused', 'failed', 'unknown')
		AND activity || '' IN ('Reset password (self-service)', 'Change password (self-service)', 'Reset password (by admin)') ORDER BY seq DESC LIMIT 1`
	return s.records(ctx, where, tenant, person)
}
