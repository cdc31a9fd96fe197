package e2e_test

import (
	"testing"
	"time"

	"homeward/internal/demo"
)

// stopWithin is how long SIGTERM may take where nothing is in flight.
const stopWithin = 3 * time.Second

// Stop returns an error unless the process ended with exit code 0.
func stops(t *testing.T, p *demo.Process, what string) {
	t.Helper()
	began := time.Now()
	if err := p.Stop(); err != nil {
		t.Errorf("%s: %v", what, err)
	}
	took := time.Since(began)
	t.Logf("%s: %v", what, took.Round(time.Millisecond))
	if took > stopWithin {
		t.Errorf("%s took %v, more than %v", what, took, stopWithin)
	}
}

func TestSIGTERMEndsBothInTime(t *testing.T) {
	t.Parallel()
	s := own(t, demo.Options{}, nil)
	stops(t, s.Agent, "agent, connected")
	must(t, s.StartAgent(t.Context()))
	stops(t, s.Server, "server, with an agent connected")
	stops(t, s.Agent, "agent, without its server")
	s.restartServerAlone(t)
	must(t, s.StartAgent(t.Context()))
	must(t, s.Server.Kill())
	stops(t, s.Agent, "agent, its server killed")
	s.restartServerAlone(t)
	stops(t, s.Server, "server, alone")
}

func (s *site) restartServerAlone(t *testing.T) {
	t.Helper()
	must(t, s.StartServer(t.Context()))
}

// Both are told to stop, or die, in one moment, as when their machine is shut down: the agent must not wait
// for a server that is gone.
func TestAgentStopsWhileItsServerDies(t *testing.T) {
	t.Parallel()
	s := own(t, demo.Options{}, nil)
	for range 8 {
		must(t, s.Server.Kill())
		stops(t, s.Agent, "agent, its server killed this moment")
		s.restartServerAlone(t)
		must(t, s.StartAgent(t.Context()))
	}
}
