package agent

import (
	"cmp"
	"context"
	"encoding/json"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/config"
	"homeward/internal/protocol"
)

// Look makes a whole checkup. names are the domains of the configuration's directories, as far as the agent has reached them. Package
// checkup has the one there is; it stands on this package, so it is handed in.
type Look func(ctx context.Context, c config.Agent, names []string, progress func(done, of int)) ([]protocol.CheckupFinding, error)

const (
	// findingsRoom and domainsRoom bound what an answer holds of each, in bytes, so that it fits a message.
	findingsRoom, domainsRoom = 40 << 10, 16 << 10
	mostControllers           = 16
	// firstCheckup is how long after its start an agent checks itself unasked, nextCheckup how long after that again: what nobody
	// asks for is known all the same, and a server that begins with all its agents isn't met by their checkups.
	firstCheckup, nextCheckup = 10 * time.Minute, 24 * time.Hour
)

// checkups is the checkup that is being made, and the last one. One is made at a time.
type checkups struct {
	look Look
	wake chan struct{}

	mu       sync.Mutex
	began    time.Time // zero: none is being made
	done, of int
	ended    time.Time // by the server's clock; zero: none was made yet
	took     time.Duration
	findings []protocol.CheckupFinding
	more     int
}

// begin has one made, unless one is being made.
func (c *checkups) begin(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.began.IsZero() {
		return
	}
	c.began, c.done, c.of = now, 0, 0
	signal(c.wake)
}

func (c *checkups) progress(done, of int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done, c.of = done, of
}

// unasked has one made soon after the start and then every day.
func (c *checkups) unasked(ctx context.Context, now func() time.Time) {
	due := time.NewTimer(firstCheckup)
	defer due.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-due.C:
			due.Reset(nextCheckup)
			c.begin(now())
		}
	}
}

// over keeps what a checkup found.
func (c *checkups) over(now time.Time, findings []protocol.CheckupFinding) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.findings, c.more = fitting(findings)
	c.took, c.ended, c.began = now.Sub(c.began), now, time.Time{}
}

// tell fills in how checkups stand. What the server knows already isn't told again.
func (c *checkups) tell(out *protocol.CheckupAnswer, known protocol.Milli) {
	c.mu.Lock()
	defer c.mu.Unlock()
	out.Running, out.Done, out.Of = protocol.MilliOf(c.began), c.done, c.of
	out.Ended, out.Micros, out.More = protocol.MilliOf(c.ended), c.took.Microseconds(), c.more
	if out.Ended != known {
		out.Findings = c.findings
	}
}

// fitting leaves out what an answer has no room for: of what is right first, then from the end.
func fitting(all []protocol.CheckupFinding) (kept []protocol.CheckupFinding, more int) {
	kept = slices.Clone(all)
	for len(kept) > protocol.MaxFindings || size(kept) > findingsRoom {
		i := len(kept) - 1
		for n, f := range slices.Backward(kept) {
			if f.Status == protocol.FindingOK || f.Status == protocol.FindingNote {
				i = n
				break
			}
		}
		kept = slices.Delete(kept, i, i+1)
		more++
	}
	return kept, more
}

// size is how many bytes something has in a message.
func size(v any) int {
	b, err := json.Marshal(v)
	if err != nil {
		return protocol.MaxMessage // it can't be told
	}
	return len(b)
}

// checkupAnswer answers a Checkup at once.
func (a *Agent) checkupAnswer(q protocol.CheckupRequest) protocol.CheckupAnswer {
	if q.Begin && a.checks.look == nil {
		return protocol.CheckupAnswer{Reason: protocol.ReasonNotFound}
	}
	if q.Begin {
		a.checks.begin(a.now())
	}
	out := protocol.CheckupAnswer{
		At: protocol.MilliOf(time.Now()), System: a.system, Started: protocol.MilliOf(a.started), Proxy: a.config.Proxy.URL != "", Domains: a.reached(),
		KeyDue: protocol.MilliOf(a.now().Add(a.config.KeyLife - a.id.SealKeyAge(a.now()))),
	}
	a.checks.tell(&out, q.Known)
	return out
}

// checkUp makes the checkups that are asked for, one after another.
func (a *Agent) checkUp(ctx context.Context) error {
	var timer sync.WaitGroup
	defer timer.Wait()
	if a.checks.look != nil {
		timer.Go(func() { a.checks.unasked(ctx, a.now) })
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-a.checks.wake:
		}
		var names []string
		for _, d := range a.domains() {
			names = append(names, d.Name)
		}
		found, err := a.checks.look(ctx, a.config, names, a.checks.progress)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			found = []protocol.CheckupFinding{{
				Section: protocol.SectionMachine, Check: "configuration", Status: protocol.FindingFail, Text: activedirectory.Words(err),
			}}
		}
		a.checks.over(a.now(), found)
	}
}

// reached tells how each domain is reached, as the last look at it saw it.
func (a *Agent) reached() []protocol.CheckupDomain {
	names := a.domains()
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make([]protocol.CheckupDomain, 0, len(a.seen))
	for i, s := range a.seen {
		conf := a.config.Directories[i]
		d := protocol.CheckupDomain{Name: names[i].Name, Account: conf.User, Security: cmp.Or(conf.Security, "ldaps")}
		for _, c := range s.domain.Controllers {
			if c.Host == s.domain.DC {
				d.Site = c.Site
			}
			if len(d.Controllers) < mostControllers {
				d.Controllers = append(d.Controllers, protocol.CheckupController{Host: c.Host, OK: c.OK, ReadOnly: c.ReadOnly, Reason: c.Reason, Micros: c.Latency.Microseconds()})
			}
		}
		out = append(out, d)
	}
	for i := len(out) - 1; i >= 0 && size(out) > domainsRoom; i-- {
		out[i].Controllers = nil
	}
	for size(out) > domainsRoom {
		out = out[:len(out)-1]
	}
	return out
}

// System names the operating system.
func System() string {
	b, err := os.ReadFile("/etc/os-release")
	if err == nil {
		for line := range strings.Lines(string(b)) {
			if name, ok := strings.CutPrefix(line, "PRETTY_NAME="); ok {
				return strings.Trim(strings.TrimSpace(name), `"`)
			}
		}
	}
	return map[string]string{"windows": "Windows", "linux": "Linux"}[runtime.GOOS]
}
