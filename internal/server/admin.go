package server

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"homeward/internal/build"
	"homeward/internal/server/audit"
	"homeward/internal/server/enrol"
	"homeward/internal/server/fleet"
	"homeward/internal/server/locale"
	"homeward/internal/server/masterkey"
	"homeward/internal/server/operator"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
	"homeward/internal/server/web/admin"
)

// openAdmin composes the admin portal.
func (s *Server) openAdmin(key masterkey.Key, catalog *locale.Catalog) error {
	if err := s.openOperators(key); err != nil {
		return err
	}
	assets, err := admin.Assets()
	if err != nil {
		return err
	}
	engine, err := admin.NewEngine(assets, catalog)
	if err != nil {
		return err
	}
	s.admin = &admin.Site{
		Operators: s.operators, Fleet: s.fleet, Tests: s.tests, Records: s.store, Names: s.store, Reports: s.reports(),
		Helpdesk: s.helpdesk, Provider: s.provider,
		People: s.store.CountPeople, States: s.envoy.States, Which: s.envoy.Which, Rules: s.envoy.Rules, Checkups: s.checkups,
		Written: newWrites(s.store, s.now).day, Trip: (&fleet.Trips{Fleet: s.fleet}).Of, Certificate: s.tls.until,
		Code: func(ctx context.Context, tenantID string) (string, time.Time, error) {
			return s.enrols.NewCode(ctx, tenantID, enrol.CodeLife)
		},
		Sync:   admin.Sync{Engine: s.accounts, Preview: s.previews.Ask},
		Status: s.status, Change: s.changeSettings, Record: s.record, Tenant: s.tenants.tenant, Home: s.tenants.ofRequest,
		Desk: admin.Desk{
			Groups: s.store, Counts: s.store, Holders: s.store, Book: s.book, Rebrand: s.rebrand, Picture: s.store.Picture,
			Administrators: s.administrators, Calls: s.registers, Try: s.try, Mailer: s.config.Mail.From,
			Mail: s.config.Mail.Host != "", Texts: s.config.Text.On(), Passkeys: s.resets.Passkeys != nil,
			KeepProvider: s.provider.keep, LookAtProvider: s.provider.client.Look,
		},
		Engine: engine, Assets: assets, Catalog: catalog, BaseURL: s.config.BaseURL, Version: build.Version(), Now: s.now, Log: s.log,
	}
	return nil
}

// changeSettings changes a tenant's settings, all or nothing, and has this server act on them at once. Others of the same
// database follow within two seconds.
func (s *Server) changeSettings(ctx context.Context, tenantID string, change func(*tenant.Settings) error) error {
	_, err := s.store.ChangeTenant(ctx, tenantID, func(_ *store.Store, t *tenant.Tenant) error { return change(&t.Settings) })
	if err != nil {
		return fmt.Errorf("change settings: %w", err)
	}
	return s.tenants.sync(ctx)
}

// FirstOperators invites the first administrator of every tenant that has none, and writes their set-up link to out: it
// is worth a password for a day, so it goes nowhere else.
func (s *Server) FirstOperators(ctx context.Context, out io.Writer) error {
	all, err := s.store.Tenants(ctx)
	if err != nil {
		return err
	}
	for _, t := range all {
		name, token, until, err := s.operators.First(ctx, t.ID)
		if err != nil {
			return err
		}
		if token == "" {
			continue
		}
		if _, err := fmt.Fprintf(out, "Nobody administers %s yet. Set up the first administrator, %s, at this address. It works once, until %s:\n  %s\n",
			t.Name, name, until.Local().Format("2 January 15:04"), SetUpLink(s.config.BaseURL, token)); err != nil {
			return err
		}
	}
	return nil
}

// Close closes what Open opened, for a server that never ran.
func (s *Server) Close(ctx context.Context) error {
	err := s.broker.Close(ctx)
	if other := s.store.Close(); err == nil {
		err = other
	}
	return err
}

// SetUpLink is the address at which an operator chooses a password and a second factor.
func SetUpLink(baseURL, token string) string {
	return strings.TrimSuffix(baseURL, "/") + "/admin/set-up/" + token
}

// Operators returns the service of operators for the command line: it invites, resets and disables, and signs nobody in.
// unrecorded hears of a change that is made and isn't in the audit log.
func Operators(st *store.Store, unrecorded func(error)) *operator.Service {
	return operator.New(operator.Deps{Store: st, Now: time.Now, Record: recording(st, time.Now, unrecorded)})
}

// recording appends to the audit log what has been done already; a row that can't be written is said, because nothing later
// would miss it.
func recording(st *store.Store, now func() time.Time, unrecorded func(error)) func(context.Context, string, audit.Record) {
	return func(ctx context.Context, tenantID string, r audit.Record) {
		r.At = now()
		if err := st.Append(ctx, tenantID, r); err != nil {
			unrecorded(err)
		}
	}
}
