package store

import (
	"context"
	"fmt"

	"homeward/internal/server/masterkey"
)

// secretPurpose binds a sealed secret to its row, so that no row opens in the place of another.
func secretPurpose(tenant, name string) string {
	return masterkey.Purpose("secrets", "sealed", tenant, name)
}

// PutSecret seals and stores a secret under a name, in place of an earlier one. tenant is empty for the server's own.
func (s *Store) PutSecret(ctx context.Context, tenant, name string, plaintext []byte) error {
	sealed, err := s.key.Seal(secretPurpose(tenant, name), plaintext)
	if err != nil {
		return fmt.Errorf("seal secret %s: %w", name, err)
	}
	const text = `INSERT INTO secrets (tenant, name, sealed, updated) VALUES (?, ?, ?, ?)
		ON CONFLICT (tenant, name) DO UPDATE SET sealed = excluded.sealed, updated = excluded.updated`
	if _, err := s.exec(ctx, text, tenant, name, sealed, millis(s.clock())); err != nil {
		return fmt.Errorf("store secret %s: %w", name, err)
	}
	return nil
}

// Secret returns a secret as it was put, or ErrNotFound. A row that was altered, or copied from another, gives
// masterkey.ErrAltered.
func (s *Store) Secret(ctx context.Context, tenant, name string) ([]byte, error) {
	var sealed []byte
	const text = `SELECT sealed FROM secrets WHERE tenant = ? AND name = ?`
	if err := s.readRow(ctx, text, tenant, name).Scan(blob{&sealed}); err != nil {
		return nil, fmt.Errorf("read secret %s: %w", name, err)
	}
	plaintext, err := s.key.Open(secretPurpose(tenant, name), sealed)
	if err != nil {
		return nil, fmt.Errorf("open secret %s: %w", name, err)
	}
	return plaintext, nil
}
