package agent

import (
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/agent/dirsync"
	"homeward/internal/config"
)

const (
	// syncSince is the first protocol version that knows sync. Older servers are sent pages of people instead.
	syncSince = 3
	// syncLook is how often is looked whether sync can begin.
	syncLook = 250 * time.Millisecond
	// phoneField is the field of the attribute map that features.phones switches.
	phoneField = "mobilePhone"
)

// sync keeps one engine for each domain that is to be synced.
func (a *Agent) sync(ctx context.Context) error {
	var all sync.WaitGroup
	for i, conf := range a.config.Directories {
		if conf.Sync.On() {
			all.Go(func() { a.syncOne(ctx, i) })
		}
	}
	all.Wait()
	<-ctx.Done()
	return ctx.Err()
}

// syncOne runs a domain's engine as soon as the domain was reached once and the server knows sync.
func (a *Agent) syncOne(ctx context.Context, i int) {
	tick := time.NewTicker(syncLook)
	defer tick.Stop()
	for a.server.Load() < syncSince || !a.sight(i).state.OK {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
	domain := a.sight(i).domain
	e, done, err := OpenSync(a.config.Directories[i], a.dirs.List()[i], Sync{
		Agent: a.id.Agent(), Domain: domain.Domain, NetBIOS: domain.NetBIOS, Cloud: a.link, Memory: &a.memory, Log: a.log,
	})
	if err != nil {
		a.log.Error("sync can't begin", "domain", domain.Domain, "error", err)
		return
	}
	defer done()
	a.mu.Lock()
	a.syncs[i] = e
	a.mu.Unlock()
	if err := e.Run(ctx); ctx.Err() == nil {
		a.log.Error("sync ended", "domain", domain.Domain, "error", err)
	}
}

// resync lets an engine that waits try again at once: its directory has come back.
func (a *Agent) resync(i int) {
	a.mu.Lock()
	e := a.syncs[i]
	a.mu.Unlock()
	if e != nil {
		e.Retry()
	}
}

// Sync says for whom a domain is synced.
type Sync struct {
	Agent   string // public nkey
	Domain  string // DNS name
	NetBIOS string
	Cloud   dirsync.Cloud
	Memory  *dirsync.Memory
	Preview bool // stage, whatever the configuration says
	Log     *slog.Logger
}

// OpenSync makes the engine that a directory's configuration describes. done ends its connections.
func OpenSync(c config.Directory, dir *activedirectory.Directory, s Sync) (e *dirsync.Engine, done func(), err error) {
	scope := SyncScope(c)
	wanted, err := scope.Wanted()
	if err != nil {
		return nil, nil, err
	}
	feed := dir.Feed(c.Units, wanted)
	staging := s.Preview || c.Sync.Mode == config.SyncStaging
	e, err = dirsync.New(dirsync.Deps{
		Agent: s.Agent, Domain: s.Domain, NetBIOS: s.NetBIOS, Source: feed, Cloud: s.Cloud, Scope: scope, Staging: staging,
		Anchors: c.Sync.WritesAnchor() && !staging, Logger: s.Log, Memory: s.Memory, Jitter: rand.Float64, Poll: c.Sync.Poll, Sweep: c.Sync.Sweep,
	})
	return e, feed.Close, err
}

// SyncScope is what a directory's configuration chooses. Mobile numbers are left out where they aren't asked for,
// whatever attribute the map takes them from.
func SyncScope(c config.Directory) dirsync.Scope {
	attributes := c.Sync.Attributes
	if !c.Features.Phones {
		if attributes = maps.Clone(attributes); attributes == nil {
			attributes = map[string]string{}
		}
		attributes[phoneField] = ""
	}
	return dirsync.Scope{
		Units: c.Units, Exclude: c.Sync.Exclude, Pilot: c.Sync.PilotGroup, SignIn: c.Sync.SignInName, Anchor: c.Sync.SourceAnchor,
		Attributes: attributes, Suffixes: c.Sync.Suffixes,
	}
}
