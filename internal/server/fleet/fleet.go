// Package fleet is the live side of the agents: which of them can write right now, calling one, and taking
// what they send up. It decides from three facts: the agent is approved (store), it is connected (relay
// presence), and it says its directory works (heartbeat).
package fleet

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/relay"
	"homeward/internal/server/enrol"
	"homeward/internal/server/reset"
	"homeward/internal/server/tenant"

	"github.com/nats-io/nats.go"
)

// stale is when an agent that is still connected but no longer heard counts as gone: three missed
// heartbeats. It covers black-holed links and frozen agents, of which no disconnect tells.
const stale = 3*BeatEvery + 5*time.Second

// BeatEvery is how often agents send a heartbeat.
const BeatEvery = 20 * time.Second

// Store keeps agents.
type Store interface {
	Agents(ctx context.Context, tenantID string) ([]enrol.Agent, error)
	Agent(ctx context.Context, id string) (enrol.Agent, error)
	TouchAgent(ctx context.Context, a enrol.Agent) error
	ImportDone(ctx context.Context, id string, at time.Time) error
}

// Relay is the broker as the fleet sees it. Lost returns a channel that closes when the agent's connection
// ends; it is closed already for an agent that is not connected.
type Relay interface {
	Conn(ctx context.Context, account string) (*nats.Conn, error)
	Online(account, agent string) bool
	Lost(account, agent string) <-chan struct{}
}

// Fleet reaches the agents of all tenants.
type Fleet struct {
	store   Store
	relay   Relay
	caller  relay.Caller
	tenants func(ctx context.Context, id string) (tenant.Tenant, error)
	now     func() time.Time
	log     *slog.Logger
}

// New returns a Fleet.
func New(store Store, r Relay, caller relay.Caller, tenants func(context.Context, string) (tenant.Tenant, error), now func() time.Time, log *slog.Logger) *Fleet {
	return &Fleet{store: store, relay: r, caller: caller, tenants: tenants, now: now, log: log}
}

// Writers lists the agents that can write for a domain now; an empty domain stands for any. Agents that
// were heard last come first, so that one in trouble drifts to the end.
func (f *Fleet) Writers(ctx context.Context, tenantID, domain string) ([]reset.Writer, error) {
	t, err := f.tenants(ctx, tenantID)
	if err != nil {
		return nil, fmt.Errorf("writers: %w", err)
	}
	agents, err := f.store.Agents(ctx, tenantID)
	if err != nil {
		return nil, fmt.Errorf("writers: %w", err)
	}
	agents = slices.DeleteFunc(agents, func(a enrol.Agent) bool {
		return f.obstacle(t, a) != "" || (domain != "" && !strings.EqualFold(a.Domain, domain))
	})
	slices.SortFunc(agents, func(a, b enrol.Agent) int { return b.Seen.Compare(a.Seen) })
	out := make([]reset.Writer, 0, len(agents))
	for _, a := range agents {
		w := reset.Writer{Agent: a.ID, SealKey: a.SealKey, Protocol: a.Protocol}
		if id, err := hex.DecodeString(a.KeyID); err == nil && len(id) == len(w.KeyID) {
			copy(w.KeyID[:], id)
			out = append(out, w)
		}
	}
	return out, nil
}

// obstacle says in a word why an agent cannot write now; empty when it can.
func (f *Fleet) obstacle(t tenant.Tenant, a enrol.Agent) string {
	switch {
	case a.Status != enrol.Approved:
		return "not approved"
	case !f.relay.Online(t.Account, a.ID):
		return "not connected"
	case f.now().Sub(a.Seen) > stale:
		return "silent"
	case !a.DirectoryOK:
		return "directory"
	}
	return ""
}

// Since returns when the tenant's last agent was heard; zero when none ever was.
func (f *Fleet) Since(ctx context.Context, tenantID string) (time.Time, error) {
	agents, err := f.store.Agents(ctx, tenantID)
	if err != nil {
		return time.Time{}, fmt.Errorf("agents: %w", err)
	}
	var last time.Time
	for _, a := range agents {
		at := a.Seen
		if !a.DirectoryOK && !a.Since.IsZero() {
			at = a.Since
		}
		if at.After(last) {
			last = at
		}
	}
	return last, nil
}

// Call implements reset.Fleet.
func (f *Fleet) Call(ctx context.Context, tenantID, agent string, op protocol.Operation, envelope []byte) (protocol.Accepted, error) {
	conn, lost, err := f.line(ctx, tenantID, agent)
	if err != nil {
		return protocol.Accepted{}, err
	}
	a, err := f.caller.Call(ctx, conn, agent, op, envelope, lost)
	return a, arrival(err)
}

// Ask implements reset.Fleet.
func (f *Fleet) Ask(ctx context.Context, tenantID, agent string, op protocol.Operation, envelope []byte, answer any) error {
	conn, lost, err := f.line(ctx, tenantID, agent)
	if err != nil {
		return err
	}
	return arrival(f.caller.Ask(ctx, conn, agent, op, envelope, lost, answer))
}

// line opens the tenant's connection. Not reaching the relay at all is the same as no agent: nothing arrived.
func (f *Fleet) line(ctx context.Context, tenantID, agent string) (*nats.Conn, <-chan struct{}, error) {
	t, err := f.tenants(ctx, tenantID)
	if err != nil {
		return nil, nil, fmt.Errorf("call agent: %w", err)
	}
	lost := f.relay.Lost(t.Account, agent)
	conn, err := f.relay.Conn(ctx, t.Account)
	if err != nil {
		return nil, nil, fmt.Errorf("call agent: %w: %w", reset.ErrNoAgent, err)
	}
	return conn, lost, nil
}

// arrival keeps apart what certainly did not arrive.
func arrival(err error) error {
	if errors.Is(err, relay.ErrNoAgent) || errors.Is(err, relay.ErrUnavailable) {
		return fmt.Errorf("%w: %w", reset.ErrNoAgent, err)
	}
	return err
}

// Lost implements reset.Fleet. For a tenant that cannot be read the channel never closes.
func (f *Fleet) Lost(ctx context.Context, tenantID, agent string) <-chan struct{} {
	t, err := f.tenants(ctx, tenantID)
	if err != nil {
		return nil
	}
	return f.relay.Lost(t.Account, agent)
}
