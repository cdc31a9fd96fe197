package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"homeward/internal/server/audit"
	"homeward/internal/server/report"
	"homeward/internal/server/verify"
)

// CountEntries counts entries of the audit log between each two edges, which are in order and begin quarters of an hour, for
// each activity and result. It adds up audit_counts: what it costs depends on the time between the edges, not on how much
// happened in it.
func (s *Store) CountEntries(ctx context.Context, tenant string, activities []string, edges []time.Time) ([]audit.Count, error) {
	var out []audit.Count
	if len(activities) == 0 {
		return nil, nil
	}
	for i := 1; i < len(edges); i += spansMost {
		some, err := s.countSpans(ctx, tenant, activities, edges, i, min(i+spansMost, len(edges)))
		if err != nil {
			return nil, fmt.Errorf("count the audit record: %w", err)
		}
		out = append(out, some...)
	}
	return out, nil
}

// spansMost is how many spans one statement counts: SQLite joins 500 selects.
const spansMost = 100

// countSpans counts between the edges from-1 and to-1.
func (s *Store) countSpans(ctx context.Context, tenant string, activities []string, edges []time.Time, from, to int) ([]audit.Count, error) {
	var texts []string
	for i := from; i < to; i++ {
		texts = append(texts, fmt.Sprintf("SELECT %d AS span, %d AS low, %d AS high", i-1, millis(edges[i-1])/slotMillis, millis(edges[i])/slotMillis))
	}
	// CROSS JOIN: SQLite goes through the spans, each of which is a part of the index.
	text := `SELECT spans.span, c.activity, c.result, SUM(c.n) FROM (` + strings.Join(texts, " UNION ALL ") + `) AS spans CROSS JOIN audit_counts c
		WHERE c.tenant = ? AND c.activity IN (` + marks(len(activities)) + `) AND c.slot >= spans.low AND c.slot < spans.high
		GROUP BY spans.span, c.activity, c.result HAVING SUM(c.n) > 0 ORDER BY spans.span, c.activity, c.result`
	args := []any{tenant}
	for _, a := range activities {
		args = append(args, a)
	}
	rows, err := s.query(ctx, s.reader(), text, args)
	return all(rows, err, func(c *audit.Count) []any { return []any{&c.Span, &c.Activity, &c.Result, &c.N} })
}

// Registered returns what people have registered and confirmed; those who have registered nothing may be left out.
func (s *Store) Registered(ctx context.Context, tenant string, people []string) ([]report.Registered, error) {
	type one struct {
		person string
		kind   verify.Kind
	}
	const methods = `SELECT DISTINCT person, kind FROM methods WHERE tenant = ? AND confirmed <> 0 AND person IN (%s)`
	kinds, err := selectIn(ctx, s, methods, tenant, people, func(o *one) []any { return []any{&o.person, &o.kind} })
	if err != nil {
		return nil, fmt.Errorf("read what is registered: %w", err)
	}
	const told = `SELECT person, last, reviewed FROM registrations WHERE tenant = ? AND person IN (%s)`
	found, err := selectIn(ctx, s, told, tenant, people, func(r *report.Registered) []any { return []any{&r.Person, &r.Last, moment{&r.Reviewed}} })
	if err != nil {
		return nil, fmt.Errorf("read what is registered: %w", err)
	}
	at := map[string]int{}
	for i, r := range found {
		at[r.Person] = i
	}
	for _, k := range kinds {
		i, ok := at[k.person]
		if !ok {
			i = len(found)
			found, at[k.person] = append(found, report.Registered{Person: k.person}), i
		}
		found[i].Kinds = append(found[i].Kinds, k.kind)
	}
	return found, nil
}
