package store

import (
	"context"
	"fmt"
	"time"

	"homeward/internal/server/verify"
)

// PutPass stores a helpdesk pass in place of the person's earlier one.
func (s *Store) PutPass(ctx context.Context, p verify.HelpdeskPass) error {
	const text = `INSERT INTO passes (tenant, person, hash, created, expires, used) VALUES (?, ?, ?, ?, ?, 0)
		ON CONFLICT (tenant, person) DO UPDATE SET hash = excluded.hash, created = excluded.created, expires = excluded.expires, used = 0`
	if _, err := s.exec(ctx, text, p.Tenant, p.Person, blob{&p.Hash}, millis(p.Created), millis(p.Expires)); err != nil {
		return fmt.Errorf("store a pass: %w", err)
	}
	return nil
}

// UsePass uses a person's pass up if it has this hash and still works. Of several tries at once one gets nil; all others,
// and every wrong one, get ErrConflict. The hashes are keyed, so comparing them in the database tells nothing.
func (s *Store) UsePass(ctx context.Context, tenant, person string, hash []byte, now time.Time) error {
	const text = `UPDATE passes SET used = ? WHERE tenant = ? AND person = ? AND hash = ? AND used = 0 AND expires > ?`
	n, err := s.exec(ctx, text, millis(now), tenant, person, hash, millis(now))
	if err == nil && n == 0 {
		err = ErrConflict
	}
	if err != nil {
		return fmt.Errorf("use a pass: %w", err)
	}
	return nil
}

// HasPass reports whether a person has a pass that still works.
func (s *Store) HasPass(ctx context.Context, tenant, person string, now time.Time) (bool, error) {
	var n int
	const text = `SELECT COUNT(*) FROM passes WHERE tenant = ? AND person = ? AND used = 0 AND expires > ?`
	if err := s.readRow(ctx, text, tenant, person, millis(now)).Scan(&n); err != nil {
		return false, fmt.Errorf("look for a pass: %w", err)
	}
	return n > 0, nil
}

// DropPasses forgets passes that expired before a moment.
func (s *Store) DropPasses(ctx context.Context, before time.Time) error {
	if _, err := s.exec(ctx, `DELETE FROM passes WHERE expires < ?`, millis(before)); err != nil {
		return fmt.Errorf("drop old passes: %w", err)
	}
	return nil
}
