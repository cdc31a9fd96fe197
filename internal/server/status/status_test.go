package status_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/enrol"
	"homeward/internal/server/fleet"
	"homeward/internal/server/status"
	"homeward/internal/server/tenant"
)

func noon() time.Time { return time.Date(2026, 3, 15, 12, 0, 0, 0, time.UTC) }

// fact is an agent of one domain with one obstacle for everything.
func fact(machine string, o fleet.Obstacle, edit ...func(*enrol.Agent)) status.Fact {
	a := enrol.Agent{
		ID: "U" + machine, Machine: machine, Build: "1.3.0", Protocol: protocol.Version, Status: enrol.Approved, Seen: noon().Add(-28 * time.Minute),
		Domains: []enrol.Domain{{Name: "corp.contoso.test", OK: o == fleet.Free, DC: "dc1"}},
	}
	for _, e := range edit {
		e(&a)
	}
	return status.Fact{Agent: a, Obstacle: func(string) fleet.Obstacle { return o }}
}

func down(reason protocol.Reason) func(*enrol.Agent) {
	return func(a *enrol.Agent) { a.Domains[0].Reason, a.Reason = reason, string(reason) }
}

// TestMissingRightIsNoted: the controller answers, and the service account may write nobody in some unit.
func TestMissingRightIsNoted(t *testing.T) {
	lacking := fact("SRV1", fleet.Free, func(a *enrol.Agent) { a.Domains[0].Reason = protocol.ReasonRights })
	r := status.Judge(status.Facts{Agents: []status.Fact{lacking}, At: noon(), Up: true})
	if len(r.Notes) != 1 || r.Notes[0].Name != "Permission missing" || !strings.Contains(r.Notes[0].Next, "doctor") {
		t.Errorf("notes %+v", r.Notes)
	}
	if r.State == status.Working {
		t.Error("works, without a word")
	}
}

// TestSentences holds the sentences of the design, word for word, to the states they stand for.
func TestSentences(t *testing.T) {
	old := func(a *enrol.Agent) { a.Protocol, a.Build = 1, "1.2.0" }
	for name, c := range map[string]struct {
		agents []status.Fact
		down   bool // the relay
		state  status.State
		says   string
		off    []string // names, in order
	}{
		"nothing yet":       {nil, false, status.Unset, "Writeback isn’t set up yet.", []string{"No agent"}},
		"never answered":    {[]status.Fact{fact("SRV1", fleet.NotConnected, func(a *enrol.Agent) { a.Seen = time.Time{} })}, false, status.Unset, "Writeback isn’t set up yet.", []string{"No agent online"}},
		"only revoked ones": {[]status.Fact{fact("SRV1", fleet.NotApproved, func(a *enrol.Agent) { a.Status = enrol.Revoked })}, false, status.Unset, "Writeback isn’t set up yet.", []string{"No agent"}},
		"works":             {[]status.Fact{fact("SRV1", fleet.Free)}, false, status.Working, "Your on-premises writeback agents are up and running.", nil},
		"works, one old":    {[]status.Fact{fact("SRV1", fleet.Free), fact("SRV2", fleet.Free, old)}, false, status.Degraded, "Writeback works, but SRV2 is out of date (1.2.0).", nil},
		"one too old": {
			[]status.Fact{fact("SRV1", fleet.Outdated, old)},
			false, status.Unknown, "We can’t check SRV1: its version is too old to report.",
			[]string{"Agent outdated"},
		},
		"all gone": {
			[]status.Fact{fact("SRV1", fleet.NotConnected), fact("SRV2", fleet.Silent)},
			false, status.Down,
			"No agent has answered since 11:32. The relay is up, so the break is between your servers and the relay.",
			[]string{"No agent online"},
		},
		"relay down": {
			[]status.Fact{fact("SRV1", fleet.NotConnected)},
			true, status.Unknown,
			"The portal can’t reach the relay password.contoso.test. Your agents may be fine.",
			[]string{"No agent online"},
		},
		"one of two gone": {[]status.Fact{fact("SRV1", fleet.Free), fact("SRV2", fleet.NotConnected)}, false, status.Degraded, "Your on-premises writeback agents are up and running.", nil},
		"no controller": {
			[]status.Fact{fact("SRV1", fleet.NoDirectory, down(protocol.ReasonDirectoryDown))},
			false, status.Down,
			"Writeback doesn’t work. SRV1 can’t reach a domain controller for corp.contoso.test over LDAPS (636).",
			[]string{"Directory not reachable"},
		},
		"rights first": {
			[]status.Fact{fact("SRV1", fleet.NoDirectory, down(protocol.ReasonDirectoryDown)), fact("SRV2", fleet.NoDirectory, down(protocol.ReasonRights))},
			false, status.Down,
			"Writeback doesn’t work. The service account of SRV2 can’t reset passwords in corp.contoso.test.",
			[]string{"Permission missing", "Directory not reachable"},
		},
		"moved": {
			[]status.Fact{fact("SRV1", fleet.NotConnected, func(a *enrol.Agent) {
				a.Rival = enrol.Rival{Machine: protocol.Machine{Name: "SRV9"}, Reason: protocol.ReasonAgentMoved, At: noon()}
			})},
			false, status.Down,
			"No agent has answered since 11:32. The relay is up, so the break is between your servers and the relay.",
			[]string{"No agent online", "Agent not approved"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := status.Judge(status.Facts{Tenant: tenant.Tenant{ID: "contoso"}, At: noon(), Relay: "password.contoso.test", Up: !c.down, Agents: c.agents})
			if r.State != c.state || r.Sentence != c.says {
				t.Errorf("%s: %s", r.State, r.Sentence)
			}
			var off []string
			for _, o := range r.Off {
				off = append(off, o.Name)
				if o.Says == "" || o.Next == "" {
					t.Errorf("%s has no sentence or no next step", o.Name)
				}
			}
			if strings.Join(off, ",") != strings.Join(c.off, ",") {
				t.Errorf("off: %v, want %v", off, c.off)
			}
			if works := c.state == status.Working || c.state == status.Degraded; r.Works != works {
				t.Errorf("works: %v", r.Works)
			}
			var b bytes.Buffer
			if err := status.Text(&b, r); err != nil || !strings.HasPrefix(b.String(), c.says) {
				t.Errorf("%v: %s", err, b.String())
			}
		})
	}
}

// TestOneDomainOfTwoIsNotWorking: writeback works only when it works for everybody.
func TestOneDomainOfTwoIsNotWorking(t *testing.T) {
	a := fact("SRV1", fleet.Free)
	a.Domains = append(a.Domains, enrol.Domain{Name: "child.contoso.test", Reason: protocol.ReasonDirectoryDown})
	a.Obstacle = func(domain string) fleet.Obstacle {
		if domain == "child.contoso.test" {
			return fleet.NoDirectory
		}
		return fleet.Free
	}
	r := status.Judge(status.Facts{Tenant: tenant.Tenant{ID: "contoso"}, At: noon(), Up: true, Agents: []status.Fact{a}})
	if r.Works || r.State != status.Down || len(r.Off) != 1 || !strings.Contains(r.Off[0].Says, "child.contoso.test") {
		t.Errorf("%+v", r)
	}
	if len(r.Domains) != 2 || r.Domains[0].Works || !r.Domains[1].Works || r.Domains[1].Agents != 1 {
		t.Errorf("%+v", r.Domains)
	}
}

// TestTestWriteIsPartOfTheStatus: too young is no fault.
func TestTestWriteIsPartOfTheStatus(t *testing.T) {
	for outcome, c := range map[protocol.Outcome]struct {
		reason protocol.Reason
		notes  int
	}{
		protocol.Changed: {"", 0}, protocol.Refused: {protocol.ReasonTooYoung, 0}, protocol.Failed: {protocol.ReasonRights, 1},
	} {
		f := status.Facts{Tenant: tenant.Tenant{ID: "contoso"}, At: noon(), Up: true, Agents: []status.Fact{fact("SRV1", fleet.Free)}}
		f.Tests = []enrol.Test{{Domain: "corp.contoso.test", At: noon(), Result: protocol.TestResult{Outcome: outcome, Reason: c.reason}}}
		r := status.Judge(f)
		if len(r.Notes) != c.notes || r.Domains[0].Test == nil || r.Domains[0].Test.Passed != (c.notes == 0) {
			t.Errorf("%s: %v %+v", outcome, r.Notes, r.Domains[0].Test)
		}
	}
}

// TestTurnedOffInConnect: what an agent's own configuration turns off isn't told as broken, and does not hide what is.
func TestTurnedOffInConnect(t *testing.T) {
	off := func(a *enrol.Agent) { a.Domains[0].WritebackOff, a.Domains[0].SyncOff = true, true }
	lab := func(a *enrol.Agent) { a.Domains[0].Name = "lab.contoso.test" }
	judge := func(agents ...status.Fact) status.Report {
		return status.Judge(status.Facts{Agents: agents, At: noon(), Up: true})
	}
	r := judge(fact("SRV1", fleet.Free, off))
	if r.State != status.Off || r.Works || r.SentenceID != "off_there" || r.Sentence != "Writeback is off in the agent’s configuration on SRV1." ||
		len(r.Off) != 1 || r.Off[0].ID != "connect" || r.Off[0].Name != "Turned off in Connect" {
		t.Errorf("%+v", r)
	}
	if d := r.Domains[0]; !d.Off || d.Works || d.Agents != 0 || d.Reason != protocol.ReasonTurnedOff || len(d.SyncOff) != 1 || d.SyncOff[0] != "SRV1" {
		t.Errorf("%+v", d)
	}
	if r = judge(fact("SRV1", fleet.Free, off), fact("SRV2", fleet.Free)); r.State != status.Working || !r.Works || len(r.Notes) != 0 || len(r.Domains[0].SyncOff) != 0 {
		t.Errorf("another agent writes: %+v", r)
	}
	if r = judge(fact("SRV1", fleet.Free, off), fact("SRV2", fleet.Free, lab)); !r.Works || r.State != status.Degraded || len(r.Notes) != 1 || r.Notes[0].ID != "connect" {
		t.Errorf("another domain works: %+v", r)
	}
	if r = judge(fact("SRV1", fleet.Free, off), fact("SRV2", fleet.NoDirectory, lab, down(protocol.ReasonRights))); r.Works || r.State != status.Down || len(r.Off) != 2 || r.Off[1].ID != "connect" {
		t.Errorf("another domain is broken: %+v", r)
	}
	if r = judge(fact("SRV1", fleet.NotConnected, off)); r.State == status.Off || len(r.Off) == 0 || r.Off[0].ID != "offline" {
		t.Errorf("an agent that is gone: %+v", r)
	}
}
