package store

import (
	"context"
	"strings"

	"github.com/pressly/goose/v3"

	"homeward/internal/server/audit"
)

// AuditPlans returns how the engine carries out each statement of a search, one text for each.
func (s *Store) AuditPlans(ctx context.Context, tenant string, q audit.Query) ([]string, error) {
	branches, err := s.auditBranches(ctx, tenant, q)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, b := range branches {
		plan, err := s.explain(ctx, seqText(b, q.After > 0), append(b.args, q.Limit)...)
		if err != nil {
			return nil, err
		}
		out = append(out, plan)
	}
	return out, nil
}

func (s *Store) explain(ctx context.Context, text string, args ...any) (string, error) {
	if s.db.dialect == goose.DialectPostgres {
		rows, err := s.query(ctx, s.db.read, `EXPLAIN `+text, args)
		lines, err := all(rows, err, func(line *string) []any { return []any{line} })
		return strings.Join(lines, "\n"), err
	}
	rows, err := s.query(ctx, s.db.read, `EXPLAIN QUERY PLAN `+text, args)
	var skip [3]int
	lines, err := all(rows, err, func(line *string) []any { return []any{&skip[0], &skip[1], &skip[2], line} })
	return strings.Join(lines, "\n"), err
}
