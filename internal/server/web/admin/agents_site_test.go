package admin_test

import (
	"testing"

	"homeward/internal/server/locale"
	"homeward/internal/server/status"
	"homeward/internal/server/web/admin"
)

// TestOneSite: agents share the fate of a site only if all that could take over stand there.
func TestOneSite(t *testing.T) {
	t.Parallel()
	catalog, err := locale.New()
	if err != nil {
		t.Fatal(err)
	}
	row := func(machine, state, site string) admin.AgentRow {
		return admin.AgentRow{Agent: status.Agent{Machine: machine, State: state}, Site: site}
	}
	a, b := row("A", "ready", "North"), row("B", "ready", "North")
	for name, c := range map[string]struct {
		rows []admin.AgentRow
		want string
	}{
		"two":               {[]admin.AgentRow{a, b}, "A and B are on one site. A power cut there stops both."},
		"three":             {[]admin.AgentRow{a, b, row("C", "ready", "North")}, "All 3 agents that are online are on one site. A power cut there stops them all."},
		"one elsewhere":     {[]admin.AgentRow{a, b, row("C", "ready", "South")}, ""},
		"one not known":     {[]admin.AgentRow{a, b, row("C", "ready", "")}, ""},
		"elsewhere offline": {[]admin.AgentRow{a, row("C", "offline", "South"), b}, "A and B are on one site. A power cut there stops both."},
		"one":               {[]admin.AgentRow{a}, ""},
		"none":              {nil, ""},
	} {
		page := admin.AgentsPage{Frame: frame(catalog, "en", "/admin/agents", working()), Rows: c.rows}
		if got := page.OneSite(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
