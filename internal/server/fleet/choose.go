package fleet

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"homeward/internal/protocol"
	"homeward/internal/server/enrol"
	"homeward/internal/server/tenant"
)

// Obstacle is why an agent gets no request now.
type Obstacle string

// Obstacles, in the order they are looked at.
const (
	Free         Obstacle = ""
	NotApproved  Obstacle = "not approved"
	NotConnected Obstacle = "not connected"
	Silent       Obstacle = "silent" // connected, but three heartbeats are missing
	Outdated     Obstacle = "outdated"
	Drained      Obstacle = "draining"
	NoDirectory  Obstacle = "directory"
)

// Obstacle says why an agent gets no request for a domain now; an empty domain stands for any.
func (f *Fleet) Obstacle(t tenant.Tenant, a enrol.Agent, domain string) Obstacle {
	switch {
	case a.Status != enrol.Approved:
		return NotApproved
	case !f.Relay.Online(t.Account, a.ID):
		return NotConnected
	case f.Now().Sub(a.Seen) > stale:
		return Silent
	case a.Reason == string(protocol.ReasonVersion):
		return Outdated
	case !a.Draining.IsZero():
		return Drained
	case !serves(a, domain):
		return NoDirectory
	}
	return Free
}

func serves(a enrol.Agent, domain string) bool {
	if domain == "" {
		return a.DirectoryOK
	}
	d, ok := a.Serves(domain)
	return ok && d.OK
}

// off reports whether the agent's own configuration turns writeback off for a domain; for an empty one: for every domain it serves.
func off(a enrol.Agent, domain string) bool {
	if domain == "" {
		return len(a.Domains) > 0 && !slices.ContainsFunc(a.Domains, func(d enrol.Domain) bool { return !d.WritebackOff })
	}
	d, ok := a.Serves(domain)
	return ok && d.WritebackOff
}

func (f *Fleet) able(t tenant.Tenant, agents []enrol.Agent, domain string) []enrol.Agent {
	return slices.DeleteFunc(slices.Clone(agents), func(a enrol.Agent) bool { return f.Obstacle(t, a, domain) != Free })
}

// order puts the best agent for a domain first: one whose configuration lets it write there, that has not just failed, has
// not missed a heartbeat, knows the present protocol and has the least to do. Equals are shuffled, which spreads the load.
func (f *Fleet) order(agents []enrol.Agent, domain string) []enrol.Agent {
	rand.Shuffle(len(agents), func(i, j int) { agents[i], agents[j] = agents[j], agents[i] }) //nolint:gosec // spreads load, guards nothing
	type rank struct{ off, failed, late, old, pending int }
	ranks := make(map[string]rank, len(agents))
	now := f.Now()
	for _, a := range agents {
		r := rank{pending: f.Pending(a)}
		if off(a, domain) {
			r.off = 1
		}
		if f.work.justFailed(a.ID) {
			r.failed = 1
		}
		if now.Sub(a.Seen) > BeatEvery+BeatEvery/2 {
			r.late = 1
		}
		r.old = max(0, protocol.Version-a.Protocol)
		ranks[a.ID] = r
	}
	slices.SortStableFunc(agents, func(a, b enrol.Agent) int {
		x, y := ranks[a.ID], ranks[b.ID]
		return cmp.Or(cmp.Compare(x.off, y.off), cmp.Compare(x.failed, y.failed), cmp.Compare(x.late, y.late), cmp.Compare(x.old, y.old), cmp.Compare(x.pending, y.pending))
	})
	return agents
}

// Left is told when an agent's connection has ended.
func (f *Fleet) Left(agent string) { f.work.left(agent) }

// Pending is how many requests an agent is carrying out, as far as its last heartbeat or the server knows.
func (f *Fleet) Pending(a enrol.Agent) int { return max(a.Pending, f.work.pending(a.ID)) }
