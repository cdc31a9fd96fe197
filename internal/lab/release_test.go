package lab

import (
	"strings"
	"testing"
)

func TestChosenRelease(t *testing.T) {
	names := map[string]bool{}
	for _, tt := range []struct {
		value, suite string
		hints        bool
	}{
		{"", "trixie-backports", true},
		{"trixie-backports", "trixie-backports", true},
		{"trixie", "trixie", false},
		{"bookworm-backports", "bookworm-backports", false},
	} {
		t.Setenv(sambaVariable, tt.value)
		r, err := chosenRelease()
		if err != nil || r.suite != tt.suite || HasPolicyHints() != tt.hints {
			t.Errorf("LAB_SAMBA=%q: suite %q, hints %v, %v", tt.value, r.suite, HasPolicyHints(), err)
		}
		names[r.rootName()] = true
	}
	if len(names) != len(releases()) {
		t.Errorf("%d names of roots for %d releases", len(names), len(releases()))
	}
	t.Setenv(sambaVariable, "sid")
	if _, err := chosenRelease(); err == nil || !strings.Contains(err.Error(), "LAB_SAMBA=sid") || !strings.Contains(err.Error(), "bookworm-backports") {
		t.Errorf("LAB_SAMBA=sid: %v, want an error that names the choices", err)
	}
}
