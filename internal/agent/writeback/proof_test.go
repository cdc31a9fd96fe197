package writeback

import (
	"context"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/agent/journal"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

// warm makes the connection that writes, so that a cut line does not stop the dialling already.
func (b *bench) warm(t testing.TB, p lab.Person) {
	t.Helper()
	if err := b.dir.Unlock(t.Context(), b.account(t, p)); err != nil {
		t.Fatal(err)
	}
}

// wantTruth compares a result with what the directory really does.
func wantTruth(t testing.TB, dc *dctest.DC, p lab.Person, next string, r protocol.Result) {
	t.Helper()
	err := dc.Bind(p.UPN, next)
	switch r.Outcome {
	case protocol.Changed:
		if err != nil {
			t.Errorf("said changed, but the new password does not work: %v", err)
		}
	case protocol.Failed:
		if err == nil {
			t.Error("said not written, but the new password works")
		}
		if err := dc.Bind(p.UPN, p.Password); err != nil {
			t.Errorf("said not written, but the old password does not work: %v", err)
		}
	default:
		t.Errorf("outcome %s (%s)", r.Outcome, r.Detail)
	}
}

func TestAnswerLost(t *testing.T) {
	dc := dctest.Start(t)
	line := newWire(t, dc)
	b := newBench(t, dc, over(dc, line), beforeWriting(func() { line.loseAnswers.Store(true) }))
	b.run(t)
	p := dc.NewPerson(t)
	b.warm(t, p)
	next := lab.RandomPassword()
	a, id := b.reset(t, p, next)
	if !a.Accepted || b.Pending() != 1 || len(b.published()) != 0 {
		t.Fatalf("accepted %v, %d pending, results %v", a.Accepted, b.Pending(), b.published())
	}
	line.heal()
	r := b.result(t, id)
	wantOutcome(t, r, protocol.Changed, protocol.ReasonNone)
	wantTruth(t, dc, p, next, r)
	if last := r.Hops[len(r.Hops)-1]; last.Name != "proven" {
		t.Errorf("last hop %+v", last)
	}
	b.wantNoSecret(t, next)
}

func TestRequestLost(t *testing.T) {
	dc := dctest.Start(t)
	line := newWire(t, dc)
	b := newBench(t, dc, over(dc, line), beforeWriting(func() { line.loseRequests.Store(true) }))
	b.run(t)
	p := dc.NewPerson(t)
	b.warm(t, p)
	before := b.account(t, p)
	next := lab.RandomPassword()
	_, id := b.reset(t, p, next)
	var asked protocol.Result // the line is still cut
	b.handle(t, protocol.Prove, b.newCommand(t, protocol.Prove, id[:]).envelope(t), &asked)
	wantOutcome(t, asked, protocol.Unknown, protocol.ReasonNone)
	line.heal()
	r := b.result(t, id)
	wantOutcome(t, r, protocol.Failed, protocol.ReasonNotWritten)
	wantTruth(t, dc, p, next, r)
	b.wantUntouched(t, p, before)
}

// kill carries out a reset and ends the agent in the middle of the write, when ready says so.
func (b *bench) kill(t testing.TB, data []byte, ready <-chan struct{}) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.Handle(ctx, protocol.Reset, data, func([]byte) error { return nil })
	}()
	select {
	case <-ready:
	case <-time.After(soon):
		t.Error("the write was not reached")
	}
	cancel()
	<-done
	b.stop(t)
	if got := b.published(); len(got) != 0 {
		t.Errorf("results before the end: %+v", got)
	}
}

func TestKilledInTheMiddle(t *testing.T) {
	for _, tt := range []struct {
		name   string
		lose   func(*wire)
		reason protocol.Reason
		want   protocol.Outcome
	}{
		{"the write arrived", func(w *wire) { w.loseAnswers.Store(true) }, protocol.ReasonNone, protocol.Changed},
		{"the write did not arrive", func(w *wire) { w.loseRequests.Store(true) }, protocol.ReasonNotWritten, protocol.Failed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dc := dctest.Start(t)
			line := newWire(t, dc)
			b := newBench(t, dc, over(dc, line), beforeWriting(func() { tt.lose(line) }))
			p := dc.NewPerson(t)
			b.warm(t, p)
			next := lab.RandomPassword()
			c := b.newCommand(t, protocol.Reset, anchor(t, p), next)
			b.kill(t, c.envelope(t), line.lost)

			b.start(t, dc) // a new agent over the same journal, on a line that works
			b.run(t)
			r := b.result(t, c.header.Request)
			wantOutcome(t, r, tt.want, tt.reason)
			wantTruth(t, dc, p, next, r)
		})
	}
}

// The frozen DC has the write in its receive buffer when the agent dies. Whether it carries it out when it
// thaws is its own affair, as long as what is said is true.
func TestKilledWhileTheControllerIsFrozen(t *testing.T) {
	dc := dctest.Private(t, lab.Options{})
	line := newWire(t, dc)
	b := newBench(t, dc, over(dc, line), beforeWriting(func() {
		if err := dc.Pause(); err != nil {
			t.Error(err)
		}
		line.watch.Store(true)
	}))
	p := dc.NewPerson(t)
	b.warm(t, p)
	next := lab.RandomPassword()
	c := b.newCommand(t, protocol.Reset, anchor(t, p), next)
	b.kill(t, c.envelope(t), line.passed)

	b.start(t, dc, func(_ *bench, c *activedirectory.Config, d *Deps) {
		c.ReadTimeout, c.DialTimeout = 300*time.Millisecond, 300*time.Millisecond
		d.Settle = 2 * time.Second // the thawing DC may need a while for what it had received
	})
	b.run(t)
	id := c.header.Request
	var asked protocol.Result
	b.handle(t, protocol.Prove, b.newCommand(t, protocol.Prove, id[:]).envelope(t), &asked)
	wantOutcome(t, asked, protocol.Unknown, protocol.ReasonNone)
	if err := dc.Resume(); err != nil {
		t.Fatal(err)
	}
	r := b.result(t, id)
	t.Logf("%s: %s", r.Outcome, r.Detail)
	wantTruth(t, dc, p, next, r)
}

// An agent that is stopped before anything was sent says so.
func TestStoppedBeforeSending(t *testing.T) {
	dc := dctest.Start(t)
	ctx, cancel := context.WithCancel(t.Context())
	b := newBench(t, dc, beforeWriting(cancel))
	p := dc.NewPerson(t)
	b.warm(t, p)
	before := b.account(t, p)
	c := b.newCommand(t, protocol.Reset, anchor(t, p), lab.RandomPassword())
	b.Handle(ctx, protocol.Reset, c.envelope(t), func([]byte) error { return nil })
	wantOutcome(t, b.result(t, c.header.Request), protocol.Failed, protocol.ReasonNotWritten)
	b.wantUntouched(t, p, before)
}

func TestControllerDiesInTheMiddle(t *testing.T) {
	dc := dctest.Private(t, lab.Options{})
	b := newBench(t, dc, beforeWriting(func() {
		if err := dc.Kill(); err != nil {
			t.Error(err)
		}
	}))
	b.run(t)
	p := dc.NewPerson(t)
	b.warm(t, p)
	next := lab.RandomPassword()
	_, id := b.reset(t, p, next)
	if err := dc.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantTruth(t, dc, p, next, b.result(t, id))
}

func TestAcceptedOnly(t *testing.T) {
	dc := dctest.Start(t)
	b := newBench(t, dc)
	p := dc.NewPerson(t)
	c := b.newCommand(t, protocol.Reset, anchor(t, p), lab.RandomPassword())
	header, err := c.header.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.journal.Accept(t.Context(), journal.Entry{
		ID: c.header.Request, Operation: protocol.Reset, Header: header,
		Digest: sha256.Sum256(c.envelope(t)), AcceptedAt: protocol.MilliOf(time.Now()), KeepUntil: protocol.MilliOf(c.header.Expires),
	})
	if err != nil {
		t.Fatal(err)
	}
	b.stop(t)
	b.start(t, dc)
	b.run(t)
	wantOutcome(t, b.result(t, c.header.Request), protocol.Failed, protocol.ReasonNotWritten)
}

// The helpdesk sets a password while the outcome is open: nobody can say which one holds.
func TestSomebodyElseResetsToo(t *testing.T) {
	dc := dctest.Start(t)
	line := newWire(t, dc)
	b := newBench(t, dc, over(dc, line), beforeWriting(func() { line.loseAnswers.Store(true) }))
	p := dc.NewPerson(t)
	b.warm(t, p)
	_, id := b.reset(t, p, lab.RandomPassword())
	if err := dc.ResetAs(dc.Administrator(), p.DN, lab.RandomPassword()); err != nil &&
		!ldap.IsErrorWithCode(err, ldap.LDAPResultUnwillingToPerform) {
		t.Fatal(err)
	} else if err != nil { // ResetAs obeys the minimum age; an administrator at the console does not
		dc.Set(t, p.DN, "unicodePwd", quoted(lab.RandomPassword()))
	}
	line.heal()
	b.run(t)
	r := b.result(t, id)
	wantOutcome(t, r, protocol.Unknown, protocol.ReasonTimeout)
}

func quoted(s string) string {
	var out []byte
	for _, r := range `"` + s + `"` {
		out = append(out, byte(r), 0)
	}
	return string(out)
}

func (nobody) Account(context.Context, guid) (activedirectory.Account, error) {
	return activedirectory.Account{}, errReached
}

func (nobody) Policy(context.Context, activedirectory.Account) (policy, error) {
	return policy{}, errReached
}

func (nobody) Reset(context.Context, activedirectory.Account, []byte) error { return errReached }

func (nobody) Unlock(context.Context, activedirectory.Account) error { return errReached }

func (nobody) Change(context.Context, activedirectory.Account, []byte, []byte) error {
	return errReached
}

func (nobody) MustChange(context.Context, activedirectory.Account) (protocol.MustChange, error) {
	return "", errReached
}

func (nobody) Witnesses(context.Context, guid, string) ([]activedirectory.Account, error) {
	return nil, errReached
}

func (nobody) Elsewhere(context.Context, guid, string) ([]activedirectory.Account, error) {
	return nil, errReached
}
