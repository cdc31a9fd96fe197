package contract

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
	"homeward/internal/lab"
	"homeward/test/dctest"
)

const day = 24 * time.Hour

// subject is the account of one row.
type subject struct {
	lab.Person
	past  []string // earlier passwords, the oldest first
	known bool     // its password can be tried
}

// kind is a state an account is in.
type kind struct {
	name string // in the words of the page
	how  []dctest.PersonOption
	past int           // earlier passwords
	age  time.Duration // of the password; zero: 40 days
	// prepare makes the state, after the password was dated.
	prepare func(*testing.T, *world, *subject)
	// find gives an account that nobody has to make.
	find func(*testing.T, *world) lab.Person
	// opens is what opens the account before the row, when it is not simply the old password.
	opens string
}

func (k kind) opening(what string) kind {
	k.opens = what
	return k
}

// now is the age of a password that was set this moment.
const now = time.Nanosecond

// userAccountControl bits, [MS-ADTS] 2.2.16.
const (
	uacDisabled      = 0x2
	uacNotRequired   = 0x20
	uacReversible    = 0x80
	uacNormal        = 0x200
	uacNeverExpires  = 0x10000
	uacSmartcard     = 0x40000
	uacNotDelegated  = 0x100000
	uacNoPreauth     = 0x400000
	pastFiletime     = "132539328000000000" // 2021-01-01
	distantFiletime  = "158933952000000000" // 2104-08-22
	hoursNever       = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	longAgo          = 400 * day
	beyondMaximumAge = 120 * day
)

func ordinary() kind {
	return kind{name: "ordinary", prepare: func(t *testing.T, w *world, s *subject) {
		if err := w.dc.Bind(s.UPN, s.Password); err != nil {
			t.Fatalf("sign in before the row: %v", err)
		}
	}}
}

// plain is a kind that only needs options of NewPerson.
func plain(name string, how ...dctest.PersonOption) kind { return kind{name: name, how: how} }

func neverLoggedOn() kind { return plain("never logged on") }

func aged(name string, age time.Duration, how ...dctest.PersonOption) kind {
	return kind{name: name, age: age, how: how}
}

// and adds a preparation to a kind.
func (k kind) and(name string, prepare func(*testing.T, *world, *subject)) kind {
	before := k.prepare
	k.name = strings.TrimPrefix(k.name+", "+name, "never logged on, ")
	k.prepare = func(t *testing.T, w *world, s *subject) {
		if before != nil {
			before(t, w, s)
		}
		prepare(t, w, s)
	}
	return k
}

func mustChange(k kind) kind {
	return k.and("must change", func(t *testing.T, w *world, s *subject) { w.dc.MustChange(t, s.Person) }).opening("old (773)")
}

func locked(k kind) kind {
	return k.and("locked", func(t *testing.T, w *world, s *subject) { tryWrong(t, w, s, 3) })
}

// wrongTries is somebody who has mistyped the password that often lately.
func wrongTries(n int) kind { return tries(neverLoggedOn(), n) }

func tries(k kind, n int) kind {
	return k.and(strconv.Itoa(n)+" wrong passwords lately", func(t *testing.T, w *world, s *subject) { tryWrong(t, w, s, n) })
}

func tryWrong(t *testing.T, w *world, s *subject, n int) {
	t.Helper()
	for range n {
		if err := w.dc.Bind(s.UPN, lab.RandomPassword()); !ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials) {
			t.Fatalf("sign in with a wrong password: %v", err)
		}
	}
}

func set(k kind, name, attribute string, values ...string) kind {
	return k.and(name, func(t *testing.T, w *world, s *subject) { w.dc.Set(t, s.DN, attribute, values...) })
}

func control(k kind, name string, bits int) kind {
	return set(k, name, "userAccountControl", strconv.Itoa(uacNormal|bits))
}

func disabled(k kind) kind       { return control(k, "disabled", uacDisabled) }
func accountExpired(k kind) kind { return set(k, "account expired", "accountExpires", pastFiletime) }

// passwordExpired is past the maximum age.
func passwordExpired() kind {
	return aged("password expired", beyondMaximumAge).opening("old (532)")
}

// smartcard makes Samba and Windows replace the password by a random one ([MS-SAMR] 3.1.1.8.10).
func smartcard() kind {
	return control(neverLoggedOn(), "smartcard required", uacSmartcard).opening("neither")
}

func noHours() kind {
	return set(neverLoggedOn(), "no logon hours", "logonHours", hoursNever).opening("old (530)")
}

func oneWorkstation() kind {
	return set(neverLoggedOn(), "one workstation only", "userWorkstations", "pc1").opening("old (531)")
}

func cannotChange(k kind) kind {
	return k.and("cannot change password", func(t *testing.T, w *world, s *subject) { w.dc.DenyChange(t, s.Person) })
}

func resetDenied(k kind) kind {
	return k.and("reset denied on the account", func(t *testing.T, w *world, s *subject) { w.dc.DenyReset(t, s.Person) })
}

func inheritanceCut(k kind) kind {
	return k.and("inheritance off", func(t *testing.T, w *world, s *subject) { w.dc.CutInheritance(t, s.Person) })
}

func protected(k kind) kind {
	return k.and("protected", func(t *testing.T, w *world, s *subject) { w.dc.SetAdminCount(t, s.Person) })
}

// windowsProtected is a protected account as Windows makes it: who knows the password may change it.
func windowsProtected(k kind) kind {
	return protected(k).and("as Windows does it", func(t *testing.T, w *world, s *subject) { w.dc.AllowChange(t, s.Person) })
}

// onceProtected has left the group; adminCount stays, and so does its meaning.
func onceProtected(k kind) kind { return set(k, "adminCount left over", "adminCount", "1") }

func pso(k kind, name string, p dctest.Policy) kind {
	return k.and("PSO: "+name, func(t *testing.T, w *world, s *subject) { w.dc.ApplyPSO(t, s.Person, p) })
}

func deleted() kind {
	return neverLoggedOn().and("deleted", func(t *testing.T, w *world, s *subject) {
		if err := w.dc.Admin(t).Del(ldap.NewDelRequest(s.DN, nil)); err != nil {
			t.Fatal(err)
		}
		s.known = false
	})
}

// moved was renamed and moved to another OU after the server learnt of it.
func moved(to string) kind {
	return neverLoggedOn().and("renamed and moved since", func(t *testing.T, w *world, s *subject) {
		name := "CN=Moved " + s.SAM
		if err := w.dc.Admin(t).ModifyDN(ldap.NewModifyDNRequest(s.DN, name, true, w.units[to])); err != nil {
			t.Fatal(err)
		}
		s.DN = name + "," + w.units[to]
		w.dc.Set(t, s.DN, "displayName", "Moved")
	})
}

// found is an account that is there without anybody making it.
func found(name string, who func(*testing.T, *world) lab.Person) kind {
	return kind{name: name, find: who}
}

func byDN(name, relative string) kind {
	return found(name, func(t *testing.T, w *world) lab.Person {
		dn := relative + "," + w.dc.BaseDN()
		raw := w.dc.Attr(t, dn, "objectGUID")
		g, err := directory.GUIDFromBytes([]byte(raw[0]))
		if err != nil {
			t.Fatal(err)
		}
		return lab.Person{DN: dn, GUID: g.String()}
	})
}

func nobody() kind {
	return found("unknown GUID", func(*testing.T, *world) lab.Person {
		return lab.Person{GUID: "01234567-89ab-cdef-0123-456789abcdef"}
	})
}

// made is an object of another class.
func made(name, class string, more map[string][]string) kind {
	return found(name, func(t *testing.T, w *world) lab.Person {
		dn := "CN=" + class + " of the contract," + w.units[full]
		req := ldap.NewAddRequest(dn, nil)
		req.Attribute("objectClass", []string{class})
		for k, v := range more {
			req.Attribute(k, v)
		}
		if err := w.dc.Admin(t).Add(req); err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultEntryAlreadyExists) {
			t.Fatal(err)
		}
		g, err := directory.GUIDFromBytes([]byte(w.dc.Attr(t, dn, "objectGUID")[0]))
		if err != nil {
			t.Fatal(err)
		}
		return lab.Person{DN: dn, GUID: g.String()}
	})
}

// people makes the accounts of all rows, and dates their passwords at once.
func (w *world) people(t *testing.T, rows []row) []*subject {
	t.Helper()
	all := make([]*subject, len(rows))
	dates := map[string]time.Time{}
	for i, r := range rows {
		if r.who.find != nil {
			all[i] = &subject{Person: r.who.find(t, w)}
			continue
		}
		how := append([]dctest.PersonOption{dctest.PasswordSetNow(), dctest.In(w.units[r.rights])}, r.who.how...)
		s := &subject{Person: w.dc.NewPerson(t, how...), known: true}
		for range r.who.past {
			s.past = append(s.past, s.Password)
			s.Password = lab.RandomPassword()
			w.dc.SetPassword(t, s.Person, s.Password)
		}
		age := r.who.age
		if age == 0 {
			age = 40 * day
		}
		if age != now {
			dates[s.DN] = time.Now().Add(-age)
		}
		all[i] = s
	}
	if len(dates) > 0 {
		w.dc.DatePasswords(t, dates)
	}
	return all
}

func byService() kind {
	return found("the agent's own account", func(t *testing.T, w *world) lab.Person {
		svc := w.dc.ServiceAccount()
		g, err := directory.GUIDFromBytes([]byte(w.dc.Attr(t, svc.DN, "objectGUID")[0]))
		if err != nil {
			t.Fatal(err)
		}
		return lab.Person{DN: svc.DN, GUID: g.String(), UPN: svc.UPN, SAM: svc.SAM, Password: svc.Password}
	})
}
