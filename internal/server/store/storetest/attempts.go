package storetest

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/protocol"
	"homeward/internal/server/reset"
	"homeward/internal/server/store"
)

func attempt(tenant, id string) reset.Attempt {
	return reset.Attempt{
		Tenant: tenant, ID: id, Support: "HW-" + tenant + "-" + id, Kind: protocol.Reset,
		Session: []byte("session of " + id), Person: "person001", Decoy: "a•••@e•••.example", Locale: "de",
		State: reset.Started, Created: noon(), Expires: noon().Add(15 * time.Minute),
	}
}

// full has every column set.
func full(tenant, id string) reset.Attempt {
	a := attempt(tenant, id)
	a.Kind, a.Shown, a.State, a.Reason = protocol.Unlock, "Åsa@corp.example", reset.Refused, protocol.ReasonTooYoung
	a.Rule = protocol.Rule{MinLength: 8, History: 24, NotBefore: 77, Name: "asa"}
	a.Event, a.Detail, a.Tries = 33008, "0000052D: Constraint violation", 3
	a.Request, a.Agent, a.Header, a.Accepted = "0011aa", "U1", []byte{0, 1, 2}, noon().Add(time.Second)
	a.Hops = []protocol.Hop{{Name: "agent", At: 5, Micros: 6}, {Name: "directory", At: 7, Detail: "x"}}
	a.VerifiedAt, a.SubmittedAt, a.Finished = noon().Add(2*time.Second), noon().Add(3*time.Second), noon().Add(4*time.Second)
	a.MustChange = protocol.MustChangeNeverExpires
	return a
}

func attemptTests() []test {
	read := func(t *testing.T, e *env, id string) reset.Attempt {
		t.Helper()
		return at[reset.Attempt](t)(e.Attempt(e.ctx, TenantA, id))
	}
	return []test{
		{"comes back as created", func(t *testing.T, e *env) {
			for _, want := range []reset.Attempt{attempt(TenantA, "bare"), full(TenantA, "full")} {
				ok(t, e.CreateAttempt(e.ctx, want))
				if diff := cmp.Diff(want, read(t, e, want.ID)); diff != "" {
					t.Error(diff)
				}
				bySession := at[reset.Attempt](t)(e.AttemptBySession(e.ctx, TenantA, want.Session))
				if diff := cmp.Diff(want, bySession); diff != "" {
					t.Error(diff)
				}
			}
			byRequest := at[reset.Attempt](t)(e.AttemptByRequest(e.ctx, TenantA, "0011aa"))
			if diff := cmp.Diff(full(TenantA, "full"), byRequest); diff != "" {
				t.Error(diff)
			}
		}},
		{"move stores everything", func(t *testing.T, e *env) {
			ok(t, e.CreateAttempt(e.ctx, attempt(TenantA, "a")))
			ok(t, e.CreateAttempt(e.ctx, attempt(TenantA, "bystander")))
			next := full(TenantA, "a")
			next.Session = []byte("rotated")
			got := at[reset.Attempt](t)(e.Move(e.ctx, next, reset.Verified, reset.Started))
			next.Revision = 1
			if diff := cmp.Diff(next, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(next, read(t, e, "a")); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(attempt(TenantA, "bystander"), read(t, e, "bystander")); diff != "" {
				t.Error(diff)
			}
		}},
		{"move needs state, revision and tenant", func(t *testing.T, e *env) {
			ok(t, e.CreateAttempt(e.ctx, attempt(TenantA, "a")))
			moves := func(why string, a reset.Attempt, from ...reset.State) {
				t.Helper()
				if _, err := e.Move(e.ctx, a, from...); !errors.Is(err, store.ErrConflict) {
					t.Errorf("%s: %v, want ErrConflict", why, err)
				}
			}
			stale, foreign := attempt(TenantA, "a"), attempt(TenantB, "a")
			stale.Revision = 7
			moves("other state", attempt(TenantA, "a"), reset.Verified, reset.Refused)
			moves("no state", attempt(TenantA, "a"))
			moves("other revision", stale, reset.Started)
			moves("other tenant", foreign, reset.Started)
			moves("unknown", attempt(TenantA, "b"), reset.Started)
			at[reset.Attempt](t)(e.Move(e.ctx, attempt(TenantA, "a"), reset.Started))
			moves("same revision again", attempt(TenantA, "a"), reset.Started)
		}},
		{"moved from many sides at once", moveAtOnce},
		{"request is one attempt's", func(t *testing.T, e *env) {
			ok(t, e.CreateAttempt(e.ctx, full(TenantA, "a")))
			if err := e.CreateAttempt(e.ctx, full(TenantA, "b")); !errors.Is(err, store.ErrConflict) {
				t.Errorf("same request twice: %v", err)
			}
			ok(t, e.CreateAttempt(e.ctx, full(TenantB, "a")))
			replaced := full(TenantA, "a")
			replaced.Request = "0011bb"
			at[reset.Attempt](t)(e.Move(e.ctx, replaced, reset.Refused))
			if _, err := e.AttemptByRequest(e.ctx, TenantA, "0011aa"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("replaced request: %v", err)
			}
		}},
		{"support code is unique", func(t *testing.T, e *env) {
			a, b := attempt(TenantA, "a"), attempt(TenantB, "b")
			b.Support = a.Support
			ok(t, e.CreateAttempt(e.ctx, a))
			if err := e.CreateAttempt(e.ctx, b); !errors.Is(err, store.ErrConflict) {
				t.Errorf("got %v, want ErrConflict", err)
			}
		}},
		{"unknown", func(t *testing.T, e *env) {
			sessionless := attempt(TenantA, "sessionless")
			sessionless.Session = nil
			ok(t, e.CreateAttempt(e.ctx, sessionless))
			_, byID := e.Attempt(e.ctx, TenantA, "x")
			_, noSession := e.AttemptBySession(e.ctx, TenantA, nil)
			_, noRequest := e.AttemptByRequest(e.ctx, TenantA, "")
			noTenant := e.CreateAttempt(e.ctx, attempt("nobody", "x"))
			for _, err := range []error{byID, noSession, noRequest, noTenant} {
				if !errors.Is(err, store.ErrNotFound) {
					t.Errorf("got %v, want ErrNotFound", err)
				}
			}
		}},
		{"session gives the newest", func(t *testing.T, e *env) {
			first, second := attempt(TenantA, "z"), attempt(TenantA, "a")
			second.Session, second.Created = first.Session, noon().Add(time.Second)
			ok(t, e.CreateAttempt(e.ctx, second))
			ok(t, e.CreateAttempt(e.ctx, first))
			if got := at[reset.Attempt](t)(e.AttemptBySession(e.ctx, TenantA, first.Session)); got.ID != "a" {
				t.Errorf("got attempt %s", got.ID)
			}
		}},
		{"invisible to another tenant", func(t *testing.T, e *env) {
			a := full(TenantA, "a")
			ok(t, e.CreateAttempt(e.ctx, a))
			_, byID := e.Attempt(e.ctx, TenantB, a.ID)
			_, bySession := e.AttemptBySession(e.ctx, TenantB, a.Session)
			_, byRequest := e.AttemptByRequest(e.ctx, TenantB, a.Request)
			for _, err := range []error{byID, bySession, byRequest} {
				if !errors.Is(err, store.ErrNotFound) {
					t.Errorf("got %v, want ErrNotFound", err)
				}
			}
		}},
		{"open ones are listed and kept", openAttempts},
		{"one change of a person is submitted at a time", oneChange},
		{"mark is kept beside the moves", keepMark},
		{"operator comes back", func(t *testing.T, e *env) {
			want := attempt(TenantA, "a")
			want.Operator = "cli:root"
			ok(t, e.CreateAttempt(e.ctx, want))
			moved := want
			moved.Operator = "somebody else"
			at[reset.Attempt](t)(e.Move(e.ctx, moved, reset.Started))
			if got := read(t, e, "a").Operator; got != want.Operator {
				t.Errorf("operator is %q", got)
			}
		}},
	}
}

// oneChange: also from many sides at once, and for nobody else and nothing else.
func oneChange(t *testing.T, e *env) {
	submitted := func(tenant, id, person string, kind protocol.Operation) reset.Attempt {
		t.Helper()
		a := attempt(tenant, id)
		a.Person, a.Kind, a.State = person, kind, reset.Verified
		ok(t, e.CreateAttempt(e.ctx, a))
		a.State, a.SubmittedAt = reset.Submitted, noon().Add(time.Minute)
		return a
	}
	const racers = 8
	changes := make([]reset.Attempt, racers)
	for i := range changes {
		changes[i] = submitted(TenantA, "change"+string(rune('a'+i)), "p1", protocol.Change)
	}
	var won atomic.Pointer[reset.Attempt]
	var lost atomic.Int32
	race(racers, func(i int) {
		switch got, err := e.Move(e.ctx, changes[i], reset.Verified); {
		case err == nil:
			won.Store(&got)
		case errors.Is(err, store.ErrConflict):
			lost.Add(1)
		default:
			t.Error(err)
		}
	})
	if won.Load() == nil || lost.Load() != racers-1 {
		t.Fatalf("%d of %d were kept back", lost.Load(), racers)
	}
	for _, other := range []reset.Attempt{
		submitted(TenantA, "x", "p2", protocol.Change), submitted(TenantB, "x", "p1", protocol.Change),
		submitted(TenantA, "y", "p1", protocol.Reset), submitted(TenantA, "z", "p1", protocol.Reset),
	} {
		at[reset.Attempt](t)(e.Move(e.ctx, other, reset.Verified))
	}
	open := func(after time.Time, want ...string) {
		t.Helper()
		var got []string
		for _, a := range at[[]reset.Attempt](t)(e.OpenChanges(e.ctx, TenantA, "p1", after)) {
			got = append(got, a.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("open changes %q, want %q", got, want)
		}
	}
	first := *won.Load()
	open(noon(), first.ID)
	open(first.SubmittedAt)
	first.State = reset.NotSure
	first = at[reset.Attempt](t)(e.Move(e.ctx, first, reset.Submitted))
	open(noon(), first.ID)
	for _, next := range changes {
		if next.ID != first.ID {
			at[reset.Attempt](t)(e.Move(e.ctx, next, reset.Verified)) // the index minds only what is on its way
			break
		}
	}
	first.State = reset.Failed
	at[reset.Attempt](t)(e.Move(e.ctx, first, reset.NotSure))
	if got := at[[]reset.Attempt](t)(e.OpenChanges(e.ctx, TenantA, "p1", noon())); len(got) != 1 || got[0].ID == first.ID {
		t.Errorf("%d open changes", len(got))
	}
}

// keepMark: a mark neither loses a move nor is lost by one, belongs to one request, and to one tenant.
func keepMark(t *testing.T, e *env) {
	stored := full(TenantA, "a")
	ok(t, e.CreateAttempt(e.ctx, stored))
	ok(t, e.CreateAttempt(e.ctx, full(TenantB, "a")))
	mark := reset.Mark{Request: stored.Request, Mark: protocol.Mark{DC: "dc1.corp.example", Invocation: "0f", Version: 7, PasswordSet: 8, Locked: true, At: 9}}
	ok(t, e.KeepMark(e.ctx, TenantA, "a", mark))
	next := stored
	next.State = reset.NotSure // as whoever has read it before the mark was stored
	at[reset.Attempt](t)(e.Move(e.ctx, next, reset.Refused))
	got := at[reset.Attempt](t)(e.Attempt(e.ctx, TenantA, "a"))
	if diff := cmp.Diff(mark, got.Mark); diff != "" || got.State != reset.NotSure {
		t.Errorf("state %s, mark: %s", got.State, diff)
	}
	other := mark
	other.Request, other.DC = "0011bb", "dc2.corp.example"
	ok(t, e.KeepMark(e.ctx, TenantA, "a", other))
	if diff := cmp.Diff(mark, at[reset.Attempt](t)(e.Attempt(e.ctx, TenantA, "a")).Mark); diff != "" {
		t.Errorf("another request's mark was taken: %s", diff)
	}
	if got := at[reset.Attempt](t)(e.Attempt(e.ctx, TenantB, "a")); got.Mark != (reset.Mark{}) {
		t.Errorf("another tenant's attempt has it: %+v", got.Mark)
	}
}

func moveAtOnce(t *testing.T, e *env) {
	const rounds, racers = 5, 20
	ok(t, e.CreateAttempt(e.ctx, attempt(TenantA, "a")))
	for round := range rounds {
		var won, lost atomic.Int32
		race(racers, func(i int) {
			next := attempt(TenantA, "a")
			next.Revision, next.Tries = int64(round), i
			switch got, err := e.Move(e.ctx, next, reset.Started); {
			case err == nil && got.Revision == int64(round+1):
				won.Add(1)
			case errors.Is(err, store.ErrConflict):
				lost.Add(1)
			default:
				t.Error(err)
			}
		})
		if won.Load() != 1 || lost.Load() != racers-1 {
			t.Fatalf("round %d: %d won, %d lost", round, won.Load(), lost.Load())
		}
	}
}

func openAttempts(t *testing.T, e *env) {
	states := []reset.State{
		reset.Started, reset.Verified, reset.Submitted, reset.Changed, reset.Refused, reset.NotSure, reset.Failed,
	}
	for i, state := range states {
		a := attempt(TenantA, string(state))
		if i%2 == 1 {
			a.Tenant = TenantB
		}
		a.State, a.SubmittedAt = state, noon().Add(time.Duration(i)*time.Second)
		ok(t, e.CreateAttempt(e.ctx, a))
	}
	list := func() string {
		names := ""
		var namesSb191 strings.Builder
		for _, a := range at[[]reset.Attempt](t)(e.OpenAttempts(e.ctx)) {
			namesSb191.WriteString(a.ID + " ")
		}
		names += namesSb191.String()
		return names
	}
	if got := list(); got != "submitted not_sure " {
		t.Errorf("open: %s", got)
	}
	if n := at[int](t)(e.DeleteAttempts(e.ctx, noon())); n != 0 {
		t.Errorf("deleted %d that are not older", n)
	}
	if n := at[int](t)(e.DeleteAttempts(e.ctx, noon().Add(time.Millisecond))); n != len(states)-2 {
		t.Errorf("deleted %d, want all but the open ones", n)
	}
	if got := list(); got != "submitted not_sure " {
		t.Errorf("still open: %s", got)
	}
}
