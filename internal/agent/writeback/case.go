package writeback

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"time"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/directory"
	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/seal"
)

const (
	// maxCases bounds the requests of others that are looked into.
	maxCases = 256
	// forgetCase is how long after the last question what was seen of a case is kept.
	forgetCase = 10 * time.Minute
)

// foreign is another agent's request that the server asks about.
type foreign struct {
	evidence
	guid    directory.GUID
	asked   time.Time // last
	busy    bool
	verdict *protocol.Result // what was told, if decided: a second look does not change it
}

// decodeCase reads the body of a Prove strictly. asked is the request its header names.
func decodeCase(body []byte, asked seal.RequestID) (*protocol.Case, bool) {
	var c protocol.Case
	if protocol.Decode(body, &c) != nil {
		return nil, false
	}
	ok := c.Version >= protocol.MinVersion && c.Request == asked.String() && c.Agent != "" && c.Operation.Writes() && c.Expires > 0
	if _, err := directory.ParseGUIDHex(c.Anchor); err != nil {
		ok = false
	}
	// A request whose acceptance was lost has no mark.
	for _, guid := range []string{c.Mark.Invocation, c.Mark.Account} {
		if guid != "" {
			g, err := directory.ParseGUIDHex(guid)
			ok = ok && err == nil && g.Hex() == guid
		}
	}
	return &c, ok
}

// proveCase judges another agent's request from the directory alone. It answers Unknown without a reason while
// it cannot tell, and never says that a request never arrived: that only its own agent knows. asked is when, by its
// own clock, the server asked.
func (w *Writeback) proveCase(ctx context.Context, id seal.RequestID, c *protocol.Case, asked time.Time) protocol.Result {
	stillOpen := w.result(c.Operation, id, protocol.Unknown, protocol.ReasonNone, event.OutcomeUnknown)
	f := w.takeCase(id, c, asked)
	if f == nil {
		return stillOpen
	}
	if f.verdict != nil {
		w.putCase(f, nil)
		return *f.verdict
	}
	start := w.d.Now()
	seen, err := w.d.Directory.Witnesses(ctx, f.written(f.guid), f.mark.Invocation)
	v := f.judge(seen, err, w.moment(), w.d.Settle)
	if v.reason == protocol.ReasonNotWritten {
		v = w.nowhere(ctx, f, v)
	}
	if !v.decided {
		w.putCase(f, nil)
		return stillOpen
	}
	result := w.verdictResult(c.Operation, id, v)
	if v.outcome == protocol.Changed && c.Operation == protocol.AdminReset {
		w.tellMustChange(ctx, id, v, &result)
	}
	result.Hops = []protocol.Hop{{Name: "proven", At: protocol.MilliOf(start), Micros: w.d.Now().Sub(start).Microseconds()}}
	w.log(ctx, slog.LevelInfo, event.OutcomeProven, c.Operation, id, slog.String("outcome", string(v.outcome)), slog.String("accepted_by", c.Agent))
	w.putCase(f, &result)
	return result
}

// nowhere looks for the write on every other controller before "not written" is said: only the agent that made it
// knows which one it went to in the end, and replication may take hours.
func (w *Writeback) nowhere(ctx context.Context, f *foreign, v verdict) verdict {
	seen, err := w.d.Directory.Elsewhere(ctx, f.written(f.guid), f.mark.Invocation)
	switch {
	case err != nil:
		return verdict{}
	case f.op == protocol.Unlock:
		if slices.ContainsFunc(seen, func(a activedirectory.Account) bool { return !a.Locked() }) {
			return verdict{} // the mark's controller hears of it in time
		}
		return v
	}
	if found := f.compare(seen, w.d.Now()); found.decided {
		return found
	}
	return v
}

// tellMustChange reads the second half of another agent's AdminReset. Only the agent that was asked to makes it:
// this one was asked a question.
func (w *Writeback) tellMustChange(ctx context.Context, id seal.RequestID, v verdict, result *protocol.Result) {
	state := protocol.MustChangeUnknown
	switch {
	case v.account.Control.Has(directory.DontExpirePassword):
		state = protocol.MustChangeNeverExpires
	case v.account.CannotChange:
		state = protocol.MustChangeCannot
	case v.account.MustChange:
		state = protocol.MustChangeSet
	default:
		result.Detail += "; it need not be changed at the next sign-in as " + v.account.DC.Host + " sees it now"
	}
	w.setMustChange(ctx, id, result, state)
}

// takeCase returns what is known of a case so far; nil while somebody else looks at it, when too many are open, or
// when it has no mark.
func (w *Writeback) takeCase(id seal.RequestID, c *protocol.Case, asked time.Time) *foreign {
	if c.Mark.Invocation == "" {
		return nil
	}
	now := w.d.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	for k, f := range w.cases {
		if !f.busy && now.Sub(f.asked) > forgetCase {
			delete(w.cases, k)
		}
	}
	f := w.cases[id]
	if f == nil || f.mark != c.Mark || f.notBefore != c.NotBefore.Time() || f.op != c.Operation || f.guid.Hex() != c.Anchor {
		if f == nil && len(w.cases) >= maxCases {
			return nil
		}
		guid, err := directory.ParseGUIDHex(c.Anchor)
		if err != nil {
			return nil // decodeCase has seen to it
		}
		f = &foreign{guid: guid, evidence: evidence{
			op: c.Operation, mark: c.Mark, since: cmp.Or(c.NotBefore, c.Mark.At).Time(), reason: protocol.ReasonAgentLost,
			notBefore: c.NotBefore.Time(),
		}}
		w.cases[id] = f
	}
	if f.busy {
		return nil
	}
	f.busy, f.asked = true, now
	// Both times are the server's: this agent's clock may be wrong.
	f.quiet = time.Now().Add(c.Expires.Time().Add(w.d.Late).Sub(asked))
	return f
}

func (w *Writeback) putCase(f *foreign, verdict *protocol.Result) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f.busy = false
	if verdict != nil {
		f.verdict = verdict
	}
}
