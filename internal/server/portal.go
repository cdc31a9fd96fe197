package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"homeward/internal/server/licence"
	"homeward/internal/server/operator"
	"homeward/internal/server/provision"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
)

// rebrand is Rebrand, and has this server show it at once.
func (s *Server) rebrand(ctx context.Context, tenantID string, logo []byte, change func(*tenant.Tenant) error) error {
	err := Rebrand(ctx, s.store, tenantID, logo, func(_ *store.Store, t *tenant.Tenant) error { return change(t) })
	if err != nil {
		return err
	}
	return s.tenants.sync(ctx)
}

// Rebrand changes a tenant and, unless logo is nil, its picture, all or nothing; change has named the picture by then
// (setting.PutLogo). Beside a running server it works too, which shows the change within two seconds.
func Rebrand(ctx context.Context, st *store.Store, tenantID string, logo []byte, change func(*store.Store, *tenant.Tenant) error) error {
	_, err := st.ChangeTenant(ctx, tenantID, func(tx *store.Store, t *tenant.Tenant) error {
		if err := change(tx, t); err != nil || logo == nil {
			return err
		}
		return tx.PutPicture(ctx, tenantID, t.Settings.Brand.Logo, logo)
	})
	if err != nil {
		return fmt.Errorf("change how the portal looks: %w", err)
	}
	return nil
}

// globalAdministrator is the role in a directory, as homeward role knows it.
const globalAdministrator = string(operator.GlobalAdministrator)

// administrators are the mail addresses of a tenant's Global Administrators: of the people who hold the role, and of the
// operators whose name is an address. Each is there once.
func (s *Server) administrators(ctx context.Context, tenantID string) ([]string, error) {
	var out []string
	add := func(address string) {
		if address != "" && !slices.ContainsFunc(out, func(have string) bool { return strings.EqualFold(have, address) }) {
			out = append(out, address)
		}
	}
	all, err := s.store.Operators(ctx, tenantID)
	if err != nil {
		return nil, err
	}
	for _, o := range all {
		if o.Role == operator.GlobalAdministrator && o.Password != "" && !o.Disabled && tenant.CheckMail(o.Name) == nil {
			add(o.Name)
		}
	}
	held, err := s.store.RolesOf(ctx, tenantID, nil)
	if err != nil {
		return nil, err
	}
	for _, r := range held {
		if !strings.EqualFold(strings.ReplaceAll(r.Role, "-", " "), globalAdministrator) {
			continue
		}
		p, err := s.store.Person(ctx, tenantID, r.Person)
		if errors.Is(err, store.ErrNotFound) { // deleted, and held back until that is over
			continue
		}
		if err != nil {
			return nil, err
		}
		add(p.Mail)
	}
	return out, nil
}

// holdsLicence fits reset.Deps.
func (s *Server) holdsLicence(ctx context.Context, t tenant.Tenant, p provision.Person) (bool, error) {
	return s.book.Covers(ctx, t, p.ID, p.Object)
}

// mayWrite reports whether writeback is licensed for somebody: for their organisation, and for themselves where each needs one.
func (s *Server) mayWrite(ctx context.Context, t tenant.Tenant, p provision.Person) (bool, error) {
	if !licensed(t) {
		return false, nil
	}
	return s.holdsLicence(ctx, t, p)
}

// Licences gives licences out on a store, for the command line too. unrecorded is as for Operators.
func Licences(st *store.Store, now func() time.Time, unrecorded func(error)) *licence.Book {
	return &licence.Book{Store: st, Now: now, Record: recording(st, now, unrecorded)}
}
