package activedirectory

import (
	"strings"
	"testing"
	"time"

	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

func TestMustChange(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	const neverExpires = "66048" // NORMAL_ACCOUNT | DONT_EXPIRE_PASSWD
	for _, tt := range []struct {
		name   string
		make   func(*testing.T, lab.Person)
		want   protocol.MustChange
		reason protocol.Reason
		bind   string
	}{
		{name: "ordinary", make: func(*testing.T, lab.Person) {}, want: protocol.MustChangeSet, bind: "773"},
		{
			name: "password never expires", want: protocol.MustChangeNeverExpires,
			make: func(t *testing.T, p lab.Person) { dc.Set(t, p.DN, "userAccountControl", neverExpires) },
		},
		{
			name: "cannot change", want: protocol.MustChangeCannot,
			make: func(t *testing.T, p lab.Person) { dc.Grant(t, p.DN, denyChange) },
		},
		{
			name: "no right", want: protocol.MustChangeRefused, reason: protocol.ReasonRights,
			make: func(t *testing.T, p lab.Person) {
				dc.Grant(t, p.DN, "(OD;;WP;bf967a0a-0de6-11d0-a285-00aa003049e2;;$S)")
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := dc.NewPerson(t)
			tt.make(t, p)
			a, next := account(t, d, p), lab.RandomPassword()
			if err := d.Reset(t.Context(), a, []byte(next)); err != nil {
				t.Fatal(err)
			}
			got, err := d.MustChange(t.Context(), a)
			if got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
			e := wantReason(t, err, tt.reason)
			if e != nil && (e.Sent || !strings.Contains(e.Detail, "Write pwdLastSet")) {
				t.Errorf("sent %v, detail %q", e.Sent, e.Detail)
			}
			wantBind(t, dc, p, next, tt.bind) // the password is the new one in each case
		})
	}
}

// The password is as young as can be, and still the person may change it at once.
func TestMustChangeLiftsTheMinimumAge(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	p := dc.NewPerson(t)
	a, given := account(t, d, p), lab.RandomPassword()
	if err := d.Reset(t.Context(), a, []byte(given)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.MustChange(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	a = account(t, d, p)
	policy, err := d.Policy(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	if policy.MinAge == 0 || !a.MustChange || !a.Changeable(policy).IsZero() {
		t.Errorf("minimum age %v, must change %v, changeable at %v", policy.MinAge, a.MustChange, a.Changeable(policy))
	}
	next := lab.RandomPassword()
	if err := d.Change(t.Context(), a, []byte(given), []byte(next)); err != nil {
		t.Fatal(err)
	}
	wantBind(t, dc, p, next, "")
}

func TestMustChangeWithoutAnAnswer(t *testing.T) {
	dc := dctest.Private(t, lab.Options{})
	c := configFor(t, dc)
	c.WriteTimeout = 300 * time.Millisecond
	d := open(t, c)
	p := dc.NewPerson(t)
	a := account(t, d, p)
	if err := d.Unlock(t.Context(), a); err != nil { // so that a connection is there
		t.Fatal(err)
	}
	if err := dc.Pause(); err != nil {
		t.Fatal(err)
	}
	got, err := d.MustChange(t.Context(), a)
	if e := wantReason(t, err, protocol.ReasonTimeout); got != protocol.MustChangeUnknown || !e.Sent {
		t.Errorf("%s, sent %v", got, e.Sent)
	}
	// A change that cannot even sign in was not sent.
	d.config.DialTimeout = time.Second
	next := lab.RandomPassword()
	err = d.change(t.Context(), a, []byte(p.Password), []byte(next))
	if e := wantReason(t, err, protocol.ReasonDirectoryDown); e.Sent {
		t.Error("counts as sent")
	}
	wantNoSecret(t, err, p.Password, next)
	if err := dc.Resume(); err != nil {
		t.Fatal(err)
	}
	dctest.Eventually(t, soon, func() error { _, err := open(t, configFor(t, dc)).Check(t.Context()); return err })
}

// A reset and its unlock are one modify: without one of the two rights nothing happens, and the right is named.
func TestMissingRightIsNamedAndNothingHappens(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	for _, tt := range []struct{ name, deny, missing string }{
		{"unlock", "(OD;;WP;" + lockoutTimeGUID + ";;$S)", "Write lockoutTime"},
		{"reset", "(OD;;CR;" + resetPasswordRight + ";;$S)", "Reset Password"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := dc.NewPerson(t)
			dc.Grant(t, p.DN, tt.deny)
			dc.Lock(t, p)
			before := account(t, d, p)
			err := d.Reset(t.Context(), before, []byte(lab.RandomPassword()))
			if e := wantReason(t, err, protocol.ReasonRights); !strings.Contains(e.Detail, tt.missing) || !strings.Contains(e.Error(), tt.missing) {
				t.Errorf("%v, detail %q: want %s named", e, e.Detail, tt.missing)
			}
			wantUntouched(t, d, p, before)
			if !account(t, d, p).Locked() {
				t.Error("half of it happened")
			}
		})
	}
}

func TestExpiredAccountIsRefusedBeforeSending(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	p := dc.NewPerson(t)
	expireAccount(t, dc, p)
	a := account(t, d, p)
	e := wantReason(t, d.Reset(t.Context(), a, []byte(lab.RandomPassword())), protocol.ReasonAccountExpired)
	if e.Detail != "" {
		t.Errorf("it was sent: %q", e.Detail)
	}
	wantReason(t, d.Unlock(t.Context(), a), protocol.ReasonAccountExpired)
	wantUntouched(t, d, p, a)
}
