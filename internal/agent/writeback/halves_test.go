package writeback

import (
	"context"
	"testing"
	"time"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

// wantMustChange compares the second half of an administrator's reset with what the directory does.
func wantMustChange(t testing.TB, dc *dctest.DC, b *bench, p lab.Person, next string, r protocol.Result, want protocol.MustChange) {
	t.Helper()
	wantOutcome(t, r, protocol.Changed, protocol.ReasonNone)
	if r.MustChange != want {
		t.Errorf("must change is %q (%s), want %q", r.MustChange, r.Detail, want)
	}
	code := map[bool]string{true: "773", false: ""}[want == protocol.MustChangeSet]
	if err := dc.Bind(p.UPN, next); dctest.BindCode(err) != code {
		t.Errorf("a sign-in with the new password says %v, want %q", err, code)
	}
	b.wantNoSecret(t, next)
}

// The second write's answer, or the write itself, is lost: either way the person has to change the password in the
// end, and the operator hears so.
func TestSecondWriteLost(t *testing.T) {
	for name, lose := range map[string]func(*wire){
		"answer":  func(w *wire) { w.loseAnswers.Store(true) },
		"request": func(w *wire) { w.loseRequests.Store(true) },
		"both":    func(w *wire) { w.loseAnswers.Store(true); w.loseRequests.Store(true) },
	} {
		t.Run(name, func(t *testing.T) {
			dc := dctest.Start(t)
			line := newWire(t, dc)
			b := newBench(t, dc, over(dc, line), beforeSecond(func() { lose(line) }))
			b.run(t)
			p := dc.NewPerson(t)
			next := lab.RandomPassword()
			_, id := b.carry(t, protocol.AdminReset, p, next)
			if b.Pending() != 1 || len(b.published()) != 0 {
				t.Fatalf("%d pending, results %v", b.Pending(), b.published())
			}
			line.heal()
			t.Cleanup(func() {
				if t.Failed() {
					t.Log(b.log.String())
				}
			})
			wantMustChange(t, dc, b, p, next, b.result(t, id), protocol.MustChangeSet)
		})
	}
}

// killBetween ends the agent after the first write of an administrator's reset, before the second.
func killBetween(t *testing.T, dc *dctest.DC) (*bench, lab.Person, string, *command) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	b := newBench(t, dc, beforeSecond(cancel))
	p := dc.NewPerson(t)
	next := lab.RandomPassword()
	c := b.newCommand(t, protocol.AdminReset, anchor(t, p), next)
	b.Handle(ctx, protocol.AdminReset, c.envelope(t), func([]byte) error { return nil })
	b.stop(t)
	if got := b.published(); len(got) != 0 {
		t.Fatalf("results before the end: %+v", got)
	}
	if err := dc.Bind(p.UPN, next); err != nil {
		t.Fatalf("the first write was not made: %v", err)
	}
	return b, p, next, c
}

func TestKilledBetweenTheWrites(t *testing.T) {
	dc := dctest.Start(t)
	b, p, next, c := killBetween(t, dc)
	b.start(t, dc)
	b.run(t)
	wantMustChange(t, dc, b, p, next, b.result(t, c.header.Request), protocol.MustChangeSet)
}

// Somebody else has set the password before the agent is back: theirs is left alone.
func TestKilledBetweenTheWritesAndSetSince(t *testing.T) {
	dc := dctest.Start(t)
	b, p, _, c := killBetween(t, dc)
	theirs := lab.RandomPassword()
	dc.Set(t, p.DN, "unicodePwd", quoted(theirs))
	b.start(t, dc)
	b.run(t)
	wantMustChange(t, dc, b, p, theirs, b.result(t, c.header.Request), protocol.MustChangeUnknown)
}

// A controller that stays away: the operator hears in time that the password is the new one, and that the second
// half is not known.
func TestSecondWriteGivenUp(t *testing.T) {
	dc := dctest.Start(t)
	line := newWire(t, dc)
	b := newBench(t, dc, over(dc, line), beforeSecond(line.cut))
	b.run(t)
	p := dc.NewPerson(t)
	next := lab.RandomPassword()
	_, id := b.carry(t, protocol.AdminReset, p, next)
	if b.Pending() != 1 {
		t.Fatalf("%d pending", b.Pending())
	}
	b.setAhead(secondWithin + time.Second)
	wantMustChange(t, dc, b, p, next, b.result(t, id), protocol.MustChangeUnknown)
}

// The chosen controller is gone before anything was sent to it: another is written, and nobody notices.
func TestAnotherControllerIsWritten(t *testing.T) {
	dc := dctest.Start(t)
	for _, op := range []protocol.Operation{protocol.Reset, protocol.Change, protocol.AdminReset} {
		t.Run(string(op), func(t *testing.T) {
			line := newWire(t, dc)
			second, open := later(t, dc)
			b := newBench(t, dc, over(dc, line), func(_ *bench, c *activedirectory.Config, _ *Deps) {
				c.URLs = append(c.URLs, second)
			}, beforeWriting(func() { line.cut(); open() }))
			p := dc.NewPerson(t)
			next := lab.RandomPassword()
			secrets := []string{next}
			if op == protocol.Change {
				secrets = []string{p.Password, next}
			}
			_, id := b.carry(t, op, p, secrets...)
			r := b.result(t, id)
			wantOutcome(t, r, protocol.Changed, protocol.ReasonNone)
			names := hopNames(r)
			if names[3] != "unreachable" || names[4] != "written" {
				t.Errorf("hops %v", names)
			}
			if e, err := b.journal.Get(id); err != nil || e.Before.Version+1 != b.account(t, p).Password.Number {
				t.Errorf("entry %+v %v", e, err)
			}
		})
	}
}

// A change's answers are lost from the sign-in on, and from the modify on. Neither is tried elsewhere: a wrong
// password must not count twice.
func TestAnswersOfAChangeLost(t *testing.T) {
	dc := dctest.Start(t)
	t.Run("sign-in", func(t *testing.T) {
		line := newWire(t, dc)
		second, open := later(t, dc)
		b := newBench(t, dc, over(dc, line), func(_ *bench, c *activedirectory.Config, _ *Deps) {
			c.URLs = append(c.URLs, second)
		}, beforeWriting(func() { line.afterRecords.Store(3); open() }))
		p := dc.NewPerson(t)
		before := b.account(t, p)
		_, id := b.carry(t, protocol.Change, p, lab.RandomPassword(), lab.RandomPassword())
		wantOutcome(t, b.result(t, id), protocol.Failed, protocol.ReasonDirectoryDown)
		b.wantUntouched(t, p, before)
		if got := dc.Attr(t, p.DN, "badPwdCount"); len(got) != 1 || got[0] != "1" {
			t.Errorf("a wrong password counted %v times", got)
		}
	})
	t.Run("modify", func(t *testing.T) {
		line := newWire(t, dc)
		b := newBench(t, dc, over(dc, line), beforeWriting(func() { line.afterRecords.Store(5) })) // after the sign-in and the look at who answers
		b.run(t)
		p := dc.NewPerson(t)
		next := lab.RandomPassword()
		_, id := b.carry(t, protocol.Change, p, p.Password, next)
		if b.Pending() != 1 {
			t.Fatalf("%d pending, %+v", b.Pending(), b.published())
		}
		line.heal()
		r := b.result(t, id)
		wantOutcome(t, r, protocol.Changed, protocol.ReasonNone)
		wantTruth(t, dc, p, next, r)
		b.wantNoSecret(t, next, p.Password)
	})
}
