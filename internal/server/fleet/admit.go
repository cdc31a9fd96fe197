package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/enrol"
	"homeward/internal/server/tenant"
)

const (
	// pingWithin is how long the serving connection may take to prove that it lives. An agent that was cut off comes
	// back that much later at most.
	pingWithin = 1500 * time.Millisecond
	// kickWithin is how long a dead connection may take to end.
	kickWithin = time.Second
	// freshRefusal is how long a refused upgrade is told again to a question without an upgrade, with which the
	// agent finds out why.
	freshRefusal = 30 * time.Second
	// tellEvery is how often a refused machine that keeps trying is recorded.
	tellEvery = time.Hour
)

// Arrival is an agent at the relay's door. Its key is proven.
type Arrival struct {
	Agent   string
	Machine protocol.Machine // zero: an agent of protocol 1, which does not say
	Upgrade bool             // it wants in; false: it only asks whether it may
}

// Turned is why an arrival is not let in, in words for the person who runs it.
type Turned struct {
	Reason  protocol.Reason
	Message string
}

// Error implements error.
func (t *Turned) Error() string { return t.Message }

// Admit decides whether an agent may connect. The connection that serves stays: it is asked for a sign of life, and as
// long as it answers, whoever comes with the same identity is a copy. An identity that nobody serves with is let in
// from the machine it served from before; from another one only once an operator has approved the move, because the
// machine it left may come back. A refusal is a *Turned.
func (f *Fleet) Admit(ctx context.Context, v Arrival) error {
	a, err := f.Store.Agent(ctx, v.Agent)
	if err != nil && !errors.Is(err, enrol.ErrNotFound) {
		return fmt.Errorf("look up agent: %w", err)
	}
	if err != nil || a.Status != enrol.Approved {
		return &Turned{protocol.ReasonNotFound, "This agent isn't enrolled here, or was revoked. Remove its state folder and enrol it again."}
	}
	t, err := f.Tenants(ctx, a.Tenant)
	if err != nil {
		return fmt.Errorf("tenant of an agent: %w", err)
	}
	if f.Relay.Online(t.Account, a.ID) {
		if err := f.displace(ctx, t, a, v); err != nil {
			return err
		}
	} else if known(v.Machine) && a.Machine != "" && !a.At().Same(v.Machine) {
		return f.turn(ctx, a, v, protocol.ReasonAgentMoved, fmt.Sprintf(
			"This identity belongs to the agent on %s, and this machine is %s. If the agent moved here, approve it on the server with: homeward agent accept-move %s. Better: remove this state folder and enrol anew with a code of its own.",
			a.Machine, v.Machine.Name, a.ID))
	}
	if v.Upgrade && known(v.Machine) && a.At() != v.Machine {
		if err := f.Store.MoveAgent(ctx, a.ID, v.Machine); err != nil {
			return fmt.Errorf("note an agent's machine: %w", err)
		}
	}
	return nil
}

func known(m protocol.Machine) bool { return m != protocol.Machine{} }

// displace lets a newcomer take the place of a connection that is dead, and turns it away while that one lives.
func (f *Fleet) displace(ctx context.Context, t tenant.Tenant, a enrol.Agent, v Arrival) error {
	copied := fmt.Sprintf("An agent on %s serves with this identity at this moment, so this copy is refused. "+
		"Stop one of them. On a copied machine, remove the agent's state folder and enrol it with a code of its own.", a.Machine)
	if !v.Upgrade {
		fresh := a.Rival.Reason == protocol.ReasonAgentCloned && a.Rival.Machine == v.Machine && f.Now().Sub(a.Rival.At) < freshRefusal
		if fresh {
			return &Turned{protocol.ReasonAgentCloned, copied}
		}
		return nil
	}
	if f.alive(ctx, t, a.ID) {
		return f.turn(ctx, a, v, protocol.ReasonAgentCloned, copied)
	}
	if known(v.Machine) && a.Machine != "" && !a.At().Same(v.Machine) {
		return f.turn(ctx, a, v, protocol.ReasonAgentMoved, copied) // silent is not gone: it may be back in a moment
	}
	lost := f.Relay.Lost(t.Account, a.ID)
	f.Relay.Kick(t.Account, a.ID)
	timer := time.NewTimer(kickWithin)
	defer timer.Stop()
	select {
	case <-lost:
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil
}

// alive asks an agent's connection for a sign of life. Any answer is one: agents of protocol 1 answer that they do not
// know the question.
func (f *Fleet) alive(ctx context.Context, t tenant.Tenant, agent string) bool {
	conn, err := f.Relay.Conn(ctx, t.Account)
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, pingWithin)
	defer cancel()
	_, err = conn.RequestWithContext(ctx, protocol.DownPing(agent), nil)
	return err == nil
}

// turn refuses an arrival, notes it with the agent for the status, and records it now and then.
func (f *Fleet) turn(ctx context.Context, a enrol.Agent, v Arrival, reason protocol.Reason, message string) error {
	now := f.Now()
	if err := f.Store.RefuseRival(ctx, a.ID, enrol.Rival{Machine: v.Machine, Reason: reason, At: now}); err != nil {
		f.Log.Error("a refused machine couldn't be noted", "agent", a.ID, "error", err)
	}
	key := a.ID + "\x00" + v.Machine.Name + "\x00" + v.Machine.ID + "\x00" + string(reason)
	f.mu.Lock()
	last, told := f.told[key]
	if !told || now.Sub(last) >= tellEvery {
		f.told[key] = now
		told = false
	}
	if len(f.told) > 1000 {
		clear(f.told) // somebody invents machine names; recording one again is harmless
	}
	f.mu.Unlock()
	if !told {
		f.Log.Warn("a second machine with an agent's identity was refused", "event", int(event.AgentCloned), "agent", a.ID,
			"serving", a.Machine, "refused", v.Machine.Name, "reason", string(reason))
		f.Record(ctx, a.Tenant, audit.Record{
			Activity: "Agent connection", Hop: "relay", Event: int(event.AgentCloned), Result: "refused", Reason: string(reason),
			Actor: a.ID, Detail: "serving from " + a.Machine + ", refused on " + v.Machine.Name,
		})
	}
	return &Turned{reason, message}
}
