package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"homeward/internal/server/broker"
	"homeward/internal/server/enrol"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
)

// errNoTenant reports a portal nobody has set up.
var errNoTenant = errors.New("no tenant exists yet: run homeward tenant create")

// tenants keeps the relay's accounts in step with the store's tenants, and answers by id and account.
type tenants struct {
	store  *store.Store
	broker *broker.Broker
	log    *slog.Logger

	mu     sync.RWMutex
	byID   map[string]tenant.Tenant
	byAcct map[string]string
	keys   map[string]broker.TenantKeys
	first  string

	// words gets something when a tenant's list of banned words isn't what it was.
	words chan struct{}
}

func newTenants(s *store.Store, b *broker.Broker, log *slog.Logger) *tenants {
	return &tenants{store: s, broker: b, log: log, byID: map[string]tenant.Tenant{}, byAcct: map[string]string{}, keys: map[string]broker.TenantKeys{}, words: make(chan struct{}, 1)}
}

// CreateTenant makes a tenant with relay keys of its own.
func CreateTenant(ctx context.Context, s *store.Store, t tenant.Tenant) error {
	keys, err := broker.NewTenantKeys()
	if err != nil {
		return fmt.Errorf("relay keys of a tenant: %w", err)
	}
	raw, err := keys.Marshal()
	if err != nil {
		return fmt.Errorf("relay keys of a tenant: %w", err)
	}
	defer clear(raw)
	t.Account, t.Created = keys.Account(), time.Now()
	return s.WithTx(ctx, func(tx *store.Store) error {
		if err := tx.CreateTenant(ctx, t); err != nil {
			return err
		}
		return tx.PutSecret(ctx, t.ID, "relay", raw)
	})
}

// run takes up tenants and settings that the command line changed.
func (ts *tenants) run(ctx context.Context) error {
	tick := time.NewTicker(tenantsEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if err := ts.sync(ctx); err != nil && ctx.Err() == nil {
			ts.log.Error("tenants can't be read", "error", err)
		}
	}
}

func (ts *tenants) sync(ctx context.Context) error {
	all, err := ts.store.Tenants(ctx)
	if err != nil {
		return err
	}
	for _, t := range all {
		if err := ts.take(ctx, t); err != nil {
			return fmt.Errorf("tenant %s: %w", t.ID, err)
		}
	}
	return nil
}

func (ts *tenants) take(ctx context.Context, t tenant.Tenant) error {
	ts.mu.RLock()
	_, known := ts.keys[t.ID]
	ts.mu.RUnlock()
	var keys broker.TenantKeys
	if !known {
		raw, err := ts.store.Secret(ctx, t.ID, "relay")
		if err != nil {
			return err
		}
		defer clear(raw)
		if keys, err = broker.UnmarshalTenantKeys(raw); err != nil {
			return err
		}
		revoked, err := ts.revoked(ctx, t.ID)
		if err != nil {
			return err
		}
		if err := ts.broker.AddTenant(ctx, broker.TenantAccount{Keys: keys, Name: t.ID, Revocations: revoked}); err != nil {
			return err
		}
	}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if !known {
		ts.keys[t.ID] = keys
	}
	if known && !slices.Equal(ts.byID[t.ID].Settings.BannedWords, t.Settings.BannedWords) {
		select {
		case ts.words <- struct{}{}:
		default: // somebody is on their way already
		}
	}
	ts.byID[t.ID], ts.byAcct[t.Account] = t, t.ID
	if ts.first == "" || t.Created.Before(ts.byID[ts.first].Created) {
		ts.first = t.ID
	}
	return nil
}

// revoked tells the relay anew what the store knows: its own folder is a cache that may be gone.
func (ts *tenants) revoked(ctx context.Context, id string) (broker.Revocations, error) {
	agents, err := ts.store.Agents(ctx, id)
	if err != nil {
		return nil, err
	}
	list := broker.Revocations{}
	for _, a := range agents {
		if a.Status == enrol.Revoked {
			list[a.ID] = a.RevokedAt
		}
	}
	return list, nil
}

func (ts *tenants) tenant(_ context.Context, id string) (tenant.Tenant, error) {
	ts.mu.RLock()
	defer ts.mu.RUnlock()
	t, ok := ts.byID[id]
	if !ok {
		return t, errNoTenant
	}
	return t, nil
}

func (ts *tenants) ofAccount(_ context.Context, account string) (string, error) {
	ts.mu.RLock()
	defer ts.mu.RUnlock()
	id, ok := ts.byAcct[account]
	if !ok {
		return "", errNoTenant
	}
	return id, nil
}

// ofRequest is the tenant whose portal this is: the first one made. Portals of further tenants come with
// verified domains.
func (ts *tenants) ofRequest(*http.Request) (tenant.Tenant, error) {
	ts.mu.RLock()
	defer ts.mu.RUnlock()
	if ts.first == "" {
		return tenant.Tenant{}, errNoTenant
	}
	return ts.byID[ts.first], nil
}

// mint fits enrol.Mint.
func (ts *tenants) mint(_ context.Context, tenantID, agent, name string, life time.Duration) (string, time.Time, error) {
	ts.mu.RLock()
	keys, ok := ts.keys[tenantID]
	ts.mu.RUnlock()
	if !ok {
		return "", time.Time{}, errNoTenant
	}
	return ts.broker.AgentJWT(keys, agent, name, life)
}
