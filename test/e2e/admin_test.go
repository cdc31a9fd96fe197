package e2e_test

import (
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"homeward/internal/demo"
	"homeward/internal/lab"
	"homeward/test/dctest"
)

// Operators who set a password, or unlock somebody, at the command line.

// onPerson runs a verb about one person against the running server.
func (s *site) onPerson(t *testing.T, stdin, what, name string) (string, error) {
	t.Helper()
	return verb(t, stdin, "people", what, "--config", s.Path("server.yaml"), name)
}

// passwordSet is what the directory says of when the password was set; 0: it must be changed.
func (s *site) passwordSet(t *testing.T, p lab.Person) int64 {
	t.Helper()
	values := s.admin(t).Attr(t, p.DN, "pwdLastSet")
	if len(values) != 1 {
		t.Fatalf("pwdLastSet of %s: %v", p.UPN, values)
	}
	n, err := strconv.ParseInt(values[0], 10, 64)
	must(t, err)
	return n
}

// told waits for a mail to a person that came after a moment.
func (s *site) told(t *testing.T, p lab.Person, since time.Time, sentence string) {
	t.Helper()
	eventually(t, func() error {
		for _, m := range s.Mailbox.Messages() {
			if strings.EqualFold(m.To, p.Mail) && m.At.After(since) && strings.Contains(m.Text, sentence) {
				return nil
			}
		}
		return errors.New("no mail says " + sentence)
	})
}

// An administrator's reset is the reset, then "must change"; the person then changes it in the portal, and signs in.
func TestAdminResetToOwnPassword(t *testing.T) {
	t.Parallel()
	s := shared(t)
	p, set, fresh := s.person(t, lab.KindOrdinary), lab.RandomPassword(), lab.RandomPassword()
	before, since := s.writes(t, p), time.Now()
	out, err := s.onPerson(t, set+"\n", "reset", p.UPN)
	if err != nil || !strings.Contains(out, "The password has been changed in Active Directory. They must choose another at the next sign-in.") {
		t.Fatalf("%v: %s", err, out)
	}
	if n := s.writes(t, p) - before; n != 1 {
		t.Errorf("the password was written %d times", n)
	}
	if n := s.passwordSet(t, p); n != 0 {
		t.Errorf("pwdLastSet is %d: nobody has to change it", n)
	}
	if code := dctest.BindCode(s.admin(t).Bind(p.UPN, set)); code != "773" {
		t.Errorf("signing in with the administrator's password gives %q, not must change", code)
	}
	s.told(t, p, since, "An administrator reset your Contoso password in Active Directory")
	s.told(t, p, since, "The next time you sign in, you choose one of your own.")
	v := s.visitor(t)
	says(t, verified(t, v, p, "change"), "You have to choose a new password")
	shows(t, changeAgain(t, v, set, fresh), "changed")
	s.holds(t, p, fresh, set)
	s.recorded(t, p, "Reset password (by admin)", 31009, 31010)
}

// recorded asserts that the audit record of the last attempt about a person has events of an activity.
func (s *site) recorded(t *testing.T, p lab.Person, activity string, events ...int) {
	t.Helper()
	people, err := s.Store.FindPeople(t.Context(), demo.TenantID, p.UPN)
	must(t, err)
	records, err := s.Store.LastRecords(t.Context(), demo.TenantID, 1000)
	must(t, err)
	found := map[int]bool{}
	for _, r := range records {
		if r.Target == people[0].ID && r.Activity == activity {
			found[r.Event] = true
		}
	}
	for _, e := range events {
		if !found[e] {
			t.Errorf("no record of %s with event %d", activity, e)
		}
	}
}

// "Password never expires" makes must-change void, and the operator hears it.
func TestAdminResetOfAPasswordThatNeverExpires(t *testing.T) {
	t.Parallel()
	s := shared(t)
	p, set := s.person(t, lab.KindOrdinary), lab.RandomPassword()
	before := s.writes(t, p)
	s.admin(t).Set(t, p.DN, "userAccountControl", strconv.Itoa(uacNormal|0x10000)) // ADS_UF_DONT_EXPIRE_PASSWD, [MS-ADTS] 2.2.16
	out, err := s.onPerson(t, set+"\n", "reset", p.UPN)
	if err != nil || !strings.Contains(out, `"password never expires" or "smart card is required" is set`) {
		t.Fatalf("%v: %s", err, out)
	}
	s.changed(t, p, before, set)
	s.recorded(t, p, "Reset password (by admin)", 31010, 31035)
}

// What the directory refuses is said with its reason, and changes nothing; so does a name that nobody has.
func TestAdminResetRefused(t *testing.T) {
	t.Parallel()
	s := shared(t)
	p := s.person(t, lab.KindOrdinary)
	before := s.writes(t, p)
	out, err := s.onPerson(t, p.Password+"\n", "reset", p.UPN)
	if err == nil || !strings.Contains(out, "Nothing has changed: the person has used this password before.") {
		t.Errorf("the present password again: %v: %s", err, out)
	}
	s.unchanged(t, p, before, "")
	if out, err = s.onPerson(t, lab.RandomPassword()+"\n", "reset", "nobody.at.all@contoso.com"); err == nil || !strings.Contains(out, "nobody has this name") {
		t.Errorf("a name of nobody: %v: %s", err, out)
	}
}

func TestAdminUnlock(t *testing.T) {
	t.Parallel()
	s := shared(t)
	p := s.person(t, lab.KindOrdinary)
	s.admin(t).Lock(t, p)
	before, since := s.writes(t, p), time.Now()
	out, err := s.onPerson(t, "", "unlock", p.UPN)
	if err != nil || !strings.Contains(out, "The account is unlocked. The password hasn't changed.") {
		t.Fatalf("%v: %s", err, out)
	}
	s.unchanged(t, p, before, "")
	s.told(t, p, since, "An administrator unlocked your Contoso account")
	s.recorded(t, p, "Unlock user account (by admin)", 31020, 31021)
}

// The administrator's password is sealed at once: it is in no file, no record, no mail, nor on the network.
func TestAdminPasswordIsNowhere(t *testing.T) {
	t.Parallel()
	s := own(t, demo.Options{}, nil)
	p, set := s.person(t, lab.KindOrdinary), "Mark-Er6-ÄÖ"+lab.RandomPassword()
	traffic := record(t)
	v := s.visitor(t)
	out, err := s.onPerson(t, set+"\n", "reset", p.UPN)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	says(t, verified(t, v, p, "change"), "You have to choose a new password")
	flows := traffic.finish(t)
	all := forms(set)
	hunt(t, "the verb's output", []byte(out), all)
	// Not the server's memory: unlike a person's, this password reaches the server itself, through its control socket.
	files(t, filepath.Dir(s.Path("server.log")), func(where string, b []byte) { hunt(t, where, b, all) })
	for flow, b := range flows {
		hunt(t, "traffic "+flow, b, all)
	}
	for _, m := range s.Mailbox.Messages() {
		hunt(t, "a mail to "+m.To, []byte(m.Subject+"\n"+m.Text), all)
	}
	s.scannersWork(t, p, flows)
}
