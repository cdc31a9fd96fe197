package store

import (
	"context"

	"homeward/internal/server/operator"
)

// Scope returns whom an operator may find and help, by kind and value; empty: everybody.
func (s *Store) Scope(ctx context.Context, tenant, id string) (operator.Scope, error) {
	const text = `SELECT kind, value, name FROM operator_scopes WHERE tenant = ? AND operator = ? ORDER BY kind, value`
	rows, err := s.query(ctx, s.reader(), text, []any{tenant, id})
	found, err := all(rows, err, func(w *operator.Within) []any { return []any{&w.Kind, &w.Value, &w.Name} })
	return found, operatorError("read a scope", err)
}

// SetScope replaces an operator's scope, all or nothing. Somebody unknown gives ErrNotFound.
func (s *Store) SetScope(ctx context.Context, tenant, id string, scope operator.Scope) error {
	return operatorError("set a scope", s.WithTx(ctx, func(tx *Store) error {
		if err := tx.dropOf(ctx, tenant, id, "operator_scopes"); err != nil {
			return err
		}
		const text = `INSERT INTO operator_scopes (tenant, operator, kind, value, name) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (tenant, operator, kind, value) DO NOTHING`
		for _, w := range scope {
			if _, err := tx.exec(ctx, text, tenant, id, w.Kind, w.Value, w.Name); err != nil {
				return err
			}
		}
		return nil
	}))
}
