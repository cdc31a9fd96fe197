package store

import (
	"context"
	"fmt"

	"homeward/internal/server/alert"
)

// alertDetail is what of an alert's row stands in one column.
type alertDetail struct {
	Kind   alert.Kind   `json:"kind"`
	About  string       `json:"about,omitempty"`
	Values alert.Values `json:"values"`
}

// Alerts returns what is wrong with a tenant, told or not.
func (s *Store) Alerts(ctx context.Context, tenant string) ([]alert.Row, error) {
	type row struct {
		alert.Row
		detail alertDetail
	}
	const text = `SELECT tenant, name, since, told, cleared, detail FROM alerts WHERE tenant = ? ORDER BY name`
	rows, err := s.query(ctx, s.reader(), text, []any{tenant})
	found, err := all(rows, err, func(r *row) []any {
		return []any{&r.Tenant, &r.Name, moment{&r.Since}, moment{&r.Told}, moment{&r.Cleared}, document{&r.detail}}
	})
	if err != nil {
		return nil, fmt.Errorf("read alerts: %w", err)
	}
	out := make([]alert.Row, 0, len(found))
	for _, r := range found {
		r.Kind, r.About, r.Values = r.detail.Kind, r.detail.About, r.detail.Values
		out = append(out, r.Row)
	}
	return out, nil
}

// PutAlert stores one.
func (s *Store) PutAlert(ctx context.Context, r alert.Row) error {
	const text = `INSERT INTO alerts (tenant, name, since, told, cleared, detail) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (tenant, name) DO UPDATE SET since = excluded.since, told = excluded.told, cleared = excluded.cleared, detail = excluded.detail`
	d := document{alertDetail{r.Kind, r.About, r.Values}}
	if _, err := s.exec(ctx, text, r.Tenant, r.Name, moment{&r.Since}, moment{&r.Told}, moment{&r.Cleared}, d); err != nil {
		return fmt.Errorf("store an alert: %w", err)
	}
	return nil
}

// DropAlert removes one; there need not be any.
func (s *Store) DropAlert(ctx context.Context, tenant, name string) error {
	if _, err := s.exec(ctx, `DELETE FROM alerts WHERE tenant = ? AND name = ?`, tenant, name); err != nil {
		return fmt.Errorf("remove an alert: %w", err)
	}
	return nil
}
