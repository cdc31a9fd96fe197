package store

import (
	"context"
	"fmt"

	"homeward/internal/server/tenant"
)

const tenantColumns = "id, name, account, settings, created"

func tenantFields(t *tenant.Tenant) []any {
	return []any{&t.ID, &t.Name, &t.Account, document{&t.Settings}, moment{&t.Created}}
}

// CreateTenant stores a new tenant. A taken id or account gives ErrConflict.
func (s *Store) CreateTenant(ctx context.Context, t tenant.Tenant) error {
	fields := tenantFields(&t)
	text := `INSERT INTO tenants (` + tenantColumns + `) VALUES (` + marks(len(fields)) + `)`
	if _, err := s.exec(ctx, text, fields...); err != nil {
		return fmt.Errorf("create a tenant: %w", err)
	}
	return nil
}

// Tenant returns one tenant, or ErrNotFound.
func (s *Store) Tenant(ctx context.Context, id string) (tenant.Tenant, error) {
	var t tenant.Tenant
	const text = `SELECT ` + tenantColumns + ` FROM tenants WHERE id = ?`
	if err := s.readRow(ctx, text, id).Scan(tenantFields(&t)...); err != nil {
		return tenant.Tenant{}, fmt.Errorf("read a tenant: %w", err)
	}
	return t, nil
}

// TenantByAccount returns the tenant of a relay account (public key, A…), or ErrNotFound.
func (s *Store) TenantByAccount(ctx context.Context, account string) (tenant.Tenant, error) {
	var t tenant.Tenant
	const text = `SELECT ` + tenantColumns + ` FROM tenants WHERE account = ? AND account <> ''`
	if err := s.readRow(ctx, text, account).Scan(tenantFields(&t)...); err != nil {
		return tenant.Tenant{}, fmt.Errorf("read the tenant of an account: %w", err)
	}
	return t, nil
}

// Tenants returns every tenant, by id.
func (s *Store) Tenants(ctx context.Context) ([]tenant.Tenant, error) {
	rows, err := s.query(ctx, s.reader(), `SELECT `+tenantColumns+` FROM tenants ORDER BY id`, nil)
	found, err := all(rows, err, tenantFields)
	if err != nil {
		return nil, fmt.Errorf("list tenants: %w", err)
	}
	return found, nil
}

// SaveSettings replaces a tenant's settings. An unknown tenant gives ErrNotFound.
func (s *Store) SaveSettings(ctx context.Context, id string, settings tenant.Settings) error {
	const text = `UPDATE tenants SET settings = ? WHERE id = ?`
	if err := s.execOne(ctx, text, document{settings}, id); err != nil {
		return fmt.Errorf("save a tenant's settings: %w", err)
	}
	return nil
}
