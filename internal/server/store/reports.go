package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"homeward/internal/server/audit"
	"homeward/internal/server/report"
	"homeward/internal/server/verify"
)

// CountEntries counts entries of the audit log between each two edges, which are in order, for each activity and result.
// It counts within an index, between the numbers of the rows that were newest at the edges.
func (s *Store) CountEntries(ctx context.Context, tenant string, activities []string, edges []time.Time) ([]audit.Count, error) {
	seqs := make([]int64, len(edges))
	for i, e := range edges {
		seq, err := s.edge(ctx, lastEntry, tenant, e)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, fmt.Errorf("count the audit record: %w", err)
		}
		seqs[i] = seq
	}
	var out []audit.Count
	for _, activity := range activities {
		results, err := s.auditKinds(ctx, "result", "tenant = ? AND activity = ?", tenant, activity)
		if err != nil {
			return nil, fmt.Errorf("count the audit record: %w", err)
		}
		for _, result := range results {
			some, err := s.countSpans(ctx, tenant, activity, result, seqs)
			if err != nil {
				return nil, fmt.Errorf("count the audit record: %w", err)
			}
			out = append(out, some...)
		}
	}
	return out, nil
}

func (s *Store) countSpans(ctx context.Context, tenant, activity, result string, seqs []int64) ([]audit.Count, error) {
	const one = `SELECT COUNT(*) FROM audit_entries WHERE tenant = ? AND activity = ? AND result = ? AND seq > ? AND seq <= ?`
	var spans []int
	var texts []string
	var args []any
	for i := 1; i < len(seqs); i++ {
		if seqs[i] <= seqs[i-1] {
			continue // nothing happened in between
		}
		spans = append(spans, i-1)
		texts = append(texts, fmt.Sprintf("SELECT %d AS span, (%s) AS n", i-1, one))
		args = append(args, tenant, activity, result, seqs[i-1], seqs[i])
	}
	if len(spans) == 0 {
		return nil, nil
	}
	rows, err := s.query(ctx, s.reader(), strings.Join(texts, " UNION ALL "), args)
	found, err := all(rows, err, func(c *audit.Count) []any { return []any{&c.Span, &c.N} })
	if err != nil {
		return nil, err
	}
	out := found[:0]
	for _, c := range found {
		if c.Activity, c.Result = activity, result; c.N > 0 {
			out = append(out, c)
		}
	}
	return out, nil
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
