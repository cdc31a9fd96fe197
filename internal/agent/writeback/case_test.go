package writeback

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/directory"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/internal/seal"
	"homeward/test/dctest"
)

const other = "UOTHER"

// another is a second agent of the same tenant, with a journal of its own.
func (b *bench) another(t testing.TB, dc *dctest.DC, opts ...benchOption) *bench {
	t.Helper()
	o := &bench{command: b.command, key: b.key, log: &logged{}, path: filepath.Join(t.TempDir(), "journal.db")}
	o.start(t, dc, append([]benchOption{func(_ *bench, _ *activedirectory.Config, d *Deps) { d.Agent = other }}, opts...)...)
	return o
}

// caseOf is what the server knows of a request that the first agent accepted.
func caseOf(t testing.TB, p lab.Person, op protocol.Operation, a protocol.Accepted, expires time.Time) protocol.Case {
	t.Helper()
	c := protocol.Case{
		Version: protocol.Version, Request: a.Request, Agent: agent, Operation: op,
		Anchor: directory.GUID(anchor(t, p)).Hex(), Expires: protocol.MilliOf(expires),
	}
	if a.Mark != nil {
		c.Mark = *a.Mark
	}
	return c
}

// ask asks what became of a request, with all that the server knows of it.
func (b *bench) ask(t testing.TB, id seal.RequestID, c protocol.Case) protocol.Result {
	t.Helper()
	body, err := protocol.Encode(c)
	if err != nil {
		t.Fatal(err)
	}
	return b.askRaw(t, id, body)
}

func (b *bench) askRaw(t testing.TB, id seal.RequestID, body []byte) (r protocol.Result) {
	t.Helper()
	q := b.newCommand(t, protocol.Prove, id[:])
	q.body = body
	b.handle(t, protocol.Prove, q.envelope(t), &r)
	return r
}

// askUntil asks again until it is decided.
func (b *bench) askUntil(t testing.TB, id seal.RequestID, c protocol.Case) (r protocol.Result) {
	t.Helper()
	dctest.Eventually(t, soon, func() error {
		if r = b.ask(t, id, c); r.Outcome == protocol.Unknown && r.Reason == "" {
			return errors.New("still open")
		}
		return nil
	})
	return r
}

func TestCaseChanged(t *testing.T) {
	dc := dctest.Start(t)
	b := newBench(t, dc)
	o := b.another(t, dc)
	for _, op := range []protocol.Operation{protocol.Reset, protocol.Change, protocol.AdminReset, protocol.Unlock} {
		t.Run(string(op), func(t *testing.T) {
			p := dc.NewPerson(t)
			next := lab.RandomPassword()
			secrets := map[int][]string{0: nil, 1: {next}, 2: {p.Password, next}}[op.Secrets()]
			if op == protocol.Unlock {
				dc.Lock(t, p)
			}
			a, id := b.carry(t, op, p, secrets...)
			wantOutcome(t, b.result(t, id), protocol.Changed, protocol.ReasonNone)
			for range 2 { // asked again, it says the same
				r := o.ask(t, id, caseOf(t, p, op, a, time.Now().Add(time.Minute)))
				wantOutcome(t, r, protocol.Changed, protocol.ReasonNone)
				if r.Request != id.String() || r.Operation != op || r.Agent != other || r.Event != int(eventsOf(op).success) {
					t.Errorf("result %+v", r)
				}
				if (r.MustChange == protocol.MustChangeSet) != (op == protocol.AdminReset) {
					t.Errorf("must change: %q", r.MustChange)
				}
			}
		})
	}
	if got := o.published(); len(got) != 0 {
		t.Errorf("results of another's requests: %v", got)
	}
}

// Nothing is said before the first agent's time is over and the silence has lasted.
func TestCaseNotWritten(t *testing.T) {
	dc := dctest.Start(t)
	line := newWire(t, dc)
	b := newBench(t, dc, over(dc, line), beforeWriting(func() { line.loseRequests.Store(true) }))
	p := dc.NewPerson(t)
	b.warm(t, p)
	next := lab.RandomPassword()
	a, id := b.reset(t, p, next)
	const late = 500 * time.Millisecond
	o := b.another(t, dc, func(_ *bench, _ *activedirectory.Config, d *Deps) { d.Late = late })
	expires := time.Now().Add(500 * time.Millisecond)
	c := caseOf(t, p, protocol.Reset, a, expires)
	wantOutcome(t, o.ask(t, id, c), protocol.Unknown, protocol.ReasonNone)
	r := o.askUntil(t, id, c)
	wantOutcome(t, r, protocol.Failed, protocol.ReasonNotWritten)
	if told := time.Now(); told.Before(expires.Add(late + o.d.Settle)) {
		t.Errorf("told %v after it expired", told.Sub(expires))
	}
	wantTruth(t, dc, p, next, r)
}

// The frozen controller has the write before it when everybody gives up. What the second agent says in the end
// must be what then happened.
func TestCaseWhileTheControllerIsFrozen(t *testing.T) {
	dc := dctest.Private(t, lab.Options{})
	line := newWire(t, dc)
	b := newBench(t, dc, over(dc, line), beforeWriting(func() {
		if err := dc.Pause(); err != nil {
			t.Error(err)
		}
	}))
	p := dc.NewPerson(t)
	b.warm(t, p)
	o := b.another(t, dc, func(_ *bench, c *activedirectory.Config, d *Deps) {
		c.ReadTimeout, c.DialTimeout = 300*time.Millisecond, 300*time.Millisecond
		d.Settle = 2 * time.Second
	})
	next := lab.RandomPassword()
	a, id := b.reset(t, p, next) // times out
	if b.Pending() != 1 {
		t.Fatal("the write got an answer")
	}
	c := caseOf(t, p, protocol.Reset, a, time.Now())
	c.Expires = protocol.MilliOf(time.Now().Add(-time.Minute)) // long over: only the silence of the controller holds the verdict back
	for range 5 {
		wantOutcome(t, o.ask(t, id, c), protocol.Unknown, protocol.ReasonNone)
	}
	if err := dc.Resume(); err != nil {
		t.Fatal(err)
	}
	r := o.askUntil(t, id, c)
	t.Logf("%s: %s", r.Outcome, r.Detail)
	wantTruth(t, dc, p, next, r)
	b.run(t)
	if own := b.result(t, id); own.Outcome != r.Outcome {
		t.Errorf("the agent itself says %s (%s)", own.Outcome, own.Detail)
	}
}

func TestCaseSomebodyElse(t *testing.T) {
	dc := dctest.Start(t)
	b := newBench(t, dc)
	o := b.another(t, dc)
	p := dc.NewPerson(t)
	a, id := b.reset(t, p, lab.RandomPassword())
	dc.Set(t, p.DN, "unicodePwd", quoted(lab.RandomPassword()))
	for range 2 {
		r := o.ask(t, id, caseOf(t, p, protocol.Reset, a, time.Now()))
		wantOutcome(t, r, protocol.Unknown, protocol.ReasonAgentLost)
		if !strings.Contains(r.Detail, "somebody else") {
			t.Errorf("detail %q", r.Detail)
		}
	}
}

// Only the agent that was asked to carry a request out can say that it never arrived.
func TestCaseAndJournal(t *testing.T) {
	dc := dctest.Start(t)
	b := newBench(t, dc)
	o := b.another(t, dc)
	p := dc.NewPerson(t)
	expires := time.Now().Add(time.Minute)

	lost := b.newCommand(t, protocol.Reset, anchor(t, p), lab.RandomPassword())
	id := lost.header.Request
	unmarked := caseOf(t, p, protocol.Reset, protocol.Accepted{Request: id.String()}, expires)
	wantOutcome(t, o.ask(t, id, unmarked), protocol.Unknown, protocol.ReasonNone)
	for range 2 {
		wantOutcome(t, b.ask(t, id, unmarked), protocol.Failed, protocol.ReasonNeverArrived)
	}
	var refused protocol.Accepted
	b.handle(t, protocol.Reset, lost.envelope(t), &refused)
	if refused.Accepted || refused.Reason != protocol.ReasonReplayed {
		t.Errorf("after never arrived: %+v", refused)
	}

	// The first agent carried it out, and both know the way: one from its journal, the other from the directory.
	a, id := b.reset(t, p, lab.RandomPassword())
	c := caseOf(t, p, protocol.Reset, a, expires)
	wantOutcome(t, b.ask(t, id, c), protocol.Changed, protocol.ReasonNone)
	if got := b.ask(t, id, c); hopNames(got)[0] != "accepted" {
		t.Errorf("not the journal's result: %+v", got)
	}
	// An agent that said "never arrived" of it, before the server knew who had accepted it, still looks.
	wantOutcome(t, o.askRaw(t, id, nil), protocol.Failed, protocol.ReasonNeverArrived)
	wantOutcome(t, o.ask(t, id, c), protocol.Changed, protocol.ReasonNone)
	// The mark shows that this agent had accepted it: its journal has been moved away since.
	b.stop(t)
	b.path = filepath.Join(t.TempDir(), "journal.db")
	b.start(t, dc)
	wantOutcome(t, b.ask(t, id, c), protocol.Changed, protocol.ReasonNone)
}

func TestMalformedCases(t *testing.T) {
	dc := dctest.Start(t)
	b := newBench(t, dc)
	p := dc.NewPerson(t)
	id := seal.RequestID{1}
	good := caseOf(t, p, protocol.Reset, protocol.Accepted{Request: id.String(), Mark: &protocol.Mark{Invocation: directory.GUID{1}.Hex()}}, time.Now())
	for name, change := range map[string]func(*protocol.Case){
		"another request": func(c *protocol.Case) { c.Request = seal.RequestID{2}.String() },
		"a question":      func(c *protocol.Case) { c.Operation = protocol.Probe },
		"no agent":        func(c *protocol.Case) { c.Agent = "" },
		"no person":       func(c *protocol.Case) { c.Anchor = "" },
		"no database":     func(c *protocol.Case) { c.Mark.Invocation = "xyz" },
		"upper case":      func(c *protocol.Case) { c.Mark.Invocation = strings.Repeat("AB", 16) },
		"no end":          func(c *protocol.Case) { c.Expires = 0 },
		"no version":      func(c *protocol.Case) { c.Version = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			change(&c)
			wantOutcome(t, b.ask(t, id, c), protocol.Failed, protocol.ReasonMalformed)
		})
	}
	for _, body := range []string{"{}", "x", `{"v":2,"more":1}`, "[]", "null"} {
		wantOutcome(t, b.askRaw(t, id, []byte(body)), protocol.Failed, protocol.ReasonMalformed)
	}
	if _, err := b.journal.Get(id); err == nil {
		t.Error("the journal remembers it")
	}
}

// What is seen of others' requests is bounded, and forgotten in time.
func TestCasesAreBounded(t *testing.T) {
	dc := dctest.Start(t)
	b := newBench(t, dc)
	p := dc.NewPerson(t)
	m := snapshot(b.account(t, p), time.Now())
	ask := func(n int) protocol.Result {
		id := seal.RequestID{1, byte(n), byte(n >> 8)}
		c := caseOf(t, p, protocol.Reset, protocol.Accepted{Request: id.String(), Mark: &m}, time.Now())
		c.Agent = other
		return b.ask(t, id, c)
	}
	for n := range maxCases + 3 {
		wantOutcome(t, ask(n), protocol.Unknown, protocol.ReasonNone)
	}
	if len(b.cases) != maxCases {
		t.Errorf("%d cases", len(b.cases))
	}
	b.setAhead(forgetCase + time.Second)
	ask(0)
	if len(b.cases) != 1 {
		t.Error(fmt.Sprint(len(b.cases), " cases after their time"))
	}
}

// A person's account may be one that only carries the anchor: what became of a write is told by the account that was
// written, also by an agent that would find another one.
func TestCaseOfAnAccountThatCarriesTheAnchor(t *testing.T) {
	dc := dctest.Start(t)
	b := newBench(t, dc)
	moved, old := dc.NewPerson(t), dc.NewPerson(t)
	a, id := b.carry(t, protocol.Reset, moved, lab.RandomPassword())
	wantOutcome(t, b.result(t, id), protocol.Changed, protocol.ReasonNone)
	wantOutcome(t, b.another(t, dc).ask(t, id, caseOf(t, old, protocol.Reset, a, time.Now().Add(time.Minute))), protocol.Changed, protocol.ReasonNone)
}

// The first agent could not reach the controller its mark names and wrote at another, which has not replicated yet:
// nobody may say that the password is the old one. What the other controller holds is made up here.
func TestCaseWrittenElsewhere(t *testing.T) {
	dc := dctest.Start(t)
	b := newBench(t, dc)
	p := dc.NewPerson(t)
	mark := snapshot(b.account(t, p), time.Now())
	there := activedirectory.Account{At: time.Now(), Password: activedirectory.Version{Number: mark.Version + 1, At: time.Now(), Origin: guid{9}}}
	there.DC.Invocation = guid{9}
	same := there
	same.Password.Number = mark.Version
	for _, tt := range []struct {
		name    string
		others  []activedirectory.Account
		err     error
		outcome protocol.Outcome
		reason  protocol.Reason
	}{
		{"one can't be asked", nil, &activedirectory.Error{Reason: protocol.ReasonDirectoryDown}, protocol.Unknown, protocol.ReasonNone},
		{"written on one", []activedirectory.Account{same, there}, nil, protocol.Unknown, protocol.ReasonAgentLost},
		{"written nowhere", []activedirectory.Account{same}, nil, protocol.Failed, protocol.ReasonNotWritten},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked := 0
			o := b.another(t, dc, func(_ *bench, _ *activedirectory.Config, d *Deps) {
				d.Directory = &hooked{elsewhere: func() ([]activedirectory.Account, error) { asked++; return tt.others, tt.err }}
			})
			id := b.newCommand(t, protocol.Reset, anchor(t, p), "x").header.Request
			c := caseOf(t, p, protocol.Reset, protocol.Accepted{Request: id.String(), Mark: &mark}, time.Now())
			var r protocol.Result
			dctest.Eventually(t, soon, func() error {
				if r = o.ask(t, id, c); asked == 0 {
					return errors.New("the others were not asked yet")
				}
				return nil
			})
			wantOutcome(t, r, tt.outcome, tt.reason)
		})
	}
}
