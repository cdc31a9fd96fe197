package writeback

import (
	"strings"
	"testing"

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
