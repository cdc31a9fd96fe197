package provision

import (
	"context"
	"crypto/rand"
	"strings"
)

// SetRole gives somebody a role. From then on their account is never joined to anything, nor deleted unasked.
func (e *Engine) SetRole(ctx context.Context, tenantID, operator, person, role string) error {
	if role == "" || len(role) > 64 || strings.TrimSpace(role) != role {
		return refuse(ErrInvalid, "%q is no role.", clip(role, 64))
	}
	return e.Store.SyncTx(ctx, tenantID, func(tx Tx) error {
		w, err := e.begin(ctx, tx, tenantID)
		if err != nil {
			return err
		}
		p, err := w.person(ctx, person)
		if err != nil {
			return err
		}
		if p == nil {
			return refuse(ErrNoAccount, "There is no such account.")
		}
		r := Role{Tenant: tenantID, Person: p.ID, Role: role, Name: clip(p.Name(), maxName), Operator: operator, At: w.now}
		if err := tx.PutRole(ctx, r); err != nil {
			return err
		}
		return tx.Append(ctx, tenantID, e.record("Add member to role", operator, person, role))
	})
}

// ClearRole takes a role away. Objects that wait because of it are judged anew.
func (e *Engine) ClearRole(ctx context.Context, tenantID, operator, person, role string) error {
	return e.Store.SyncTx(ctx, tenantID, func(tx Tx) error {
		had, err := tx.DropRole(ctx, tenantID, person, role)
		if err != nil {
			return err
		}
		if !had {
			return refuse(ErrNoAccount, "The account doesn't hold that role.")
		}
		w, err := e.begin(ctx, tx, tenantID)
		if err != nil {
			return err
		}
		w.people = []string{person}
		if err := w.retry(ctx); err != nil {
			return err
		}
		return tx.Append(ctx, tenantID, append(w.joins, e.record("Remove member from role", operator, person, role))...)
	})
}

// RoleHolders lists who holds a role.
func (e *Engine) RoleHolders(ctx context.Context, tenantID string) ([]Role, error) {
	return e.Store.RolesOf(ctx, tenantID, nil)
}

// AddDomain adds a domain name to a tenant, not verified, with the token its DNS has to show. One that is there stays as
// it is.
func (e *Engine) AddDomain(ctx context.Context, tenantID, operator, name string) (Domain, error) {
	d := Domain{Tenant: tenantID, Name: Fold(strings.TrimSuffix(name, ".")), Token: "homeward-verification=" + rand.Text()}
	if d.Name == "" || len(d.Name) > 253 || !strings.Contains(d.Name, ".") || strings.ContainsAny(d.Name, "@/ \\") {
		return Domain{}, refuse(ErrInvalid, "%q is no domain name.", clip(name, 64))
	}
	err := e.Store.SyncTx(ctx, tenantID, func(tx Tx) error {
		if old, found, err := domain(ctx, tx, tenantID, d.Name); err != nil || found {
			d = old
			return err
		}
		if err := tx.PutDomain(ctx, d); err != nil {
			return err
		}
		return tx.Append(ctx, tenantID, e.record("Add domain", operator, "", d.Name))
	})
	return d, err
}

func domain(ctx context.Context, tx Tx, tenantID, name string) (d Domain, found bool, err error) {
	list, err := tx.TenantDomains(ctx, tenantID)
	for _, d := range list {
		if d.Name == name {
			return d, true, err
		}
	}
	return Domain{}, false, err
}

// VerifyDomain notes that a domain was proven to be the tenant's; the caller has looked for the token. Who signs in under
// it is looked at again with the full run it asks for.
func (e *Engine) VerifyDomain(ctx context.Context, tenantID, operator, name string) error {
	return e.Store.SyncTx(ctx, tenantID, func(tx Tx) error {
		d, found, err := domain(ctx, tx, tenantID, Fold(name))
		if err != nil {
			return err
		}
		if !found {
			return refuse(ErrNoDomain, "The tenant has no domain %s. Add it first.", clip(name, 64))
		}
		d.Verified = e.Now()
		if err := tx.PutDomain(ctx, d); err != nil {
			return err
		}
		if _, err := tx.WantFull(ctx, tenantID, ""); err != nil {
			return err
		}
		return tx.Append(ctx, tenantID, e.record("Verify domain", operator, "", d.Name))
	})
}

// RemoveDomain removes a domain name. Accounts stay; those under it are named with the full run it asks for.
func (e *Engine) RemoveDomain(ctx context.Context, tenantID, operator, name string) error {
	return e.Store.SyncTx(ctx, tenantID, func(tx Tx) error {
		had, err := tx.DropDomain(ctx, tenantID, Fold(name))
		if err != nil {
			return err
		}
		if !had {
			return refuse(ErrNoDomain, "The tenant has no domain %s.", clip(name, 64))
		}
		if _, err := tx.WantFull(ctx, tenantID, ""); err != nil {
			return err
		}
		return tx.Append(ctx, tenantID, e.record("Remove domain", operator, "", Fold(name)))
	})
}

// Domains lists a tenant's domain names.
func (e *Engine) Domains(ctx context.Context, tenantID string) ([]Domain, error) {
	return e.Store.TenantDomains(ctx, tenantID)
}
