package agent

import (
	"testing"

	"homeward/internal/directory"
)

func TestRandomPasswordKeepsTheRules(t *testing.T) {
	seen := map[string]bool{}
	for range 200 {
		p := directory.PasswordPolicy{MinLength: 40, Complexity: true}
		password := randomPassword(p, []string{"abc", "xyz", "q2"})
		if breach, _, ok := p.Check(password, []string{"abc", "xyz"}); !ok {
			t.Fatalf("breaks %s", breach)
		}
		if seen[string(password)] {
			t.Fatal("the same password twice")
		}
		seen[string(password)] = true
	}
	if n := len(randomPassword(directory.PasswordPolicy{}, nil)); n < 26 {
		t.Errorf("%d characters", n)
	}
}

func TestRandomPasswordEnds(t *testing.T) {
	if n := len(randomPassword(directory.PasswordPolicy{MinLength: 1000}, nil)); n != directory.MaxPasswordLength {
		t.Errorf("%d characters", n)
	}
}
