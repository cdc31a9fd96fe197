package fleet

import (
	"slices"
	"strings"
	"testing"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/enrol"
)

// TestWhatAnAgentSaysIsBounded: lists and texts are cut, and a command that would be cut isn't shown.
func TestWhatAnAgentSaysIsBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", protocol.MaxFindingText+1)
	r := bounded(protocol.CheckupAnswer{
		System: long + "\x1b", Done: -1, Of: -2,
		Domains: slices.Repeat([]protocol.CheckupDomain{{Name: "CORP.Contoso.TEST", Account: long, Controllers: []protocol.CheckupController{{Host: long}}}}, maxDomains+1),
		Findings: slices.Repeat([]protocol.CheckupFinding{{
			Check: long, Text: long, Rights: []string{long}, Where: "OU=A\n",
			Fix: []protocol.CheckupRemedy{{What: long, Commands: []protocol.CheckupCommand{{Line: long}, {Line: "dsacls"}}}},
		}}, protocol.MaxFindings+1),
	})
	if len(r.Domains) != maxDomains || len(r.Findings) != protocol.MaxFindings || len(r.System) != maxText || r.Done != 0 || r.Of != 0 {
		t.Errorf("%d domains, %d findings, %+.200v", len(r.Domains), len(r.Findings), r)
	}
	d, f := r.Domains[0], r.Findings[0]
	if d.Name != "corp.contoso.test" || len(d.Account) != maxText || len(d.Controllers[0].Host) != maxText {
		t.Errorf("%+v", d)
	}
	if len(f.Text) != protocol.MaxFindingText || len(f.Rights[0]) != maxText || f.Where != "OU=A" || len(f.Fix[0].Commands) != 1 || f.Fix[0].Commands[0].Line != "dsacls" {
		t.Errorf("%+v", f)
	}
}

// TestTally: what is only worth knowing, or wasn't looked at, neither passed nor failed.
func TestTally(t *testing.T) {
	t.Parallel()
	var c Checkup
	for _, s := range []protocol.FindingStatus{"ok", "ok", "ok", "warn", "warn", "fail", "note", "skip", "else"} {
		c.Findings = append(c.Findings, protocol.CheckupFinding{Status: s})
	}
	if p, w, f := c.Tally(); p != 3 || w != 2 || f != 1 {
		t.Errorf("%d passed, %d warned, %d failed", p, w, f)
	}
}

// TestCheckupThatIsNoLongerHeardOf counts as broken off, and what was found before stays.
func TestCheckupThatIsNoLongerHeardOf(t *testing.T) {
	t.Parallel()
	now := time.Now()
	c := NewCheckups(&Fleet{Deps: Deps{Now: func() time.Time { return now }}}, nil)
	k := Checkup{Heard: now}
	k.Running, k.Ended, k.Findings = 1, 2, []protocol.CheckupFinding{{Check: "clock"}}
	c.keep(enrol.Agent{ID: "U1"}, k)
	if !c.Of("U1").Going || len(c.going()) != 1 || c.going()[0].ID != "U1" {
		t.Error("it isn't going")
	}
	now = now.Add(checkupGone)
	if got := c.Of("U1"); got.Going || len(c.going()) != 0 || len(got.Findings) != 1 {
		t.Errorf("%+v", got)
	}
	c.forget(map[string]bool{"U2": true})
	if got := c.Of("U1"); got.Ended != 0 {
		t.Errorf("remembered: %+v", got)
	}
}
