package writeback

import (
	"cmp"
	"context"
	"errors"
	"log/slog"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/agent/journal"
	"homeward/internal/directory"
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
	switch r.op {
	case protocol.Prove:
		w.answer(ctx, r, w.prove(ctx, r))
	case protocol.Test:
		w.answer(ctx, r, w.testWrite(ctx, r))
	case protocol.Expiry:
		w.answer(ctx, r, w.expiries(ctx, r))
	case protocol.States:
		w.answer(ctx, r, w.states(ctx, r))
	case protocol.Which:
		w.answer(ctx, r, w.which(ctx, r))
	case protocol.Rules:
		w.answer(ctx, r, w.rules(ctx, r))
	case protocol.Banned:
		w.answer(ctx, r, w.takeBanned(ctx, r))
	case protocol.Preview:
		reason := protocol.ReasonNotFound
		if w.d.Preview != nil {
			reason = w.d.Preview(r.preview.Domain)
		}
		w.answer(ctx, r, w.previewBegun(r, reason))
	case protocol.Checkup:
		w.answer(ctx, r, w.checkup(r))
	case protocol.Roll:
		w.answer(ctx, r, w.roll(ctx, r))
	default:
		w.answer(ctx, r, w.personPolicy(ctx, r))
	}
}

// testWrite has the test account of a domain written, one at a time.
func (w *Writeback) testWrite(ctx context.Context, r *request) protocol.TestResult {
	select {
	case w.tests <- struct{}{}:
		defer func() { <-w.tests }()
	default:
		return w.testResult(r, protocol.TestResult{Outcome: protocol.Failed, Reason: protocol.ReasonOverloaded})
	}
	if w.d.Test == nil {
		return w.testResult(r, protocol.TestResult{Outcome: protocol.Failed, Reason: protocol.ReasonNotFound})
	}
	return w.testResult(r, w.d.Test(ctx, r.test.Domain))
}

// previewBegun answers a Preview; without a reason the preview has begun.
func (w *Writeback) previewBegun(r *request, reason protocol.Reason) protocol.PreviewBegun {
	return protocol.PreviewBegun{
		Version: protocol.Version, Request: r.header.Request.String(), Agent: w.d.Agent, Domain: r.preview.Domain, Begun: reason == protocol.ReasonNone,
		Reason: reason, At: protocol.MilliOf(w.d.Now()),
	}
}

// testResult fills in what every answer to a Test says.
func (w *Writeback) testResult(r *request, t protocol.TestResult) protocol.TestResult {
	t.Version, t.Request = protocol.Version, r.header.Request.String()
	t.Domain = cmp.Or(t.Domain, r.test.Domain)
	t.At = cmp.Or(t.At, protocol.MilliOf(w.d.Now()))
	return t
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
	mark := snapshot(a, w.d.Now())
	out.Mark = &mark
	out.Locked, out.PasswordSet = a.Locked(), protocol.MilliOf(a.PasswordSet)
	out.DisplayName, out.SAM = a.DisplayName, a.SAM
	out.MustChange, out.ExpiresAt = a.MustChange, protocol.MilliOf(a.PasswordExpires)
	// A password that must be changed counts as expired in the computed attribute too.
	out.Expired = a.Computed.Has(directory.PasswordExpired) && !a.MustChange
	out.NeverExpires, out.CannotChange = a.Control.Has(directory.DontExpirePassword), a.CannotChange
	if dn, err := directory.ParseDN(a.DN); err == nil {
		out.Domain = dn.DNSDomain()
	}
	p, err := w.d.Directory.Policy(ctx, a)
	if err != nil {
		w.withReason(ctx, r, &out, err)
	} else {
		if !a.RulesHidden() {
			out.MinLength, out.Complexity, out.History, out.Source = p.MinLength, p.Complexity, p.History, p.Source
			out.MinAge, out.MaxAge = p.MinAge.Milliseconds(), p.MaxAge.Milliseconds()
		}
		out.ChangeableAt = protocol.MilliOf(a.Changeable(p))
		if left, limited := a.TriesLeft(p); limited {
			out.TriesLeft = &left
		}
	}
	// Why this person is not written matters more than that the policy could not be read.
	refusal := cmp.Or(a.Refusal(protocol.Reset), a.Missing())
	if a.TurnedOff(protocol.Reset) && !a.TurnedOff(protocol.Unlock) { // what is left to ask about
		refusal = cmp.Or(a.Refusal(protocol.Unlock), a.MissingUnlock())
	}
	if err := refusal; err != nil {
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
	if r.about != nil && w.foreign(known, err, r.about) {
		return w.proveCase(ctx, r.asked, r.about, r.header.Issued)
	}
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
	if known.Result != nil {
		return *known.Result
	}
	if result, ok := w.kept(r.asked); ok {
		return result
	}
	if result, ok := w.lookAgain(ctx, r.asked); ok {
		return result
	}
	return w.result(known.Operation, r.asked, protocol.Unknown, protocol.ReasonNone, event.OutcomeUnknown)
}

// foreign reports whether the journal cannot answer for a case: another agent accepted it, or this one did, as the
// mark shows, and has lost the journal since. An entry that only says "never arrived" is about this agent alone.
func (w *Writeback) foreign(known journal.Entry, err error, c *protocol.Case) bool {
	if err != nil && !errors.Is(err, journal.ErrUnknown) {
		return false
	}
	carried := err == nil && known.Operation != protocol.Prove
	if c.Agent == w.d.Agent {
		return !carried && c.Mark.Invocation != ""
	}
	return !carried || known.Result == nil || known.Result.Outcome != protocol.Changed
}
