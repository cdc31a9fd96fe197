package store

import (
	"context"
	"fmt"

	"homeward/internal/server/provision"
)

const claimColumns = "address_fold, person, is_primary"

func claimFields(c *provision.Claim) []any { return []any{&c.Address, &c.Person, &c.Primary} }

// Claims returns who has addresses, which are folded.
func (s *Store) Claims(ctx context.Context, tenant string, folded []string) ([]provision.Claim, error) {
	return s.claims(ctx, `address_fold`, tenant, folded)
}

// ClaimsOf returns people's addresses.
func (s *Store) ClaimsOf(ctx context.Context, tenant string, people []string) ([]provision.Claim, error) {
	return s.claims(ctx, `person`, tenant, people)
}

func (s *Store) claims(ctx context.Context, column, tenant string, values []string) ([]provision.Claim, error) {
	text := `SELECT ` + claimColumns + ` FROM addresses WHERE tenant = ? AND ` + column + ` IN (%s)`
	found, err := selectIn(ctx, s, text, tenant, values, claimFields)
	if err != nil {
		return nil, fmt.Errorf("read addresses: %w", err)
	}
	return found, nil
}

// DropClaims frees people's addresses.
func (s *Store) DropClaims(ctx context.Context, tenant string, people []string) error {
	if err := s.execIn(ctx, `DELETE FROM addresses WHERE tenant = ? AND person IN (%s)`, []any{tenant}, people); err != nil {
		return fmt.Errorf("free addresses: %w", err)
	}
	return nil
}

// PutClaims gives people addresses. One that somebody has gives ErrConflict.
func (s *Store) PutClaims(ctx context.Context, tenant string, claims []provision.Claim) error {
	fields := func(c *provision.Claim) []any { return append([]any{tenant}, claimFields(c)...) }
	if err := insertMany(ctx, s, "addresses", "tenant, "+claimColumns, "", claims, fields); err != nil {
		return fmt.Errorf("store addresses: %w", err)
	}
	return nil
}
