package writeback

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/agent/journal"
	"homeward/internal/directory"
	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/seal"
)

// giveUpAfter is how long an open outcome is looked into before it is reported as unknown for good: a
// controller that has not come back by then may never do.
const giveUpAfter = 24 * time.Hour

// unresolved is a request whose write was sent, or may have been, without an answer.
type unresolved struct {
	entry     journal.Entry
	guid      directory.GUID
	reason    protocol.Reason // why it is open
	hops      []protocol.Hop
	unchanged time.Time // when "not written" was first seen on the write's own controller
	busy      bool      // somebody is looking at this moment
}

// Recover takes up what an earlier run of the agent left unfinished. A request that was accepted only has
// certainly not been sent; for the others Run finds out what became of them. A second call does nothing.
func (w *Writeback) Recover(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.leftover) > 0 {
		e := w.leftover[0]
		if e.State == journal.Accepted {
			if err := w.neverSent(ctx, e); err != nil {
				return fmt.Errorf("recover: %w", err)
			}
		} else {
			guid, err := anchorOf(e)
			if err != nil {
				return fmt.Errorf("recover request %s: %w", e.ID, err)
			}
			w.unresolved[e.ID] = &unresolved{
				entry: e, guid: guid, reason: protocol.ReasonAgentLost,
				hops: []protocol.Hop{{Name: "accepted", At: e.AcceptedAt}},
			}
			w.log(ctx, slog.LevelWarn, event.OutcomeUnknown, e.Operation, e.ID)
		}
		w.leftover = w.leftover[1:]
	}
	return nil
}

func (w *Writeback) neverSent(ctx context.Context, e journal.Entry) error {
	result := w.result(e.Operation, e.ID, protocol.Failed, protocol.ReasonNotWritten, failEvent(e.Operation, protocol.ReasonNotWritten))
	result.Detail = "the agent stopped after accepting the request, before anything was sent to the directory"
	result.Hops = []protocol.Hop{{Name: "accepted", At: e.AcceptedAt}, {Name: "recovered", At: result.At}}
	if err := w.d.Journal.Finish(ctx, e.ID, result); err != nil {
		return err
	}
	w.log(ctx, slog.LevelWarn, event.Code(result.Event), e.Operation, e.ID, slog.String("reason", string(result.Reason)))
	return nil
}

// leaveOpen hands a request whose write got no answer to Run.
func (w *Writeback) leaveOpen(ctx context.Context, r *request, before journal.Before, hops *hops) {
	id := r.header.Request
	w.log(ctx, slog.LevelWarn, event.OutcomeUnknown, r.op, id)
	w.open(id, &unresolved{
		guid: r.guid, reason: protocol.ReasonTimeout, hops: hops.list,
		entry: journal.Entry{ID: id, Operation: r.op, AcceptedAt: protocol.MilliOf(r.received), State: journal.Sending, Before: &before},
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

// lookAgain reads the account once and finishes the request if that decides it.
func (w *Writeback) lookAgain(ctx context.Context, id seal.RequestID) (protocol.Result, bool) {
	u := w.take(id)
	if u == nil {
		return protocol.Result{}, false
	}
	decided := false
	defer func() { w.put(id, decided) }()
	start := w.d.Now()
	account, err := w.d.Directory.Account(ctx, u.guid)
	v := u.judge(account, err, w.d.Now(), w.d.Settle)
	if decided = v.decided; !decided {
		return protocol.Result{}, false
	}
	code := failEvent(u.entry.Operation, v.reason)
	switch v.outcome {
	case protocol.Changed:
		code = successEvent(u.entry.Operation)
	case protocol.Unknown:
		code = event.OutcomeUnknown
	default:
	}
	result := w.result(u.entry.Operation, id, v.outcome, v.reason, code)
	result.Detail = v.detail
	proven := protocol.Hop{Name: "proven", At: protocol.MilliOf(start), Micros: w.d.Now().Sub(start).Microseconds()}
	result.Hops = append(slices.Clone(u.hops), proven)
	w.log(ctx, slog.LevelInfo, event.OutcomeProven, u.entry.Operation, id, slog.String("outcome", string(v.outcome)))
	w.finish(ctx, u.entry.Operation, id, result)
	return result, true
}

// verdict is what one look at the account tells.
type verdict struct {
	decided bool
	outcome protocol.Outcome
	reason  protocol.Reason
	detail  string
}

// judge compares the account with what it was before the write; see the package documentation.
func (u *unresolved) judge(a activedirectory.Account, err error, now time.Time, settle time.Duration) verdict {
	switch {
	case activedirectory.ReasonOf(err) == protocol.ReasonNotFound:
		return verdict{true, protocol.Failed, protocol.ReasonNotFound, "the account has been deleted since"}
	case err == nil && u.entry.Operation == protocol.Unlock && !a.Locked():
		return verdict{true, protocol.Changed, protocol.ReasonNone, "the account is not locked"}
	case err == nil && u.entry.Operation != protocol.Unlock && a.Password.Number != u.entry.Before.Version:
		return u.whose(a)
	case now.Sub(u.entry.AcceptedAt.Time()) > giveUpAfter:
		return verdict{true, protocol.Unknown, u.reason, "the controller the write went to has not answered for a day"}
	case err != nil || a.DC.Invocation.Hex() != u.entry.Before.Invocation:
		// Another controller may simply not have heard of the write yet.
		u.unchanged = time.Time{}
		return verdict{}
	case u.unchanged.IsZero():
		u.unchanged = now
		return verdict{}
	case now.Sub(u.unchanged) < settle:
		return verdict{}
	}
	return verdict{
		true, protocol.Failed, protocol.ReasonNotWritten,
		fmt.Sprintf("%s still holds what it held before the write, version %d", a.DC.Host, a.Password.Number),
	}
}

// whose tells this request's write from somebody else's.
func (u *unresolved) whose(a activedirectory.Account) verdict {
	b := u.entry.Before
	if a.Password.Number == b.Version+1 && a.Password.Origin.Hex() == b.Invocation {
		return verdict{true, protocol.Changed, protocol.ReasonNone, fmt.Sprintf("unicodePwd went from version %d to %d on %s at %s",
			b.Version, a.Password.Number, b.DC, a.Password.At.Format(time.RFC3339))}
	}
	return verdict{true, protocol.Unknown, u.reason, fmt.Sprintf(
		"unicodePwd went from version %d to %d, last set at %s: somebody else has set the password as well",
		b.Version, a.Password.Number, a.Password.At.Format(time.RFC3339))}
}
