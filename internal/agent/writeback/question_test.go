package writeback

import (
	"context"
	"strings"
	"testing"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/internal/seal"
	"homeward/test/dctest"
)

func TestPolicyAndProbe(t *testing.T) {
	dc := dctest.Start(t)
	b := newBench(t, dc)
	ask := func(t *testing.T, op protocol.Operation, anchor []byte) protocol.PersonPolicy {
		t.Helper()
		var a protocol.PersonPolicy
		b.handle(t, op, b.newCommand(t, op, anchor).envelope(t), &a)
		return a
	}
	p := dc.NewPerson(t, dctest.PasswordSetNow())
	dc.Lock(t, p)
	got := ask(t, protocol.Policy, anchor(t, p))
	if !got.Found || got.Reason != "" || got.MinLength != 12 || !got.Complexity || got.History != 24 || got.MinAge != 120_000 ||
		got.Source != "domain" || !got.Locked || got.SAM != p.SAM || got.DisplayName != p.DisplayName {
		t.Errorf("policy %+v", got)
	}
	if got.ChangeableAt != got.PasswordSet+120_000 {
		t.Errorf("changeable at %v, set at %v", got.ChangeableAt.Time(), got.PasswordSet.Time())
	}
	if got.Domain != strings.ToLower(dc.Realm()) || got.MustChange || got.Expired || got.NeverExpires || got.CannotChange || got.ExpiresAt < got.PasswordSet {
		t.Errorf("policy of version 2 %+v", got)
	}
	if got.TriesLeft == nil || *got.TriesLeft != 0 {
		t.Errorf("a locked account has %v tries left", got.TriesLeft)
	}
	special := dc.NewPerson(t)
	dc.Set(t, special.DN, "userAccountControl", "66048") // password never expires
	dc.Grant(t, special.DN, "(OD;;CR;ab721a53-1e2f-11d0-9819-00aa0040529b;;WD)(OD;;CR;ab721a53-1e2f-11d0-9819-00aa0040529b;;PS)")
	if got := ask(t, protocol.Policy, anchor(t, special)); got.Reason != "" || !got.NeverExpires || !got.CannotChange || got.ExpiresAt != 0 || got.TriesLeft == nil || *got.TriesLeft < 1 {
		t.Errorf("never expires and may not change: %+v", got)
	}
	dc.MustChange(t, special)
	if got := ask(t, protocol.Policy, anchor(t, special)); !got.MustChange || got.Expired || got.ChangeableAt != 0 {
		t.Errorf("must change: %+v", got)
	}
	protected := dc.NewPerson(t)
	dc.SetAdminCount(t, protected)
	if got := ask(t, protocol.Probe, anchor(t, protected)); got.Reason != protocol.ReasonProtected || !got.Found {
		t.Errorf("protected: %+v", got)
	}
	denied := dc.NewPerson(t)
	dc.Grant(t, denied.DN, "(OD;;CR;00299570-246d-11d0-a768-00aa006e0529;;$S)")
	if got := ask(t, protocol.Probe, anchor(t, denied)); got.Reason != protocol.ReasonRights || !strings.Contains(got.Detail, "Reset Password") {
		t.Errorf("no right: %+v", got)
	}
	if got := ask(t, protocol.Probe, []byte("0123456789abcdef")); got.Reason != protocol.ReasonNotFound || got.Found {
		t.Errorf("nobody: %+v", got)
	}
}

func TestProve(t *testing.T) {
	dc := dctest.Start(t)
	b := newBench(t, dc)
	prove := func(t *testing.T, id seal.RequestID) (r protocol.Result) {
		t.Helper()
		b.handle(t, protocol.Prove, b.newCommand(t, protocol.Prove, id[:]).envelope(t), &r)
		return r
	}
	p := dc.NewPerson(t)
	_, id := b.reset(t, p, lab.RandomPassword())
	wantOutcome(t, prove(t, id), protocol.Changed, protocol.ReasonNone)

	// Never arrived stays true: the request is refused if it arrives after all.
	c := b.newCommand(t, protocol.Reset, anchor(t, p), lab.RandomPassword())
	for range 2 {
		wantOutcome(t, prove(t, c.header.Request), protocol.Failed, protocol.ReasonNeverArrived)
	}
	before := b.account(t, p)
	var a protocol.Accepted
	b.handle(t, protocol.Reset, c.envelope(t), &a)
	if a.Accepted || a.Reason != protocol.ReasonReplayed {
		t.Errorf("answer %+v", a)
	}
	b.wantUntouched(t, p, before)
}

// testCommand is a Test as the server makes it.
func (b *bench) testCommand(t testing.TB, body string) []byte {
	t.Helper()
	c := b.newCommand(t, protocol.Test, nil)
	c.body = []byte(body)
	return c.envelope(t)
}

func TestTestWrite(t *testing.T) {
	dc := dctest.Start(t)
	begun, end := make(chan string, 1), make(chan struct{})
	b := newBench(t, dc, func(_ *bench, _ *activedirectory.Config, d *Deps) {
		d.Test = func(_ context.Context, domain string) protocol.TestResult {
			begun <- domain
			<-end
			return protocol.TestResult{Outcome: protocol.Changed, Micros: 26000}
		}
	})
	const body = `{"v":2,"domain":"corp.contoso.test"}`
	first := make(chan protocol.TestResult, 1)
	go func() {
		var r protocol.TestResult
		b.handle(t, protocol.Test, b.testCommand(t, body), &r)
		first <- r
	}()
	if got := <-begun; got != "corp.contoso.test" {
		t.Errorf("domain %q", got)
	}
	var second protocol.TestResult
	b.handle(t, protocol.Test, b.testCommand(t, body), &second)
	if second.Outcome != protocol.Failed || second.Reason != protocol.ReasonOverloaded {
		t.Errorf("a second one beside it: %+v", second)
	}
	close(end)
	if r := <-first; r.Outcome != protocol.Changed || r.Domain != "corp.contoso.test" || r.Request == "" || r.At == 0 || r.Micros != 26000 || r.Version != protocol.Version {
		t.Errorf("result %+v", r)
	}
	for _, bad := range []string{"", "{}", `{"v":2,"domain":""}`, `{"v":2,"domain":"a","password":"x"}`, "x"} {
		var r protocol.TestResult
		b.handle(t, protocol.Test, b.testCommand(t, bad), &r)
		if r.Outcome != protocol.Failed || r.Reason != protocol.ReasonMalformed {
			t.Errorf("%q: %+v", bad, r)
		}
	}
	person := b.newCommand(t, protocol.Test, make([]byte, 16)) // a test names no person
	person.body = []byte(body)
	var r protocol.TestResult
	b.handle(t, protocol.Test, person.envelope(t), &r)
	if r.Reason != protocol.ReasonMalformed {
		t.Errorf("with a person: %+v", r)
	}
}

func TestTestWriteWithoutAccount(t *testing.T) {
	b := newBench(t, dctest.Start(t))
	var r protocol.TestResult
	b.handle(t, protocol.Test, b.testCommand(t, `{"v":2,"domain":"corp.contoso.test"}`), &r)
	if r.Outcome != protocol.Failed || r.Reason != protocol.ReasonNotFound {
		t.Errorf("result %+v", r)
	}
}
