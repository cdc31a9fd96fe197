package faults_test

import (
	"fmt"
	"testing"
	"time"

	"homeward/internal/demo"
	"homeward/internal/server/reset"
	"homeward/test/dctest"
)

// thrice lets a fault happen three times in a storm: at a quarter, the half and three quarters of the resets.
func (s *storm) thrice(fault func()) {
	for i := range int64(3) {
		s.reached((i + 1) * int64(count()) / 8)
		fault()
	}
}

func (s *storm) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Error(err) // from any goroutine
	}
}

func TestAgentKilled(t *testing.T) {
	t.Parallel()
	s := brew(t, demo.Options{})
	s.run(count(), func(s *storm) {
		s.thrice(func() {
			s.must(s.Agent.Kill())
			s.must(s.StartAgent(t.Context()))
		})
	})
	s.verdict()
}

// An agent that dies for good: whatever it had accepted is proven by the other, from the directory.
func TestAgentKilledForGood(t *testing.T) {
	t.Parallel()
	s := brew(t, demo.Options{})
	if _, err := s.AddAgent(t.Context(), "second"); err != nil {
		t.Fatal(err)
	}
	first := s.firstAgent()
	s.run(count(), func(s *storm) {
		s.reached(int64(count()) / 6)
		s.catch(first)
		s.must(s.Agent.Kill())
	})
	s.verdict()
}

// firstAgent is the id of the agent that the stack began with.
func (s *storm) firstAgent() string {
	agents, err := s.Store.Agents(s.t.Context(), demo.TenantID) // oldest first
	if err != nil || len(agents) == 0 {
		s.t.Fatal(err)
	}
	return agents[0].ID
}

// catch waits for a moment at which an agent has several accepted requests in hand.
func (s *storm) catch(agent string) {
	dctest.Eventually(s.t, patience, func() error {
		open, err := s.Store.OpenAttempts(s.t.Context())
		if err != nil {
			return err
		}
		n := 0
		for _, a := range open {
			if a.Agent == agent && a.State == reset.Submitted && time.Since(a.SubmittedAt) > 50*time.Millisecond {
				n++
			}
		}
		if n < 3 {
			return fmt.Errorf("%d requests in hand", n)
		}
		return nil
	})
}

func TestServerKilled(t *testing.T) {
	t.Parallel()
	s := brew(t, demo.Options{})
	s.run(count(), func(s *storm) {
		s.thrice(func() {
			s.must(s.Server.Kill())
			began := time.Now()
			s.must(s.StartServer(t.Context()))
			s.must(s.WaitAgent(t.Context(), began))
		})
	})
	s.verdict()
}

func TestDirectoryKilled(t *testing.T) {
	t.Parallel()
	s := brew(t, demo.Options{})
	s.run(count(), func(s *storm) {
		s.thrice(func() {
			s.must(s.DC.Kill())
			s.must(s.DC.Restart(t.Context()))
		})
	})
	s.verdict()
}

// Everything at once.
func TestAgentAndDirectoryKilled(t *testing.T) {
	t.Parallel()
	s := brew(t, demo.Options{})
	s.run(count(), func(s *storm) {
		s.thrice(func() {
			s.must(s.DC.Kill())
			s.must(s.Agent.Kill())
			s.must(s.DC.Restart(t.Context()))
			s.must(s.StartAgent(t.Context()))
		})
	})
	s.verdict()
}

func TestClockWrong(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"5m", "-5m"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			s := brew(t, demo.Options{Wrap: []string{programs.clock, by}})
			s.run(count(), func(*storm) {})
			s.verdict()
		})
	}
}
