package fleet

import (
	"context"
	"slices"
	"time"

	"homeward/internal/server/enrol"
	"homeward/internal/server/tenant"
)

// retireEvery is how often agents that replace others are looked at.
const retireEvery = time.Second

// bySystem is the actor of what happens by itself.
const bySystem = "homeward"

// Run retires agents that others have replaced, until ctx ends.
func (f *Fleet) Run(ctx context.Context, tenants func(ctx context.Context) ([]tenant.Tenant, error)) error {
	tick := time.NewTicker(retireEvery)
	defer tick.Stop()
	for {
		all, err := tenants(ctx)
		if err == nil {
			for _, t := range all {
				f.retire(ctx, t)
			}
		} else if ctx.Err() == nil {
			f.Log.Error("tenants can't be read", "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func (f *Fleet) retire(ctx context.Context, t tenant.Tenant) {
	agents, err := f.Store.Agents(ctx, t.ID)
	if err != nil {
		if ctx.Err() == nil {
			f.Log.Error("agents can't be read", "error", err)
		}
		return
	}
	for _, next := range agents {
		i := slices.IndexFunc(agents, func(a enrol.Agent) bool { return a.ID == next.Replaces })
		if next.Replaces == "" || i < 0 || agents[i].Status == enrol.Revoked || !f.replaces(t, next, agents[i]) {
			continue
		}
		if err := f.retireOne(ctx, t, agents[i], next); err != nil && ctx.Err() == nil {
			f.Log.Error("a replaced agent couldn't be retired; it is tried again", "agent", agents[i].ID, "error", err)
		}
	}
}

// replaces reports whether the next agent works for every domain that the old one serves.
func (f *Fleet) replaces(t tenant.Tenant, next, old enrol.Agent) bool {
	if !f.free(t, next, "") {
		return false
	}
	for _, d := range old.Domains {
		if !f.free(t, next, d.Name) {
			return false
		}
	}
	return true
}

// retireOne drains the old agent first, and ends it when it has finished.
func (f *Fleet) retireOne(ctx context.Context, t tenant.Tenant, old, next enrol.Agent) error {
	if old.Draining.IsZero() {
		return f.Drain(ctx, t.ID, old.ID, bySystem, true)
	}
	if f.Relay.Online(t.Account, old.ID) && f.Pending(old) > 0 {
		return nil
	}
	return f.Revoke(ctx, t.ID, old.ID, bySystem, "replaced by "+next.ID+" on "+next.Machine)
}
