package agent_test

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/agent"
	"homeward/internal/config"
)

// Mobile numbers are personal: they leave the directory only where somebody chose that.
func TestPhonesAreLeftOutUnlessChosen(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		phones     bool
		configured map[string]string
		want       map[string]string
	}{
		{false, nil, map[string]string{"mobilePhone": ""}},
		{true, nil, nil},
		{false, map[string]string{"mobilePhone": "otherMobile", "mail": "x"}, map[string]string{"mobilePhone": "", "mail": "x"}},
		{true, map[string]string{"mobilePhone": "otherMobile"}, map[string]string{"mobilePhone": "otherMobile"}},
	} {
		before := maps.Clone(tt.configured)
		c := config.Directory{Units: []string{"DC=x"}, Features: config.Features{Phones: tt.phones}, Sync: config.Sync{Attributes: tt.configured}}
		scope := agent.SyncScope(c)
		if d := cmp.Diff(tt.want, scope.Attributes); d != "" {
			t.Errorf("phones %v: %s", tt.phones, d)
		}
		if err := scope.Check(); err != nil {
			t.Error(err)
		}
		if d := cmp.Diff(before, tt.configured); d != "" {
			t.Errorf("the configuration was changed: %s", d)
		}
	}
}
