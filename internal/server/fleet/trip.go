package fleet

import (
	"context"
	"slices"
	"sync"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/enrol"
)

// Trip is how long the way to a tenant's agents and back takes, as it has just been measured. Zero: nobody answered.
type Trip struct {
	Relay time.Duration // from this server to the relay
	Agent time.Duration // from the relay to the agents that are online, the median
}

const (
	// tripWithin is how long a measurement waits for answers; all agents are asked beside each other.
	tripWithin = time.Second
	// tripMost is how many agents one measurement asks.
	tripMost = 16
	// tripFor is how long a measurement is believed: pages ask every few seconds.
	tripFor = 15 * time.Second
)

// Trips measures, and remembers what it has measured for a while.
type Trips struct {
	Fleet *Fleet

	mu    sync.Mutex
	known map[string]tripAt
}

type tripAt struct {
	Trip

	at time.Time
}

// Of returns a tenant's trip. One that was measured a moment ago is good enough.
func (m *Trips) Of(ctx context.Context, tenantID string) (Trip, error) {
	now := m.Fleet.Now()
	m.mu.Lock()
	have, ok := m.known[tenantID]
	m.mu.Unlock()
	if ok && now.Sub(have.at).Abs() < tripFor {
		return have.Trip, nil
	}
	trip, err := m.Fleet.trip(ctx, tenantID)
	if err != nil {
		return Trip{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = map[string]tripAt{}
	}
	m.known[tenantID] = tripAt{trip, now}
	return trip, nil
}

// trip measures. An agent that doesn't answer is left out.
func (f *Fleet) trip(ctx context.Context, tenantID string) (Trip, error) {
	t, err := f.Tenants(ctx, tenantID)
	if err != nil {
		return Trip{}, err
	}
	agents, err := f.Store.Agents(ctx, tenantID)
	if err != nil {
		return Trip{}, err
	}
	conn, err := f.Relay.Conn(ctx, t.Account)
	if err != nil {
		return Trip{}, nil // the relay can't be reached: the status says so
	}
	ctx, cancel := context.WithTimeout(ctx, tripWithin)
	defer cancel()
	begin := time.Now()
	if err := conn.FlushWithContext(ctx); err != nil {
		return Trip{}, nil // the same
	}
	out := Trip{Relay: max(time.Since(begin), time.Microsecond)}
	agents = slices.DeleteFunc(agents, func(a enrol.Agent) bool { return a.Status != enrol.Approved || !f.Relay.Online(t.Account, a.ID) })
	agents = agents[:min(len(agents), tripMost)]
	took := make([]time.Duration, len(agents))
	var all sync.WaitGroup
	for i, a := range agents {
		all.Go(func() {
			start := time.Now()
			if _, err := conn.RequestWithContext(ctx, protocol.DownPing(a.ID), nil); err == nil {
				took[i] = max(time.Since(start)-out.Relay, time.Microsecond)
			}
		})
	}
	all.Wait()
	took = slices.DeleteFunc(took, func(d time.Duration) bool { return d == 0 })
	if slices.Sort(took); len(took) > 0 {
		out.Agent = took[len(took)/2]
	}
	return out, nil
}
