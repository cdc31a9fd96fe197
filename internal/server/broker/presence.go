package broker

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

const (
	// reconcileEvery bounds how long a lost advisory can leave presence wrong: they are sent once.
	reconcileEvery = time.Minute
	advisoryBuffer = 16 << 10
	// repeatWindow is the time within which duplicates of one agent are counted together.
	repeatWindow = 10 * time.Minute

	typeWebsocket = "websocket"
)

// EventKind is what happened to an agent.
type EventKind string

// Kinds of presence event.
const (
	Online  EventKind = "online"
	Offline EventKind = "offline"
	// Duplicate: the same agent key connected twice; the older connection was ended. Once, it is a link
	// whose end nobody noticed; again and again (Repeats), it is a cloned machine.
	Duplicate EventKind = "duplicate"
)

// Event is one change of presence.
type Event struct {
	Kind    EventKind
	Account string
	Agent   string
	At      time.Time
	Reason  string // why the connection ended, in NATS's words
	Repeats int    // Duplicate: how many within the last ten minutes, this one included
}

// AgentPresence is an agent that is online.
type AgentPresence struct {
	Agent string
	Since time.Time
}

// Presence knows which agents are online, from the relay's own connect and disconnect advisories. It
// learns of a closed connection in milliseconds and of a black-holed one when its pings go unanswered;
// heartbeats tell the rest.
type Presence struct {
	cfg      presenceConfig
	inbox    chan *nats.Msg
	deliver  sync.Mutex // held from a change until its watchers have heard of it
	mu       sync.Mutex
	agents   map[agentID]*agentState
	byConn   map[uint64]agentID
	watchers map[int]func(Event)
	nextID   int
}

type presenceConfig struct {
	system *nats.Conn
	list   func() ([]connection, error)
	kick   func(cid uint64) error
	clock  func() time.Time
	log    *slog.Logger
}

type agentID struct{ account, agent string }

type agentState struct {
	conns      []*connection // oldest first
	duplicates []time.Time
}

// connection is one agent's connection. gone is closed when it ends.
type connection struct {
	cid   uint64
	id    agentID
	since time.Time
	gone  chan struct{}
}

// advisory is what we read of the server's messages.
type advisory struct {
	Client struct {
		ID         uint64 `json:"id"`
		Account    string `json:"acc"`
		JWT        string `json:"jwt"`
		ClientType string `json:"client_type"`
	} `json:"client"`
	Reason string `json:"reason"`
}

func newPresence(ctx context.Context, cfg presenceConfig) (*Presence, error) {
	p := &Presence{
		cfg:      cfg,
		inbox:    make(chan *nats.Msg, advisoryBuffer),
		agents:   make(map[agentID]*agentState),
		byConn:   make(map[uint64]agentID),
		watchers: make(map[int]func(Event)),
	}
	// One channel for both, so that they stay in order.
	for _, subject := range []string{"$SYS.ACCOUNT.*.CONNECT", "$SYS.ACCOUNT.*.DISCONNECT"} {
		if _, err := cfg.system.ChanSubscribe(subject, p.inbox); err != nil {
			return nil, fmt.Errorf("watch connections: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, pushTimeout) // Flush insists on a deadline
	defer cancel()
	if err := cfg.system.FlushWithContext(ctx); err != nil {
		return nil, fmt.Errorf("watch connections: %w", err)
	}
	p.reconcile()
	return p, nil
}

// run takes advisories until ctx ends.
func (p *Presence) run(ctx context.Context) {
	t := time.NewTicker(reconcileEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-p.inbox:
			p.take(m)
		case <-t.C:
			p.reconcile()
		}
	}
}

func (p *Presence) take(m *nats.Msg) {
	var a advisory
	if err := json.Unmarshal(m.Data, &a); err != nil {
		p.cfg.log.Warn("unreadable connection advisory", "error", err)
		return
	}
	if strings.HasSuffix(m.Subject, ".DISCONNECT") {
		p.deliver.Lock()
		defer p.deliver.Unlock()
		p.tell(p.remove(a.Client.ID, a.Reason))
		return
	}
	agent, ok := agentOf(a.Client.ClientType, a.Client.JWT)
	if !ok {
		return // one of our own
	}
	p.deliver.Lock()
	defer p.deliver.Unlock()
	p.tell(p.add(a.Client.ID, agentID{a.Client.Account, agent}, p.cfg.clock()))
}

// agentOf returns the agent of a connection. The name is taken from the JWT, which the server has
// checked, and not from the advisory's user field, in which a client can write whatever it likes.
func agentOf(clientType, token string) (string, bool) {
	if clientType != typeWebsocket {
		return "", false
	}
	c, err := jwt.DecodeUserClaims(token)
	if err != nil || !nkeys.IsValidPublicUserKey(c.Subject) {
		return "", false
	}
	return c.Subject, true
}

// add enters a connection and ends older ones of the same agent.
func (p *Presence) add(cid uint64, id agentID, since time.Time) []Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.byConn[cid]; known {
		return nil
	}
	s := p.agents[id]
	if s == nil {
		s = &agentState{}
		p.agents[id] = s
	}
	older := slices.Clone(s.conns)
	s.conns = append(s.conns, &connection{cid: cid, id: id, since: since, gone: make(chan struct{})})
	p.byConn[cid] = id
	if len(older) == 0 {
		return []Event{{Kind: Online, Account: id.account, Agent: id.agent, At: since}}
	}
	for _, c := range older {
		_ = p.cfg.kick(c.cid) // its disconnect advisory does the rest
	}
	s.duplicates = append(recent(s.duplicates, since), since)
	return []Event{{Kind: Duplicate, Account: id.account, Agent: id.agent, At: since, Repeats: len(s.duplicates)}}
}

func recent(times []time.Time, now time.Time) []time.Time {
	return slices.DeleteFunc(times, func(t time.Time) bool { return now.Sub(t) > repeatWindow })
}

func (p *Presence) remove(cid uint64, reason string) []Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	id, ok := p.byConn[cid]
	if !ok {
		return nil
	}
	delete(p.byConn, cid)
	s := p.agents[id]
	s.conns = slices.DeleteFunc(s.conns, func(c *connection) bool {
		if c.cid == cid {
			close(c.gone)
		}
		return c.cid == cid
	})
	if len(s.conns) > 0 {
		return nil
	}
	now := p.cfg.clock()
	if s.duplicates = recent(s.duplicates, now); len(s.duplicates) == 0 {
		delete(p.agents, id)
	}
	return []Event{{Kind: Offline, Account: id.account, Agent: id.agent, At: now, Reason: reason}}
}

// reconcile compares with the server's own list. It runs where advisories are taken, so whatever
// happens after the list was made is still to come.
func (p *Presence) reconcile() {
	list, err := p.cfg.list()
	if err != nil {
		p.cfg.log.Warn("connections not listed", "error", err)
		return
	}
	p.deliver.Lock()
	defer p.deliver.Unlock()
	there := make(map[uint64]bool, len(list))
	for _, c := range list {
		there[c.cid] = true
		p.tell(p.add(c.cid, c.id, c.since))
	}
	p.mu.Lock()
	known := slices.Collect(maps.Keys(p.byConn))
	p.mu.Unlock()
	for _, cid := range known {
		if !there[cid] {
			p.tell(p.remove(cid, "not in the server's list"))
		}
	}
}

// tell passes events on. deliver is held.
func (p *Presence) tell(events []Event) {
	if len(events) == 0 {
		return
	}
	p.mu.Lock()
	fns := slices.Collect(maps.Values(p.watchers))
	p.mu.Unlock()
	for _, e := range events {
		p.cfg.log.Info("agent "+string(e.Kind), "account", e.Account, "agent", e.Agent, "reason", e.Reason, "repeats", e.Repeats)
		for _, fn := range fns {
			fn(e)
		}
	}
}

// Online reports whether an agent has a connection.
func (p *Presence) Online(account, agent string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.agents[agentID{account, agent}]
	return s != nil && len(s.conns) > 0
}

// Agents returns a tenant's agents that are online, the longest online first.
func (p *Presence) Agents(account string) []AgentPresence {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []AgentPresence
	for id, s := range p.agents {
		if id.account == account && len(s.conns) > 0 {
			all = append(all, AgentPresence{Agent: id.agent, Since: s.conns[0].since})
		}
	}
	slices.SortFunc(all, func(a, b AgentPresence) int {
		if c := a.Since.Compare(b.Since); c != 0 {
			return c
		}
		return strings.Compare(a.Agent, b.Agent)
	})
	return all
}

// Lost returns a channel that is closed when the agent's present connection ends; for an agent that is
// offline it is closed already. It is what relay.Caller needs to tell a lost agent from a slow one.
func (p *Presence) Lost(account, agent string) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.agents[agentID{account, agent}]; s != nil && len(s.conns) > 0 {
		return s.conns[len(s.conns)-1].gone
	}
	gone := make(chan struct{})
	close(gone)
	return gone
}

// Watch calls fn for every agent that is online now (Online), and then for every change, in order and
// one at a time. fn must not block and must not call Watch or stop.
func (p *Presence) Watch(fn func(Event)) (stop func()) {
	p.deliver.Lock()
	defer p.deliver.Unlock()
	p.mu.Lock()
	key := p.nextID
	p.nextID++
	p.watchers[key] = fn
	var now []Event
	for id, s := range p.agents {
		if len(s.conns) > 0 {
			now = append(now, Event{Kind: Online, Account: id.account, Agent: id.agent, At: s.conns[0].since})
		}
	}
	p.mu.Unlock()
	for _, e := range now {
		fn(e)
	}
	return func() {
		p.deliver.Lock()
		defer p.deliver.Unlock()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.watchers, key)
	}
}

func (p *Presence) connections(account, agent string) []uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []uint64
	if s := p.agents[agentID{account, agent}]; s != nil {
		for _, c := range s.conns {
			all = append(all, c.cid)
		}
	}
	return all
}

// listAgents asks the server for all agents' connections.
func (b *Broker) listAgents() ([]connection, error) {
	z, err := b.srv.Connz(&server.ConnzOptions{Username: true, Limit: b.cfg.MaxAgents + insideConns})
	if err != nil {
		return nil, fmt.Errorf("list connections: %w", err)
	}
	var all []connection
	for _, c := range z.Conns {
		if agent, ok := agentOf(c.Type, c.JWT); ok {
			all = append(all, connection{cid: c.Cid, id: agentID{c.Account, agent}, since: c.Start})
		}
	}
	return all, nil
}
