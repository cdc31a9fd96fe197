// Package fleet is the live side of the agents: which of them can write right now, calling one, taking what they
// send up, letting them in, draining them and cutting them off. It decides from three facts: the agent is approved
// (store), it is connected (relay presence), and it says that the domain in question works (heartbeat).
//
// It guarantees that an identity serves from one machine at a time, that a draining agent gets no new request, and
// that a revoked one is disconnected before Revoke returns and never comes back.
package fleet

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/relay"
	"homeward/internal/server/audit"
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
	DomainImported(ctx context.Context, agent, domain string, at time.Time) error
	DrainAgent(ctx context.Context, tenantID, id string, since time.Time) error
	RevokeAgent(ctx context.Context, tenantID, id string, at time.Time) error
	RollSealKey(ctx context.Context, id string, key []byte, keyID string, at time.Time) error
	MoveAgent(ctx context.Context, id string, to protocol.Machine) error
	RefuseRival(ctx context.Context, id string, r enrol.Rival) error
	SaveTest(ctx context.Context, r enrol.Test) (bool, error)
}

// Relay is the broker as the fleet sees it. Lost returns a channel that closes when the agent's connection
// ends; it is closed already for an agent that is not connected. Kick ends an agent's connections; Revoke ends its
// credential too.
type Relay interface {
	Conn(ctx context.Context, account string) (*nats.Conn, error)
	Online(account, agent string) bool
	Lost(account, agent string) <-chan struct{}
	Kick(account, agent string)
	Revoke(ctx context.Context, account, agent string) error
}

// Deps is what a Fleet stands on.
type Deps struct {
	Store   Store
	Relay   Relay
	Caller  relay.Caller
	Tenants func(ctx context.Context, id string) (tenant.Tenant, error)
	// Record appends to a tenant's audit log.
	Record func(ctx context.Context, tenantID string, r audit.Record)
	Now    func() time.Time
	Log    *slog.Logger
}

// Fleet reaches the agents of all tenants.
type Fleet struct {
	Deps

	work  workload
	turns leases

	mu   sync.Mutex
	told map[string]time.Time // when a refused machine was last recorded
}

// New returns a Fleet. Run retires the agents that others replace.
func New(d Deps) *Fleet {
	return &Fleet{Deps: d, work: newWorkload(d.Now), turns: newLeases(d.Now), told: map[string]time.Time{}}
}

// Writers lists the agents that can write for a domain now, the best first; an empty domain stands for any. Nobody writes
// while an administrator has turned writeback off.
func (f *Fleet) Writers(ctx context.Context, tenantID, domain string) ([]reset.Writer, error) {
	t, err := f.Tenants(ctx, tenantID)
	if err != nil {
		return nil, fmt.Errorf("writers: %w", err)
	}
	if t.Settings.WritebackOff {
		return nil, nil
	}
	agents, err := f.Store.Agents(ctx, tenantID)
	if err != nil {
		return nil, fmt.Errorf("writers: %w", err)
	}
	agents = f.order(f.able(t, agents, domain), domain)
	out := make([]reset.Writer, 0, len(agents))
	for _, a := range agents {
		w := reset.Writer{Agent: a.ID, SealKey: a.SealKey, Protocol: a.Protocol, Off: off(a, domain)}
		if id, err := hex.DecodeString(a.KeyID); err == nil && len(id) == len(w.KeyID) {
			copy(w.KeyID[:], id)
			out = append(out, w)
		}
	}
	return out, nil
}

// Since returns when the tenant's last agent was heard; zero when none ever was.
func (f *Fleet) Since(ctx context.Context, tenantID string) (time.Time, error) {
	agents, err := f.Store.Agents(ctx, tenantID)
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

// Call implements reset.Fleet. An agent that is being drained takes no new request: it counts as not there.
func (f *Fleet) Call(ctx context.Context, tenantID, agent string, op protocol.Operation, envelope []byte) (protocol.Accepted, error) {
	a, err := f.Store.Agent(ctx, agent)
	if err != nil {
		return protocol.Accepted{}, fmt.Errorf("call agent: %w", err)
	}
	if !a.Draining.IsZero() || a.Status != enrol.Approved {
		return protocol.Accepted{}, fmt.Errorf("call agent: it takes no new requests: %w", reset.ErrNoAgent)
	}
	if t, err := f.Tenants(ctx, tenantID); err == nil && t.Settings.WritebackOff {
		return protocol.Accepted{}, fmt.Errorf("call agent: writeback is turned off: %w", reset.ErrNoAgent)
	}
	conn, lost, err := f.line(ctx, tenantID, agent)
	if err != nil {
		return protocol.Accepted{}, err
	}
	done := f.work.begin(agent)
	answer, err := f.Caller.Call(ctx, conn, agent, op, envelope, lost)
	done(answer, err)
	return answer, arrival(err)
}

// Ask implements reset.Fleet.
func (f *Fleet) Ask(ctx context.Context, tenantID, agent string, op protocol.Operation, envelope []byte, answer any) error {
	conn, lost, err := f.line(ctx, tenantID, agent)
	if err != nil {
		return err
	}
	err = f.Caller.Ask(ctx, conn, agent, op, envelope, lost, answer)
	if err != nil && ctx.Err() == nil {
		f.work.failed(agent)
	}
	return arrival(err)
}

// line opens the tenant's connection. Not reaching the relay at all is the same as no agent: nothing arrived.
func (f *Fleet) line(ctx context.Context, tenantID, agent string) (*nats.Conn, <-chan struct{}, error) {
	t, err := f.Tenants(ctx, tenantID)
	if err != nil {
		return nil, nil, fmt.Errorf("call agent: %w", err)
	}
	lost := f.Relay.Lost(t.Account, agent)
	conn, err := f.Relay.Conn(ctx, t.Account)
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
	t, err := f.Tenants(ctx, tenantID)
	if err != nil {
		return nil
	}
	return f.Relay.Lost(t.Account, agent)
}
