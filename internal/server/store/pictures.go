package store

import (
	"context"
	"fmt"
)

// PutPicture stores a tenant's picture under its hash, in place of all others of the tenant.
func (s *Store) PutPicture(ctx context.Context, tenant, hash string, body []byte) error {
	err := s.WithTx(ctx, func(tx *Store) error {
		if _, err := tx.exec(ctx, `DELETE FROM pictures WHERE tenant = ?`, tenant); err != nil || hash == "" {
			return err
		}
		_, err := tx.exec(ctx, `INSERT INTO pictures (tenant, hash, body) VALUES (?, ?, ?)`, tenant, hash, body)
		return err
	})
	if err != nil {
		return fmt.Errorf("store a picture: %w", err)
	}
	return nil
}

// Picture returns a tenant's picture, or ErrNotFound.
func (s *Store) Picture(ctx context.Context, tenant, hash string) ([]byte, error) {
	var body []byte
	const text = `SELECT body FROM pictures WHERE tenant = ? AND hash = ?`
	if err := s.readRow(ctx, text, tenant, hash).Scan(blob{&body}); err != nil {
		return nil, fmt.Errorf("read a picture: %w", err)
	}
	return body, nil
}
