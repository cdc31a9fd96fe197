package agent

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/config"
	"homeward/internal/protocol"
)

// TestCheckupsAreMadeUnasked: some minutes after the start, and then every day.
func TestCheckupsAreMadeUnasked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		a := &Agent{checks: checkups{wake: make(chan struct{}, 1), look: func(context.Context, config.Agent, []string, func(done, of int)) ([]protocol.CheckupFinding, error) {
			looks++
			return nil, nil
		}}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- a.checkUp(ctx) }()
		for want, wait := range []time.Duration{firstCheckup - time.Second, 2 * time.Second, nextCheckup - 2*time.Second, 2 * time.Second} {
			<-time.After(wait) // of the test's own clock
			synctest.Wait()
			if looks != []int{0, 1, 1, 2}[want] {
				t.Errorf("step %d: %d were made", want, looks)
			}
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// TestCheckupsAreMadeOneAtATime: asking while one is made begins no other, what was found is told once, and a configuration that
// can't be opened is a finding.
func TestCheckupsAreMadeOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		var broken error
		carryOn := make(chan struct{})
		a := &Agent{checks: checkups{wake: make(chan struct{}, 1), look: func(_ context.Context, _ config.Agent, _ []string, progress func(done, of int)) ([]protocol.CheckupFinding, error) {
			looks++
			progress(1, 3)
			<-carryOn
			return []protocol.CheckupFinding{{Check: "clock", Status: protocol.FindingOK}}, broken
		}}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- a.checkUp(ctx) }()
		told := func(known protocol.Milli) (out protocol.CheckupAnswer) { a.checks.tell(&out, known); return out }
		if x := told(0); x.Running != 0 || x.Ended != 0 || len(x.Findings) != 0 {
			t.Errorf("before the first: %+v", x)
		}
		for range 3 {
			a.checks.begin(a.now())
			synctest.Wait()
		}
		if x := told(0); x.Running == 0 || x.Done != 1 || x.Of != 3 || looks != 1 {
			t.Errorf("%d are made: %+v", looks, x)
		}
		<-time.After(2 * time.Second) // of the test's own clock
		carryOn <- struct{}{}
		synctest.Wait()
		x := told(0)
		if x.Running != 0 || x.Micros != 2_000_000 || len(x.Findings) != 1 || looks != 1 {
			t.Errorf("after %d: %+v", looks, x)
		}
		if again := told(x.Ended); again.Ended != x.Ended || len(again.Findings) != 0 {
			t.Errorf("told again: %+v", again)
		}
		broken = errors.New("service account: no such file")
		a.checks.begin(a.now())
		carryOn <- struct{}{}
		synctest.Wait()
		if x := told(x.Ended - 1); len(x.Findings) != 1 || x.Findings[0].Check != "configuration" || x.Findings[0].Status != protocol.FindingFail {
			t.Errorf("%+v", x)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// TestLargestAnswerFits: whatever is found, an answer fits a message, and what is wrong is left out last.
func TestLargestAnswerFits(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("<", protocol.MaxFindingText) // six bytes each in JSON
	fix := slices.Repeat([]protocol.CheckupRemedy{{What: long, Commands: slices.Repeat([]protocol.CheckupCommand{{Where: long, Line: long}}, 8)}}, 4)
	var all []protocol.CheckupFinding
	for i := range 500 {
		f := protocol.CheckupFinding{Section: protocol.SectionRights, Check: "rights", Status: protocol.FindingOK, Text: "fine"}
		if i%100 == 0 {
			f.Status, f.Text = protocol.FindingFail, long
		}
		all = append(all, f)
	}
	kept, more := fitting(all)
	failed := 0
	for _, f := range kept {
		if f.Status == protocol.FindingFail {
			failed++
		}
	}
	if failed != 5 || len(kept) > protocol.MaxFindings || len(kept)+more != len(all) {
		t.Errorf("%d kept, %d of them failures, %d more", len(kept), failed, more)
	}
	all = slices.Repeat([]protocol.CheckupFinding{{Section: protocol.SectionRights, Status: protocol.FindingFail, Text: long, Where: long, Fix: fix}}, 9)
	a := &Agent{config: config.Agent{}, system: long[:200]}
	controllers := make([]activedirectory.ControllerState, 100)
	for i := range controllers {
		controllers[i].Host = long[:255]
	}
	for range 64 {
		a.config.Directories = append(a.config.Directories, config.Directory{Domain: long[:255], User: long[:255]})
		a.seen = append(a.seen, sight{domain: activedirectory.State{Controllers: controllers}})
	}
	a.checks.began = time.Now()
	a.checks.over(time.Now(), all)
	out := protocol.CheckupAnswer{Version: protocol.Version, Domains: a.reached(), System: a.system}
	a.checks.tell(&out, 0)
	b, err := protocol.Encode(out)
	if err != nil || len(out.Domains) == 0 || out.More == 0 {
		t.Errorf("%d bytes, %d domains, %d findings more: %v", len(b), len(out.Domains), out.More, err)
	}
}
