package fleet

import (
	"context"
	"slices"
	"sync"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/enrol"
)

// turnLife is how long an import may pause between pages before another agent may begin.
const turnLife = 2 * time.Minute

// leases gives each domain to one importing agent at a time. The end of an import removes the people it did not name,
// so two at once would remove each other's.
type leases struct {
	now func() time.Time

	mu   *sync.Mutex
	held map[[2]string]turn // by tenant and domain
	done map[string][]string
}

type turn struct {
	agent string
	until time.Time
}

func newLeases(now func() time.Time) leases {
	return leases{now: now, mu: &sync.Mutex{}, held: map[[2]string]turn{}, done: map[string][]string{}}
}

// take gives or prolongs a domain's turn. false: another agent has it.
func (l *leases) take(tenantID, domain, agent string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := [2]string{tenantID, domain}
	if t, ok := l.held[key]; ok && t.agent != agent && l.now().Before(t.until) {
		return false
	}
	l.held[key] = turn{agent, l.now().Add(turnLife)}
	return true
}

// free reports whether an agent could import a domain now.
func (l *leases) free(tenantID, domain, agent string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	t, ok := l.held[[2]string{tenantID, domain}]
	return !ok || t.agent == agent || !l.now().Before(t.until)
}

// finish ends a turn after its last page and returns the domains that the agent has completed.
func (l *leases) finish(tenantID, domain, agent string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, [2]string{tenantID, domain})
	if !slices.Contains(l.done[agent], domain) {
		l.done[agent] = append(l.done[agent], domain)
	}
	return slices.Clone(l.done[agent])
}

func (l *leases) forget(agent string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.done, agent)
}

// importNow decides whether an agent is to send its people: somebody asked for it, or a domain that works has never
// been imported, and no other agent is at it.
func (f *Fleet) importNow(a enrol.Agent) bool {
	wanted, ready := a.ImportWanted, false
	for _, d := range a.Domains {
		if !d.OK {
			continue
		}
		if !f.turns.free(a.Tenant, d.Name, a.ID) {
			return false
		}
		ready = true
		wanted = wanted || d.Imported.IsZero()
	}
	return wanted && ready
}

func (u *Uplink) people(ctx context.Context, a enrol.Agent, data []byte) any {
	var p protocol.People
	if protocol.Decode(data, &p) != nil || p.Agent != a.ID {
		return protocol.Ack{Reason: protocol.ReasonMalformed}
	}
	// An agent answers for its own domains only: the end of an import removes people of the domain it names.
	d, own := a.Serves(p.Domain)
	if !own {
		return protocol.Ack{Reason: protocol.ReasonMalformed}
	}
	if !u.Fleet.turns.take(a.Tenant, d.Name, a.ID) {
		return protocol.Ack{Reason: protocol.ReasonOverloaded}
	}
	done, err := u.Imports.Page(ctx, a.Tenant, a.ID, p)
	if err == nil && done {
		err = u.Fleet.imported(ctx, a, d.Name)
	}
	if err != nil {
		u.Fleet.Log.Warn("page of an import wasn't taken", "agent", a.ID, "error", err)
		return protocol.Ack{Reason: protocol.ReasonMalformed}
	}
	return protocol.Ack{OK: true}
}

// imported notes a domain's complete import, and with the last of the domains that work the whole import.
func (f *Fleet) imported(ctx context.Context, a enrol.Agent, domain string) error {
	now := f.Now()
	if err := f.Store.DomainImported(ctx, a.ID, domain, now); err != nil {
		return err
	}
	done := f.turns.finish(a.Tenant, domain, a.ID)
	for _, d := range a.Domains {
		if d.OK && !slices.Contains(done, d.Name) {
			return nil
		}
	}
	if err := f.Store.ImportDone(ctx, a.ID, now); err != nil {
		return err
	}
	f.turns.forget(a.ID)
	return nil
}
