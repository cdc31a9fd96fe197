package writeback

import (
	"crypto/ed25519"
	"crypto/rand"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"homeward/internal/agent/journal"
	"homeward/internal/event"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/internal/seal"
	"homeward/test/dctest"
)

func TestReset(t *testing.T) {
	dc := dctest.Start(t)
	b := newBench(t, dc)
	p := dc.NewPerson(t)
	next := lab.RandomPassword()
	a, id := b.reset(t, p, next)
	if !a.Accepted || a.Request != id.String() || a.Agent != agent || a.Result != nil {
		t.Fatalf("answer %+v", a)
	}
	r := b.result(t, id)
	wantOutcome(t, r, protocol.Changed, protocol.ReasonNone)
	if r.Event != int(event.ResetSuccess) || r.Operation != protocol.Reset || r.Agent != agent {
		t.Errorf("result %+v", r)
	}
	var names []string
	for _, h := range r.Hops {
		names = append(names, h.Name)
		if h.At == 0 || h.Micros < 0 {
			t.Errorf("hop %+v", h)
		}
	}
	if !slices.Equal(names, []string{"accepted", "read", "opened", "written"}) {
		t.Errorf("hops %v", names)
	}
	if err := dc.Bind(p.UPN, next); err != nil {
		t.Errorf("sign in with the new password: %v", err)
	}
	if err := dc.Kinit(p.UPN, next); err != nil {
		t.Errorf("kinit with the new password: %v", err)
	}
	if err := dc.Kinit(p.UPN, p.Password); err == nil {
		t.Error("kinit with the old password works")
	}
	b.wantNoSecret(t, next, p.Password, dc.ServiceAccount().Password)
	for line := range strings.Lines(b.log.String()) {
		if !strings.Contains(line, "level=DEBUG") && (strings.Contains(line, p.SAM) || strings.Contains(line, p.DisplayName)) {
			t.Errorf("a name at info or above: %s", line)
		}
	}
}

func TestResetUnlocks(t *testing.T) {
	dc := dctest.Start(t)
	b := newBench(t, dc)
	p := dc.NewPerson(t)
	dc.Lock(t, p)
	next := lab.RandomPassword()
	_, id := b.reset(t, p, next)
	wantOutcome(t, b.result(t, id), protocol.Changed, protocol.ReasonNone)
	if err := dc.Bind(p.UPN, next); err != nil {
		t.Error(err)
	}
}

func TestUnlock(t *testing.T) {
	dc := dctest.Start(t)
	b := newBench(t, dc)
	p := dc.NewPerson(t)
	dc.Lock(t, p)
	before := b.account(t, p)
	c := b.newCommand(t, protocol.Unlock, anchor(t, p))
	var a protocol.Accepted
	b.handle(t, protocol.Unlock, c.envelope(t), &a)
	r := b.result(t, c.header.Request)
	wantOutcome(t, r, protocol.Changed, protocol.ReasonNone)
	if r.Event != int(event.UnlockSuccess) {
		t.Errorf("event %d", r.Event)
	}
	if err := dc.Bind(p.UPN, p.Password); err != nil {
		t.Error(err)
	}
	if after := b.account(t, p); after.Password != before.Password {
		t.Error("the password was touched")
	}
}

func TestNotChanged(t *testing.T) {
	dc := dctest.Start(t)
	b := newBench(t, dc)
	for _, tt := range []struct {
		name     string
		person   []dctest.PersonOption
		prepare  func(*testing.T, lab.Person)
		password func(lab.Person) string
		outcome  protocol.Outcome
		reason   protocol.Reason
		event    event.Code
	}{
		{
			name: "used before", password: func(p lab.Person) string { return p.Password },
			outcome: protocol.Refused, reason: protocol.ReasonUsedBefore, event: event.PolicyRefused,
		},
		{
			name: "short", password: func(lab.Person) string { return "aB3-zyx" },
			outcome: protocol.Refused, reason: protocol.ReasonTooShort, event: event.PolicyRefused,
		},
		{
			name: "simple", password: func(lab.Person) string { return "correcthorsebattery" },
			outcome: protocol.Refused, reason: protocol.ReasonTooSimple, event: event.PolicyRefused,
		},
		{
			name: "too young", person: []dctest.PersonOption{dctest.PasswordSetNow()},
			outcome: protocol.Refused, reason: protocol.ReasonTooYoung, event: event.PolicyRefused,
		},
		{
			name: "name inside", person: []dctest.PersonOption{dctest.Named("Gudrun Halvorsen")}, password: func(lab.Person) string { return "Halvorsen-2026!" },
			outcome: protocol.Refused, reason: protocol.ReasonContainsName, event: event.NameInPassword,
		},
		{
			name: "protected", prepare: func(t *testing.T, p lab.Person) { dc.SetAdminCount(t, p) },
			outcome: protocol.Refused, reason: protocol.ReasonProtected, event: event.AccountProtected,
		},
		{
			name: "disabled", prepare: func(t *testing.T, p lab.Person) { dc.Disable(t, p) },
			outcome: protocol.Refused, reason: protocol.ReasonDisabled, event: event.AccountDisabled,
		},
		{
			name: "reset denied", prepare: func(t *testing.T, p lab.Person) {
				dc.Grant(t, p.DN, "(OD;;CR;00299570-246d-11d0-a768-00aa006e0529;;$S)")
			},
			outcome: protocol.Failed, reason: protocol.ReasonRights, event: event.PermissionDenied,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := dc.NewPerson(t, tt.person...)
			if tt.prepare != nil {
				tt.prepare(t, p)
			}
			before := b.account(t, p)
			password := lab.RandomPassword()
			if tt.password != nil {
				password = tt.password(p)
			}
			a, id := b.reset(t, p, password)
			if !a.Accepted {
				t.Fatalf("not accepted: %s", a.Reason)
			}
			r := b.result(t, id)
			wantOutcome(t, r, tt.outcome, tt.reason)
			if r.Event != int(tt.event) {
				t.Errorf("event %d, want %d", r.Event, tt.event)
			}
			b.wantUntouched(t, p, before)
			b.wantNoSecret(t, password)
		})
	}
}

func TestNobody(t *testing.T) {
	b := newBench(t, dctest.Start(t))
	c := b.newCommand(t, protocol.Reset, []byte("0123456789abcdef"), lab.RandomPassword())
	var a protocol.Accepted
	b.handle(t, protocol.Reset, c.envelope(t), &a)
	wantOutcome(t, b.result(t, c.header.Request), protocol.Failed, protocol.ReasonNotFound)
}

func TestRefusedEnvelopes(t *testing.T) {
	dc := dctest.Start(t)
	b := newBench(t, dc)
	p := dc.NewPerson(t)
	before := b.account(t, p)
	password := lab.RandomPassword()
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		change func(*command)
		alter  func([]byte) []byte
		op     protocol.Operation
		reason protocol.Reason
	}{
		{name: "signed by somebody else", change: func(c *command) { c.by = stranger }, reason: protocol.ReasonBadSignature},
		{name: "another tenant", change: func(c *command) { c.header.Tenant = "tenant-2" }, reason: protocol.ReasonWrongTenant},
		{name: "sent as another operation", op: protocol.Unlock, reason: protocol.ReasonMalformed},
		{name: "too late", change: func(c *command) {
			c.header.Issued, c.header.AcceptBy = time.Now().Add(-time.Minute), time.Now().Add(-time.Second)
		}, reason: protocol.ReasonExpired},
		{name: "from the future", change: func(c *command) {
			c.header.Issued = time.Now().Add(3 * time.Minute)
			c.header.AcceptBy, c.header.Expires = c.header.Issued.Add(time.Second), c.header.Issued.Add(time.Minute)
		}, reason: protocol.ReasonExpired},
		{name: "another key", change: func(c *command) { c.to = other.Public(); c.header.Key = c.to.ID() }, reason: protocol.ReasonUnknownKey},
		{name: "no secret", change: func(c *command) { c.secrets = nil }, reason: protocol.ReasonMalformed},
		{name: "short anchor", change: func(c *command) { c.header.Anchor = []byte("short") }, reason: protocol.ReasonMalformed},
		{name: "altered secret", alter: func(b []byte) []byte { b[len(b)-100] ^= 1; return b }, reason: protocol.ReasonBadSignature},
		{name: "another version", alter: func(b []byte) []byte { b[3] = 9; return b }, reason: protocol.ReasonVersion},
		{name: "cut off", alter: func(b []byte) []byte { return b[:len(b)-1] }, reason: protocol.ReasonMalformed},
		{name: "too large", alter: func(b []byte) []byte { return append(b, make([]byte, seal.MaxEnvelopeSize)...) }, reason: protocol.ReasonMalformed},
		{name: "empty", alter: func([]byte) []byte { return nil }, reason: protocol.ReasonMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := b.newCommand(t, protocol.Reset, anchor(t, p), password)
			if tt.change != nil {
				tt.change(c)
			}
			data := c.envelope(t)
			if tt.alter != nil {
				data = tt.alter(data)
			}
			op := protocol.Reset
			if tt.op != "" {
				op = tt.op
			}
			var a protocol.Accepted
			b.handle(t, op, data, &a)
			if a.Accepted || a.Reason != tt.reason {
				t.Errorf("answer %+v, want refused as %s", a, tt.reason)
			}
			if _, err := b.journal.Get(c.header.Request); err == nil {
				t.Error("the journal remembers it")
			}
		})
	}
	b.wantUntouched(t, p, before)
	b.wantNoSecret(t, password)
	if got := b.published(); len(got) != 0 {
		t.Errorf("results %+v", got)
	}
}

// A seal made for another header is signed correctly, but does not open.
func TestSealForAnotherRequest(t *testing.T) {
	dc := dctest.Start(t)
	b := newBench(t, dc)
	p := dc.NewPerson(t)
	before := b.account(t, p)
	password := lab.RandomPassword()
	one, two := b.newCommand(t, protocol.Reset, anchor(t, p), password), b.newCommand(t, protocol.Reset, anchor(t, p), password)
	stolen, err := seal.UnmarshalEnvelope(one.envelope(t))
	if err != nil {
		t.Fatal(err)
	}
	header, err := two.header.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	e, err := seal.Sign(b.command, header, stolen.Sealed)
	if err != nil {
		t.Fatal(err)
	}
	var a protocol.Accepted
	b.handle(t, protocol.Reset, e.Marshal(), &a)
	r := b.result(t, two.header.Request)
	wantOutcome(t, r, protocol.Failed, protocol.ReasonSeal)
	if r.Event != int(event.DecryptionError) {
		t.Errorf("event %d", r.Event)
	}
	b.wantUntouched(t, p, before)
}

func TestSameRequestAgain(t *testing.T) {
	dc := dctest.Start(t)
	b := newBench(t, dc)
	p := dc.NewPerson(t)
	next := lab.RandomPassword()
	c := b.newCommand(t, protocol.Reset, anchor(t, p), next)
	data := c.envelope(t)
	var first, again, altered protocol.Accepted
	b.handle(t, protocol.Reset, data, &first)
	after := b.account(t, p)
	b.handle(t, protocol.Reset, data, &again)
	if !again.Accepted || again.Result == nil || again.Result.Outcome != protocol.Changed {
		t.Errorf("the repeated request got %+v, want the stored result", again)
	}
	// Sealed anew: another envelope under the same id.
	b.handle(t, protocol.Reset, c.envelope(t), &altered)
	if altered.Accepted || altered.Reason != protocol.ReasonReplayed {
		t.Errorf("another envelope under the same id got %+v", altered)
	}
	b.wantUntouched(t, p, after)
	b.result(t, c.header.Request) // exactly one
}

func TestSameRequestAtTheSameTime(t *testing.T) {
	dc := dctest.Start(t)
	b := newBench(t, dc)
	p := dc.NewPerson(t)
	before := b.account(t, p)
	c := b.newCommand(t, protocol.Reset, anchor(t, p), lab.RandomPassword())
	data := c.envelope(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			var a protocol.Accepted
			b.handle(t, protocol.Reset, data, &a)
			if !a.Accepted {
				t.Errorf("refused: %s", a.Reason)
			}
		})
	}
	wg.Wait()
	wantOutcome(t, b.result(t, c.header.Request), protocol.Changed, protocol.ReasonNone)
	if after := b.account(t, p); after.Password.Number != before.Password.Number+1 {
		t.Errorf("written %d times", after.Password.Number-before.Password.Number)
	}
}

func TestManyAtOnce(t *testing.T) {
	dc := dctest.Start(t)
	b := newBench(t, dc)
	type one struct {
		p    lab.Person
		next string
		id   seal.RequestID
	}
	all := make([]one, 16)
	for i := range all {
		all[i] = one{p: dc.NewPerson(t), next: lab.RandomPassword()}
	}
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() {
			var a protocol.Accepted
			a, all[i].id = b.reset(t, all[i].p, all[i].next)
			if !a.Accepted {
				t.Errorf("refused: %s", a.Reason)
			}
		})
	}
	wg.Wait()
	for _, o := range all {
		wantOutcome(t, b.result(t, o.id), protocol.Changed, protocol.ReasonNone)
		if err := dc.Bind(o.p.UPN, o.next); err != nil {
			t.Error(err)
		}
	}
}

func TestJournalThatFails(t *testing.T) {
	dc := dctest.Start(t)
	b := newBench(t, dc)
	p := dc.NewPerson(t)
	before := b.account(t, p)
	if err := b.journal.Close(); err != nil {
		t.Fatal(err)
	}
	a, _ := b.reset(t, p, lab.RandomPassword())
	if a.Accepted || a.Reason != protocol.ReasonAgentState {
		t.Errorf("answer %+v, want agent_state", a)
	}
	b.wantUntouched(t, p, before)
}

func TestResultsAreRepeatedUntilAcknowledged(t *testing.T) {
	dc := dctest.Start(t)
	b := newBench(t, dc)
	p := dc.NewPerson(t)
	b.setOffline(true)
	_, id := b.reset(t, p, lab.RandomPassword())
	b.run(t)
	if waiting, err := b.journal.Unacknowledged(); err != nil || len(waiting) != 1 {
		t.Fatalf("%d results waiting, %v", len(waiting), err)
	}
	b.setOffline(false)
	b.Resend()
	wantOutcome(t, b.result(t, id), protocol.Changed, protocol.ReasonNone)
	dctest.Eventually(t, soon, func() error {
		waiting, err := b.journal.Unacknowledged()
		if err == nil && len(waiting) > 0 {
			err = journal.ErrUnknown
		}
		return err
	})
}
