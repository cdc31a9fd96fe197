package writeback

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/agent/journal"
	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/seal"
)

// open is a write whose fate is not known, or an AdminReset whose second write is not done.
type open struct {
	before    journal.Before
	confirmed bool // only the second write is open
}

// write does the work between acceptance and result. A non-nil second value means that the write was sent
// and its fate is open. timed ends when the request expires: nothing is sent after that.
func (w *Writeback) write(ctx, timed context.Context, r *request, l *look, hops *hops) (protocol.Result, *open) {
	<-l.done
	if l.err != nil {
		return w.failure(r, l.readError()), nil
	}
	hops.add("read", l.start)
	account := l.account
	if err := account.Refusal(r.op); err != nil {
		return w.failure(r, err), nil
	}
	secrets, err := r.open(hops)
	if err != nil {
		return w.failure(r, err), nil
	}
	defer wipe(secrets)
	if err := w.judged(secrets); err != nil {
		return w.failure(r, err), nil
	}
	for again := true; ; again = false {
		before := snapshot(account, w.d.Now())
		if err := w.d.Journal.Sending(ctx, r.header.Request, before); err != nil {
			w.log(ctx, slog.LevelError, event.StateError, r.op, r.header.Request, slog.Any("error", err))
			return w.failure(r, &refusal{protocol.ReasonAgentState}), nil
		}
		if w.d.Now().After(r.header.Expires) {
			return w.failure(r, &refusal{protocol.ReasonExpired}), nil
		}
		start := w.d.Now()
		err = w.send(timed, r.op, account, secrets)
		hops.add("written", start)
		if next, ok := w.elsewhere(timed, r, err); ok && again {
			hops.last().Name, hops.last().Detail = "unreachable", account.DC.Host
			account = next
			continue
		}
		return w.written(ctx, timed, r, open{before: before}, account, err, hops)
	}
}

// send makes the operation's first write, which is the only one except for AdminReset.
func (w *Writeback) send(ctx context.Context, op protocol.Operation, a activedirectory.Account, secrets [][]byte) error {
	switch op {
	case protocol.Unlock:
		return w.d.Directory.Unlock(ctx, a)
	case protocol.Change:
		return w.d.Directory.Change(ctx, a, secrets[0], secrets[1])
	default:
		return w.d.Directory.Reset(ctx, a, secrets[0])
	}
}

// elsewhere looks for another controller when the chosen one could not even be reached: then nothing was sent,
// and the person need not notice. The mark that went out with the acceptance names the controller before, so an
// agent that has to prove this write without this one's journal may end at "unknown", never at a wrong answer.
func (w *Writeback) elsewhere(ctx context.Context, r *request, err error) (activedirectory.Account, bool) {
	failed, ok := errors.AsType[*activedirectory.Error](err)
	if !ok || failed.Sent || failed.Reason != protocol.ReasonDirectoryDown || ctx.Err() != nil {
		return activedirectory.Account{}, false
	}
	// A change signs in as the person first: if that was sent, a wrong password may have counted already, and must
	// not count twice.
	if dial, ok := errors.AsType[*net.OpError](err); r.op == protocol.Change && (!ok || dial.Op != "dial") {
		return activedirectory.Account{}, false
	}
	a, err := w.d.Directory.Account(ctx, r.guid)
	if err != nil || a.Refusal(r.op) != nil {
		return a, false
	}
	w.log(ctx, slog.LevelWarn, event.DirectoryDown, r.op, r.header.Request, slog.String("next", a.DC.Host))
	return a, true
}

// written turns the answer to the first write into a result, or leaves it open.
func (w *Writeback) written(ctx, timed context.Context, r *request, o open, a activedirectory.Account, err error, hops *hops) (protocol.Result, *open) {
	if failed, ok := errors.AsType[*activedirectory.Error](err); ok && failed.Sent {
		hops.last().Detail = "no answer"
		return protocol.Result{}, &o
	}
	switch {
	case err != nil && ctx.Err() != nil:
		err = &refusal{protocol.ReasonNotWritten} // the agent is being stopped, and nothing was sent
	case err != nil && timed.Err() != nil:
		err = &refusal{protocol.ReasonExpired}
	}
	if err != nil {
		return w.failure(r, err), nil
	}
	result := w.result(r.op, r.header.Request, protocol.Changed, protocol.ReasonNone, eventsOf(r.op).success)
	if r.op != protocol.AdminReset {
		return result, nil
	}
	// Without this line a restarted agent would find the reset in the directory all the same.
	if err := w.d.Journal.Confirm(ctx, r.header.Request); err != nil {
		w.log(ctx, slog.LevelError, event.StateError, r.op, r.header.Request, slog.Any("error", err))
	}
	o.confirmed = true
	start := w.d.Now()
	done := w.mustChange(ctx, r.header.Request, a, &result)
	hops.add("must change", start)
	if !done {
		hops.last().Detail = "no answer"
		return protocol.Result{}, &o
	}
	return result, nil
}

// mustChange makes the second write of an AdminReset and says in result what came of it. false: it could not be
// sent or its answer was lost; it may be repeated.
func (w *Writeback) mustChange(ctx context.Context, id seal.RequestID, a activedirectory.Account, result *protocol.Result) bool {
	state, err := w.d.Directory.MustChange(ctx, a)
	if err != nil {
		failed, ok := errors.AsType[*activedirectory.Error](err)
		if ctx.Err() != nil || (ok && (failed.Sent || failed.Reason == protocol.ReasonDirectoryDown)) {
			return false
		}
		state, result.Detail = protocol.MustChangeRefused, detailOf(err)
	}
	w.setMustChange(ctx, id, result, state)
	return true
}

func (w *Writeback) setMustChange(ctx context.Context, id seal.RequestID, result *protocol.Result, state protocol.MustChange) {
	result.MustChange = state
	code := event.None
	switch state {
	case protocol.MustChangeNeverExpires, protocol.MustChangeCannot:
		code = event.MustChangeVoid
	case protocol.MustChangeRefused, protocol.MustChangeUnknown:
		code = event.MustChangeFail
	}
	if code != event.None {
		w.log(ctx, slog.LevelWarn, code, protocol.AdminReset, id, slog.String("must_change", string(state)))
	}
}

// open returns the secrets of the request: the new password, and for a change the current one before it.
func (r *request) open(hops *hops) ([][]byte, error) {
	if r.op.Secrets() == 0 {
		return nil, nil
	}
	start := hops.now()
	secrets, err := seal.Open(r.key, r.raw, r.sealed)
	if err != nil || len(secrets) != r.op.Secrets() {
		wipe(secrets)
		return nil, &refusal{protocol.ReasonSeal}
	}
	hops.add("opened", start)
	return secrets, nil
}

func wipe(secrets [][]byte) {
	for _, s := range secrets {
		clear(s)
	}
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
	result := w.result(r.op, r.header.Request, outcomeOf(reason), reason, failEvent(r.op, reason))
	if failed, ok := errors.AsType[*activedirectory.Error](err); ok {
		result.Rule = failed.Rule
		result.Detail = detailOf(err)
	}
	return result
}

// detailOf is what the directory said, or else what was being done; for the audit record only.
func detailOf(err error) string {
	if failed, ok := errors.AsType[*activedirectory.Error](err); ok && failed.Detail != "" {
		return failed.Detail
	}
	return err.Error()
}

func snapshot(a activedirectory.Account, now time.Time) journal.Before {
	return journal.Before{
		DC: a.DC.Host, Invocation: a.DC.Invocation.Hex(), Account: a.GUID.Hex(), Version: a.Password.Number,
		PasswordSet: protocol.MilliOf(a.PasswordSet), Locked: a.Locked(), At: protocol.MilliOf(now),
	}
}
