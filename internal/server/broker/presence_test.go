package broker_test

import (
	"testing"
	"time"

	"homeward/internal/server/broker"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
)

func TestPresence(t *testing.T) {
	r := newRig(t)
	a := r.enrol(t, r.tenant)
	account := r.tenant.Account()
	p := r.broker.Presence()
	events := make(chan broker.Event, 16)
	stop := p.Watch(func(e broker.Event) { events <- e })
	next := func() broker.Event {
		e := <-events
		e.At, e.Reason = time.Time{}, ""
		return e
	}
	select {
	case <-p.Lost(account, a.key):
	default:
		t.Error("an agent that is offline does not count as lost")
	}
	nc := r.mustRaw(t, a, nats.NoReconnect())
	if d := cmp.Diff(broker.Event{Kind: broker.Online, Account: account, Agent: a.key}, next()); d != "" {
		t.Error(d)
	}
	if got := p.Agents(account); len(got) != 1 || got[0].Agent != a.key || got[0].Since.IsZero() {
		t.Errorf("agents online: %v", got)
	}
	if got := p.Agents(r.addTenant(t).Account()); len(got) != 0 {
		t.Errorf("another tenant's agents: %v", got)
	}
	late := make(chan broker.Event, 1)
	p.Watch(func(e broker.Event) {
		if e.Kind == broker.Online {
			late <- e
		}
	})()
	if e := <-late; e.Agent != a.key {
		t.Errorf("snapshot: %v", e)
	}
	lost := p.Lost(account, a.key)
	nc.Close()
	start := time.Now()
	<-lost
	if took := time.Since(start); took > time.Second {
		t.Errorf("disconnect was known after %s", took)
	}
	if d := cmp.Diff(broker.Event{Kind: broker.Offline, Account: account, Agent: a.key}, next()); d != "" {
		t.Error(d)
	}
	stop()
	r.mustRaw(t, a)
	eventually(t, "online again", func() bool { return p.Online(account, a.key) })
	if len(events) != 0 {
		t.Error("an event after stop")
	}
}

// A cloned machine connects with the same key: the older connection ends, and it is reported.
func TestDuplicateAgent(t *testing.T) {
	r := newRig(t)
	a := r.enrol(t, r.tenant)
	events := make(chan broker.Event, 16)
	first := r.mustRaw(t, a, nats.NoReconnect())
	eventually(t, "online", func() bool { return r.broker.Presence().Online(r.tenant.Account(), a.key) })
	r.broker.Presence().Watch(func(e broker.Event) {
		if e.Kind != broker.Online {
			events <- e
		}
	})
	second := r.mustRaw(t, a, nats.NoReconnect())
	if e := <-events; e.Kind != broker.Duplicate || e.Agent != a.key || e.Repeats != 1 {
		t.Errorf("event %v", e)
	}
	eventually(t, "the older connection ends", first.IsClosed)
	if !second.IsConnected() || !r.broker.Presence().Online(r.tenant.Account(), a.key) {
		t.Error("the newer connection did not stay")
	}
	r.mustRaw(t, a, nats.NoReconnect())
	if e := <-events; e.Kind != broker.Duplicate || e.Repeats != 2 {
		t.Errorf("event %v", e)
	}
}

func TestIdleConnectionsClose(t *testing.T) {
	r := newRig(t, func(c *broker.Config) { c.Idle = 40 * time.Millisecond })
	nc := r.conn(t, r.tenant)
	if r.conn(t, r.tenant) != nc || r.broker.PoolSize() != 1 {
		t.Error("each call opens a connection")
	}
	eventually(t, "idle connection closes", func() bool { return nc.IsClosed() && r.broker.PoolSize() == 0 })
	if !r.conn(t, r.tenant).IsConnected() {
		t.Error("not opened again")
	}
}
