package writeback

import (
	"cmp"
	"context"
	"errors"
	"log/slog"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/agent/journal"
	"homeward/internal/event"
	"homeward/internal/protocol"
)

// question answers an operation that changes nothing.
func (w *Writeback) question(ctx context.Context, r *request) {
	select {
	case w.reads <- struct{}{}:
		defer func() { <-w.reads }()
	default:
		w.refuse(ctx, r, protocol.ReasonOverloaded)
		return
	}
	if r.op == protocol.Prove {
		w.answer(ctx, r, w.prove(ctx, r))
		return
	}
	w.answer(ctx, r, w.personPolicy(ctx, r))
}

// personPolicy answers Policy and Probe: what holds for the person, and why the person cannot be written,
// if that is known already.
func (w *Writeback) personPolicy(ctx context.Context, r *request) protocol.PersonPolicy {
	out := protocol.PersonPolicy{Version: protocol.Version, Request: r.header.Request.String(), Agent: w.d.Agent}
	a, err := w.d.Directory.Account(ctx, r.guid)
	if err != nil {
		w.withReason(ctx, r, &out, err)
		return out
	}
	out.Found = true
	out.Locked, out.PasswordSet = a.Locked(), protocol.MilliOf(a.PasswordSet)
	out.DisplayName, out.SAM = a.DisplayName, a.SAM
	p, err := w.d.Directory.Policy(ctx, a)
	if err != nil {
		w.withReason(ctx, r, &out, err)
	} else {
		out.MinLength, out.Complexity, out.History, out.Source = p.MinLength, p.Complexity, p.History, p.Source
		out.MinAge, out.MaxAge = p.MinAge.Milliseconds(), p.MaxAge.Milliseconds()
		out.ChangeableAt = protocol.MilliOf(a.Changeable(p))
	}
	// Why this person is not written matters more than that the policy could not be read.
	if err := cmp.Or(a.Refusal(r.op), a.Missing()); err != nil {
		w.withReason(ctx, r, &out, err)
	}
	return out
}

func (w *Writeback) withReason(ctx context.Context, r *request, out *protocol.PersonPolicy, err error) {
	out.Reason = activedirectory.ReasonOf(err)
	out.Detail = err.Error()
	var failed *activedirectory.Error
	if errors.As(err, &failed) && failed.Detail != "" {
		out.Detail = failed.Detail
	}
	w.log(ctx, slog.LevelDebug, failEvent(r.op, out.Reason), r.op, r.header.Request, slog.String("reason", string(out.Reason)))
}

// prove answers what happened to an earlier request: its result; unknown while it is open; never arrived,
// which stays true, because the id is refused from now on.
func (w *Writeback) prove(ctx context.Context, r *request) protocol.Result {
	known, err := w.d.Journal.Get(r.asked)
	if errors.Is(err, journal.ErrUnknown) {
		never := w.result(protocol.Prove, r.asked, protocol.Failed, protocol.ReasonNeverArrived, event.OutcomeProven)
		found, denyErr := w.d.Journal.Deny(ctx, r.asked, never, w.d.Now(), r.header.Expires.Add(keepAfter))
		switch err = denyErr; {
		case err == nil && found == nil:
			w.log(ctx, slog.LevelInfo, event.OutcomeProven, protocol.Prove, r.asked)
			return never
		case err == nil:
			known = *found // it arrived in this very moment
		}
	}
	if err != nil {
		w.log(ctx, slog.LevelError, event.StateError, protocol.Prove, r.asked, slog.Any("error", err))
		return w.result(protocol.Prove, r.asked, protocol.Unknown, protocol.ReasonAgentState, event.StateError)
	}
	if known.Result == nil {
		if result, ok := w.lookAgain(ctx, r.asked); ok {
			return result
		}
		return w.result(known.Operation, r.asked, protocol.Unknown, protocol.ReasonNone, event.OutcomeUnknown)
	}
	return *known.Result
}
