package faults_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"homeward/internal/demo"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/internal/server/reset"
	"homeward/test/dctest"
)

const (
	inFlight = 16
	// known is how soon after the repair every outcome must be known.
	known = 60 * time.Second

	quickly   = 100 * time.Millisecond
	patiently = 3 * time.Second // between two presses of the button: ten an hour are counted per person
)

// journey is one reset: what was asked, what the person was told, and what the directory holds in the end.
type journey struct {
	person *person
	id     string // of the attempt
	fresh  string
	before uint32 // version of unicodePwd

	mu    sync.Mutex
	marks []string // of the pages seen, without repetitions
}

// person takes part in several journeys, one after the other.
type person struct {
	lab.Person

	mu       sync.Mutex
	id       string // in the portal
	password string // that holds, as far as the last journey's outcome was known
}

// storm is many resets at once on one stack.
type storm struct {
	*site

	t        *testing.T
	journeys []*journey
	begun    atomic.Int64
	repaired time.Time // when the fault was over for the last time
}

// run performs resets, inFlight at a time, while fault does its work. It returns when every visitor has given up or
// knows the outcome and fault has repaired what it broke.
func (s *storm) run(resets int, fault func(s *storm)) {
	s.t.Helper()
	var all sync.WaitGroup
	all.Go(func() {
		fault(s)
		s.repaired = time.Now()
	})
	next := make(chan int)
	for range inFlight {
		all.Go(func() {
			for i := range next {
				s.travel(s.people[i%len(s.people)])
			}
		})
	}
	for i := range resets {
		next <- i
	}
	close(next)
	all.Wait()
}

// reached waits until so many resets have begun: faults come at moments of the work, not of the clock.
func (s *storm) reached(resets int64) {
	dctest.Eventually(s.t, patience, func() error {
		if n := s.begun.Load(); n < resets {
			return fmt.Errorf("%d resets have begun", n)
		}
		return nil
	})
}

// travel is one reset from the button on, as a browser does it: whatever cannot be reached is tried again.
func (s *storm) travel(p *person) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.password == "" {
		return // the last outcome isn't known yet: the checks at the end look into it
	}
	s.begun.Add(1)
	ctx, cancel := context.WithTimeout(s.t.Context(), visit)
	defer cancel()
	j := &journey{person: p, fresh: lab.RandomPassword(), before: s.version(p)}
	v, err := s.atPassword(ctx, j)
	if err != nil {
		s.t.Errorf("%s: %v", p.UPN, err)
		return
	}
	s.mu.Lock()
	s.journeys = append(s.journeys, j)
	s.mu.Unlock()
	var last string
	_ = again(ctx, patiently, func() error { // who has no final answer when the visit is over is looked up afterwards
		_ = again(ctx, quickly, func() error { return v.Choose(ctx, []byte(j.fresh)) })
		if last = s.watch(ctx, v, j); last == "" {
			return errors.New("nobody could take it: the person is still on the password page, and presses again")
		}
		return nil
	})
	switch last {
	case "changed":
		p.password = j.fresh
	case "refused", "failed", "offline", "":
		s.stay(500 * time.Millisecond) // or a fault in which everything fails at once uses up the whole storm
	default:
		p.password = ""
	}
}

// watch follows the status page until it is final or the visit is over, and returns the last mark.
func (s *storm) watch(ctx context.Context, v *demo.Visitor, j *journey) (last string) {
	_ = again(ctx, quickly, func() error {
		a, err := s.Store.Attempt(ctx, demo.TenantID, j.id)
		if err != nil {
			return err
		}
		if a.State == reset.Verified {
			last = ""
			return nil
		}
		page, err := v.Get(ctx, "/status/"+j.id)
		if err != nil {
			return err
		}
		last = mark(page)
		j.saw(last)
		switch last {
		case "changed", "refused", "failed", "offline":
			return nil
		}
		return errors.New("not final: " + last)
	})
	return last
}

func (j *journey) saw(mark string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.marks) == 0 || j.marks[len(j.marks)-1] != mark {
		j.marks = append(j.marks, mark)
	}
}

// again tries until it works or ctx ends.
func again(ctx context.Context, every time.Duration, try func() error) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

// atPassword puts a visitor on the password page, proven by nothing but the database: the checks before it have tests
// of their own, and their mails would take most of the time.
func (s *storm) atPassword(ctx context.Context, j *journey) (*demo.Visitor, error) {
	token := rand.Text()
	session := sha256.Sum256([]byte(token))
	now := time.Now()
	a := reset.Attempt{
		Tenant: demo.TenantID, ID: rand.Text(), Support: "HW-" + rand.Text()[:12], Kind: protocol.Reset, Session: session[:], Person: j.person.id,
		Shown: j.person.UPN, Locale: "en", State: reset.Verified, Created: now, VerifiedAt: now, Expires: now.Add(10 * time.Minute),
	}
	if err := again(ctx, quickly, func() error { return s.Store.CreateAttempt(ctx, a) }); err != nil {
		return nil, err
	}
	j.id = a.ID
	v, err := s.Client()
	if err != nil {
		return nil, err
	}
	portal, err := url.Parse(s.Portal())
	if err != nil {
		return nil, err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	jar.SetCookies(portal, []*http.Cookie{{Name: "__Host-homeward", Value: token, Path: "/", Secure: true}})
	v.HTTP.Jar, v.HTTP.Timeout = jar, 20*time.Second
	s.t.Cleanup(v.HTTP.CloseIdleConnections)
	v.Flow, v.Status = s.flow.Flow(a), "/status/"+a.ID
	_, _ = v.Get(ctx, "/password") // as the page would be open; who can't see it now presses all the same
	return v, nil
}

// verdict says whether every outcome became known in time after the repair, and whether anybody was told, on any page
// and at any time, something the directory doesn't bear out.
func (s *storm) verdict() {
	s.t.Helper()
	var slowest time.Duration
	counts := map[string]int{}
	for _, j := range s.journeys {
		var a reset.Attempt
		dctest.Eventually(s.t, max(time.Second, time.Until(s.repaired.Add(known))), func() error {
			var err error
			if a, err = s.Store.Attempt(s.t.Context(), demo.TenantID, j.id); err == nil && (a.State == reset.Submitted || a.State == reset.NotSure) {
				err = fmt.Errorf("%s: %s (%s), agent %s; pages: %s", j.id, a.State, a.Reason, a.Agent, j.marks)
			}
			return err
		})
		if a.SubmittedAt.Before(s.repaired) {
			slowest = max(slowest, a.Finished.Sub(s.repaired))
		}
		counts[strings.TrimSuffix(string(a.State)+" "+string(a.Reason), " ")]++
		j.saw(s.page(j))
		s.judge(j, a)
	}
	s.t.Logf("%d resets: %v; the last outcome was known %v after the repair", len(s.journeys), counts, slowest.Round(time.Millisecond))
	if slowest > known {
		s.t.Errorf("an outcome became known %v after the repair, more than %v", slowest, known)
	}
	if len(s.journeys) < count()*5/6 {
		s.t.Errorf("%d resets only, of %d", len(s.journeys), count())
	}
	if counts[string(reset.Changed)] == 0 {
		s.t.Error("not one reset went through: the test has tested nothing")
	}
}

// page is the status page as anybody with its address sees it.
func (s *storm) page(j *journey) string {
	v, err := s.Client()
	if err != nil {
		s.t.Fatal(err)
	}
	defer v.HTTP.CloseIdleConnections()
	p, err := v.Get(s.t.Context(), "/status/"+j.id)
	if err != nil {
		s.t.Fatal(err)
	}
	return mark(p)
}

// judge compares one outcome with the directory. The journeys of a person follow each other, so a later one may have
// set the password again: writes are told apart by their number.
func (s *storm) judge(j *journey, a reset.Attempt) {
	s.t.Helper()
	wrote := a.State == reset.Changed
	for _, m := range j.marks {
		switch {
		case m == "changed" && !wrote:
			s.t.Errorf("WRONG STATEMENT: %s was told changed, and it is %s (%s); pages %v", j.person.UPN, a.State, a.Reason, j.marks)
		case (m == "failed" || m == "refused" || m == "offline") && wrote:
			s.t.Errorf("WRONG STATEMENT: %s was told %s, and the password changed; pages %v", j.person.UPN, m, j.marks)
		}
	}
	next, last := s.after(j)
	if n := next - j.before; wrote && n != 1 || !wrote && n != 0 {
		s.t.Errorf("%s: %s (%s %s), and the directory counts %d writes; pages %v", j.person.UPN, a.State, a.Reason, a.Detail, n, j.marks)
	}
	if !last {
		return
	}
	if binds := s.SignsIn(s.t.Context(), j.person.UPN, j.fresh); binds != wrote {
		s.t.Errorf("%s: %s, and the new password signs in: %v", j.person.UPN, a.State, binds)
	}
}

// after returns how often the password had been written when the person's next journey began, or by now if this was
// the last.
func (s *storm) after(j *journey) (version uint32, last bool) {
	found := false
	for _, other := range s.journeys {
		switch {
		case other == j:
			found = true
		case found && other.person == j.person:
			return other.before, false
		}
	}
	return s.version(j.person), true
}

func mark(p demo.Page) string {
	_, rest, ok := strings.Cut(p.Body, `data-mark="`)
	if !ok {
		return ""
	}
	m, _, _ := strings.Cut(rest, `"`)
	return m
}
