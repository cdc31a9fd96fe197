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

// ChangeTenant changes a tenant's name and settings, all or nothing, and returns what they are now. It is the only way to
// change them: change sees what is stored at its turn, whoever changes the same tenant at the same moment waits until it is
// over, on this server or beside it, and so no change is lost. What change does with tx is part of it. An unknown tenant
// gives ErrNotFound; an error of change leaves everything as it was.
func (s *Store) ChangeTenant(ctx context.Context, id string, change func(tx *Store, t *tenant.Tenant) error) (tenant.Tenant, error) {
	var t tenant.Tenant
	err := s.WithTx(ctx, func(tx *Store) error {
		if err := tx.LockTenant(ctx, id); err != nil {
			return err
		}
		var err error
		if t, err = tx.Tenant(ctx, id); err != nil {
			return err
		}
		if err := change(tx, &t); err != nil {
			return err
		}
		const text = `UPDATE tenants SET name = ?, settings = ? WHERE id = ?`
		if err := tx.execOne(ctx, text, t.Name, document{t.Settings}, id); err != nil {
			return fmt.Errorf("save a tenant: %w", err)
		}
		return nil
	})
	return t, err
}

// LockTenant has whoever else wants to change the tenant wait until the transaction is over, so that what was read stays
// true until then. An unknown tenant gives ErrNotFound.
//
// On PostgreSQL the statement takes the row's lock, as SELECT … FOR UPDATE does; on SQLite every transaction has the
// database's only write lock from its beginning (BEGIN IMMEDIATE), and it is enough that the row is there.
func (s *Store) LockTenant(ctx context.Context, id string) error {
	if err := s.execOne(ctx, `UPDATE tenants SET name = name WHERE id = ?`, id); err != nil {
		return fmt.Errorf("lock a tenant: %w", err)
	}
	return nil
}
