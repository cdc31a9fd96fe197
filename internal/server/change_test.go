package server

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/seal"
	"homeward/internal/server/audit"
	"homeward/internal/server/reset"
)

// sentHeader decodes the header of the last command.
func (f *fleetStub) sentHeader(t *testing.T) seal.Header {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.sent) == 0 {
		t.Fatal("no command was sent")
	}
	h, err := seal.UnmarshalHeader(f.sent[len(f.sent)-1].Header)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (b *bench) records(t testing.TB, a reset.Attempt) []audit.Record {
	t.Helper()
	records, err := b.store.Records(t.Context(), a.Tenant, a.Support)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func TestOneChangeFromNameToOutcome(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		a := b.submit(b.verifiedFor(protocol.Change))
		if op := b.fleet.sentHeader(t).Operation; op != string(protocol.Change) {
			t.Fatalf("operation %s was sent", op)
		}
		r := b.result(a, protocol.Refused, protocol.ReasonWrongPassword)
		if err := b.Result(t.Context(), "contoso", "UAGENT", r); err != nil {
			t.Fatal(err)
		}
		if a = b.reload(a); a.State != reset.Refused || a.Reason != protocol.ReasonWrongPassword {
			t.Fatalf("%s %s: a wrong current password can be typed again", a.State, a.Reason)
		}
		a = b.submit(a)
		if err := b.Result(t.Context(), "contoso", "UAGENT", b.result(a, protocol.Changed, "")); err != nil {
			t.Fatal(err)
		}
		if a = b.reload(a); a.State != reset.Changed || len(b.letters.told) != 1 || b.letters.told[0].Kind != protocol.Change || b.letters.told[0].ByAdmin {
			t.Errorf("state %s, told %+v", a.State, b.letters.told)
		}
		for _, r := range b.records(t, a) {
			if r.Activity != "Change password (self-service)" {
				t.Errorf("activity %q", r.Activity)
			}
		}
	})
}

// TestRefusalsNoPasswordMends end the attempt: the page offers another way instead of another try.
func TestRefusalsNoPasswordMends(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		for _, reason := range []protocol.Reason{
			protocol.ReasonLocked, protocol.ReasonLastTry, protocol.ReasonCannotChange, protocol.ReasonDisabled, protocol.ReasonAccountExpired,
		} {
			a := b.submit(b.verifiedFor(protocol.Change))
			if err := b.Result(t.Context(), "contoso", "UAGENT", b.result(a, protocol.Refused, reason)); err != nil {
				t.Fatal(err)
			}
			if a = b.reload(a); a.State != reset.Failed || a.Reason != reason {
				t.Errorf("%s: %s %s", reason, a.State, a.Reason)
			}
		}
	})
}

// TestOldAgentsGetNoChange: an agent of protocol 1 would not know what it is asked.
func TestOldAgentsGetNoChange(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		b.fleet.version = 1
		for _, typed := range []string{"amara@contoso.com", "nobody@contoso.com"} { // alike for everybody
			_, a, err := b.Start(t.Context(), b.tenant, reset.StartRequest{Typed: typed, Kind: protocol.Change, Address: "192.0.2.1", Locale: "en"})
			if err != nil || a.State != reset.Failed || a.Reason != protocol.ReasonAgentOutdated {
				t.Errorf("%s: %s %s %v", typed, a.State, a.Reason, err)
			}
		}
		if a := b.submitted(); a.State != reset.Submitted { // a reset still works
			t.Errorf("reset: %s", a.State)
		}
		b.fleet.version = 2
		a := b.verifiedFor(protocol.Change)
		b.fleet.version = 1
		if _, err := b.Ticket(t.Context(), a); err == nil {
			t.Error("a ticket for an agent that is too old")
		}
		if _, err := b.Policy(t.Context(), a); err == nil {
			t.Error("an agent that is too old was asked")
		}
	})
}

// TestChangePrefersAgentsThatKnowIt: of a mixed fleet only the new ones are chosen.
func TestChangePrefersAgentsThatKnowIt(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	b.fleet.version = 1
	b.fleet.others = func(protocol.Case) (protocol.Result, error) { return protocol.Result{}, nil }
	a := b.submit(b.verifiedFor(protocol.Change))
	if a.Agent != "UOTHER" {
		t.Errorf("agent %s was chosen", a.Agent)
	}
}

// TestOneChangeOfAPersonAtATime: two agents that each try a wrong current password at the same moment could lock an
// account that one of them would have spared.
func TestOneChangeOfAPersonAtATime(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		one, other := b.verifiedFor(protocol.Change), b.verifiedFor(protocol.Change)
		one = b.submit(one)
		stopped := func(why string) {
			t.Helper()
			ticket, err := b.Ticket(t.Context(), other)
			if err != nil {
				t.Fatal(err)
			}
			calls := len(b.fleet.called())
			_, again, err := b.Submit(t.Context(), b.reload(other), ticket.Request, sealedBlank)
			if !errors.Is(err, reset.ErrUnderWay) || again || len(b.fleet.called()) != calls {
				t.Errorf("%s: again %v, %v, %d calls", why, again, err, len(b.fleet.called())-calls)
			}
			if other = b.reload(other); other.State != reset.Verified || other.Tries != 0 {
				t.Errorf("%s: the one kept back is %s after %d tries", why, other.State, other.Tries)
			}
		}
		stopped("on its way")
		if err := b.Result(t.Context(), "contoso", "UAGENT", b.result(one, protocol.Unknown, protocol.ReasonTimeout)); err != nil {
			t.Fatal(err)
		}
		if one = b.reload(one); one.State != reset.NotSure {
			t.Fatal(one.State)
		}
		b.advance(40 * time.Second)
		stopped("its agent may still try the password")
		b.submit(b.verified()) // a reset tries none
		b.advance(6 * time.Second)
		if other = b.submit(other); other.State != reset.Submitted || other.Tries != 1 {
			t.Errorf("afterwards: %s, %d tries", other.State, other.Tries)
		}
		if err := b.Result(t.Context(), "contoso", "UAGENT", b.result(other, protocol.Refused, protocol.ReasonWrongPassword)); err != nil {
			t.Fatal(err)
		}
		if third := b.submit(b.verifiedFor(protocol.Change)); third.State != reset.Submitted {
			t.Errorf("after an outcome: %s", third.State)
		}
	})
}

// TestChangesAtOnceSendOne from many browsers.
func TestChangesAtOnceSendOne(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		const browsers = 6
		all, tickets := make([]reset.Attempt, browsers), make([]string, browsers)
		for i := range all {
			a := b.verifiedFor(protocol.Change)
			ticket, err := b.Ticket(t.Context(), a)
			if err != nil {
				t.Fatal(err)
			}
			all[i], tickets[i] = b.reload(a), ticket.Request
		}
		var sent, kept atomic.Int32
		var wg sync.WaitGroup
		for i := range all {
			wg.Go(func() {
				switch _, again, err := b.Submit(t.Context(), all[i], tickets[i], sealedBlank); {
				case err == nil && !again:
					sent.Add(1)
				case errors.Is(err, reset.ErrUnderWay):
					kept.Add(1)
				default:
					t.Errorf("again %v, %v", again, err)
				}
			})
		}
		wg.Wait()
		if sent.Load() != 1 || kept.Load() != browsers-1 || len(b.fleet.called()) != 1 {
			t.Errorf("%d sent, %d kept back, %d calls", sent.Load(), kept.Load(), len(b.fleet.called()))
		}
	})
}

// TestChangeThatAStoppedServerLeft holds nobody back for ever, and an agent that may have forgotten it isn't asked.
func TestChangeThatAStoppedServerLeft(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		b.fleet.answer = func(string) (protocol.Accepted, error) { return protocol.Accepted{}, errors.New("no answer") }
		a := b.submit(b.verifiedFor(protocol.Change))
		b.fleet.proof = func(request string) (protocol.Result, error) {
			r := b.result(a, protocol.Failed, protocol.ReasonNeverArrived)
			r.Request = request
			return r, nil
		}
		b.advance(24*time.Hour + time.Minute)
		b.run()
		b.eventually(func() bool { return b.reload(a).State != reset.Submitted })
		if a = b.reload(a); a.State != reset.NotSure {
			t.Errorf("%s %s", a.State, a.Reason)
		}
	})
}

func events(records []audit.Record) []int {
	var out []int
	for _, r := range records {
		out = append(out, r.Event)
	}
	slices.Sort(out)
	return out
}

// TestAgentsThatWriteNoPassword: an agent whose own configuration turns writeback off, or stages, is no writer of passwords, and that is
// said before anybody proves who they are. It may still unlock.
func TestAgentsThatWriteNoPassword(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		begun := b.verifiedFor(protocol.Change)
		b.fleet.off = true
		for _, kind := range []protocol.Operation{protocol.Reset, protocol.Change} {
			for _, typed := range []string{"amara@contoso.com", "nobody@contoso.com"} { // alike for everybody
				_, a, err := b.Start(t.Context(), b.tenant, reset.StartRequest{Typed: typed, Kind: kind, Address: "192.0.2.1", Locale: "en"})
				if err != nil || a.State != reset.Failed || a.Reason != protocol.ReasonTurnedOff {
					t.Errorf("%s of %s: %s %s %v", kind, typed, a.State, a.Reason, err)
				}
			}
		}
		if _, err := b.Policy(t.Context(), begun); !errors.Is(err, reset.ErrTurnedOff) {
			t.Errorf("the rules: %v", err)
		}
		if _, err := b.Ticket(t.Context(), begun); !errors.Is(err, reset.ErrTurnedOff) {
			t.Errorf("a ticket: %v", err)
		}
		_, a, err := b.Start(t.Context(), b.tenant, reset.StartRequest{Typed: "amara@contoso.com", Kind: protocol.Unlock, Address: "192.0.2.1", Locale: "en"})
		if err != nil || a.State != reset.Started {
			t.Errorf("an unlock: %s %s %v", a.State, a.Reason, err)
		}
	})
}
