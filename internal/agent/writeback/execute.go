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
	if r.op == protocol.Reset {
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
	w.log(ctx, slog.LevelInfo, startEvent(r.op), r.op, id, slog.String("anchor", r.guid.Hex()))
	w.accepted(ctx, r, nil)

	result, open := w.write(ctx, r, look, hops)
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
	w.accepted(ctx, r, known.Result)
}

func (w *Writeback) accepted(ctx context.Context, r *request, result *protocol.Result) {
	w.answer(ctx, r, protocol.Accepted{
		Version: protocol.Version, Request: r.header.Request.String(), Agent: w.d.Agent,
		Accepted: true, At: protocol.MilliOf(w.d.Now()), Result: result,
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
		if l.account, l.err = w.d.Directory.Account(ctx, r.guid); l.err == nil && r.op == protocol.Reset {
			// Only so that Reset finds it remembered; what is wrong with it, Reset can live with.
			_, _ = w.d.Directory.Policy(ctx, l.account)
		}
	}()
	return l
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

// write does the work between acceptance and result. A non-nil second value means that the write was sent
// and its fate is open.
func (w *Writeback) write(ctx context.Context, r *request, l *look, hops *hops) (protocol.Result, *journal.Before) {
	<-l.done
	if l.err != nil {
		return w.failure(r, l.readError()), nil
	}
	hops.add("read", l.start)
	if err := l.account.Refusal(r.op); err != nil {
		return w.failure(r, err), nil
	}
	secret, err := r.open(hops)
	if err != nil {
		return w.failure(r, err), nil
	}
	defer clear(secret)
	before := snapshot(l.account, w.d.Now())
	if err := w.d.Journal.Sending(ctx, r.header.Request, before); err != nil {
		w.log(ctx, slog.LevelError, event.StateError, r.op, r.header.Request, slog.Any("error", err))
		return w.failure(r, &refusal{protocol.ReasonAgentState}), nil
	}
	if w.d.Now().After(r.header.Expires) {
		return w.failure(r, &refusal{protocol.ReasonExpired}), nil
	}
	start := w.d.Now()
	if r.op == protocol.Unlock {
		err = w.d.Directory.Unlock(ctx, l.account)
	} else {
		err = w.d.Directory.Reset(ctx, l.account, secret)
	}
	hops.add("written", start)
	var failed *activedirectory.Error
	if errors.As(err, &failed) && failed.Sent {
		hops.last().Detail = "no answer"
		return protocol.Result{}, &before
	}
	if err != nil && ctx.Err() != nil {
		err = &refusal{protocol.ReasonNotWritten} // the agent is being stopped, and nothing was sent
	}
	if err != nil {
		return w.failure(r, err), nil
	}
	return w.result(r.op, r.header.Request, protocol.Changed, protocol.ReasonNone, successEvent(r.op)), nil
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

// open returns the one secret of a reset; an unlock has none.
func (r *request) open(hops *hops) ([]byte, error) {
	if r.op != protocol.Reset {
		return nil, nil
	}
	start := hops.now()
	secrets, err := seal.Open(r.key, r.raw, r.sealed)
	if err != nil || len(secrets) != 1 {
		for _, s := range secrets {
			clear(s)
		}
		return nil, &refusal{protocol.ReasonSeal}
	}
	hops.add("opened", start)
	return secrets[0], nil
}

// refusal is a reason of this package's own as an error.
type refusal struct{ reason protocol.Reason }

func (r *refusal) Error() string { return string(r.reason) }

// failure turns an error into a result: refused when the directory or a rule said no to this password or
// this account, failed when somebody has to mend something. Nothing was changed either way.
func (w *Writeback) failure(r *request, err error) protocol.Result {
	if own, ok := errors.AsType[*refusal](err); ok {
		return w.result(r.op, r.header.Request, protocol.Failed, own.reason, failEvent(r.op, own.reason))
	}
	reason := activedirectory.ReasonOf(err)
	outcome := protocol.Failed
	if personsFault(reason) {
		outcome = protocol.Refused
	}
	result := w.result(r.op, r.header.Request, outcome, reason, failEvent(r.op, reason))
	if failed, ok := errors.AsType[*activedirectory.Error](err); ok {
		result.Rule = failed.Rule
		result.Detail = failed.Detail
		if result.Detail == "" {
			result.Detail = failed.Error()
		}
	}
	return result
}

func snapshot(a activedirectory.Account, now time.Time) journal.Before {
	return journal.Before{
		DC: a.DC.Host, Invocation: a.DC.Invocation.Hex(), Version: a.Password.Number,
		PasswordSet: protocol.MilliOf(a.PasswordSet), Locked: a.Locked(), At: protocol.MilliOf(now),
	}
}

// finish gives the result to the server and stores it, side by side: people wait for the one, and a result that
// was not stored in time is found again from the directory. If giving it fails now, Run does it later.
func (w *Writeback) finish(ctx context.Context, op protocol.Operation, id seal.RequestID, result protocol.Result) {
	// The result of a write that happened is stored even while the agent is being stopped.
	storing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	stored := make(chan struct{})
	go func() {
		defer close(stored)
		if err := w.d.Journal.Finish(storing, id, result); err != nil && !errors.Is(err, journal.ErrDone) {
			w.log(ctx, slog.LevelError, event.StateError, op, id, slog.Any("error", err))
		}
	}()
	level := slog.LevelInfo
	if result.Outcome != protocol.Changed {
		level = slog.LevelWarn
		w.log(ctx, level, failEvent(op, protocol.ReasonNone), op, id, slog.String("outcome", string(result.Outcome)))
	}
	w.log(ctx, level, event.Code(result.Event), op, id, slog.String("outcome", string(result.Outcome)), slog.String("reason", string(result.Reason)))
	w.log(ctx, slog.LevelDebug, event.Code(result.Event), op, id, slog.String("detail", result.Detail))
	w.publish(ctx, result, id, stored)
}

// publish gives the server the result, and notes that it has it once the result is stored.
func (w *Writeback) publish(ctx context.Context, result protocol.Result, id seal.RequestID, stored <-chan struct{}) {
	err := w.d.Publish(ctx, result)
	<-stored
	if err != nil {
		w.log(ctx, slog.LevelInfo, event.RelayError, result.Operation, id, slog.Any("error", err))
		signal(w.resendNow)
		return
	}
	if err := w.d.Journal.Acknowledged(ctx, id); err != nil && !errors.Is(err, journal.ErrUnknown) {
		w.log(ctx, slog.LevelError, event.StateError, result.Operation, id, slog.Any("error", err))
	}
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
