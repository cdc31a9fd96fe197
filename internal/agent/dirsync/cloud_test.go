package dirsync

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"homeward/internal/protocol"
)

// cloud is a server that keeps the protocol's rules to the letter, and what it was told. Nothing of it says anything
// about Active Directory.
type cloud struct {
	t testing.TB

	mu     sync.Mutex
	epoch  int64
	holder bool
	scope  string
	run    string
	runs   int
	seq    int64
	cursor []byte
	last   *protocol.SyncBatch // taken
	force  bool                // a full run is wanted

	people  map[string]protocol.SyncPerson
	groups  map[string]group
	faults  map[string][]protocol.SyncFault
	named   map[string]bool // by the run
	tokens  map[string]map[string]bool
	batches int
	bytes   int64
	asks    []protocol.SyncAsk
	gone    map[string]string
	// before and after are asked around each batch; an error is the network's.
	before, after func(protocol.SyncBatch) error
	refuse        protocol.Reason
	stopped       bool // too many deletions
	tries         int  // meanwhile
}

type group struct {
	protocol.SyncGroup

	members map[string]bool
}

func newCloud(t testing.TB) *cloud {
	return &cloud{
		t: t, seq: 1, people: map[string]protocol.SyncPerson{}, groups: map[string]group{}, faults: map[string][]protocol.SyncFault{},
		gone: map[string]string{},
	}
}

func (c *cloud) Lease(_ context.Context, ask protocol.SyncAsk) (protocol.SyncGrant, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asks = append(c.asks, ask)
	if ask.Release {
		if ask.Epoch == c.epoch {
			c.holder = false
		}
		return protocol.SyncGrant{Version: protocol.Version, OK: true}, nil
	}
	if c.refuse != "" {
		return protocol.SyncGrant{Version: protocol.Version, Reason: c.refuse}, nil
	}
	if ask.Epoch != 0 && ask.Epoch != c.epoch {
		return protocol.SyncGrant{Version: protocol.Version, Reason: protocol.ReasonSyncFenced}, nil
	}
	if ask.Epoch == 0 {
		c.epoch++
		c.holder = true
	}
	if c.run == "" && (c.cursor == nil || ask.Restart || ask.Scope != c.scope || c.force) {
		c.runs++
		c.run, c.cursor, c.named, c.force = fmt.Sprintf("run-%d", c.runs), nil, map[string]bool{}, false
		c.scope = ask.Scope
	}
	return protocol.SyncGrant{Version: protocol.Version, OK: true, Epoch: c.epoch, Run: c.run, Seq: c.seq, Cursor: c.cursor}, nil
}

func (c *cloud) Batch(_ context.Context, b protocol.SyncBatch) (protocol.SyncAck, error) {
	compressed, err := protocol.EncodeBatch(b)
	if err != nil {
		return protocol.SyncAck{}, err
	}
	if b, err = protocol.DecodeBatch(compressed); err != nil {
		c.t.Errorf("a batch can't be read: %v", err)
		return protocol.SyncAck{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.before != nil {
		if err := c.before(b); err != nil {
			return protocol.SyncAck{}, err
		}
	}
	if c.stopped {
		c.tries++
		return protocol.SyncAck{Reason: protocol.ReasonSyncStopped, Seq: c.seq, Pending: 700}, nil
	}
	c.bytes += int64(len(compressed))
	ack := c.take(b)
	if c.after != nil {
		if err := c.after(b); err != nil {
			return protocol.SyncAck{}, err
		}
	}
	return ack, nil
}

func (c *cloud) take(b protocol.SyncBatch) protocol.SyncAck {
	ack := protocol.SyncAck{Version: protocol.Version, OK: true}
	switch {
	case b.Epoch != c.epoch:
		return protocol.SyncAck{Reason: protocol.ReasonSyncFenced, Seq: c.seq}
	case c.last != nil && b.Seq == c.last.Seq && b.Seq == c.seq-1:
		ack.Seq = c.seq
		return ack
	case b.Seq != c.seq:
		return protocol.SyncAck{Reason: protocol.ReasonSyncOrder, Seq: c.seq}
	case b.Run != c.run:
		c.t.Errorf("a batch of run %q while %q is under way", b.Run, c.run)
		return protocol.SyncAck{Reason: protocol.ReasonSyncRestart, Seq: c.seq}
	case b.Last && (b.Run == "" || b.Cursor == nil):
		c.t.Errorf("a last batch of run %q with a cursor of %d bytes", b.Run, len(b.Cursor))
	}
	c.apply(b)
	c.batches++
	c.seq++
	c.last = &b
	if b.Cursor != nil {
		c.cursor = b.Cursor
	}
	if b.Last {
		for id := range c.people {
			if !c.named[id] {
				delete(c.people, id)
				c.gone[id] = "run"
			}
		}
		for id := range c.groups {
			if !c.named[id] {
				delete(c.groups, id)
			}
		}
		c.run = ""
	}
	ack.Seq = c.seq
	return ack
}

func (c *cloud) apply(b protocol.SyncBatch) {
	name := func(id string) {
		if b.Run != "" {
			c.named[id] = true
		}
		delete(c.faults, id)
		delete(c.gone, id)
	}
	// First: what the same batch names is there.
	for _, g := range b.Gone {
		delete(c.people, g.Object)
		delete(c.groups, g.Object)
		c.gone[g.Object] = g.Why
		if g.Why == protocol.GoneDeleted { // whoever is deleted is in no group any more; nothing else tells
			for _, have := range c.groups {
				delete(have.members, g.Object)
			}
		}
	}
	for _, p := range b.People {
		name(p.Object)
		c.people[p.Object] = p
	}
	if c.tokens == nil {
		c.tokens = map[string]map[string]bool{}
	}
	for _, g := range b.Groups {
		name(g.Object)
		have := c.groups[g.Object]
		if have.members == nil {
			have.members = map[string]bool{}
		}
		if g.Token != "" && c.tokens[g.Token] == nil {
			c.tokens[g.Token] = map[string]bool{}
		}
		for _, m := range g.Added {
			have.members[m] = true
			if g.Token != "" {
				c.tokens[g.Token][m] = true
			}
		}
		for _, m := range g.Removed {
			delete(have.members, m)
		}
		if g.Complete {
			have.members = maps.Clone(c.tokens[g.Token])
			delete(c.tokens, g.Token)
		}
		g.Token, g.Complete, g.Added, g.Removed = "", false, nil, nil
		have.SyncGroup = g
		c.groups[g.Object] = have
	}
	for _, f := range b.Faults {
		c.faults[f.Object] = append(c.faults[f.Object], f)
	}
}

// fence gives the lease to nobody: whoever has it is fenced.
func (c *cloud) fence() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
}

func (c *cloud) person(id string) (protocol.SyncPerson, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.people[id]
	return p, ok
}

func (c *cloud) why(id string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gone[id]
}

func (c *cloud) members(id string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.groups[id].members))
}

func (c *cloud) reasons(id string) map[protocol.Reason]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[protocol.Reason]string{}
	for _, f := range c.faults[id] {
		out[f.Reason] = f.Attribute
	}
	return out
}

func (c *cloud) count() (people, groups, batches, runs int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.people), len(c.groups), c.batches, c.runs
}

var errNetwork = errors.New("the network is away")
