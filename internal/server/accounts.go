package server

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/cloudpassword"
	"homeward/internal/server/enrol"
	"homeward/internal/server/fleet"
	"homeward/internal/server/licence"
	"homeward/internal/server/provision"
	"homeward/internal/server/reset"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
)

// Accounts is the engine that takes directories in and keeps accounts, on a store. It works beside a running server too.
func Accounts(s *store.Store, now func() time.Time) *provision.Engine {
	return provision.New(provision.Deps{Store: s, Now: now, Log: slog.New(slog.DiscardHandler)})
}

// CloudPasswords stores the own passwords of cloud accounts. It writes none back: that needs a running server.
func CloudPasswords(s *store.Store, now func() time.Time) *cloudpassword.Service {
	return &cloudpassword.Service{Accounts: cloudAccounts{Accounts(s, now), s}, Now: now, Log: slog.New(slog.DiscardHandler)}
}

// cloudAccounts fits cloudpassword.Accounts.
type cloudAccounts struct {
	*provision.Engine
	store *store.Store
}

func (c cloudAccounts) Account(ctx context.Context, tenantID, person string) (provision.Person, error) {
	return c.store.Person(ctx, tenantID, person)
}

// holdsRole fits reset.Deps.
func (s *Server) holdsRole(ctx context.Context, tenantID, person string) (bool, error) {
	held, err := s.store.RolesOf(ctx, tenantID, []string{person})
	return len(held) > 0, err
}

// licensed fits reset.Deps.
func licensed(t tenant.Tenant) bool { return licence.Judge(t.Settings).Allowed }

// syncs fits fleet.Syncs.
type syncs struct{ *provision.Engine }

func (s syncs) Lease(ctx context.Context, tenantID string, a enrol.Agent, ask protocol.SyncAsk) protocol.SyncGrant {
	return s.Engine.Lease(ctx, tenantID, provision.Agent{ID: a.ID, Machine: a.Machine}, ask)
}

// staging fits fleet.Previewer.Want.
type staging struct{ *provision.Engine }

func (s staging) want(ctx context.Context, tenantID, domain string) (now fleet.Staging, err error) {
	now.Going, now.Asked, now.Agent, err = s.WantPreview(ctx, tenantID, domain)
	return now, err
}

// signIn checks somebody's cloud password for an operator, as a sign-in does.
func (s *Server) signIn(ctx context.Context, t tenant.Tenant, operator, name string, password []byte) (cloudpassword.Result, error) {
	until, err := s.limits.Operate(ctx, t.ID, operator)
	if err != nil {
		return cloudpassword.Result{}, err
	}
	if !until.IsZero() {
		return cloudpassword.Result{}, &reset.LimitError{Until: until}
	}
	found, err := s.store.FindPeople(ctx, t.ID, name)
	switch {
	case err != nil:
		return cloudpassword.Result{}, err
	case len(found) == 0:
		return cloudpassword.Result{}, reset.ErrNoPerson
	case len(found) > 1:
		return cloudpassword.Result{}, reset.ErrAmbiguous
	}
	r, err := s.passwords.SignIn(ctx, t, found[0].ID, password)
	record := audit.Record{Activity: "Check cloud password (by admin)", Hop: "operator", Result: "ok", Actor: operator, Target: found[0].ID}
	if err != nil {
		record.Result = "refused"
	}
	s.record(ctx, t.ID, record)
	return r, err
}

// sweep looks after every tenant's accounts: what no longer has a reason to wait is applied, what is over is removed.
func (s *Server) sweep(ctx context.Context) {
	all, err := s.store.Tenants(ctx)
	if err != nil {
		s.log.Error("tenants can't be read", "error", err)
		return
	}
	for _, t := range all {
		if err := errors.Join(s.accounts.Sweep(ctx, t.ID), s.settle(ctx, t.ID)); err != nil && ctx.Err() == nil {
			s.log.Error("accounts couldn't be looked after", "tenant", t.ID, "error", err)
		}
	}
}

const settlePage = 500

// settle takes over what became of cloud passwords that were sent to a directory.
func (s *Server) settle(ctx context.Context, tenantID string) error {
	after := ""
	for {
		open, err := s.accounts.NotYetOne(ctx, tenantID, after, settlePage)
		if err != nil {
			return err
		}
		for _, p := range open {
			after = p.ID
			if p.Password != provision.CloudWriting {
				continue
			}
			if _, err := s.passwords.Settle(ctx, tenantID, p.ID); err != nil {
				return err
			}
		}
		if len(open) < settlePage {
			return nil
		}
	}
}
