package server

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/seal"
	"homeward/internal/server/audit"
	"homeward/internal/server/reset"
)

func sqliteDSN(t testing.TB) string {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), "homeward.db")
}

func sampleMark() protocol.Mark {
	return protocol.Mark{DC: "dc1.corp.contoso.test", Invocation: strings.Repeat("0f", 16), Version: 7, PasswordSet: 8, At: 9}
}

// lostAfterAccepting is a request whose agent accepted it with a mark and is never heard again.
func (b *bench) lostAfterAccepting() reset.Attempt {
	b.t.Helper()
	b.fleet.answer = func(request string) (protocol.Accepted, error) {
		mark := sampleMark()
		return protocol.Accepted{Version: 2, Request: request, Agent: "UAGENT", Accepted: true, At: protocol.MilliOf(b.clock()), Mark: &mark}, nil
	}
	a := b.submitted()
	close(b.fleet.lost)
	b.eventually(func() bool { return b.reload(a).State == reset.NotSure })
	return b.reload(a)
}

func (b *bench) otherAnswers(answer func(c protocol.Case) (protocol.Result, error)) {
	b.fleet.mu.Lock()
	defer b.fleet.mu.Unlock()
	b.fleet.others = answer
}

func otherResult(request string, o protocol.Outcome, reason protocol.Reason) protocol.Result {
	return protocol.Result{Version: 2, Request: request, Agent: "UOTHER", Operation: protocol.Reset, Outcome: o, Reason: reason, Event: 31033}
}

// ticks lets the service look at open outcomes, with a clock that moves as it does.
func (b *bench) ticks() {
	b.run()
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				b.advance(200 * time.Millisecond)
			}
		}
	}()
	b.t.Cleanup(func() { close(stop); <-done })
}

// TestAnotherAgentProves: the agent that accepted is gone for good, and another one reads from the directory what
// became of the request.
func TestAnotherAgentProves(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		a := b.lostAfterAccepting()
		if a.Mark.Mark != sampleMark() || a.Mark.Request != a.Request {
			t.Fatalf("mark %+v", a.Mark)
		}
		var asked atomic.Pointer[protocol.Case]
		b.otherAnswers(func(c protocol.Case) (protocol.Result, error) {
			asked.Store(&c)
			return otherResult(c.Request, protocol.Changed, ""), nil
		})
		b.ticks()
		b.eventually(func() bool { return b.reload(a).State == reset.Changed })
		h, err := seal.UnmarshalHeader(a.Header)
		if err != nil {
			t.Fatal(err)
		}
		want := protocol.Case{
			Version: protocol.Version, Request: a.Request, Agent: "UAGENT", Operation: protocol.Reset, Anchor: strings.Repeat("01", 16),
			Mark: sampleMark(), Expires: protocol.MilliOf(h.Expires),
		}
		if got := asked.Load(); *got != want {
			t.Errorf("case %+v, want %+v", *got, want)
		}
		b.eventually(func() bool { // until the outcome is recorded, the result is to be repeated
			return b.Result(t.Context(), "contoso", "UAGENT", b.result(a, protocol.Changed, "")) == nil
		})
		if n := b.letters.count(); n != 1 {
			t.Errorf("%d confirmations", n)
		}
		if slices.ContainsFunc(b.records(t, a), func(r audit.Record) bool { return r.Hop == "contradiction" }) {
			t.Error("a result that agrees is recorded as a contradiction")
		}
	})
}

// TestLostBeforeAccepting: nobody heard that the agent took the request. What the directory held when the page was
// shown, and when the request was issued, is enough for another agent.
func TestLostBeforeAccepting(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		b.fleet.answer = func(string) (protocol.Accepted, error) {
			return protocol.Accepted{}, errors.New("connection was lost while waiting for the answer")
		}
		a := b.submitted()
		early := reset.Mark{Request: a.Request, Early: true, Mark: sampleMark()}
		if err := b.store.KeepMark(t.Context(), "contoso", a.ID, early); err != nil {
			t.Fatal(err)
		}
		close(b.fleet.lost)
		var asked atomic.Pointer[protocol.Case]
		b.otherAnswers(func(c protocol.Case) (protocol.Result, error) {
			asked.Store(&c)
			return otherResult(c.Request, protocol.Failed, protocol.ReasonNotWritten), nil
		})
		b.ticks()
		b.eventually(func() bool { return b.reload(a).State == reset.Failed })
		h, err := seal.UnmarshalHeader(a.Header)
		if err != nil {
			t.Fatal(err)
		}
		if got := asked.Load(); got.NotBefore != protocol.MilliOf(h.Issued) || got.Mark != sampleMark() {
			t.Errorf("case %+v", *got)
		}
	})
}

// TestWhatAnotherAgentMayNotDecide: only "changed" and "not written" about this very request, by the agent asked.
func TestWhatAnotherAgentMayNotDecide(t *testing.T) {
	for name, answer := range map[string]func(c protocol.Case) (protocol.Result, error){
		"another request": func(protocol.Case) (protocol.Result, error) { return otherResult("0a", protocol.Changed, ""), nil },
		"another agent": func(c protocol.Case) (protocol.Result, error) {
			r := otherResult(c.Request, protocol.Changed, "")
			r.Agent = "USOMEBODY"
			return r, nil
		},
		"never arrived": func(c protocol.Case) (protocol.Result, error) {
			return otherResult(c.Request, protocol.Failed, protocol.ReasonNeverArrived), nil
		},
		"refused to answer": func(c protocol.Case) (protocol.Result, error) {
			return otherResult(c.Request, protocol.Failed, protocol.ReasonMalformed), nil
		},
		"does not know": func(c protocol.Case) (protocol.Result, error) {
			return otherResult(c.Request, protocol.Unknown, ""), nil
		},
		"does not answer": func(protocol.Case) (protocol.Result, error) { return protocol.Result{}, errors.New("timeout") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, sqliteDSN(t))
			a := b.lostAfterAccepting()
			asked := make(chan struct{}, 100)
			b.otherAnswers(func(c protocol.Case) (protocol.Result, error) {
				asked <- struct{}{}
				return answer(c)
			})
			b.ticks()
			<-asked
			<-asked
			if s := b.reload(a).State; s != reset.NotSure {
				t.Errorf("state %s", s)
			}
		})
	}
}

// TestLateContradiction: an agent comes back and denies what another one proved. What was said stays, and it is
// recorded once.
func TestLateContradiction(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		a := b.lostAfterAccepting()
		b.otherAnswers(func(c protocol.Case) (protocol.Result, error) {
			return otherResult(c.Request, protocol.Failed, protocol.ReasonNotWritten), nil
		})
		b.ticks()
		b.eventually(func() bool { return b.reload(a).State == reset.Failed })
		for range 3 {
			if err := b.Result(t.Context(), "contoso", "UAGENT", b.result(a, protocol.Changed, "")); err != nil {
				t.Fatal(err)
			}
		}
		if s := b.reload(a).State; s != reset.Failed {
			t.Errorf("a final state was flipped to %s", s)
		}
		n := 0
		for _, r := range b.records(t, a) {
			if r.Hop == "contradiction" {
				n++
			}
		}
		if told := b.letters.count(); n != 1 || told != 1 {
			t.Errorf("%d contradictions recorded, %d letters to the person whose password was changed after all", n, told)
		}
	})
}

// TestForgetfulAgentIsNotBelieved: who has accepted a request cannot have never got it.
func TestForgetfulAgentIsNotBelieved(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	a := b.lostAfterAccepting()
	asked := make(chan struct{}, 100)
	b.fleet.mu.Lock()
	b.fleet.proof = func(string) (protocol.Result, error) {
		asked <- struct{}{}
		return b.result(a, protocol.Failed, protocol.ReasonNeverArrived), nil
	}
	b.fleet.mu.Unlock()
	b.ticks()
	<-asked
	<-asked
	if s := b.reload(a).State; s != reset.NotSure {
		t.Fatalf("state %s", s)
	}
	b.otherAnswers(func(c protocol.Case) (protocol.Result, error) {
		return otherResult(c.Request, protocol.Changed, ""), nil
	})
	b.eventually(func() bool { return b.reload(a).State == reset.Changed })
}

// TestBriefAbsenceAsksNobodyElse: an agent that restarts is waited for.
func TestBriefAbsenceAsksNobodyElse(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	a := b.lostAfterAccepting()
	var asked atomic.Int32
	b.otherAnswers(func(protocol.Case) (protocol.Result, error) {
		asked.Add(1)
		return protocol.Result{}, errors.New("not yet")
	})
	b.run() // the clock stands still: it has been gone for no time at all
	looked := make(chan struct{}, 100)
	b.fleet.mu.Lock()
	b.fleet.proof = func(string) (protocol.Result, error) {
		looked <- struct{}{}
		return protocol.Result{}, reset.ErrNoAgent
	}
	b.fleet.mu.Unlock()
	<-looked
	<-looked
	if n := asked.Load(); n != 0 {
		t.Errorf("another agent was asked %d times", n)
	}
	if s := b.reload(a).State; s != reset.NotSure {
		t.Errorf("state %s", s)
	}
}
