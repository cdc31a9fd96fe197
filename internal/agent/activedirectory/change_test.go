package activedirectory

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/agent/activedirectory/kerberos"
	"homeward/internal/directory"
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

func TestChangesThatAreRefused(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	own := func(p lab.Person) string { return p.Password }
	fixed := func(s string) func(lab.Person) string { return func(lab.Person) string { return s } }
	fresh := func(lab.Person) string { return lab.RandomPassword() }
	for _, tt := range []struct {
		name          string
		person        []dctest.PersonOption
		before, after func(*testing.T, lab.Person) // the account is read
		current, next func(lab.Person) string
		reason        protocol.Reason
		unsent        bool
	}{
		{name: "the same again", current: own, next: own, reason: protocol.ReasonUsedBefore, unsent: true},
		{name: "too short", current: own, next: fixed("aB3-xyz"), reason: protocol.ReasonTooShort, unsent: true},
		{name: "too simple", current: own, next: fixed("correcthorsebattery"), reason: protocol.ReasonTooSimple, unsent: true},
		{
			name: "own name", person: []dctest.PersonOption{dctest.Named("Ingrid Solheim")}, current: own,
			next: fixed("xx-SOLHEIM-2024"), reason: protocol.ReasonContainsName, unsent: true,
		},
		{name: "too young", person: []dctest.PersonOption{dctest.PasswordSetNow()}, current: own, next: fresh, reason: protocol.ReasonTooYoung, unsent: true},
		{name: "no current password", current: fixed(""), next: fresh, reason: protocol.ReasonWrongPassword, unsent: true},
		{name: "current password over 256", current: fixed(strings.Repeat("x", 257)), next: fresh, reason: protocol.ReasonWrongPassword, unsent: true},
		{name: "current password not UTF-8", current: fixed("abc\xff"), next: fresh, reason: protocol.ReasonMalformed, unsent: true},
		{
			name: "locked", current: own, next: fresh, reason: protocol.ReasonLocked, unsent: true,
			before: func(t *testing.T, p lab.Person) { dc.Lock(t, p) },
		},
		{
			name: "locked a moment ago", current: own, next: fresh, reason: protocol.ReasonLocked, unsent: true,
			after: func(t *testing.T, p lab.Person) { dc.Lock(t, p) },
		},
		{
			name: "disabled", current: own, next: fresh, reason: protocol.ReasonDisabled, unsent: true,
			before: func(t *testing.T, p lab.Person) { dc.Disable(t, p) },
		},
		{
			name: "account expired", current: own, next: fresh, reason: protocol.ReasonAccountExpired, unsent: true,
			before: func(t *testing.T, p lab.Person) { expireAccount(t, dc, p) },
		},
		{
			name: "cannot change", current: own, next: fresh, reason: protocol.ReasonCannotChange, unsent: true,
			before: func(t *testing.T, p lab.Person) { dc.Grant(t, p.DN, denyChange) },
		},
		{
			name: "cannot change since a moment ago", current: own, next: fresh, reason: protocol.ReasonCannotChange,
			after: func(t *testing.T, p lab.Person) {
				dc.ApplyPSO(t, p, dctest.Policy{}) // no lockout: nothing is read again before sending
				dc.Grant(t, p.DN, denyChange)
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := dc.NewPerson(t, tt.person...)
			if tt.before != nil {
				tt.before(t, p)
			}
			before := account(t, d, p)
			if tt.after != nil {
				tt.after(t, p)
				before.PSO = account(t, d, p).PSO
			}
			counted := badPasswords(t, dc, p)
			current, next := tt.current(p), tt.next(p)
			err := d.Change(t.Context(), before, []byte(current), []byte(next))
			e := wantReason(t, err, tt.reason)
			if e.Sent || (e.Detail == "") != tt.unsent {
				t.Errorf("sent %v, detail %q, want it refused before sending: %v", e.Sent, e.Detail, tt.unsent)
			}
			wantNoSecret(t, err, current, next, p.Password)
			if n := badPasswords(t, dc, p); n != counted {
				t.Errorf("%d wrong passwords counted, before %d", n, counted)
			}
			if after := account(t, d, p); after.Password != before.Password {
				t.Errorf("the password was written: before %+v, after %+v", before.Password, after.Password)
			}
		})
	}
}

// "User cannot change password" as Active Directory Users and Computers writes it.
const denyChange = "(OD;;CR;" + changePasswordRight + ";;WD)(OD;;CR;" + changePasswordRight + ";;PS)"

func expireAccount(t *testing.T, dc *dctest.DC, p lab.Person) {
	t.Helper()
	dc.Set(t, p.DN, "accountExpires", "132539328000000000") // 2021
}

// What the sign-in alone can tell: the account was read before.
func TestSignInTellsWhatChangedSince(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	for _, tt := range []struct {
		name   string
		make   func(*testing.T, lab.Person)
		reason protocol.Reason
	}{
		{"disabled", func(t *testing.T, p lab.Person) { dc.Disable(t, p) }, protocol.ReasonDisabled},
		{"account expired", func(t *testing.T, p lab.Person) { expireAccount(t, dc, p) }, protocol.ReasonAccountExpired},
		{"locked", func(t *testing.T, p lab.Person) { dc.Lock(t, p) }, protocol.ReasonLocked},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := dc.NewPerson(t)
			a, next := account(t, d, p), lab.RandomPassword()
			tt.make(t, p)
			err := d.change(t.Context(), a, []byte(p.Password), []byte(next))
			if e := wantReason(t, err, tt.reason); e.Sent || !strings.Contains(e.Detail, "data ") {
				t.Errorf("sent %v, detail %q", e.Sent, e.Detail)
			}
			wantNoSecret(t, err, p.Password, next)
			if after := account(t, d, p); after.Password != a.Password {
				t.Error("the password was written")
			}
		})
	}
}

// The controller says the same as the tests before sending.
func TestControllerRefusesAChangeAlike(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	for _, tt := range []struct {
		name   string
		person []dctest.PersonOption
		next   func(lab.Person) string
		reason protocol.Reason
	}{
		{"the same again", nil, func(p lab.Person) string { return p.Password }, protocol.ReasonUsedBefore},
		{"too short", nil, func(lab.Person) string { return "aB3-xyz" }, protocol.ReasonTooShort},
		{"too simple", nil, func(lab.Person) string { return "correcthorsebattery" }, protocol.ReasonTooSimple},
		{"too young", []dctest.PersonOption{dctest.PasswordSetNow()}, func(lab.Person) string { return lab.RandomPassword() }, protocol.ReasonTooYoung},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := dc.NewPerson(t, tt.person...)
			a, next := account(t, d, p), tt.next(p)
			err := d.change(t.Context(), a, []byte(p.Password), []byte(next))
			if e := wantReason(t, err, tt.reason); !strings.HasPrefix(e.Detail, "0000052D") {
				t.Errorf("detail %q", e.Detail)
			}
			wantNoSecret(t, err, p.Password, next)
			if n := badPasswords(t, dc, p); n != 0 {
				t.Errorf("%d wrong passwords counted", n)
			}
			wantUntouched(t, d, p, a)
		})
	}
}

// Whoever is protected from resets may still change the password they know. Windows' AdminSDHolder lets them;
// Samba's has no ACE for it, so that its protected people are told by the controller that they cannot.
func TestProtectedPeopleChangeTheirPassword(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	p := dc.NewPerson(t)
	dc.SetAdminCount(t, p)
	a, next := account(t, d, p), lab.RandomPassword()
	wantReason(t, d.Reset(t.Context(), a, []byte(next)), protocol.ReasonProtected)
	wantReason(t, d.Unlock(t.Context(), a), protocol.ReasonProtected)
	wantReason(t, d.Change(t.Context(), a, []byte(p.Password), []byte(next)), protocol.ReasonCannotChange)
	if got, err := d.MustChange(t.Context(), a); got != protocol.MustChangeCannot || err != nil {
		t.Errorf("must change: %s, %v", got, err)
	}
	dc.Grant(t, p.DN, strings.ReplaceAll(denyChange, "OD", "OA"))
	wantReason(t, d.Change(t.Context(), a, []byte("wrong"), []byte(next)), protocol.ReasonWrongPassword)
	if err := change(t, d, p, p.Password, next); err != nil {
		t.Fatal(err)
	}
	wantBind(t, dc, p, next, "")
}

func TestChangeOfSystemAccountsIsRefused(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	for _, dn := range []string{dc.ServiceAccount().DN, "CN=krbtgt,CN=Users," + dc.BaseDN()} {
		guid, err := directory.GUIDFromBytes([]byte(dc.Attr(t, dn, "objectGUID")[0]))
		if err != nil {
			t.Fatal(err)
		}
		a, err := d.Account(t.Context(), guid)
		if err != nil {
			t.Fatal(err)
		}
		err = d.Change(t.Context(), a, []byte(dc.ServiceAccount().Password), []byte(lab.RandomPassword()))
		wantReason(t, err, protocol.ReasonProtected)
	}
}

func TestChangeOnEveryChannel(t *testing.T) {
	dc := dctest.Start(t)
	for name, config := range modes(t, dc) {
		t.Run(name, func(t *testing.T) {
			d := open(t, config)
			p := dc.NewPerson(t)
			wantReason(t, change(t, d, p, "wrong-"+lab.RandomPassword(), lab.RandomPassword()), protocol.ReasonWrongPassword)
			if n := badPasswords(t, dc, p); n != 1 {
				t.Errorf("%d wrong passwords counted, want 1", n)
			}
			next := lab.RandomPassword()
			if err := change(t, d, p, p.Password, next); err != nil {
				t.Fatal(err)
			}
			sid := account(t, d, p).SID.String()
			if line := lastAudit(t, dc, p, "Change"); !strings.Contains(line, `"userSid": "`+sid+`"`) {
				t.Errorf("not made by the person: %s", line)
			}
			dc.MustChange(t, p)
			wantReason(t, change(t, d, p, "wrong-"+lab.RandomPassword(), lab.RandomPassword()), protocol.ReasonWrongPassword)
			if n := badPasswords(t, dc, p); n != 1 {
				t.Errorf("%d wrong passwords counted while it must be changed, want 1", n)
			}
			last := lab.RandomPassword()
			if err := change(t, d, p, next, last); err != nil {
				t.Fatal(err)
			}
			wantBind(t, dc, p, last, "")
		})
	}
}

// Names are written in LDAP's own way where a person is named by DN.
func TestChangeOfPeopleWithReservedCharacters(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	for _, name := range []string{`Okafor, "A" + <B>; \ (*)`, " #Ærø Ünal", "嶋田/あゆみ"} {
		t.Run(name, func(t *testing.T) {
			p := dc.NewPerson(t, dctest.Named(name+" "+lab.RandomPassword()[:4]))
			without := ldap.NewModifyRequest(p.DN, nil) // nor has everybody a userPrincipalName
			without.Delete("userPrincipalName", nil)
			if err := dc.Admin(t).Modify(without); err != nil {
				t.Fatal(err)
			}
			wantReason(t, change(t, d, p, "wrong", lab.RandomPassword()), protocol.ReasonWrongPassword)
			next := lab.RandomPassword()
			if err := change(t, d, p, p.Password, next); err != nil {
				t.Fatal(err)
			}
			if err := change(t, d, p, next, next); ReasonOf(err) != protocol.ReasonUsedBefore && ReasonOf(err) != protocol.ReasonTooYoung {
				t.Errorf("the account does not have the new password: %v", err)
			}
		})
	}
}

// A controller that takes longer than is waited for may write all the same: nothing is claimed, and it is not sent
// again.
func TestChangeWithoutAnAnswerInTime(t *testing.T) {
	script := filepath.Join(t.TempDir(), "filter")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nread -r password\ncase \"$password\" in *Slow*) sleep 2;; esac\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	dc := dctest.Private(t, lab.Options{PasswordFilter: script})
	c := configFor(t, dc)
	c.WriteTimeout = 300 * time.Millisecond
	d := open(t, c)
	for name, prepare := range map[string]func(lab.Person){
		"as the person":               func(lab.Person) {},
		"over the agent's connection": func(p lab.Person) { dc.MustChange(t, p) },
	} {
		t.Run(name, func(t *testing.T) {
			p := dc.NewPerson(t)
			prepare(p)
			before, next := account(t, d, p), "Slow-"+lab.RandomPassword()
			err := d.Change(t.Context(), before, []byte(p.Password), []byte(next))
			if e := wantReason(t, err, protocol.ReasonTimeout); !e.Sent {
				t.Error("a write without an answer does not count as sent")
			}
			wantNoSecret(t, err, p.Password, next)
			// Signing in to find out would count, and lock the account, while it's not there yet.
			dctest.Eventually(t, replicated, func() error {
				if after, err := d.Account(t.Context(), before.GUID); err != nil || after.Password == before.Password {
					return fmt.Errorf("not there yet: %w", err)
				}
				return nil
			})
			wantBind(t, dc, p, next, "")
			if after := account(t, d, p); after.Password.Number != before.Password.Number+1 {
				t.Errorf("written %d times", after.Password.Number-before.Password.Number)
			}
		})
	}
}

// At the address of the controller that was read another one may answer by now: a change goes to the first or nowhere.
func TestChangeNeverGoesToAnotherController(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	p := dc.NewPerson(t)
	a := account(t, d, p)
	elsewhere := a
	elsewhere.DC.service = "CN=NTDS Settings,CN=DC77,CN=Servers"
	next := lab.RandomPassword()
	err := d.change(t.Context(), elsewhere, []byte(p.Password), []byte(next))
	if e := wantReason(t, err, protocol.ReasonDirectoryDown); e.Sent {
		t.Error("counts as sent")
	}
	wantNoSecret(t, err, p.Password, next)
	wantUntouched(t, d, p, a)
}

// An account without AES keys can't sign in with Kerberos, whatever its password: nothing was proven, so nothing counted.
func TestPersonWithoutAESKeysMayStillChange(t *testing.T) {
	d := &Directory{}
	who := identity{person: true}
	for _, refusal := range []error{kerberos.ErrNoAES, &kerberos.Error{Code: kerberos.CodeEtype}} {
		if e, ok := errors.AsType[*Error](d.kerberosError("dc1", who, refusal)); !ok || !passable(e) {
			t.Errorf("%v ends the change", refusal)
		}
	}
	wrong, ok := errors.AsType[*Error](d.kerberosError("dc1", who, &kerberos.Error{Code: kerberos.CodePreauthFailed}))
	if !ok || passable(wrong) || wrong.Reason != protocol.ReasonWrongPassword {
		t.Errorf("a wrong password: %v", wrong)
	}
}
