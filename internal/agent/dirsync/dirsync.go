// Package dirsync brings the people and groups of one Active Directory domain into the cloud directory and keeps them
// there: a full run first, then whatever changes, as ordered batches that the server applies one by one.
//
// It guarantees that nothing is sent without the domain's lease, and nothing after it may have run out; that one batch is
// on its way at a time, in the server's order; that a crash at any moment loses nothing, because the place to go on from is
// kept by the server with what was applied; and that data that can't be synced as it is never stops a run: it is named
// ([protocol.SyncFault]) and the rest goes on. It writes nothing to the directory but the source anchor, and that only
// where it is empty.
//
// It keeps no state of its own beyond its life, and it doesn't decide who is joined to whom: the server does.
package dirsync

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/directory"
	"homeward/internal/protocol"
)

// Cloud is the server. Batch returns an error where no answer came; whether the batch was applied isn't known then.
type Cloud interface {
	Lease(ctx context.Context, ask protocol.SyncAsk) (protocol.SyncGrant, error)
	Batch(ctx context.Context, b protocol.SyncBatch) (protocol.SyncAck, error)
}

// Source is the directory; activedirectory.Feed is one.
type Source interface {
	Reader
	Objects
	Changer
	// Bytes is how much was read from the directory so far.
	Bytes() int64
}

// Reader reads everybody.
type Reader interface {
	Look(ctx context.Context) (activedirectory.Reading, error)
	All(ctx context.Context, mode string, each func(activedirectory.Object) error) (next []byte, err error)
	IDs(ctx context.Context, each func(activedirectory.Object) error) error
}

// Objects reads single objects as they are now.
type Objects interface {
	Read(ctx context.Context, ids []directory.GUID, each func(activedirectory.Object) error) error
	Below(ctx context.Context, unit directory.GUID, each func(activedirectory.Object) error) error
	Members(ctx context.Context, group directory.GUID, each func([]directory.GUID) error) error
	GroupsOf(ctx context.Context, id directory.GUID) ([]directory.GUID, error)
	ID(ctx context.Context, dn string) (directory.GUID, error)
	Groups(ctx context.Context, ids []directory.GUID, deleted bool) ([]directory.GUID, error)
}

// Changer tells what changed, and writes the one thing that is written.
type Changer interface {
	Changes(ctx context.Context, mode string, from []byte) (activedirectory.Page, error)
	Watch(ctx context.Context, changed func()) error
	Anchor(ctx context.Context, id directory.GUID) error
}

// Deps are what an engine needs. Zero durations take the defaults.
type Deps struct {
	Agent   string // the agent's public nkey
	Domain  string // DNS name
	NetBIOS string
	Source  Source
	Cloud   Cloud
	Scope   Scope
	Staging bool // read and preview, change nothing
	Anchors bool // write the source anchor where it is empty; never while staging
	Logger  *slog.Logger
	Memory  *Memory // shared by all engines of the process; nil: no more than usual
	Clock   func() time.Time
	Jitter  func() float64 // in [0,1)

	Poll  time.Duration // between looks for changes that nobody told of; 2 s
	Sweep time.Duration // between comparisons, where deletions don't show; 30 min
	Pace  time.Duration // between two anchors that are written; 10 ms
	Slow  time.Duration // between tries while an operator has to look first; 30 s
}

const (
	// debounce is how long changes gather after the first one was told.
	debounce = 50 * time.Millisecond
	// settled is how often a place is kept by the server though nothing in scope changed.
	settled = 5 * time.Minute
	// watchAgain is the pause before a controller is asked again to tell of changes.
	watchAgain = 30 * time.Second
	shortest   = time.Second
	longest    = time.Minute
	// maxUnwritten bounds the anchors that wait to be written. Those beyond wait for the next full run.
	maxUnwritten = 200_000
	// releaseTime bounds the last word to a server that may be gone: the lease runs out by itself.
	releaseTime = 2 * time.Second
)

// Engine syncs one domain.
type Engine struct {
	Deps

	scope   *scope
	people  int           // in one batch
	wake    chan struct{} // something changed in the directory
	retry   chan struct{} // don't wait any longer
	anchors anchors

	mu      sync.Mutex
	status  Status
	waiting time.Time // since when changes wait to be sent
	why     string    // why sync doesn't go on
	closure map[directory.GUID]struct{}
	known   map[directory.GUID]struct{} // who was sent, where deletions don't show
}

// Status is how sync goes, for logs.
type Status struct {
	Mode       string
	Phase      string // waiting, full, changes
	DC         string
	Deletions  bool      // what is deleted shows
	Run        string    // of the full run that is under way
	Ran        time.Time // when the last full run was complete
	Sent       time.Time // when the last batch was taken
	Changed    time.Time // newest change in the directory that was taken
	Lag        time.Duration
	People     int // sent by this engine, altogether
	Groups     int
	Gone       int
	Faults     int
	Batches    int
	Unanchored int
	Pending    int // deletions that wait for an operator
	Detail     string
}

// New checks the scope.
func New(d Deps) (*Engine, error) {
	if d.Source == nil || d.Cloud == nil || d.Domain == "" || d.Agent == "" {
		return nil, errors.New("sync: source, cloud, domain and agent are needed")
	}
	sc, err := d.Scope.compile()
	if err != nil {
		return nil, err
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if d.Clock == nil {
		d.Clock = time.Now
	}
	if d.Jitter == nil {
		d.Jitter = func() float64 { return 0.5 }
	}
	for _, t := range []struct {
		field *time.Duration
		value time.Duration
	}{{&d.Poll, 2 * time.Second}, {&d.Sweep, 30 * time.Minute}, {&d.Pace, 10 * time.Millisecond}, {&d.Slow, 30 * time.Second}} {
		if *t.field <= 0 {
			*t.field = t.value
		}
	}
	d.Logger = d.Logger.With("domain", d.Domain)
	sc.netbios = d.NetBIOS
	return &Engine{Deps: d, scope: sc, people: batchPeople, wake: make(chan struct{}, 1), retry: make(chan struct{}, 1), anchors: newAnchors()}, nil
}

// Status tells how sync goes at this moment.
func (e *Engine) Status() Status {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.status
	s.Detail = e.why
	s.Unanchored = e.anchors.refused()
	return s
}

// Retry ends a wait after a failure: what failed is back.
func (e *Engine) Retry() { signal(e.retry) }

func (e *Engine) note(f func(*Status)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f(&e.status)
}

// stuck remembers why sync doesn't go on; empty: it does.
func (e *Engine) stuck(why string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.why = why
}

// pause waits; it reports false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
