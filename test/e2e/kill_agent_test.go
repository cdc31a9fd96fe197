package e2e_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"homeward/internal/demo"
)

// Who cannot be helped hears it on the first page, at once.
func TestAgentStoppedIsSaidOnTheFirstPage(t *testing.T) {
	t.Parallel()
	s := own(t, demo.Options{}, nil)
	must(t, s.Agent.Stop())
	v, p := s.visitor(t), s.DC.People()[0]
	warm, err := v.Get(t.Context(), "/start") // the connection itself is not what is measured
	must(t, err)
	if warm.Code != 200 {
		t.Fatalf("the first page answers %d", warm.Code)
	}
	for _, name := range []string{p.UPN, "nobody.at.all@contoso.com"} {
		began := time.Now()
		page, err := v.Start(t.Context(), name, "forgot")
		took := time.Since(began)
		must(t, err)
		shows(t, page, "offline")
		if !regexp.MustCompile(`HW-[0-9A-Z]{4}-[0-9A-Z]{4}`).MatchString(page.Body) {
			t.Error("the page has no support code")
		}
		t.Logf("offline page after %v", took.Round(time.Microsecond))
		if took > time.Second {
			t.Errorf("the page took %v, more than a second", took)
		}
	}
	must(t, s.StartAgent(t.Context()))
	page, err := v.Start(t.Context(), p.UPN, "forgot")
	must(t, err)
	if page.Path != "/verify/1" {
		t.Errorf("with the agent back, the portal shows %q", page.Title())
	}
}

// Between accepted and written: the frozen DC answers nothing, so nothing was sent for the write yet.
func TestAgentKilledBeforeItWrote(t *testing.T) {
	t.Parallel()
	s := own(t, demo.Options{}, nil)
	r := s.ready(t)
	must(t, s.DC.Pause())
	sent := s.submit(t, r)
	r.until(t, "writing-directory")
	must(t, s.Agent.Kill())
	<-sent
	r.until(t, "not_sure")
	must(t, s.DC.Resume())
	must(t, s.StartAgent(t.Context()))
	if got := r.outcome(t); got != "failed" {
		t.Errorf("the page says %s, though nothing was sent to the DC", got)
	}
	s.truth(t, r)
}

// Between the write and its answer: the modify is in the DC's hands when the agent dies, so it happens.
func TestAgentKilledWhileTheDCWrites(t *testing.T) {
	t.Parallel()
	s, g := gated(t)
	r := s.ready(t)
	g.close(t)
	sent := s.submit(t, r)
	g.reached(t)
	must(t, s.Agent.Kill())
	<-sent
	r.until(t, "not_sure")
	g.open(t)
	must(t, s.StartAgent(t.Context()))
	if got := r.outcome(t); got != "changed" {
		t.Errorf("the page says %s, though the DC had the modify", got)
	}
	s.truth(t, r)
}

// The DC dies while it writes, and its transaction with it.
func TestDCKilledWhileItWrites(t *testing.T) {
	t.Parallel()
	s, g := gated(t)
	r := s.ready(t)
	g.close(t)
	s.submit(t, r)
	g.reached(t)
	must(t, s.DC.Kill())
	r.until(t, "writing-directory")
	g.open(t)
	must(t, s.DC.Restart(t.Context()))
	if got := r.outcome(t); got != "failed" {
		t.Errorf("the page says %s, though the DC died before it wrote", got)
	}
	s.truth(t, r)
}

// Both die; each comes back by itself, and the truth comes out.
func TestDCAndAgentKilledWhileTheDCWrites(t *testing.T) {
	t.Parallel()
	s, g := gated(t)
	r := s.ready(t)
	g.close(t)
	sent := s.submit(t, r)
	g.reached(t)
	must(t, s.DC.Kill())
	must(t, s.Agent.Kill())
	<-sent
	r.until(t, "not_sure")
	g.open(t)
	must(t, s.DC.Restart(t.Context()))
	must(t, s.StartAgent(t.Context()))
	if got := r.outcome(t); got != "failed" {
		t.Errorf("the page says %s, though the DC died before it wrote", got)
	}
	s.truth(t, r)
}

// A DC that freezes while it writes, for longer than anybody waits: not sure first, then what really happened,
// which the DC alone decides when it goes on.
func TestDCFrozenForLongerThanThirtySeconds(t *testing.T) {
	t.Parallel()
	s, g := gated(t)
	r := s.ready(t)
	g.close(t)
	s.submit(t, r)
	g.reached(t)
	must(t, s.DC.Pause())
	r.until(t, "not_sure")
	if page := r.page(t); !strings.Contains(page.Body, "HW-") {
		t.Error("not sure, and no support code")
	}
	g.open(t)
	must(t, s.DC.Resume())
	t.Logf("outcome: %s", r.outcome(t))
	s.truth(t, r)
}

// A DC that is frozen before anything was sent for the write: nothing happened, and the page says so.
func TestDCFrozenBeforeTheWrite(t *testing.T) {
	t.Parallel()
	s := own(t, demo.Options{}, nil)
	r := s.ready(t)
	must(t, s.DC.Pause())
	s.submit(t, r)
	r.until(t, "offline")
	must(t, s.DC.Resume())
	s.unchanged(t, r.person, r.before, r.fresh)
}

// A restarted DC and a restarted server need nobody's help with the agent.
func TestAgentRecoversByItself(t *testing.T) {
	t.Parallel()
	s := own(t, demo.Options{}, nil)
	must(t, s.DC.Kill())
	eventually(t, func() error { return s.firstPage(t, "offline") })
	must(t, s.DC.Restart(t.Context()))
	eventually(t, func() error { return s.firstPage(t, "") })
	must(t, s.Server.Stop())
	s.restartServer(t)
	r := s.ready(t)
	s.submit(t, r)
	if got := r.outcome(t); got != "changed" {
		t.Errorf("the page says %s", got)
	}
	s.truth(t, r)
}
