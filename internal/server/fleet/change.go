package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/enrol"
	"homeward/internal/server/tenant"
)

// Errors of an operator's wish, in words for them.
var (
	ErrNoAgent = errors.New("there is no such agent")
	ErrState   = errors.New("that isn't possible for this agent now")
)

// Lone reports domains that nobody would serve any more.
type Lone struct{ Domains []string }

// Error implements error.
func (l *Lone) Error() string {
	return "no other agent can write " + strings.Join(l.Domains, ", ") + " at this moment"
}

// Find returns the tenant's agent of an id, of the beginning of one, or of a machine's name. Several fits are ErrState.
func (f *Fleet) Find(ctx context.Context, tenantID, name string) (enrol.Agent, error) {
	agents, err := f.Store.Agents(ctx, tenantID)
	if err != nil {
		return enrol.Agent{}, fmt.Errorf("find agent: %w", err)
	}
	var found []enrol.Agent
	for _, a := range agents {
		if a.ID == name {
			return a, nil
		}
		short := len(name) >= 6 && strings.HasPrefix(a.ID, strings.ToUpper(name))
		if name != "" && a.Status == enrol.Approved && (short || strings.EqualFold(a.Machine, name)) {
			found = append(found, a)
		}
	}
	switch len(found) {
	case 0:
		return enrol.Agent{}, fmt.Errorf("%w: %q; homeward agent list shows them", ErrNoAgent, name)
	case 1:
		return found[0], nil
	}
	return enrol.Agent{}, fmt.Errorf("%w: %d agents are named %q, so name one by its id", ErrState, len(found), name)
}

// Drain lets an agent finish what it has and gives it no new request, also after a restart of the server. Without
// force it is refused, as *Lone, for an agent without whom a domain couldn't be written.
func (f *Fleet) Drain(ctx context.Context, tenantID, id, operator string, force bool) error {
	a, t, err := f.own(ctx, tenantID, id)
	if err != nil {
		return err
	}
	if a.Status != enrol.Approved {
		return fmt.Errorf("%w: it was revoked", ErrState)
	}
	if !force {
		if lone, err := f.lone(ctx, t, a); err != nil || len(lone) > 0 {
			return errors.Join(err, &Lone{lone})
		}
	}
	if a.Draining.IsZero() {
		if err := f.Store.DrainAgent(ctx, tenantID, a.ID, f.Now()); err != nil {
			return err
		}
	}
	f.note(ctx, a, "Drain agent", event.AgentDraining, operator, "")
	return nil
}

// Resume takes a drained agent back into service.
func (f *Fleet) Resume(ctx context.Context, tenantID, id, operator string) error {
	a, _, err := f.own(ctx, tenantID, id)
	if err != nil {
		return err
	}
	if a.Status != enrol.Approved {
		return fmt.Errorf("%w: it was revoked", ErrState)
	}
	if err := f.Store.DrainAgent(ctx, tenantID, a.ID, time.Time{}); err != nil {
		return err
	}
	f.note(ctx, a, "Resume agent", event.AgentResumed, operator, "")
	return nil
}

// Revoke ends an agent for good: when it returns, the agent is disconnected, and neither its credential nor a renewed
// one lets it in again.
func (f *Fleet) Revoke(ctx context.Context, tenantID, id, operator, why string) error {
	a, t, err := f.own(ctx, tenantID, id)
	if err != nil {
		return err
	}
	if a.Status != enrol.Revoked { // again is fine: it finishes what a crash cut short
		if err := f.Store.RevokeAgent(ctx, tenantID, a.ID, f.Now()); err != nil {
			return err
		}
	}
	if err := f.Relay.Revoke(ctx, t.Account, a.ID); err != nil {
		f.Relay.Kick(t.Account, a.ID)
		return fmt.Errorf("the agent is revoked and can't return, but its connection may still be open: %w", err)
	}
	f.note(ctx, a, "Revoke agent", event.AgentRetired, operator, why)
	return nil
}

// AcceptMove approves that an agent serves from the machine that was refused last. A machine that still serves is cut
// off, and can't return.
func (f *Fleet) AcceptMove(ctx context.Context, tenantID, id, operator string) (protocol.Machine, error) {
	a, t, err := f.own(ctx, tenantID, id)
	if err != nil {
		return protocol.Machine{}, err
	}
	to := a.Rival.Machine
	if a.Status != enrol.Approved || !known(to) || a.At().Same(to) {
		return to, fmt.Errorf("%w: no other machine has tried to serve with its identity", ErrState)
	}
	if err := f.Store.MoveAgent(ctx, a.ID, to); err != nil {
		return to, err
	}
	f.Relay.Kick(t.Account, a.ID)
	f.note(ctx, a, "Accept moved agent", event.AgentMoved, operator, "from "+a.Machine+" to "+to.Name)
	return to, nil
}

func (f *Fleet) own(ctx context.Context, tenantID, id string) (enrol.Agent, tenant.Tenant, error) {
	t, err := f.Tenants(ctx, tenantID)
	if err != nil {
		return enrol.Agent{}, t, fmt.Errorf("tenant: %w", err)
	}
	a, err := f.Store.Agent(ctx, id)
	if errors.Is(err, enrol.ErrNotFound) || err == nil && a.Tenant != tenantID {
		return a, t, ErrNoAgent
	}
	if err != nil {
		return a, t, fmt.Errorf("look up agent: %w", err)
	}
	return a, t, nil
}

// lone lists the domains that work now and that only this agent serves.
func (f *Fleet) lone(ctx context.Context, t tenant.Tenant, a enrol.Agent) ([]string, error) {
	agents, err := f.Store.Agents(ctx, t.ID)
	if err != nil {
		return nil, fmt.Errorf("agents: %w", err)
	}
	var out []string
	for _, d := range a.Domains {
		if !f.free(t, a, d.Name) {
			continue
		}
		if !slices.ContainsFunc(agents, func(b enrol.Agent) bool { return b.ID != a.ID && f.free(t, b, d.Name) }) {
			out = append(out, d.Name)
		}
	}
	return out, nil
}

func (f *Fleet) free(t tenant.Tenant, a enrol.Agent, domain string) bool {
	return f.Obstacle(t, a, domain) == Free
}

func (f *Fleet) note(ctx context.Context, a enrol.Agent, activity string, code event.Code, operator, detail string) {
	f.Log.Info(activity, "event", int(code), "agent", a.ID, "machine", a.Machine, "operator", operator, "detail", detail)
	f.Record(ctx, a.Tenant, audit.Record{Activity: activity, Hop: "portal", Event: int(code), Result: "ok", Actor: operator, Target: a.ID, Detail: detail})
}
