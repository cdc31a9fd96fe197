package fleet

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/relay"
	"homeward/internal/server/audit"
	"homeward/internal/server/enrol"
	"homeward/internal/server/reset"
	"homeward/internal/server/tenant"
)

const (
	// checkupLook is how often each agent is asked how it is; checkupSoon how often one that is making a checkup.
	checkupLook = 20 * time.Second
	checkupSoon = 500 * time.Millisecond
	// checkupsAtOnce is how many agents are asked beside each other: one that hangs holds up its own line only.
	checkupsAtOnce = 16
	// checkupWithin bounds one question: somebody's page waits for it.
	checkupWithin = 2 * time.Second
	// checkupGone is when a checkup that is no longer heard of counts as broken off.
	checkupGone = 10 * time.Second
)

// Why an agent isn't asked to check itself, or to replace its key.
var (
	ErrAway   = errors.New("the agent isn't connected, or doesn't answer")
	ErrTooOld = errors.New("the agent is too old to be asked for this")
)

// KeyKept is an agent's refusal to replace its sealing key.
type KeyKept struct{ Reason protocol.Reason }

// Error implements error.
func (k *KeyKept) Error() string { return "the agent keeps its sealing key: " + string(k.Reason) }

// Checkup is what an agent said last of itself. It is kept in memory: agents tell it again after a restart of the server.
type Checkup struct {
	protocol.CheckupAnswer

	Heard time.Time     // zero: it never told
	Trip  time.Duration // there and back
	Clock time.Duration // its machine's clock minus this one's
	Old   bool          // it doesn't know what it was asked
	Going bool          // a checkup is being made
}

// Tally counts what the last checkup found.
func (c Checkup) Tally() (passed, warned, failed int) {
	for _, f := range c.Findings {
		switch f.Status {
		case protocol.FindingOK:
			passed++
		case protocol.FindingWarn:
			warned++
		case protocol.FindingFail:
			failed++
		case protocol.FindingNote, protocol.FindingSkip:
		}
	}
	return passed, warned, failed
}

// Checkups asks agents how they are: always what they are, and when an operator wants it for a whole checkup.
type Checkups struct {
	fleet   *Fleet
	command func(ctx context.Context, agent string) (ed25519.PrivateKey, error)
	soon    chan struct{}

	mu    sync.Mutex
	known map[string]Checkup     // by agent
	asked map[string]enrol.Agent // whom it is known of
}

// NewCheckups returns a Checkups. Run keeps what it knows true.
func NewCheckups(f *Fleet, command func(ctx context.Context, agent string) (ed25519.PrivateKey, error)) *Checkups {
	return &Checkups{fleet: f, command: command, soon: make(chan struct{}, 1), known: map[string]Checkup{}, asked: map[string]enrol.Agent{}}
}

// Of returns what an agent said last. An agent that never said anything has the zero value.
func (c *Checkups) Of(agent string) Checkup {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.known[agent]
	k.Going = k.Running != 0 && c.fleet.Now().Sub(k.Heard) < checkupGone
	return k
}

// Begin has an agent check everything, and returns once it has begun. One that is at it already goes on.
func (c *Checkups) Begin(ctx context.Context, tenantID, id, operator string) error {
	a, err := c.askable(ctx, tenantID, id, protocol.Checkup)
	if err != nil {
		return err
	}
	if err := c.look(ctx, a, true); err != nil {
		return err
	}
	select {
	case c.soon <- struct{}{}:
	default:
	}
	c.fleet.note(ctx, a, "Check agent", event.AgentChecked, operator, "")
	return nil
}

// Roll has an agent replace its sealing key, and returns the id of the new one. What was sealed to the one before still opens
// for a day. A refusal is a *KeyKept.
func (c *Checkups) Roll(ctx context.Context, tenantID, id, operator string) (string, error) {
	a, err := c.askable(ctx, tenantID, id, protocol.Roll)
	if err != nil {
		return "", err
	}
	var r protocol.RollAnswer
	if err := c.ask(ctx, a, protocol.Roll, protocol.RollRequest{Version: protocol.Version}, &r); err != nil {
		return "", err
	}
	if r.Reason != protocol.ReasonNone {
		c.fleet.Record(ctx, a.Tenant, audit.Record{
			Activity: rollActivity, Hop: "operator", Event: int(event.KeyRollAsked), Result: "failed", Reason: clip(string(r.Reason)), Actor: operator, Target: a.ID,
		})
		return "", &KeyKept{r.Reason}
	}
	c.fleet.note(ctx, a, rollActivity, event.KeyRollAsked, operator, clip(r.KeyID))
	return r.KeyID, nil
}

const rollActivity = "Replace sealing key (by admin)"

// askable finds an agent that can be asked now.
func (c *Checkups) askable(ctx context.Context, tenantID, id string, op protocol.Operation) (enrol.Agent, error) {
	a, t, err := c.fleet.own(ctx, tenantID, id)
	switch {
	case err != nil:
		return a, err
	case a.Status != enrol.Approved:
		return a, fmt.Errorf("%w: it was revoked", ErrState)
	case a.Protocol < op.Since():
		return a, ErrTooOld
	case !c.fleet.Relay.Online(t.Account, a.ID):
		return a, ErrAway
	}
	return a, nil
}

// ask sends a question that names no person. An answer in another shape is that of an agent that doesn't know the question. That
// it fails says nothing about writing, so the agent isn't put behind others.
func (c *Checkups) ask(ctx context.Context, a enrol.Agent, op protocol.Operation, body, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, checkupWithin)
	defer cancel()
	envelope, err := c.fleet.question(ctx, a, op, c.command, askAccept, askLife, body)
	if err != nil {
		return err
	}
	conn, lost, err := c.fleet.line(ctx, a.Tenant, a.ID)
	if err != nil {
		if errors.Is(err, reset.ErrNoAgent) {
			err = fmt.Errorf("%w: %w", ErrAway, err)
		}
		return err
	}
	err = c.fleet.Caller.Ask(ctx, conn, a.ID, op, envelope, lost, answer)
	switch {
	case errors.Is(err, relay.ErrMalformed):
		return fmt.Errorf("%w: %w", ErrTooOld, err)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrAway, err)
	}
	return nil
}

// look asks an agent how it is and keeps what it says.
func (c *Checkups) look(ctx context.Context, a enrol.Agent, begin bool) error {
	before := c.Of(a.ID)
	sent := c.fleet.Now()
	var r protocol.CheckupAnswer
	err := c.ask(ctx, a, protocol.Checkup, protocol.CheckupRequest{Version: protocol.Version, Begin: begin, Known: before.Ended}, &r)
	now := c.fleet.Now()
	switch {
	case errors.Is(err, ErrTooOld):
		c.keep(a, Checkup{Old: true})
		return err
	case err != nil:
		return err
	case r.Reason != protocol.ReasonNone:
		return fmt.Errorf("the agent can't be asked: %s: %w", clip(string(r.Reason)), ErrState)
	}
	r = bounded(r)
	if r.Ended == before.Ended || r.Ended == 0 { // not told again, or forgotten: the agent started anew
		r.Ended, r.Micros, r.Findings, r.More = before.Ended, before.Micros, before.Findings, before.More
	}
	trip := now.Sub(sent)
	c.keep(a, Checkup{CheckupAnswer: r, Heard: now, Trip: trip, Clock: r.At.Time().Sub(sent.Add(trip / 2))})
	return nil
}

func (c *Checkups) keep(a enrol.Agent, k Checkup) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known[a.ID], c.asked[a.ID] = k, a
}

// bounded makes what an agent says fit for a page.
func bounded(r protocol.CheckupAnswer) protocol.CheckupAnswer {
	r.System, r.Done, r.Of = clip(r.System), max(r.Done, 0), max(r.Of, 0)
	r.Domains = r.Domains[:min(len(r.Domains), maxDomains)]
	for i, d := range r.Domains {
		d.Name, d.Account, d.Security, d.Site = strings.ToLower(clip(d.Name)), clip(d.Account), clip(d.Security), clip(d.Site)
		for n := range d.Controllers {
			d.Controllers[n].Host = clip(d.Controllers[n].Host)
		}
		r.Domains[i] = d
	}
	r.Findings = r.Findings[:min(len(r.Findings), protocol.MaxFindings)]
	for i, f := range r.Findings {
		f.Domain, f.Check, f.Text, f.Where, f.Cause = strings.ToLower(clip(f.Domain)), clip(f.Check), longer(f.Text), longer(f.Where), clip(f.Cause)
		for n := range f.Rights {
			f.Rights[n] = clip(f.Rights[n])
		}
		for n := range f.Fix {
			f.Fix[n].What = longer(f.Fix[n].What)
			f.Fix[n].Commands = slices.DeleteFunc(f.Fix[n].Commands, func(c protocol.CheckupCommand) bool { return longer(c.Line) != c.Line })
		}
		r.Findings[i] = f
	}
	return r
}

// longer is clip for a finding's text.
func longer(s string) string { return clipped(s, protocol.MaxFindingText) }

// Run asks every agent now and then, and those that are making a checkup soon again, until ctx ends.
func (c *Checkups) Run(ctx context.Context, tenants func(ctx context.Context) ([]tenant.Tenant, error)) error {
	var last time.Time
	for {
		if now := c.fleet.Now(); now.Sub(last) >= checkupLook {
			last = now
			c.round(ctx, tenants)
		} else {
			c.lookAt(ctx, c.going())
		}
		pause := checkupLook
		if len(c.going()) > 0 {
			pause = checkupSoon
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-c.soon:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// going are the agents that are making a checkup. A server with thousands of agents asks none of the others for them.
func (c *Checkups) going() (agents []enrol.Agent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, k := range c.known {
		if k.Running != 0 && c.fleet.Now().Sub(k.Heard) < checkupGone {
			agents = append(agents, c.asked[id])
		}
	}
	return agents
}

// round asks all agents that are connected, and forgets who is no agent any more.
func (c *Checkups) round(ctx context.Context, tenants func(ctx context.Context) ([]tenant.Tenant, error)) {
	list, err := tenants(ctx)
	if err != nil {
		if ctx.Err() == nil {
			c.fleet.Log.Error("tenants can't be read", "error", err)
		}
		return
	}
	var there []enrol.Agent
	present, whole := map[string]bool{}, true
	for _, t := range list {
		agents, err := c.fleet.Store.Agents(ctx, t.ID)
		if err != nil {
			if ctx.Err() == nil {
				c.fleet.Log.Error("agents can't be read", "tenant", t.ID, "error", err)
			}
			whole = false // nobody is forgotten
			continue
		}
		for _, a := range agents {
			present[a.ID] = present[a.ID] || a.Status == enrol.Approved
			if a.Status == enrol.Approved && a.Protocol >= protocol.Checkup.Since() && c.fleet.Relay.Online(t.Account, a.ID) {
				there = append(there, a)
			}
		}
	}
	c.lookAt(ctx, there)
	if whole {
		c.forget(present)
	}
}

// lookAt asks agents, some beside each other.
func (c *Checkups) lookAt(ctx context.Context, agents []enrol.Agent) {
	var lines sync.WaitGroup
	free := make(chan struct{}, checkupsAtOnce)
	for _, a := range agents {
		free <- struct{}{}
		lines.Go(func() {
			defer func() { <-free }()
			if err := c.look(ctx, a, false); err != nil && ctx.Err() == nil {
				c.fleet.Log.Debug("an agent doesn't tell how it is; it is asked again", "agent", a.ID, "error", err)
			}
		})
	}
	lines.Wait()
}

func (c *Checkups) forget(present map[string]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range c.known {
		if !present[id] {
			delete(c.known, id)
			delete(c.asked, id)
		}
	}
}
