package writeback

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/agent/journal"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/internal/seal"
	"homeward/test/dctest"
)

// wire is a TCP line to the DC that can lose one direction, as a broken network does.
type wire struct {
	addr         string
	loseRequests atomic.Bool
	loseAnswers  atomic.Bool
	lost         chan struct{} // closed with the first bytes that are lost
	once         sync.Once
	watch        atomic.Bool
	passed       chan struct{} // closed with the first bytes that reach the DC while watch is set
	onePassed    sync.Once
}

func newWire(t testing.TB, dc *dctest.DC) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	w := &wire{addr: l.Addr().String(), lost: make(chan struct{}), passed: make(chan struct{})}
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", dc.Addr()+":636")
			if err != nil {
				_ = near.Close()
				continue
			}
			go w.carry(far, near, &w.loseRequests)
			go w.carry(near, far, &w.loseAnswers)
		}
	}()
	return w
}

func (w *wire) carry(to, from net.Conn, lose *atomic.Bool) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && lose.Load() {
			w.once.Do(func() { close(w.lost) })
			continue
		}
		if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
			return
		}
		if lose == &w.loseRequests && w.watch.Load() {
			w.onePassed.Do(func() { close(w.passed) })
		}
	}
}

func (w *wire) heal() { w.loseRequests.Store(false); w.loseAnswers.Store(false) }

// over lets a bench reach the DC through w.
func over(dc *dctest.DC, w *wire) benchOption {
	return func(_ *bench, c *activedirectory.Config, _ *Deps) {
		c.URLs, c.ServerName = []string{"ldaps://" + w.addr}, dc.Addr()
		c.WriteTimeout, c.ReadTimeout, c.DialTimeout = 700*time.Millisecond, 700*time.Millisecond, 700*time.Millisecond
	}
}

// beforeWriting calls do between the look at the account and the write.
func beforeWriting(do func()) benchOption {
	return func(b *bench, _ *activedirectory.Config, d *Deps) { d.Directory = &hooked{b: b, do: sync.OnceFunc(do)} }
}

type hooked struct {
	b  *bench
	do func()
}

func (h *hooked) Account(ctx context.Context, g guid) (activedirectory.Account, error) {
	return h.b.dir.Account(ctx, g)
}

func (h *hooked) Policy(ctx context.Context, a activedirectory.Account) (policy, error) {
	return h.b.dir.Policy(ctx, a)
}

func (h *hooked) Reset(ctx context.Context, a activedirectory.Account, password []byte) error {
	h.do()
	return h.b.dir.Reset(ctx, a, password)
}

func (h *hooked) Unlock(ctx context.Context, a activedirectory.Account) error {
	h.do()
	return h.b.dir.Unlock(ctx, a)
}

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

func TestOverloaded(t *testing.T) {
	dc := dctest.Start(t)
	b := newBench(t, dc)
	for range maxRequests {
		b.writes <- struct{}{}
	}
	p := dc.NewPerson(t)
	before := b.account(t, p)
	a, id := b.reset(t, p, lab.RandomPassword())
	if a.Accepted || a.Reason != protocol.ReasonOverloaded {
		t.Errorf("answer %+v", a)
	}
	if _, err := b.journal.Get(id); !errors.Is(err, journal.ErrUnknown) {
		t.Errorf("the journal remembers it: %v", err)
	}
	b.wantUntouched(t, p, before)
}

// A request that waited too long for its turn is not written any more.
func TestExpiredBeforeItsTurn(t *testing.T) {
	dc := dctest.Start(t)
	b := newBench(t, dc)
	for range writers {
		b.turns <- struct{}{}
	}
	p := dc.NewPerson(t)
	before := b.account(t, p)
	c := b.newCommand(t, protocol.Reset, anchor(t, p), lab.RandomPassword())
	c.header.AcceptBy, c.header.Expires = c.header.Issued.Add(400*time.Millisecond), c.header.Issued.Add(400*time.Millisecond)
	var a protocol.Accepted
	b.handle(t, protocol.Reset, c.envelope(t), &a)
	wantOutcome(t, b.result(t, c.header.Request), protocol.Failed, protocol.ReasonExpired)
	b.wantUntouched(t, p, before)
}

func FuzzHandle(f *testing.F) {
	b := &bench{}
	var err error
	if b.key, err = seal.GenerateKey(); err != nil {
		f.Fatal(err)
	}
	j, err := journal.Open(f.TempDir() + "/journal.db")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = j.Close() })
	w, err := New(Deps{
		Directory: nobody{}, Journal: j, Keys: keyring{b.key}, CommandKey: make([]byte, 32), Tenant: tenant, Agent: agent,
		Publish: func(context.Context, protocol.Result) error { return errors.New("a result was made") },
	})
	if err != nil {
		f.Fatal(err)
	}
	header, err := seal.Header{
		Tenant: tenant, Operation: "reset", Anchor: make([]byte, 16), Request: seal.RequestID{1},
		Issued: time.Now(), AcceptBy: time.Now().Add(time.Hour), Expires: time.Now().Add(time.Hour),
	}.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add("reset", seal.Envelope{Header: header, Sealed: []byte("x"), Signature: make([]byte, 64)}.Marshal())
	f.Add("prove", []byte("HWE\x01"))
	f.Add("", []byte{})
	f.Fuzz(func(t *testing.T, op string, data []byte) {
		answers := 0
		w.Handle(t.Context(), protocol.Operation(op), data, func(raw []byte) error {
			answers++
			if len(raw) > protocol.MaxMessage {
				return fmt.Errorf("%d bytes", len(raw))
			}
			return nil
		})
		if answers != 1 {
			t.Errorf("%d answers", answers)
		}
		if pending, err := j.Pending(); err != nil || len(pending) != 0 {
			t.Errorf("garbage was accepted: %v %v", pending, err)
		}
	})
}

// nobody is for tests that must not get as far as the directory.
type nobody struct{}

var errReached = errors.New("the directory was reached")

func (nobody) Account(context.Context, guid) (activedirectory.Account, error) {
	return activedirectory.Account{}, errReached
}

func (nobody) Policy(context.Context, activedirectory.Account) (policy, error) {
	return policy{}, errReached
}
func (nobody) Reset(context.Context, activedirectory.Account, []byte) error { return errReached }
func (nobody) Unlock(context.Context, activedirectory.Account) error        { return errReached }
