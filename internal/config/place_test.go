package config

import "testing"

func TestPlaces(t *testing.T) {
	t.Parallel()
	none := func(string) string { return "" }
	for system, want := range map[string][2]string{
		"linux":   {"/etc/homeward/agent.yaml", "/var/lib/homeward-agent"},
		"windows": {`C:\ProgramData\Homeward\agent.yaml`, `C:\ProgramData\Homeward\state`},
	} {
		if got := [2]string{agentFile(system, none), agentState(system, none)}; got != want {
			t.Errorf("%s: %v", system, got)
		}
	}
	if got := agentFile("windows", func(string) string { return `D:\Data` }); got != `D:\Data\Homeward\agent.yaml` {
		t.Error(got)
	}
}
