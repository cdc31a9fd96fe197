package writeback

import (
	"slices"
	"testing"

	"homeward/internal/directory"
	"homeward/internal/event"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/internal/seal"
	"homeward/test/dctest"
)

// carry sends one writing request and returns the answer and the id.
func (b *bench) carry(t testing.TB, op protocol.Operation, p lab.Person, secrets ...string) (protocol.Accepted, seal.RequestID) {
	t.Helper()
	c := b.newCommand(t, op, anchor(t, p), secrets...)
	var a protocol.Accepted
	b.handle(t, op, c.envelope(t), &a)
	return a, c.header.Request
}

func hopNames(r protocol.Result) []string {
	names := make([]string, 0, len(r.Hops))
	for _, h := range r.Hops {
		names = append(names, h.Name)
	}
	return names
}

func TestChange(t *testing.T) {
	dc := dctest.Start(t)
	b := newBench(t, dc)
	p := dc.NewPerson(t)
	next := lab.RandomPassword()
	a, id := b.carry(t, protocol.Change, p, p.Password, next)
	if !a.Accepted {
		t.Fatalf("refused: %s", a.Reason)
	}
	r := b.result(t, id)
	wantOutcome(t, r, protocol.Changed, protocol.ReasonNone)
	if r.Event != int(event.ChangeSuccess) || r.Operation != protocol.Change || r.MustChange != "" {
		t.Errorf("result %+v", r)
	}
	if got := hopNames(r); !slices.Equal(got, []string{"accepted", "read", "opened", "written"}) {
		t.Errorf("hops %v", got)
	}
	if err := dc.Bind(p.UPN, next); err != nil {
		t.Errorf("sign in with the new password: %v", err)
	}
	b.wantNoSecret(t, p.Password, next, dc.ServiceAccount().Password)
}

func TestChangeWrongPassword(t *testing.T) {
	dc := dctest.Start(t)
	b := newBench(t, dc)
	p := dc.NewPerson(t)
	before := b.account(t, p)
	wrong, next := lab.RandomPassword(), lab.RandomPassword()
	_, id := b.carry(t, protocol.Change, p, wrong, next)
	r := b.result(t, id)
	wantOutcome(t, r, protocol.Refused, protocol.ReasonWrongPassword)
	if r.Event != int(event.WrongPassword) {
		t.Errorf("event %d", r.Event)
	}
	if got := dc.Attr(t, p.DN, "badPwdCount"); !slices.Equal(got, []string{"1"}) {
		t.Errorf("it counted %v times", got)
	}
	b.wantUntouched(t, p, before)
	b.wantNoSecret(t, wrong, next, p.Password)
}

// A protected account is never reset, by whoever, but its owner may change its password.
func TestProtectedAccounts(t *testing.T) {
	dc := dctest.Start(t)
	b := newBench(t, dc)
	p := dc.NewPerson(t)
	dc.SetAdminCount(t, p)
	// AdminSDHolder on Windows has this one; Samba's has not.
	dc.Grant(t, p.DN, "(OA;;CR;ab721a53-1e2f-11d0-9819-00aa0040529b;;WD)")
	before := b.account(t, p)
	for _, op := range []protocol.Operation{protocol.Reset, protocol.AdminReset} {
		_, id := b.carry(t, op, p, lab.RandomPassword())
		wantOutcome(t, b.result(t, id), protocol.Refused, protocol.ReasonProtected)
	}
	_, id := b.carry(t, protocol.Unlock, p)
	wantOutcome(t, b.result(t, id), protocol.Refused, protocol.ReasonProtected)
	b.wantUntouched(t, p, before)
	_, id = b.carry(t, protocol.Change, p, p.Password, lab.RandomPassword())
	wantOutcome(t, b.result(t, id), protocol.Changed, protocol.ReasonNone)
}

func TestAdminReset(t *testing.T) {
	dc := dctest.Start(t)
	b := newBench(t, dc)
	for _, tt := range []struct {
		name    string
		prepare func(*testing.T, lab.Person)
		want    protocol.MustChange
		event   string
		bind    string // what a sign-in says
	}{
		{"set", nil, protocol.MustChangeSet, "", "773"},
		{"never expires", func(t *testing.T, p lab.Person) { dc.Set(t, p.DN, "userAccountControl", "66048") }, protocol.MustChangeNeverExpires, "event=31035", ""},
		{"may not change", func(t *testing.T, p lab.Person) {
			dc.Grant(t, p.DN, "(OD;;CR;ab721a53-1e2f-11d0-9819-00aa0040529b;;WD)(OD;;CR;ab721a53-1e2f-11d0-9819-00aa0040529b;;PS)")
		}, protocol.MustChangeCannot, "event=31035", ""},
		{"no right", func(t *testing.T, p lab.Person) {
			dc.Grant(t, p.DN, "(OD;;WP;bf967a0a-0de6-11d0-a285-00aa003049e2;;$S)")
		}, protocol.MustChangeRefused, "event=31036", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := dc.NewPerson(t)
			if tt.prepare != nil {
				tt.prepare(t, p)
			}
			next := lab.RandomPassword()
			_, id := b.carry(t, protocol.AdminReset, p, next)
			r := b.result(t, id)
			wantOutcome(t, r, protocol.Changed, protocol.ReasonNone)
			if r.MustChange != tt.want || r.Event != int(event.AdminResetSuccess) || (r.Detail != "") != (tt.want == protocol.MustChangeRefused) {
				t.Errorf("result %+v", r)
			}
			if got := hopNames(r); got[len(got)-1] != "must change" {
				t.Errorf("hops %v", got)
			}
			if err := dc.Bind(p.UPN, next); dctest.BindCode(err) != tt.bind {
				t.Errorf("a sign-in with the new password says %v, want %q", err, tt.bind)
			}
			if a := b.account(t, p); a.MustChange != (tt.want == protocol.MustChangeSet) {
				t.Errorf("must change: %v", a.MustChange)
			}
			b.wantLogged(t, id, tt.event)
			b.wantNoSecret(t, next, p.Password)
		})
	}
}

// The acceptance says what the controller held before, whatever comes of the request.
func TestMark(t *testing.T) {
	dc := dctest.Start(t)
	b := newBench(t, dc)
	p := dc.NewPerson(t)
	before := b.account(t, p)
	a, id := b.reset(t, p, lab.RandomPassword())
	m := a.Mark
	if m == nil || m.DC != before.DC.Host || m.Invocation != before.DC.Invocation.Hex() || m.Version != before.Password.Number ||
		m.PasswordSet != protocol.MilliOf(before.PasswordSet) || m.Locked || m.At == 0 {
		t.Fatalf("mark %+v of %+v", m, before)
	}
	wantOutcome(t, b.result(t, id), protocol.Changed, protocol.ReasonNone)

	if a, _ := b.carry(t, protocol.Reset, lab.Person{GUID: directory.GUID{1}.String()}, lab.RandomPassword()); !a.Accepted || a.Mark != nil {
		t.Errorf("nobody has a mark: %+v", a)
	}
}
