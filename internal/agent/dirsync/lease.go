package dirsync

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"homeward/internal/protocol"
)

// How a term ends.
var (
	errAgain   = errors.New("ask for the lease again")                         // at once
	errRestart = errors.New("a full run is needed")                            // ask again, and say so
	errLost    = errors.New("the lease wasn't prolonged in time")              // somebody else may have it
	errWait    = errors.New("the server doesn't want anything for the moment") // ask again later
)

// term is the time an engine has the domain's lease.
type term struct {
	epoch int64
	run   string // of the full run to do; empty: changes
	seq   int64
	from  []byte // cursor

	mu     sync.Mutex
	wanted string // a full run was asked for meanwhile
	done   string // the last one that was done
}

// Run syncs until ctx ends.
func (e *Engine) Run(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if e.Anchors && !e.Staging && !e.scope.guid {
		all.Go(func() { e.writeAnchors(ctx) })
	}
	all.Go(func() { e.watch(ctx) })
	restart, failures := false, 0
	for {
		before := e.Status().Batches
		err := e.term(ctx, restart)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		restart = errors.Is(err, errRestart)
		if e.Status().Batches > before {
			failures = 0
		}
		failures++
		wait := e.backoff(failures)
		switch {
		case errors.Is(err, errWait):
			failures, wait = 0, max(protocol.LeaseLife/3, e.backoff(1))
		case (restart || errors.Is(err, errAgain)) && failures < 3:
			wait = 0
		}
		if wait > 0 {
			e.Logger.Info("sync waits", "error", err, "for", wait)
		}
		e.note(func(s *Status) { s.Phase = "waiting" })
		if !e.rest(ctx, wait) {
			return ctx.Err()
		}
	}
}

// rest waits, until Retry at most.
func (e *Engine) rest(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
	case <-e.retry:
	}
	return true
}

// backoff doubles, and half of it is jitter.
func (e *Engine) backoff(n int) time.Duration {
	d := shortest
	for range n - 1 {
		if d *= 2; d >= longest {
			d = longest
			break
		}
	}
	return d/2 + time.Duration(float64(d/2)*e.Jitter())
}

// term asks for the lease and works under it. It returns why that ended.
func (e *Engine) term(ctx context.Context, restart bool) error {
	asked := e.Clock()
	grant, err := e.Cloud.Lease(ctx, e.ask(0, restart))
	if err != nil {
		e.stuck("the server can't be asked for the lease: " + err.Error())
		return fmt.Errorf("ask for the lease: %w", err)
	}
	if !grant.OK {
		return e.denied(grant)
	}
	t := &term{epoch: grant.Epoch, run: grant.Run, seq: grant.Seq, from: grant.Cursor}
	if restart && t.run != "" {
		t.from = nil // a place within the run may be the one that can't be used
	}
	e.stuck("")
	e.Logger.Info("sync has the lease", "epoch", grant.Epoch, "run", grant.Run, "seq", grant.Seq)
	working, cancel := context.WithCancelCause(ctx)
	var keeper sync.WaitGroup
	keeper.Go(func() { cancel(e.keep(working, t, asked)) })
	err = e.work(working, t)
	if cause := context.Cause(working); cause != nil && ctx.Err() == nil {
		err = cause
	}
	cancel(err)
	keeper.Wait()
	if ctx.Err() != nil {
		e.release(ctx, t)
	} else if !errors.Is(err, errAgain) && !errors.Is(err, errRestart) {
		e.stuck(err.Error())
	}
	return err
}

func (e *Engine) denied(grant protocol.SyncGrant) error {
	switch grant.Reason {
	case protocol.ReasonSyncHeld:
		e.stuck("")
		return fmt.Errorf("%w: %s has the lease", errWait, grant.Holder)
	case protocol.ReasonSyncOff:
		e.stuck("sync is off for this domain")
		return fmt.Errorf("%w: sync is off", errWait)
	case protocol.ReasonSyncRestart:
		return errRestart
	case protocol.ReasonSyncFenced:
		return errAgain
	}
	e.stuck(string(grant.Reason))
	return fmt.Errorf("the lease was refused: %s: %s", grant.Reason, grant.Message)
}

func (e *Engine) ask(epoch int64, restart bool) protocol.SyncAsk {
	e.mu.Lock()
	defer e.mu.Unlock()
	mode := e.status.Mode
	if mode == "" {
		mode = protocol.SyncByDirSync
	}
	return protocol.SyncAsk{
		Version: protocol.Version, Agent: e.Agent, Domain: e.Domain, NetBIOS: e.NetBIOS, Epoch: epoch, Scope: e.scope.digest, Staging: e.Staging,
		Restart: restart, Mode: mode, Lagging: protocol.MilliOf(e.waiting), Detail: cut(e.why, 1000), Unanchored: e.anchors.refused(),
		At: protocol.MilliOf(e.Clock()),
	}
}

// keep prolongs the lease at a third of its life until ctx ends. It returns why there is none any more.
func (e *Engine) keep(ctx context.Context, t *term, asked time.Time) error {
	for {
		if !pause(ctx, protocol.LeaseLife/3) {
			return ctx.Err()
		}
		// The server counts from when it answered, which was later.
		rest := protocol.LeaseLife - e.Clock().Sub(asked)
		if rest <= 0 {
			return errLost
		}
		next := e.Clock()
		asking, cancel := context.WithTimeoutCause(ctx, rest, errLost)
		grant, err := e.Cloud.Lease(asking, e.ask(t.epoch, false))
		cancel()
		switch {
		case err != nil && ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			if e.Clock().Sub(asked) >= protocol.LeaseLife {
				return errLost
			}
			if !pause(ctx, min(shortest, max(rest/4, time.Millisecond))) {
				return ctx.Err()
			}
		case !grant.OK:
			return e.denied(grant)
		case grant.Epoch != t.epoch:
			return errAgain
		default:
			asked = next
			t.mu.Lock()
			t.wanted = grant.Run
			t.mu.Unlock()
		}
	}
}

// asked tells which full run the server wants.
func (t *term) asked() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.wanted == t.done { // the server answered before it had taken the last batch
		return ""
	}
	return t.wanted
}

// release gives the lease back, so that another agent needn't wait for it to run out.
func (e *Engine) release(ctx context.Context, t *term) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
	defer cancel()
	ask := e.ask(t.epoch, false)
	ask.Release = true
	if _, err := e.Cloud.Lease(ctx, ask); err != nil {
		e.Logger.Info("the lease couldn't be given back", "error", err)
	}
}

// watch lets the directory tell of changes. Where it can't, looking every few seconds has to do.
func (e *Engine) watch(ctx context.Context) {
	told := false
	for ctx.Err() == nil {
		err := e.Source.Watch(ctx, func() { signal(e.wake) })
		if ctx.Err() == nil && !told {
			told = true
			e.Logger.Info("the directory doesn't tell of changes; they are looked for", "every", e.Poll, "error", err)
		}
		pause(ctx, watchAgain)
	}
}

// work does what the grant says, then follows changes.
func (e *Engine) work(ctx context.Context, t *term) error {
	for {
		if t.run == "" {
			if err := e.follow(ctx, t); err != nil {
				return err
			}
			t.run, t.from = t.asked(), nil // the server wants a full run
			continue
		}
		if err := e.full(ctx, t); err != nil {
			return err
		}
	}
}

// Once does one full run and returns: a preview, when the engine stages. The lease is given back.
func (e *Engine) Once(ctx context.Context) (Status, error) {
	for range 3 {
		asked := e.Clock()
		grant, err := e.Cloud.Lease(ctx, e.ask(0, true))
		if err != nil {
			return e.Status(), fmt.Errorf("ask for the lease: %w", err)
		}
		if !grant.OK || grant.Run == "" {
			return e.Status(), fmt.Errorf("no full run was granted: %s %s", grant.Reason, grant.Message)
		}
		t := &term{epoch: grant.Epoch, run: grant.Run, seq: grant.Seq}
		working, cancel := context.WithCancelCause(ctx)
		var keeper sync.WaitGroup
		keeper.Go(func() { cancel(e.keep(working, t, asked)) })
		err = e.full(working, t)
		if cause := context.Cause(working); err != nil && cause != nil {
			err = cause
		}
		cancel(err)
		keeper.Wait()
		e.release(ctx, t)
		if !errors.Is(err, errAgain) && !errors.Is(err, errRestart) {
			return e.Status(), err
		}
	}
	return e.Status(), errAgain
}
