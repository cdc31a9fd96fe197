package e2e_test

import (
	"os"
	"testing"
	"time"

	"homeward/internal/demo"
)

// The agent that made the write dies with it in the DC's hands and never comes back, its state folder is gone: another
// agent tells from the directory what became of it, and the page says so by itself.
func TestAnotherAgentProvesTheWrite(t *testing.T) {
	t.Parallel()
	s, g := gated(t)
	other, err := s.AddAgent(t.Context(), "other")
	must(t, err)
	r := s.ready(t)
	g.close(t)
	sent := s.submit(t, r)
	g.reached(t)
	a, err := s.Store.AttemptByRequest(t.Context(), demo.TenantID, r.ticket.Request)
	must(t, err)
	victim, name := s.Agent, "agent"
	if a.Agent == other.ID {
		victim, name = other.Process, "other"
	}
	must(t, victim.Kill())
	must(t, os.RemoveAll(s.Path(name)))
	<-sent
	r.until(t, "not_sure")
	repaired := time.Now()
	g.open(t)
	if got := r.outcome(t); got != "changed" {
		t.Errorf("the page says %s, though the DC had the modify", got)
	}
	t.Logf("proven by the other agent %v after the DC went on", time.Since(repaired).Round(time.Millisecond))
	s.truth(t, r)
	a, err = s.Store.Attempt(t.Context(), demo.TenantID, a.ID)
	must(t, err)
	records, err := s.Store.Records(t.Context(), demo.TenantID, a.Support)
	must(t, err)
	by := ""
	for _, record := range records {
		if record.Hop == "result" {
			by = record.Actor
		}
	}
	if by == "" || by == a.Agent {
		t.Errorf("the outcome is recorded as told by %q; the request went to %q", by, a.Agent)
	}
}
