package faults_test

import (
	"testing"

	"homeward/internal/demo"
	"homeward/internal/server/reset"
)

// Sealing keys are replaced every second while people choose passwords: nobody notices.
func TestKeysRollUnnoticed(t *testing.T) {
	t.Parallel()
	first := map[string]bool{}
	s := brew(t, demo.Options{Edit: func(agent map[string]any) { agent["key_life"] = "1s" }})
	s.run(count(), func(s *storm) {
		s.thrice(func() {
			agents, err := s.Store.Agents(t.Context(), demo.TenantID)
			s.must(err)
			for _, a := range agents {
				first[a.KeyID] = true
			}
		})
	})
	s.verdict()
	for _, j := range s.journeys {
		a, err := s.Store.Attempt(t.Context(), demo.TenantID, j.id)
		if err != nil || a.State != reset.Changed {
			t.Errorf("%s: %s (%s), %v", j.person.UPN, a.State, a.Reason, err)
		}
	}
	if len(first) < 2 {
		t.Errorf("the key was never replaced: %v", first)
	}
}
