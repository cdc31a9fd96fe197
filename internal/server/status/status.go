// Package status says in words whether writeback works for a tenant, and if not, why: the sentence an administrator
// sees, the reasons a switch is off in the order they must be fixed, and a line for each agent, each domain and the last
// test write. It judges facts that were gathered elsewhere and does no I/O; rendering is apart (Text).
//
// One reason of the design is not judged yet, because what it speaks of does not exist: "No licence".
package status

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/enrol"
	"homeward/internal/server/fleet"
	"homeward/internal/server/tenant"
)

// rivalFor is how long a refused machine is worth telling after its last try.
const rivalFor = time.Hour

// Facts are what is known at one moment.
type Facts struct {
	Tenant tenant.Tenant
	At     time.Time
	Relay  string // host name of the relay
	Up     bool   // the portal reaches the relay
	Agents []Fact
	Tests  []enrol.Test
}

// Fact is what is known of one agent.
type Fact struct {
	enrol.Agent

	Pending int
	// Obstacle says why it gets no request for a domain; the empty domain stands for any.
	Obstacle func(domain string) fleet.Obstacle
}

// State is the status in a word.
type State string

// States.
const (
	Working  State = "working"
	Degraded State = "degraded" // it works, and something needs attention
	Down     State = "down"
	Unset    State = "not_set_up"
	Off      State = "off"     // an administrator has turned it off
	Unknown  State = "unknown" // it can't be told from here
)

// Report is the whole answer.
type Report struct {
	Tenant   string    `json:"tenant"`
	At       time.Time `json:"at"`
	State    State     `json:"state"`
	Works    bool      `json:"works"` // every domain can be written
	Up       bool      `json:"relay_up"`
	Sentence string    `json:"sentence"`
	// SentenceID and Values say the same to a page that has it in the reader's language.
	SentenceID string            `json:"sentence_id"`
	Values     map[string]string `json:"values,omitempty"`
	// Moment is the sentence's Time, for a page that writes it as its reader does.
	Moment time.Time `json:"moment,omitzero"`

	Off     []Cause  `json:"off,omitempty"`    // why writeback is off, in fixing order
	Notes   []Cause  `json:"notes,omitempty"`  // what needs attention while it works
	Agents  []Agent  `json:"agents,omitempty"` // approved ones
	Domains []Domain `json:"domains,omitempty"`
}

// Cause is one reason, its sentence and the next step.
type Cause struct {
	Name string `json:"name"`
	Says string `json:"says"`
	Next string `json:"next"`
	// ID and Values say the same to a page that has it in the reader's language; Agent is the one to look at.
	ID     string            `json:"id"`
	Values map[string]string `json:"values,omitempty"`
	Moment time.Time         `json:"moment,omitzero"` // the value Time, for a page that writes it as its reader does
	Agent  string            `json:"agent,omitempty"`
}

// Agent is one agent's line.
type Agent struct {
	ID       string    `json:"id"`
	Machine  string    `json:"machine"`
	Build    string    `json:"build"`
	Protocol int       `json:"protocol"`
	State    string    `json:"state"` // ready, draining, offline, silent, outdated, directory
	Seen     time.Time `json:"seen"`
	Pending  int       `json:"pending"`
	Draining time.Time `json:"draining,omitzero"` // takes no new requests since then
	Idle     bool      `json:"idle"`              // drained, and nothing is left to do: it can be stopped
	Domains  []string  `json:"domains,omitempty"`
	Rival    *Rival    `json:"rival,omitempty"`
}

// Rival is a machine that was refused with an agent's identity.
type Rival struct {
	Machine string          `json:"machine"`
	Reason  protocol.Reason `json:"reason"`
	At      time.Time       `json:"at"`
}

// Domain is one domain's line.
type Domain struct {
	Name   string `json:"name"`
	Works  bool   `json:"works"`
	Agents int    `json:"agents"` // that can write it now
	// Off: it could be written, but every agent that answers for it has writeback turned off in its own configuration.
	Off bool `json:"off,omitempty"`
	// SyncOff names the agents that serve it when each of them has sync turned off in its own configuration.
	SyncOff []string        `json:"sync_off,omitempty"`
	Reason  protocol.Reason `json:"reason,omitempty"`
	DC      string          `json:"dc,omitempty"`
	Since   time.Time       `json:"since,omitzero"`
	Test    *Test           `json:"test,omitempty"`
}

// Test is the last test write to a domain.
type Test struct {
	At      time.Time        `json:"at"`
	Passed  bool             `json:"passed"`
	Outcome protocol.Outcome `json:"outcome"`
	Reason  protocol.Reason  `json:"reason,omitempty"`
	Agent   string           `json:"agent"`
	Micros  int64            `json:"us,omitempty"`
}

// Judge makes the report.
func Judge(f Facts) Report {
	f.Agents = slices.DeleteFunc(slices.Clone(f.Agents), func(a Fact) bool { return a.Status != enrol.Approved })
	r := Report{Tenant: f.Tenant.ID, At: f.At, Up: f.Up}
	for _, a := range f.Agents {
		r.Agents = append(r.Agents, f.agent(a))
	}
	r.Domains = f.domains()
	r.Off = f.off(r)
	r.Notes = f.notes(r)
	if f.Tenant.Settings.WritebackOff {
		r.Off = append(r.Off, Cause{
			Name: nameTurnedOff, ID: "turned_off", Says: "An administrator has turned writeback off.", Next: "Turn it on in the admin portal, under On-premises integration.",
		})
	}
	r.Works = f.Up && !f.Tenant.Settings.WritebackOff && len(f.licence()) == 0 && len(r.Agents) > 0 && slices.ContainsFunc(r.Domains, func(d Domain) bool { return d.Works }) &&
		!slices.ContainsFunc(r.Domains, func(d Domain) bool { return !d.Works && !d.Off })
	said := f.sentence(r)
	r.State, r.Sentence, r.SentenceID, r.Values, r.Moment = said.state, said.text, said.id, said.values, said.moment
	return r
}

func (f Facts) agent(a Fact) Agent {
	out := Agent{
		ID: a.ID, Machine: a.Machine, Build: a.Build, Protocol: a.Protocol, Seen: a.Seen, Pending: a.Pending,
		State: stateOf(a.Obstacle("")),
	}
	out.Draining = a.Draining
	gone := a.Obstacle("") == fleet.NotConnected
	out.Idle = !a.Draining.IsZero() && (gone || a.Pending == 0 && a.Seen.After(a.Draining))
	for _, d := range a.Domains {
		out.Domains = append(out.Domains, d.Name)
	}
	if a.Rival.Reason != "" && (f.At.Sub(a.Rival.At) < rivalFor || a.Rival.Reason == protocol.ReasonAgentMoved) {
		out.Rival = &Rival{Machine: a.Rival.Machine.Name, Reason: a.Rival.Reason, At: a.Rival.At}
	}
	return out
}

func stateOf(o fleet.Obstacle) string {
	switch o {
	case fleet.Free:
		return "ready"
	case fleet.NotConnected:
		return "offline"
	case fleet.Drained:
		return "draining"
	}
	return string(o)
}

func (f Facts) domains() []Domain {
	var out []Domain
	for _, a := range f.Agents {
		for _, d := range a.Domains {
			i := slices.IndexFunc(out, func(have Domain) bool { return have.Name == d.Name })
			if i < 0 {
				out, i = append(out, Domain{Name: d.Name, Test: f.test(d.Name)}), len(out)
			}
			out[i].see(a, d)
		}
	}
	for i := range out {
		out[i].SyncOff = f.unsynced(out[i].Name)
	}
	slices.SortFunc(out, func(a, b Domain) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// unsynced names the agents of a domain that none of them syncs.
func (f Facts) unsynced(domain string) []string {
	var names []string
	for _, a := range f.Agents {
		d, ok := a.Serves(domain)
		switch {
		case ok && !d.SyncOff:
			return nil
		case ok:
			names = append(names, a.Machine)
		}
	}
	return names
}

// see adds what one agent says of the domain. What a working agent says counts before what another says.
func (d *Domain) see(a Fact, said enrol.Domain) {
	switch o := a.Obstacle(d.Name); {
	case o == fleet.Free && said.WritebackOff:
		if !d.Works {
			d.Off, d.Reason, d.DC, d.Since = true, protocol.ReasonTurnedOff, said.DC, said.Since
		}
	case o == fleet.Free:
		d.Agents++
		if !d.Works {
			d.Works, d.Off, d.Reason, d.DC, d.Since = true, false, "", said.DC, said.Since
		}
	case d.Works, d.Off:
	case o == fleet.NoDirectory && (d.Reason == "" || d.Reason == protocol.ReasonNoAgent):
		d.Reason, d.Since = said.Reason, said.Since
	case d.Reason == "":
		d.Reason = protocol.ReasonNoAgent
	}
}

func (f Facts) test(domain string) *Test {
	for _, t := range f.Tests {
		if strings.EqualFold(t.Domain, domain) {
			return &Test{At: t.At, Passed: fleet.Passed(t.Result), Outcome: t.Result.Outcome, Reason: t.Result.Reason, Agent: t.Agent, Micros: t.Result.Micros}
		}
	}
	return nil
}

// said is a sentence, as English text and as what a page needs to say it in another language.
type said struct {
	state    State
	text, id string
	values   map[string]string
	moment   time.Time
}

// sentence is the one the administrator sees first (design.md, section 5).
func (f Facts) sentence(r Report) said {
	unset := said{Unset, "Writeback isn’t set up yet.", "unset", nil, time.Time{}}
	switch {
	case len(f.Agents) == 0:
		return unset
	case f.Tenant.Settings.WritebackOff:
		return said{Off, "Writeback is turned off.", "off", nil, time.Time{}}
	case len(f.licence()) > 0:
		return said{Off, "No licence includes password writeback.", "unlicensed", nil, time.Time{}}
	case !f.Up:
		return said{Unknown, fmt.Sprintf("The portal can’t reach the relay %s. Your agents may be fine.", f.Relay), "relay", with("Relay", f.Relay), time.Time{}}
	}
	if f.all(fleet.NotConnected, fleet.Silent) {
		last := f.last()
		if last.IsZero() {
			return unset
		}
		at := f.clock(last)
		return said{Down, fmt.Sprintf("No agent has answered since %s. The relay is up, so the break is between your servers and the relay.", at), "silent", with("Time", at), last}
	}
	if a, ok := f.switchedOff(r); ok {
		return said{Off, fmt.Sprintf("Writeback is off in the agent’s configuration on %s.", a), "off_there", with("Agent", a), time.Time{}}
	}
	if !r.Works {
		if a, ok := f.first(fleet.Outdated); ok && len(r.Off) > 0 && r.Off[0].Name == nameOutdated {
			return said{Unknown, fmt.Sprintf("We can’t check %s: its version is too old to report.", a.Machine), "unchecked", with("Agent", a.Machine), time.Time{}}
		}
		return said{Down, "Writeback doesn’t work. " + first(r.Off), "broken", nil, time.Time{}} // the design's six sentences have none for a reachable agent
	}
	if a, ok := f.behind(); ok {
		return said{Degraded, fmt.Sprintf("Writeback works, but %s is out of date (%s).", a.Machine, a.Build), "outdated", with("Agent", a.Machine, "Version", a.Build), time.Time{}}
	}
	state := Working
	if len(r.Notes) > 0 {
		state = Degraded
	}
	return said{state, "Your on-premises writeback agents are up and running.", "working", nil, time.Time{}}
}

// with makes a map of name, value, name, value …
func with(pairs ...string) map[string]string {
	m := make(map[string]string, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

func first(off []Cause) string {
	if len(off) == 0 {
		return "The reason isn’t known."
	}
	return off[0].Says
}

// all reports whether every agent has one of the obstacles.
func (f Facts) all(obstacles ...fleet.Obstacle) bool {
	return !slices.ContainsFunc(f.Agents, func(a Fact) bool { return !slices.Contains(obstacles, a.Obstacle("")) })
}

func (f Facts) first(o fleet.Obstacle) (Fact, bool) {
	for _, a := range f.Agents {
		if a.Obstacle("") == o {
			return a, true
		}
	}
	return Fact{}, false
}

// behind finds an agent that answers but does not know everything this server does.
func (f Facts) behind() (Fact, bool) {
	for _, a := range f.Agents {
		if o := a.Obstacle(""); o == fleet.Outdated || o != fleet.NotConnected && a.Protocol < protocol.Version {
			return a, true
		}
	}
	return Fact{}, false
}

func (f Facts) last() time.Time {
	var last time.Time
	for _, a := range f.Agents {
		if a.Seen.After(last) {
			last = a.Seen
		}
	}
	return last
}

// clock writes a moment as the tenant's people do: 14:32, and the day when it isn't today.
func (f Facts) clock(t time.Time) string {
	zone := f.Tenant.Settings.Location()
	t, now := t.In(zone), f.At.In(zone)
	if t.Year() == now.Year() && t.YearDay() == now.YearDay() {
		return t.Format("15:04")
	}
	return t.Format("2 January at 15:04")
}
