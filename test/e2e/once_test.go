package e2e_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"homeward/internal/demo"
	"homeward/internal/lab"
)

// many runs f n times at once and waits.
func many(n int, f func(i int)) {
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-begin
			f(i)
		})
	}
	close(begin)
	all.Wait()
}

// A double click, or an impatient network, sends the same submission many times at once.
func TestSameSubmissionManyTimesAtOnce(t *testing.T) {
	t.Parallel()
	s := shared(t)
	r := s.ready(t)
	answers := make([]demo.Sent, 8)
	many(len(answers), func(i int) {
		var err error
		if answers[i], err = copyOf(r.Visitor).Send(t.Context(), r.ticket, r.sealed); err != nil {
			t.Errorf("submission %d: %v", i, err)
		}
	})
	for i, a := range answers {
		if !strings.HasPrefix(a.Redirect, "/status/") {
			t.Errorf("submission %d was answered %+v, not led to the status page", i, a)
		}
	}
	r.Status = answers[0].Redirect
	page, err := r.Outcome(t.Context())
	must(t, err)
	shows(t, page, "changed")
	s.changed(t, r.person, r.before, r.fresh)
	// And once more, long after.
	if a, err := r.Send(t.Context(), r.ticket, r.sealed); err != nil || !strings.HasPrefix(a.Redirect, "/status/") {
		t.Errorf("a late repeat is answered %+v, %v", a, err)
	}
	s.changed(t, r.person, r.before, r.fresh)
}

// copyOf is the same browser, so that requests need not wait for one another's bookkeeping.
func copyOf(v *demo.Visitor) *demo.Visitor {
	c := *v
	return &c
}

// A newer ticket, of a reload or of another tab, makes the older one worthless: it asks for a fresh seal, and
// nothing is written.
func TestStaleTicket(t *testing.T) {
	t.Parallel()
	s := shared(t)
	r := s.ready(t)
	stale, staleSealed := r.ticket, r.sealed
	r.seal(t)
	a, err := r.Send(t.Context(), stale, staleSealed)
	must(t, err)
	if !a.Again {
		t.Errorf("the stale ticket is answered %+v, not: seal again", a)
	}
	// What was sealed to one ticket doesn't open under another.
	if _, err = r.Send(t.Context(), r.ticket, staleSealed); err != nil {
		t.Fatal(err)
	}
	page, err := r.Outcome(t.Context())
	must(t, err)
	shows(t, page, "failed")
	s.unchanged(t, r.person, r.before, r.fresh)
}

// Two tabs of one browser submit different passwords at once: one is written, the other is told where to look.
func TestTwoTabsOfOneBrowser(t *testing.T) {
	t.Parallel()
	s := shared(t)
	r := s.ready(t)
	passwords := []string{lab.RandomPassword(), lab.RandomPassword()}
	many(2, func(i int) {
		if err := copyOf(r.Visitor).Choose(t.Context(), []byte(passwords[i])); err != nil {
			t.Errorf("tab %d: %v", i, err)
		}
	})
	a, err := s.Store.AttemptBySession(t.Context(), demo.TenantID, sessionHash(t, s, r.Visitor))
	must(t, err)
	r.Status = "/status/" + a.ID
	page, err := r.Outcome(t.Context())
	must(t, err)
	shows(t, page, "changed")
	if n := s.writes(t, r.person) - r.before; n != 1 {
		t.Errorf("the password was written %d times", n)
	}
	dc := s.admin(t)
	if first, second := dc.Bind(r.person.UPN, passwords[0]) == nil, dc.Bind(r.person.UPN, passwords[1]) == nil; first == second {
		t.Errorf("the tabs' passwords sign in: %v and %v; exactly one should", first, second)
	}
}

// Reloading any page of the flow, the status page above all, writes nothing.
func TestReloadsWriteNothing(t *testing.T) {
	t.Parallel()
	s := shared(t)
	r := s.ready(t)
	_, err := r.Send(t.Context(), r.ticket, r.sealed)
	must(t, err)
	for range 5 {
		for _, path := range []string{r.Status, "/password", "/verify/1", "/verify/1/code", "/start"} {
			if page, err := r.Get(t.Context(), path); err != nil || page.Code != http.StatusOK {
				t.Errorf("reload of %s: status %d, %v", path, page.Code, err)
			}
		}
	}
	page, err := r.Outcome(t.Context())
	must(t, err)
	shows(t, page, "changed")
	s.changed(t, r.person, r.before, r.fresh)
}

// Two browsers reset the same person at once: two requests of two attempts, so at most two writes, each told
// truly, and the password is one of the two.
func TestTwoBrowsersResetTheSamePerson(t *testing.T) {
	t.Parallel()
	s := shared(t)
	p := s.person(t, lab.KindOrdinary)
	before := s.writes(t, p)
	passwords, visitors := []string{lab.RandomPassword(), lab.RandomPassword()}, []*demo.Visitor{s.visitor(t), s.visitor(t)}
	for _, v := range visitors {
		verified(t, v, p, "forgot")
	}
	var pages [2]demo.Page
	many(2, func(i int) {
		err := visitors[i].Choose(t.Context(), []byte(passwords[i]))
		if err == nil {
			pages[i], err = visitors[i].Outcome(t.Context())
		}
		if err != nil {
			t.Errorf("browser %d: %v", i, err)
		}
	})
	said := 0
	for _, page := range pages {
		if mark(page) == "changed" {
			said++
		}
	}
	if n := int(s.writes(t, p) - before); n != said || n == 0 {
		t.Errorf("%d writes, and %d browsers were told changed", n, said)
	}
	dc := s.admin(t)
	if first, second := dc.Bind(p.UPN, passwords[0]) == nil, dc.Bind(p.UPN, passwords[1]) == nil; first == second {
		t.Errorf("the browsers' passwords sign in: %v and %v; exactly one should", first, second)
	}
}

// A code works once: two tabs that type it at once are one check.
func TestCodeTypedTwiceAtOnce(t *testing.T) {
	t.Parallel()
	s := shared(t)
	v, p := s.visitor(t), s.person(t, lab.KindOrdinary)
	_, err := v.Start(t.Context(), p.UPN, "forgot")
	must(t, err)
	since := time.Now()
	_, err = v.AskCode(t.Context())
	must(t, err)
	code, err := v.ReadCode(t.Context(), p.Mail, since)
	must(t, err)
	pages := make([]demo.Page, 8)
	many(len(pages), func(i int) {
		if pages[i], err = copyOf(v).EnterCode(t.Context(), code); err != nil {
			t.Errorf("try %d: %v", i, err)
		}
	})
	ok := 0
	for _, page := range pages {
		if page.Code >= 500 {
			t.Errorf("status %d: %s", page.Code, page.Title())
		}
		if page.Path == "/password" {
			ok++
		}
	}
	if ok == 0 {
		t.Error("nobody got through with the right code")
	}
	if page, err := v.Get(t.Context(), "/password"); err != nil || page.Path != "/password" {
		t.Errorf("afterwards the portal shows %q, %v", page.Title(), err)
	}
}
