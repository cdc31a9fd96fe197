package store

import (
	"context"
	"fmt"
	"time"

	"homeward/internal/server/report"
)

// CountWrites counts what each of a tenant's agents has written for people who began since a moment, by operation.
func (s *Store) CountWrites(ctx context.Context, tenant string, since time.Time) ([]report.Written, error) {
	const text = `SELECT agent, kind, COUNT(*) FROM attempts WHERE created >= ? AND tenant = ? AND state = 'changed' AND agent <> ''
		GROUP BY agent, kind ORDER BY agent, kind`
	rows, err := s.query(ctx, s.reader(), text, []any{millis(since), tenant})
	found, err := all(rows, err, func(w *report.Written) []any { return []any{&w.Agent, &w.Operation, &w.N} })
	if err != nil {
		return nil, fmt.Errorf("count what agents have written: %w", err)
	}
	return found, nil
}
