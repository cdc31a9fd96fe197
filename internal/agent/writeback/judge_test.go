package writeback

import (
	"errors"
	"testing"
	"time"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/agent/journal"
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
		{"deleted", activedirectory.Account{}, gone, 1, true, protocol.Failed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := &unresolved{entry: journal.Entry{
				Operation: protocol.Reset, AcceptedAt: protocol.MilliOf(start),
				Before: &journal.Before{Invocation: here, Version: 7, PasswordSet: protocol.MilliOf(start)},
			}}
			var v verdict
			for i := range tt.looks {
				v = u.judge(tt.a, tt.err, start.Add(time.Duration(i+1)*5*time.Second), 15*time.Second)
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
	u := &unresolved{entry: journal.Entry{
		Operation: protocol.Unlock, AcceptedAt: protocol.MilliOf(start),
		Before: &journal.Before{Invocation: guid{}.Hex(), Locked: true},
	}}
	locked := activedirectory.Account{Computed: 0x10}
	for i, want := range []bool{false, false, false, true} {
		if v := u.judge(locked, nil, start.Add(time.Duration(i)*5*time.Second), 15*time.Second); v.decided != want {
			t.Errorf("look %d: %+v", i, v)
		}
	}
	if v := u.judge(activedirectory.Account{}, nil, start, time.Second); v.outcome != protocol.Changed {
		t.Errorf("not locked any more: %+v", v)
	}
}
