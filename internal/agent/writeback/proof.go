package writeback

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"homeward/internal/agent/journal"
	"homeward/internal/directory"
	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/seal"
)

// secondWithin is how long after its request was accepted an AdminReset's second write is tried: an operator waits to
// hear of it.
const secondWithin = 25 * time.Second

// unresolved is a request whose write was sent, or may have been, without an answer.
type unresolved struct {
	evidence
	guid      directory.GUID
	confirmed bool // an AdminReset whose first write was answered: only the second is open
	hops      []protocol.Hop
	busy      bool // somebody is looking at this moment
}

// Recover takes up what an earlier run of the agent left unfinished. A request that was accepted only has
// certainly not been sent; for the others Run finds out what became of them. A second call does nothing.
func (w *Writeback) Recover(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.leftover) > 0 {
		e := w.leftover[0]
		if e.State == journal.Accepted {
			w.neverSent(ctx, e)
		} else {
			guid, err := anchorOf(e)
			if err != nil {
				return fmt.Errorf("recover request %s: %w", e.ID, err)
			}
			w.unresolved[e.ID] = &unresolved{
				evidence: evidence{
					op: e.Operation, mark: *e.Before, since: e.AcceptedAt.Time(), reason: protocol.ReasonAgentLost,
					quiet: time.Now().Add(w.d.Late),
				},
				guid: guid, confirmed: e.Confirmed, hops: []protocol.Hop{{Name: "accepted", At: e.AcceptedAt}},
			}
			w.log(ctx, slog.LevelWarn, event.OutcomeUnknown, e.Operation, e.ID)
		}
		w.leftover = w.leftover[1:]
	}
	return nil
}

// neverSent ends a request that was accepted only. The caller holds mu.
func (w *Writeback) neverSent(ctx context.Context, e journal.Entry) {
	result := w.result(e.Operation, e.ID, protocol.Failed, protocol.ReasonNotWritten, failEvent(e.Operation, protocol.ReasonNotWritten))
	result.Detail = "the agent stopped after accepting the request, before anything was sent to the directory"
	result.Hops = []protocol.Hop{{Name: "accepted", At: e.AcceptedAt}, {Name: "recovered", At: result.At}}
	w.log(ctx, slog.LevelWarn, event.Code(result.Event), e.Operation, e.ID, slog.String("reason", string(result.Reason)))
	if err := w.d.Journal.Finish(ctx, e.ID, result); err != nil {
		w.log(ctx, slog.LevelError, event.StateError, e.Operation, e.ID, slog.Any("error", err))
		w.unstored[e.ID] = &unstored{result: result}
	}
}

// leaveOpen hands a request whose write got no answer to Run.
func (w *Writeback) leaveOpen(ctx context.Context, r *request, o open, hops *hops) {
	id := r.header.Request
	w.log(ctx, slog.LevelWarn, event.OutcomeUnknown, r.op, id)
	w.open(id, &unresolved{
		evidence: evidence{op: r.op, mark: o.before, since: r.received, reason: protocol.ReasonTimeout},
		guid:     r.guid, confirmed: o.confirmed, hops: hops.list,
	})
}

func (w *Writeback) open(id seal.RequestID, u *unresolved) {
	w.mu.Lock()
	w.unresolved[id] = u
	w.mu.Unlock()
	signal(w.proveNow)
}

// take marks an open request as being looked into; nil when there is nothing to do.
func (w *Writeback) take(id seal.RequestID) *unresolved {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.unresolved[id]
	if u == nil || u.busy {
		return nil
	}
	u.busy = true
	return u
}

// put ends what take began.
func (w *Writeback) put(id seal.RequestID, decided bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if decided {
		delete(w.unresolved, id)
	} else if u := w.unresolved[id]; u != nil {
		u.busy = false
	}
}

func (w *Writeback) openRequests() []seal.RequestID {
	w.mu.Lock()
	defer w.mu.Unlock()
	ids := make([]seal.RequestID, 0, len(w.unresolved))
	for id := range w.unresolved {
		ids = append(ids, id)
	}
	return ids
}

// lookAgain asks the directory once and finishes the request if that decides it.
func (w *Writeback) lookAgain(ctx context.Context, id seal.RequestID) (protocol.Result, bool) {
	u := w.take(id)
	if u == nil {
		return protocol.Result{}, false
	}
	decided := false
	defer func() { w.put(id, decided) }()
	start := w.d.Now()
	seen, err := w.d.Directory.Witnesses(ctx, u.written(u.guid), u.mark.Invocation)
	v := u.judge(seen, err, w.moment(), w.d.Settle)
	result, decided := w.proven(ctx, id, u, v)
	if !decided {
		return protocol.Result{}, false
	}
	proven := protocol.Hop{Name: "proven", At: protocol.MilliOf(start), Micros: w.d.Now().Sub(start).Microseconds()}
	result.Hops = append(slices.Clone(u.hops), proven)
	w.log(ctx, slog.LevelInfo, event.OutcomeProven, u.op, id, slog.String("outcome", string(result.Outcome)))
	w.finish(ctx, u.op, id, result)
	return result, true
}

// proven turns a verdict into a result. An AdminReset is decided once its second write is as well.
func (w *Writeback) proven(ctx context.Context, id seal.RequestID, u *unresolved, v verdict) (protocol.Result, bool) {
	if !u.confirmed {
		result := w.verdictResult(u.op, id, v)
		if v.outcome == protocol.Changed && u.op == protocol.AdminReset {
			return result, w.complete(ctx, id, u, v, &result)
		}
		return result, v.decided
	}
	// The directory said yes to the new password: whatever became of the account since, that stays true.
	result := w.verdictResult(u.op, id, verdict{outcome: protocol.Changed, detail: v.detail})
	if v.decided && v.outcome != protocol.Changed {
		w.setMustChange(ctx, id, &result, protocol.MustChangeUnknown)
		return result, true
	}
	return result, w.complete(ctx, id, u, v, &result)
}

// complete finds out whether the second write of an AdminReset arrived, and makes it if not and the operator still
// waits. That does no harm when it arrived after all, and the verdict shows that nobody else has set the password
// since. v may be undecided.
func (w *Writeback) complete(ctx context.Context, id seal.RequestID, u *unresolved, v verdict, result *protocol.Result) bool {
	switch {
	case v.decided && v.account.MustChange:
		w.setMustChange(ctx, id, result, protocol.MustChangeSet)
		return true
	case w.d.Now().Sub(u.since) <= secondWithin:
		return v.decided && w.mustChange(ctx, id, v.account, result)
	case ctx.Err() != nil:
		return false
	}
	// The operator has been told something by now, and acts on it: a flag set behind their back would be worse.
	if v.decided {
		result.Detail += "; it need not be changed at the next sign-in as " + v.account.DC.Host + " sees it now"
	}
	w.setMustChange(ctx, id, result, protocol.MustChangeUnknown)
	return true
}

// verdictResult is the result of a request whose fate the directory told.
func (w *Writeback) verdictResult(op protocol.Operation, id seal.RequestID, v verdict) protocol.Result {
	code := failEvent(op, v.reason)
	switch v.outcome {
	case protocol.Changed:
		code = eventsOf(op).success
	case protocol.Unknown:
		code = event.OutcomeUnknown
	default:
	}
	result := w.result(op, id, v.outcome, v.reason, code)
	result.Detail = v.detail
	return result
}
