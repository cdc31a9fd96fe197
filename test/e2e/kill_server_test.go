package e2e_test

import (
	"fmt"
	"testing"
	"time"

	"homeward/internal/demo"
	"homeward/internal/lab"
	"homeward/test/pgtest"
)

// firstPage returns an error unless somebody who types a name is led to a status page with this mark, or to
// the checks when it is empty.
func (s *site) firstPage(t *testing.T, want string) error {
	page, err := s.visitor(t).Start(t.Context(), s.DC.People()[0].UPN, "forgot")
	if err != nil {
		return err
	}
	if got := mark(page); got != want {
		return fmt.Errorf("the first page leads to %q (%s), not %q", got, page.Title(), want)
	}
	return nil
}

// The server dies after each step that a person takes before submitting. What they did is not lost: they go
// on where they were.
func TestServerKilledBetweenSteps(t *testing.T) {
	t.Parallel()
	serverKilledBetweenSteps(t, own(t, demo.Options{}, nil))
}

func TestServerKilledBetweenStepsOnPostgreSQL(t *testing.T) {
	t.Parallel()
	serverKilledBetweenSteps(t, own(t, demo.Options{Database: pgtest.Start(t)}, nil))
}

func serverKilledBetweenSteps(t *testing.T, s *site) {
	t.Helper()
	v, p, fresh := s.visitor(t), s.person(t, lab.KindOrdinary), lab.RandomPassword()
	before := s.writes(t, p)
	kill := func() {
		t.Helper()
		must(t, s.Server.Kill())
		// The agent starts again too: by itself it comes back later each time, and that is tested elsewhere.
		must(t, s.Agent.Stop())
		must(t, s.StartServer(t.Context()))
		must(t, s.StartAgent(t.Context()))
	}
	at := func(page demo.Page, path string) {
		t.Helper()
		if page.Path != path {
			t.Fatalf("the portal shows %q at %s, not %s", page.Title(), page.Path, path)
		}
	}
	page, err := v.Start(t.Context(), p.UPN, "forgot")
	must(t, err)
	at(page, "/verify/1")
	kill() // after the name

	since := time.Now()
	page, err = v.AskCode(t.Context())
	must(t, err)
	at(page, "/verify/1/code")
	kill() // after the code was asked for; its mail may come twice, or only when its lease is over, but it comes

	code, err := v.ReadCode(t.Context(), p.Mail, since)
	must(t, err)
	page, err = v.EnterCode(t.Context(), code)
	must(t, err)
	at(page, "/password")
	kill() // after the check

	ticket, err := v.Ticket(t.Context())
	must(t, err)
	sealed, err := ticket.Seal([]byte(fresh))
	must(t, err)
	kill() // after the ticket: a new one, or this one

	sent, err := v.Send(t.Context(), ticket, sealed)
	must(t, err)
	if sent.Again {
		must(t, v.Choose(t.Context(), []byte(fresh)))
	}
	page, err = v.Outcome(t.Context())
	must(t, err)
	shows(t, page, "changed")
	kill() // after the result

	page, err = v.Get(t.Context(), v.Status)
	must(t, err)
	shows(t, page, "changed")
	// Nothing that is repeated now writes again.
	if sent, err = v.Send(t.Context(), ticket, sealed); err != nil || sent.Again {
		t.Errorf("the submission repeated after all is done: %+v, %v", sent, err)
	}
	s.changed(t, p, before, fresh)
}

// The server dies after it sent the command and before the agent, which is frozen, has accepted it. The agent
// goes on in time: the command may have reached it or not, and either is told truly.
func TestServerKilledBeforeAccepted(t *testing.T) {
	t.Parallel()
	s := own(t, demo.Options{}, nil)
	r := s.ready(t)
	thaw := freeze(t, s.Agent)
	sent := s.submit(t, r)
	must(t, s.Server.Kill())
	<-sent
	thaw()
	s.restartServer(t)
	t.Logf("outcome: %s", r.outcome(t))
	s.truth(t, r)
}

// The same, and the agent wakes up when the time to accept is over: it must not begin any more.
func TestServerKilledBeforeAcceptedAndAgentLate(t *testing.T) {
	t.Parallel()
	s := own(t, demo.Options{}, nil)
	r := s.ready(t)
	thaw := freeze(t, s.Agent)
	issued := time.Now()
	sent := s.submit(t, r)
	must(t, s.Server.Kill())
	<-sent
	pass(t, issued.Add(11*time.Second)) // 8 s to accept, 2 s for the clocks
	thaw()
	s.restartServer(t)
	if got := r.outcome(t); got != "failed" {
		t.Errorf("the page says %s, though the agent woke up too late to begin", got)
	}
	s.truth(t, r)
}

// The server dies while the DC writes. Agent and DC finish, and the result waits for the server.
func TestServerKilledWhileTheDCWrites(t *testing.T) {
	t.Parallel()
	serverKilledWhileTheDCWrites(t, "")
}

func TestServerKilledWhileTheDCWritesOnPostgreSQL(t *testing.T) {
	t.Parallel()
	serverKilledWhileTheDCWrites(t, pgtest.Start(t))
}

func serverKilledWhileTheDCWrites(t *testing.T, database string) {
	t.Helper()
	s, g := gatedOn(t, database)
	r := s.ready(t)
	g.close(t)
	s.submit(t, r)
	g.reached(t)
	r.until(t, "writing-directory")
	must(t, s.Server.Kill())
	g.open(t)
	eventually(t, func() error {
		if n := s.writes(t, r.person) - r.before; n != 1 {
			return fmt.Errorf("%d writes so far", n)
		}
		return nil
	})
	s.restartServer(t)
	if got := r.outcome(t); got != "changed" {
		t.Errorf("the page says %s", got)
	}
	s.truth(t, r)
}

// Everything dies while the DC writes: server and agent by kill, the DC goes on.
func TestServerAndAgentKilledWhileTheDCWrites(t *testing.T) {
	t.Parallel()
	s, g := gated(t)
	r := s.ready(t)
	g.close(t)
	s.submit(t, r)
	g.reached(t)
	r.until(t, "writing-directory")
	must(t, s.Agent.Kill())
	must(t, s.Server.Kill())
	g.open(t)
	must(t, s.StartServer(t.Context()))
	must(t, s.StartAgent(t.Context()))
	if got := r.outcome(t); got != "changed" {
		t.Errorf("the page says %s", got)
	}
	s.truth(t, r)
}
