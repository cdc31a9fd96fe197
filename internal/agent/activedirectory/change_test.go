package activedirectory

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

func change(t *testing.T, d *Directory, p lab.Person, current, next string) error {
	t.Helper()
	return d.Change(t.Context(), account(t, d, p), []byte(current), []byte(next))
}

func badPasswords(t *testing.T, dc *dctest.DC, p lab.Person) int {
	t.Helper()
	n, err := strconv.Atoi(strings.Join(dc.Attr(t, p.DN, "badPwdCount"), ""))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestChangeOrdinary(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	p := dc.NewPerson(t)
	before, next := account(t, d, p), lab.RandomPassword()
	if err := d.Change(t.Context(), before, []byte(p.Password), []byte(next)); err != nil {
		t.Fatal(err)
	}
	wantBind(t, dc, p, next, "")
	wantBind(t, dc, p, p.Password, "52e")
	after := account(t, d, p)
	if after.Password.Number != before.Password.Number+1 || after.Lockout != before.Lockout {
		t.Errorf("password %+v to %+v, lockout %+v to %+v", before.Password, after.Password, before.Lockout, after.Lockout)
	}
}

// The person's own sign-in makes the write: the controller's audit names the person, not the agent.
func TestChangeIsMadeByThePerson(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	for _, tt := range []struct {
		name   string
		make   func(*testing.T, lab.Person)
		person bool
	}{
		{name: "ordinary", make: func(*testing.T, lab.Person) {}, person: true},
		{name: "must change", make: func(t *testing.T, p lab.Person) { dc.MustChange(t, p) }},
		{name: "expired", make: func(t *testing.T, p lab.Person) {
			if err := dc.DatePassword(t.Context(), p.DN, time.Now().AddDate(-1, 0, 0)); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "not at this hour", make: func(t *testing.T, p lab.Person) { dc.Set(t, p.DN, "logonHours", strings.Repeat("\x00", 21)) }},
		{name: "not from this machine", make: func(t *testing.T, p lab.Person) { dc.Set(t, p.DN, "userWorkstations", "elsewhere") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := dc.NewPerson(t)
			tt.make(t, p)
			next := lab.RandomPassword()
			if err := change(t, d, p, p.Password, next); err != nil {
				t.Fatal(err)
			}
			if err := dc.Kinit(p.UPN, next); err != nil && tt.name != "not at this hour" {
				t.Errorf("kinit: %v", err)
			}
			if n := badPasswords(t, dc, p); n != 0 {
				t.Errorf("%d wrong passwords counted", n)
			}
			sid := account(t, d, p).SID.String()
			line := lastAudit(t, dc, p, "Change")
			if strings.Contains(line, `"userSid": "`+sid+`"`) != tt.person {
				t.Errorf("made by the person %v, want %v: %s", !tt.person, tt.person, line)
			}
		})
	}
}

func TestWrongCurrentPasswordCountsOnce(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	for name, make := range map[string]func(*testing.T, lab.Person){
		"ordinary":    func(*testing.T, lab.Person) {},
		"must change": func(t *testing.T, p lab.Person) { dc.MustChange(t, p) },
		"expired": func(t *testing.T, p lab.Person) {
			if err := dc.DatePassword(t.Context(), p.DN, time.Now().AddDate(-1, 0, 0)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := dc.NewPerson(t)
			make(t, p)
			for want := 1; want <= 2; want++ {
				e := wantReason(t, change(t, d, p, "wrong-"+lab.RandomPassword(), lab.RandomPassword()), protocol.ReasonWrongPassword)
				if e.Sent {
					t.Error("counts as sent without an answer")
				}
				if n := badPasswords(t, dc, p); n != want {
					t.Fatalf("%d wrong passwords counted, want %d", n, want)
				}
			}
		})
	}
}

// lastAudit is the controller's own record of the last password change or reset of p.
func lastAudit(t *testing.T, dc *dctest.DC, p lab.Person, action string) string {
	t.Helper()
	var last string
	dctest.Eventually(t, soon, func() error {
		for _, line := range audited(t, dc, p, action) {
			last = line
		}
		if last == "" {
			return errors.New("no " + action + " of " + p.SAM + " in the controller's log")
		}
		return nil
	})
	return last
}
