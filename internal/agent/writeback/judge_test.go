package writeback

import (
	"errors"
	"testing"
	"time"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/protocol"
)

func TestJudge(t *testing.T) {
	const here, there = "11111111111111111111111111111111", "22222222222222222222222222222222"
	start := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	look := func(at string, version uint32, origin string) activedirectory.Account {
		a := activedirectory.Account{PasswordSet: start}
		a.DC.Invocation, a.Password.Number, a.Password.Origin = mustGUID(t, at), version, mustGUID(t, origin)
		return a
	}
	gone := &activedirectory.Error{Reason: protocol.ReasonNotFound}
	down := &activedirectory.Error{Reason: protocol.ReasonDirectoryDown}
	for _, tt := range []struct {
		name    string
		a       activedirectory.Account
		err     error
		looks   int // each five seconds after the one before
		decided bool
		outcome protocol.Outcome
	}{
		{"written", look(here, 8, here), nil, 1, true, protocol.Changed},
		{"written, seen at another controller", look(there, 8, here), nil, 1, true, protocol.Changed},
		{"twice", look(here, 9, here), nil, 1, true, protocol.Unknown},
		{"once, but elsewhere", look(here, 8, there), nil, 1, true, protocol.Unknown},
		{"unchanged, first look", look(here, 7, here), nil, 1, false, ""},
		{"unchanged, settling", look(here, 7, here), nil, 3, false, ""},
		{"unchanged, settled", look(here, 7, here), nil, 4, true, protocol.Failed},
		{"unchanged, but at another controller", look(there, 7, here), nil, 50, false, ""},
		{"nobody answers", activedirectory.Account{}, down, 50, false, ""},
		{"a plain error", activedirectory.Account{}, errors.New("x"), 50, false, ""},
		{"nobody answers for a day", activedirectory.Account{}, down, 24*720 + 1, true, protocol.Unknown},
		{"not found, first look", activedirectory.Account{}, gone, 1, false, ""},
		{"not found, settled", activedirectory.Account{}, gone, 4, true, protocol.Unknown},
		{"went back", look(here, 6, here), nil, 1, true, protocol.Unknown},
		{"elsewhere it lags far behind", look(there, 3, here), nil, 50, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := &evidence{op: protocol.Reset, since: start, mark: protocol.Mark{Invocation: here, Version: 7, PasswordSet: protocol.MilliOf(start)}}
			var v verdict
			for i := range tt.looks {
				var seen []activedirectory.Account
				if tt.err == nil {
					seen = append(seen, tt.a)
				}
				v = u.judge(seen, tt.err, at(start.Add(time.Duration(i+1)*5*time.Second)), 15*time.Second)
				if v.decided && i < tt.looks-1 {
					t.Fatalf("decided at look %d", i+1)
				}
			}
			if v.decided != tt.decided || v.outcome != tt.outcome {
				t.Errorf("got %+v", v)
			}
		})
	}
}

func TestJudgeUnlock(t *testing.T) {
	start := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	u := &evidence{op: protocol.Unlock, since: start, mark: protocol.Mark{Invocation: guid{}.Hex(), Locked: true}}
	locked := []activedirectory.Account{{Computed: 0x10}}
	for i, want := range []bool{false, false, false, true} {
		if v := u.judge(locked, nil, at(start.Add(time.Duration(i)*5*time.Second)), 15*time.Second); v.decided != want {
			t.Errorf("look %d: %+v", i, v)
		}
	}
	if v := u.judge([]activedirectory.Account{{}}, nil, at(start), time.Second); v.outcome != protocol.Changed {
		t.Errorf("not locked any more: %+v", v)
	}
}

// Two witnesses: the controller that was written, and the PDC emulator.
func TestJudgeTwoWitnesses(t *testing.T) {
	const here, there = "11111111111111111111111111111111", "22222222222222222222222222222222"
	start := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	look := func(at string, version uint32, origin string) activedirectory.Account {
		var a activedirectory.Account
		a.DC.Invocation, a.Password.Number, a.Password.Origin = mustGUID(t, at), version, mustGUID(t, origin)
		return a
	}
	for _, tt := range []struct {
		name      string
		home, pdc activedirectory.Account
		outcome   protocol.Outcome
	}{
		{"both show it", look(here, 8, here), look(there, 8, here), protocol.Changed},
		{"the emulator has not heard of it", look(here, 8, here), look(there, 7, here), protocol.Changed},
		{"it lands between the two looks", look(here, 7, here), look(there, 8, here), protocol.Changed},
		{"set again at the emulator", look(here, 8, here), look(there, 9, there), protocol.Unknown},
		{"set at both at once", look(here, 8, here), look(there, 8, there), protocol.Unknown},
		{"set at the emulator only", look(here, 7, here), look(there, 8, there), protocol.Unknown},
		{"the written one was put back", look(here, 5, here), look(there, 8, here), protocol.Unknown},
		{"neither", look(here, 7, here), look(there, 7, here), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, seen := range [][]activedirectory.Account{{tt.home, tt.pdc}, {tt.pdc, tt.home}} {
				e := &evidence{op: protocol.Reset, since: start, mark: protocol.Mark{Invocation: here, Version: 7}}
				if v := e.judge(seen, nil, at(start), time.Minute); v.outcome != tt.outcome {
					t.Errorf("got %+v", v)
				}
			}
		})
	}
}

// Looks too far apart prove nothing: the controller may have slept in between. And none counts while the write may
// still be on its way.
func TestJudgeWaits(t *testing.T) {
	start := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	same := []activedirectory.Account{{}}
	mark := protocol.Mark{Invocation: guid{}.Hex()}
	apart := &evidence{op: protocol.Reset, mark: mark, since: start}
	for i := range 5 {
		if v := apart.judge(same, nil, at(start.Add(time.Duration(i)*(maxGap+time.Second))), 15*time.Second); v.decided {
			t.Errorf("look %d decided: %+v", i, v)
		}
	}
	quiet := &evidence{op: protocol.Reset, mark: mark, since: start, quiet: start.Add(time.Minute)}
	for s := range 75 {
		if v := quiet.judge(same, nil, at(start.Add(time.Duration(s)*time.Second)), 15*time.Second); v.decided {
			t.Errorf("decided after %d s: %+v", s, v)
		}
	}
	if v := quiet.judge(same, nil, at(start.Add(75*time.Second)), 15*time.Second); v.reason != protocol.ReasonNotWritten {
		t.Errorf("got %+v", v)
	}
}

// at is a moment by clocks that agree.
func at(t time.Time) moment { return moment{t, t} }

// A write that landed long after its request is not believed to be the request's, whatever the clocks show.
func TestJudgeLateWrite(t *testing.T) {
	const here = "11111111111111111111111111111111"
	start := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name    string
		after   time.Duration // from the request to the write
		offset  time.Duration // of the controller's clock
		outcome protocol.Outcome
	}{
		{"at once", 0, 0, protocol.Changed},
		{"a frozen controller woke", maxDelay - time.Second, 0, protocol.Changed},
		{"too late", maxDelay + time.Second, 0, protocol.Unknown},
		{"at once, by a clock an hour ahead", 0, time.Hour, protocol.Changed},
		{"too late, by a clock an hour behind", maxDelay + time.Second, -time.Hour, protocol.Unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			looked := start.Add(2 * time.Hour)
			a := activedirectory.Account{At: looked}
			a.DC.Invocation, a.DC.Offset = mustGUID(t, here), tt.offset
			a.Password.Number, a.Password.Origin, a.Password.At = 8, a.DC.Invocation, start.Add(tt.after+tt.offset)
			e := &evidence{op: protocol.Reset, since: start, mark: protocol.Mark{Invocation: here, Version: 7}}
			if v := e.judge([]activedirectory.Account{a}, nil, at(looked), time.Minute); !v.decided || v.outcome != tt.outcome {
				t.Errorf("got %+v", v)
			}
		})
	}
}

// An answer of the server that sets the agent's clock forward does not make looks that are a moment apart settle.
func TestJudgeClockSetForward(t *testing.T) {
	start := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	same := []activedirectory.Account{{}}
	e := &evidence{op: protocol.Reset, since: start, quiet: start.Add(10 * time.Second), mark: protocol.Mark{Invocation: guid{}.Hex()}}
	for i := range 25 {
		m := moment{now: start.Add(time.Duration(i) * time.Minute), steady: start.Add(time.Duration(i) * time.Second)}
		if v := e.judge(same, nil, m, 15*time.Second); v.decided {
			t.Fatalf("decided after %d s: %+v", i, v)
		}
	}
	if v := e.judge(same, nil, at(start.Add(25*time.Second)), 15*time.Second); v.reason != protocol.ReasonNotWritten {
		t.Errorf("got %+v", v)
	}
}

// A mark that was noted while the page was open: writes before the request was issued are somebody else's.
func TestJudgeWithAnOlderMark(t *testing.T) {
	start := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	home := guid{1}.Hex()
	look := func(version uint32, at time.Duration, ahead time.Duration) []activedirectory.Account {
		a := activedirectory.Account{Password: activedirectory.Version{Number: version, At: start.Add(at + ahead), Origin: guid{1}}, At: start.Add(time.Minute)}
		a.DC.Invocation, a.DC.Offset = guid{1}, ahead
		return []activedirectory.Account{a}
	}
	for _, tt := range []struct {
		name    string
		seen    []activedirectory.Account
		outcome protocol.Outcome
	}{
		{"written after it was issued", look(8, 5*time.Second, 0), protocol.Changed},
		{"written before: the helpdesk's", look(8, -time.Minute, 0), ""},
		{"written after, by a controller whose clock is an hour ahead", look(8, 5*time.Second, time.Hour), protocol.Changed},
		{"written before, by a controller whose clock is an hour ahead", look(8, -time.Minute, time.Hour), ""},
		{"written twice", look(9, 5*time.Second, 0), protocol.Unknown},
		{"not written", look(7, -time.Hour, 0), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := &evidence{op: protocol.Reset, since: start, mark: protocol.Mark{Invocation: home, Version: 7}, notBefore: start}
			if v := e.judge(tt.seen, nil, at(start.Add(time.Minute)), time.Hour); v.outcome != tt.outcome {
				t.Errorf("got %+v", v)
			}
		})
	}
	// After the helpdesk's write comes the request's own.
	e := &evidence{op: protocol.Reset, since: start, mark: protocol.Mark{Invocation: home, Version: 7}, notBefore: start}
	e.judge(look(8, -time.Minute, 0), nil, at(start.Add(time.Minute)), time.Hour)
	if v := e.judge(look(9, 5*time.Second, 0), nil, at(start.Add(time.Minute)), time.Hour); v.outcome != protocol.Changed {
		t.Errorf("got %+v", v)
	}
}
