package writeback

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/agent/journal"
	"homeward/internal/directory"
	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/seal"
)

// carryOut accepts a writing request, executes it and publishes its result.
func (w *Writeback) carryOut(ctx context.Context, r *request) {
	id := r.header.Request
	// Before the key is looked for: a repeated request is answered although its key has been replaced since.
	switch known, err := w.d.Journal.Get(id); {
	case err == nil:
		w.repeat(ctx, r, known)
		return
	case !errors.Is(err, journal.ErrUnknown):
		w.log(ctx, slog.LevelError, event.StateError, r.op, id, slog.Any("error", err))
		w.refuse(ctx, r, protocol.ReasonAgentState)
		return
	}
	if r.op.Secrets() > 0 {
		var ok bool
		if r.key, ok = w.d.Keys.SealKey(r.header.Key); !ok {
			w.refuse(ctx, r, protocol.ReasonUnknownKey)
			return
		}
	}
	select {
	case w.writes <- struct{}{}:
		defer func() { <-w.writes }()
	default:
		w.refuse(ctx, r, protocol.ReasonOverloaded)
		return
	}
	w.execute(ctx, r)
}

// execute overlaps the journal's commit with reading the account: both are needed before the write, neither
// needs the other.
func (w *Writeback) execute(ctx context.Context, r *request) {
	id := r.header.Request
	reading, cancel := context.WithDeadline(ctx, time.Now().Add(r.header.Expires.Sub(r.received)))
	defer cancel()
	look := w.lookAhead(reading, r)
	defer look.release(cancel)

	// The journal decides which of two deliveries of one request goes on.
	known, err := w.d.Journal.Accept(ctx, journal.Entry{
		ID: id, Operation: r.op, Header: r.raw, Digest: r.digest,
		AcceptedAt: protocol.MilliOf(r.received), KeepUntil: protocol.MilliOf(r.header.Expires.Add(keepAfter)),
	})
	switch {
	case errors.Is(err, journal.ErrForgotten):
		w.refuse(ctx, r, protocol.ReasonExpired)
		return
	case err != nil:
		w.log(ctx, slog.LevelError, event.StateError, r.op, id, slog.Any("error", err))
		w.refuse(ctx, r, protocol.ReasonAgentState)
		return
	case known != nil:
		w.repeat(ctx, r, *known)
		return
	}
	w.begin(id)
	defer w.end(id)
	hops := &hops{now: w.d.Now}
	hops.add("accepted", r.received)
	w.log(ctx, slog.LevelInfo, eventsOf(r.op).start, r.op, id, slog.String("anchor", r.guid.Hex()))
	w.accepted(ctx, r, nil, look.mark(w.d.Now, markWithin-w.d.Now().Sub(r.received)))

	result, open := w.write(ctx, reading, r, look, hops)
	look.release(cancel) // the next request need not wait until the server has this one's result
	result.Hops = hops.list
	if open != nil {
		w.leaveOpen(ctx, r, *open, hops)
		return
	}
	w.finish(ctx, r.op, id, result)
}

// repeat answers a request whose id is known. Nothing is carried out.
func (w *Writeback) repeat(ctx context.Context, r *request, known journal.Entry) {
	if known.Digest != r.digest {
		w.refuse(ctx, r, protocol.ReasonReplayed)
		return
	}
	w.log(ctx, slog.LevelInfo, event.RequestReplayed, r.op, known.ID, slog.String("state", string(known.State)))
	w.accepted(ctx, r, known.Result, known.Before)
}

func (w *Writeback) accepted(ctx context.Context, r *request, result *protocol.Result, mark *protocol.Mark) {
	w.answer(ctx, r, protocol.Accepted{
		Version: protocol.Version, Request: r.header.Request.String(), Agent: w.d.Agent,
		Accepted: true, At: protocol.MilliOf(w.d.Now()), Result: result, Mark: mark,
	})
}

// look is the account as it was read ahead, and the turn at the directory that goes with it.
type look struct {
	done    chan struct{}
	account activedirectory.Account
	err     error
	turn    bool
	start   time.Time
	turns   chan struct{}
	once    sync.Once
}

// lookAhead waits for a turn at the directory and reads account and policy.
func (w *Writeback) lookAhead(ctx context.Context, r *request) *look {
	l := &look{done: make(chan struct{}), turns: w.turns}
	go func() {
		defer close(l.done)
		select {
		case w.turns <- struct{}{}:
			l.turn = true
		case <-ctx.Done():
			l.err = ctx.Err()
			return
		}
		l.start = w.d.Now()
		if l.account, l.err = w.d.Directory.Account(ctx, r.guid); l.err == nil && r.op.Secrets() > 0 {
			// Only so that the write finds it remembered; what is wrong with it, the write can live with.
			_, _ = w.d.Directory.Policy(ctx, l.account)
		}
	}()
	return l
}

// mark waits for the account at most so long, and returns what the controller to be written holds; nil when that
// is not known in time. An account that is then not written after all has a mark too: it proves just that.
func (l *look) mark(now func() time.Time, wait time.Duration) *protocol.Mark {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-l.done:
	case <-timer.C:
		return nil
	}
	if l.err != nil {
		return nil
	}
	m := snapshot(l.account, now())
	return &m
}

// readError tells a request whose time ran out before its turn from one the directory did not answer.
func (l *look) readError() error {
	switch {
	case l.turn:
		return l.err
	case errors.Is(l.err, context.DeadlineExceeded):
		return &refusal{protocol.ReasonExpired}
	default:
		return &refusal{protocol.ReasonNotWritten}
	}
}

// release stops reading, waits for it and gives the turn back.
func (l *look) release(cancel func()) {
	cancel()
	<-l.done
	l.once.Do(func() {
		if l.turn {
			<-l.turns
		}
	})
}

// hops collects the steps of a request with their times.
type hops struct {
	now  func() time.Time
	list []protocol.Hop
}

// add notes a step that began at start and ends now.
func (h *hops) add(name string, start time.Time) {
	h.list = append(h.list, protocol.Hop{Name: name, At: protocol.MilliOf(start), Micros: h.now().Sub(start).Microseconds()})
}

func (h *hops) last() *protocol.Hop { return &h.list[len(h.list)-1] }

// anchorOf returns the person a stored request is about.
func anchorOf(e journal.Entry) (directory.GUID, error) {
	h, err := seal.UnmarshalHeader(e.Header)
	if err != nil {
		return directory.GUID{}, err
	}
	return directory.GUIDFromBytes(h.Anchor)
}
