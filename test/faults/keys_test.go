package faults_test

import (
	"fmt"
	"testing"

	"homeward/internal/demo"
	"homeward/internal/server/reset"
	"homeward/test/dctest"
)

// Sealing keys are replaced every second while people choose passwords: nobody notices.
func TestKeysRollUnnoticed(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	s := brew(t, demo.Options{Edit: func(agent map[string]any) { agent["key_life"] = "1s" }})
	s.run(count(), func(s *storm) {
		s.keyReplaced(seen) // the first is new, too
		s.thrice(func() { s.keyReplaced(seen) })
	})
	s.verdict()
	for _, j := range s.journeys {
		a, err := s.Store.Attempt(t.Context(), demo.TenantID, j.id)
		if err != nil || a.State != reset.Changed {
			t.Errorf("%s: %s (%s), %v", j.person.UPN, a.State, a.Reason, err)
		}
	}
}

// keyReplaced waits until the server knows a key of the agent that isn't among those seen, and adds it.
func (s *storm) keyReplaced(seen map[string]bool) {
	dctest.Eventually(s.t, patience, func() error {
		agents, err := s.Store.Agents(s.t.Context(), demo.TenantID)
		if err != nil {
			return err
		}
		before := len(seen)
		for _, a := range agents {
			seen[a.KeyID] = true
		}
		if len(seen) == before {
			return fmt.Errorf("no key is new: %d so far", before)
		}
		return nil
	})
}
