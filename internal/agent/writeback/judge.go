package writeback

import (
	"fmt"
	"time"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/directory"
	"homeward/internal/protocol"
)

const (
	// giveUpAfter is how long an open outcome is looked into before it is reported as unknown for good: a
	// controller that has not come back by then may never do.
	giveUpAfter = 24 * time.Hour
	// maxGap is how far apart two looks may be that see the same: longer, and the controller may have slept
	// in between with the write still before it.
	maxGap = 90 * time.Second
	// maxDelay is how long after its request a write may have landed and still count as the request's: a controller
	// that was frozen makes it when it wakes. Later, and it is likelier that somebody else set the password meanwhile.
	maxDelay = 5 * time.Minute
)

// moment is when a look began. The two clocks differ: an answer of the server may set now forward or back.
type moment struct {
	now    time.Time // the server's clock
	steady time.Time // never jumps; only differences count
}

func (w *Writeback) moment() moment { return moment{now: w.d.Now(), steady: time.Now()} }

// evidence is what a proof starts from, and what it has seen so far.
type evidence struct {
	op     protocol.Operation
	mark   protocol.Mark
	since  time.Time       // when the request was accepted
	reason protocol.Reason // why it is open; the reason of an outcome that stays unknown
	quiet  time.Time       // until then whoever wrote may still be sending; by the steady clock
	// notBefore is when the request was issued, for a mark that is older than that; zero: the mark is the request's own.
	notBefore time.Time
	preceding uint32 // writes between the mark and the request: somebody else's

	unchanged, missing sighted
}

// written is the account the write went to, which may be another than the person's anchor names.
func (e *evidence) written(anchor directory.GUID) directory.GUID {
	if guid, err := directory.ParseGUIDHex(e.mark.Account); err == nil {
		return guid
	}
	return anchor
}

// sighted is since when, and when last, every look has seen the same.
type sighted struct{ first, last time.Time }

// again notes one more look that saw it, and reports whether it has been so for at least settle.
func (s *sighted) again(now time.Time, settle time.Duration) bool {
	if s.first.IsZero() || now.Sub(s.last) > maxGap {
		s.first = now
	}
	s.last = now
	return now.Sub(s.first) >= settle
}

// verdict is what a look at the directory tells. account is the one that shows the write, when Changed.
type verdict struct {
	decided bool
	outcome protocol.Outcome
	reason  protocol.Reason
	detail  string
	account activedirectory.Account
}

// judge compares what the witnesses hold with what the written controller held before; see the package
// documentation. err is that of asking them.
func (e *evidence) judge(seen []activedirectory.Account, err error, at moment, settle time.Duration) verdict {
	if activedirectory.ReasonOf(err) == protocol.ReasonNotFound {
		e.unchanged = sighted{}
		if e.missing.again(at.steady, settle) {
			return verdict{decided: true, outcome: protocol.Unknown, reason: protocol.ReasonNotFound, detail: "the account can't be found any more: it was deleted, or the agent may not read it"}
		}
		return verdict{}
	}
	e.missing = sighted{}
	e.advance(seen, at.now)
	v := e.compare(seen, at.now)
	if v.decided {
		return v
	}
	if at.now.Sub(e.since) > giveUpAfter {
		return verdict{decided: true, outcome: protocol.Unknown, reason: e.reason, detail: "the controller the write went to has not answered for a day"}
	}
	// Another controller may simply not have heard of the write yet.
	home, ok := e.home(seen)
	if !ok || at.steady.Before(e.quiet) {
		e.unchanged = sighted{}
		return verdict{}
	}
	if !e.unchanged.again(at.steady, settle) {
		return verdict{}
	}
	detail := fmt.Sprintf("%s still holds what it held before the write, version %d", home.DC.Host, home.Password.Number)
	if e.op == protocol.Unlock {
		detail = "the account is still locked on " + home.DC.Host
	}
	return verdict{decided: true, outcome: protocol.Failed, reason: protocol.ReasonNotWritten, detail: detail}
}

// clockError is how far a controller's clock, which is known to the second, may be misjudged.
const clockError = 3 * time.Second

// advance moves an old mark past a write that was made before the request was issued: somebody else's, certainly.
func (e *evidence) advance(seen []activedirectory.Account, now time.Time) {
	home, ok := e.home(seen)
	if !ok || e.notBefore.IsZero() || home.Password.Number != e.version()+1 {
		return
	}
	// The controller's clock by ours, and ours by the server's.
	at := home.Password.At.Add(-home.DC.Offset).Add(now.Sub(home.At))
	if at.Add(clockError).Before(e.notBefore) {
		e.preceding++
	}
}

// version is how often unicodePwd had been written just before the request, as far as is known.
func (e *evidence) version() uint32 { return e.mark.Version + e.preceding }

// home returns the account as the controller that was to be written holds it.
func (e *evidence) home(seen []activedirectory.Account) (activedirectory.Account, bool) {
	for _, a := range seen {
		if a.DC.Invocation.Hex() == e.mark.Invocation {
			return a, true
		}
	}
	return activedirectory.Account{}, false
}

// compare decides where one look is enough.
func (e *evidence) compare(seen []activedirectory.Account, now time.Time) verdict {
	if e.op == protocol.Unlock {
		return e.compareLock(seen)
	}
	var found verdict
	for _, a := range seen {
		n, here := a.Password.Number, a.DC.Invocation.Hex() == e.mark.Invocation
		switch ours := n == e.version()+1 && a.Password.Origin.Hex() == e.mark.Invocation; {
		case ours && e.delay(a, now) > maxDelay:
			return verdict{decided: true, outcome: protocol.Unknown, reason: e.reason, detail: fmt.Sprintf(
				"unicodePwd was set on %s at %s, long after this request: by a controller that was frozen, or by somebody else",
				e.mark.DC, a.Password.At.Format(time.RFC3339))}
		case ours:
			if !found.decided || here {
				found = verdict{decided: true, outcome: protocol.Changed, account: a, detail: fmt.Sprintf("unicodePwd went from version %d to %d on %s at %s",
					e.version(), n, e.mark.DC, a.Password.At.Format(time.RFC3339))}
			}
		case n > e.version():
			return verdict{decided: true, outcome: protocol.Unknown, reason: e.reason, detail: fmt.Sprintf(
				"unicodePwd went from version %d to %d, last set at %s: somebody else has set the password as well",
				e.version(), n, a.Password.At.Format(time.RFC3339))}
		case n < e.version() && here:
			return verdict{decided: true, outcome: protocol.Unknown, reason: e.reason, detail: fmt.Sprintf(
				"unicodePwd went back from version %d to %d on %s: the controller was restored from a backup",
				e.version(), n, a.DC.Host)}
		}
	}
	return found
}

// delay is how long after its request a write was made, without trust in any two clocks showing the same: how old the
// request is, less how old the write is by its controller's clock.
func (e *evidence) delay(a activedirectory.Account, now time.Time) time.Duration {
	return now.Sub(e.since) - a.At.Add(a.DC.Offset).Sub(a.Password.At)
}

// compareLock believes the controller that was written; without it, all that answered.
func (e *evidence) compareLock(seen []activedirectory.Account) verdict {
	if a, ok := e.home(seen); ok {
		seen = []activedirectory.Account{a}
	}
	for _, a := range seen {
		if a.Locked() {
			return verdict{}
		}
	}
	if len(seen) == 0 {
		return verdict{}
	}
	return verdict{decided: true, outcome: protocol.Changed, account: seen[0], detail: "the account is not locked on " + seen[0].DC.Host}
}
