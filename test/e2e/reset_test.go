package e2e_test

import (
	"html"
	"strings"
	"testing"

	"homeward/internal/demo"
	"homeward/internal/lab"
	"homeward/test/dctest"
)

func TestNewPasswordWorksEverywhereAndOldOneNowhere(t *testing.T) {
	t.Parallel()
	s := shared(t)
	p, fresh := s.person(t, lab.KindOrdinary), lab.RandomPassword()
	before, logged := s.writes(t, p), s.setInLog(t, p)
	shows(t, reset(t, s.visitor(t), p, fresh), "changed")
	s.changed(t, p, before, fresh)
	if n := s.setInLog(t, p) - logged; n != 1 {
		t.Errorf("the DC logged %d resets, not 1", n)
	}
}

// The lockout goes with the password. Samba splits one modify into two neighbouring updates; that it was
// one modify shows in TestResetIsAllOrNothing.
func TestLockoutEndsWithTheReset(t *testing.T) {
	t.Parallel()
	s := shared(t)
	p, fresh := s.person(t, lab.KindOrdinary), lab.RandomPassword()
	dc := s.admin(t)
	dc.Lock(t, p)
	if code := dctest.BindCode(dc.Bind(p.UPN, p.Password)); code != "775" {
		t.Fatalf("the person isn't locked before the reset: code %q", code)
	}
	before := s.metadata(t, p)
	shows(t, reset(t, s.visitor(t), p, fresh), "changed")
	after := s.metadata(t, p)
	if n := after[lockoutTime].Times - before[lockoutTime].Times; n != 1 {
		t.Errorf("lockoutTime was written %d times", n)
	}
	s.changed(t, p, before[unicodePwd].Times, fresh)
}

// Password and lockout are one modify: without the right to the one, the other doesn't happen either.
func TestResetIsAllOrNothing(t *testing.T) {
	t.Parallel()
	s := own(t, demo.Options{}, nil)
	r := s.ready(t) // everything is sealed already: the password page itself says when rights are missing
	s.admin(t).Revoke(t, s.DC.OUs()[0], lab.ACEUnlock)
	s.submit(t, r)
	if got := r.outcome(t); got != "failed" {
		t.Errorf("the page says %s", got)
	}
	s.unchanged(t, r.person, r.before, r.fresh)
	if page := verified(t, s.visitor(t), r.person, "forgot"); mark(page) != "failed" {
		t.Errorf("without the right, the next person is led to %q", page.Title())
	}
}

// Each refusal has its own sentence, and nothing changes.
func TestRefusalsSayWhichRule(t *testing.T) {
	t.Parallel()
	s := shared(t)
	for name, c := range map[string]struct {
		password func(first string, p lab.Person) string
		sentence string
		asked    bool // the DC, rather than the agent, said no
	}{
		"used before":   {func(first string, _ lab.Person) string { return first }, "You’ve used this password before. Active Directory remembers your last", true},
		"used now":      {func(_ string, p lab.Person) string { return p.Password }, "You’ve used this password before. Active Directory remembers your last", true},
		"too short":     {func(string, lab.Person) string { return "aB3-xY" }, "Your password is too short. It needs at least", false},
		"too simple":    {func(string, lab.Person) string { return "bcdfghjkmnpqrst" }, "Add one more kind of character: a capital letter, a number or a symbol.", false},
		"contains name": {func(_ string, p lab.Person) string { return "Xx-99-" + p.SAM }, "which is part of your name.", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := s.person(t, lab.KindOrdinary)
			dc, first := s.admin(t), ""
			if name == "used before" {
				first = p.Password
				p.Password = lab.RandomPassword()
				must(t, dc.ResetAs(dc.Administrator(), p.DN, p.Password))
			}
			before, logged := s.writes(t, p), s.setInLog(t, p)
			v, tried := s.visitor(t), c.password(first, p)
			page := reset(t, v, p, tried)
			if page.Path != "/password" || !strings.Contains(html.UnescapeString(page.Body), c.sentence) {
				t.Errorf("%s says %q, and not %q", page.Path, page.Title(), c.sentence)
			}
			if tried == p.Password {
				tried = ""
			}
			s.unchanged(t, p, before, tried)
			if asked := s.setInLog(t, p) > logged; asked != c.asked {
				t.Errorf("the DC was asked: %v", asked)
			}
			// The same visit goes on to a password that is fine.
			fresh := lab.RandomPassword()
			shows(t, choose(t, v, fresh), "changed")
			s.changed(t, p, before, fresh)
		})
	}
}
