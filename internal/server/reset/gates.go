package reset

import (
	"context"
	"fmt"
	"slices"
	"time"

	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/server/provision"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

// GateID names one thing that has to be right before somebody can reset their password.
type GateID string

// Gates, in the order in which they are told. The portal passes those that hold for everybody first.
const (
	GateEnabled   GateID = "enabled"   // the account is turned on
	GateStopped   GateID = "stopped"   // their self-service isn't stopped
	GateScope     GateID = "scope"     // the tenant lets them
	GateLicence   GateID = "licence"   // a plan includes writeback
	GateMethods   GateID = "methods"   // registered enough ways to prove who they are
	GateDirectory GateID = "directory" // the account is a directory's, so there is something to write to
	GateWriteback GateID = "writeback" // nobody has turned writeback off
	GateMatch     GateID = "match"     // it is certain which directory account it is
	GateAgent     GateID = "agent"     // an agent can write their domain now
	GateProtected GateID = "protected" // not one of the directory's administrators
	GateRole      GateID = "role"      // administrators of the tenant need more checks
	GateAccount   GateID = "account"   // an agent has just looked: nothing else stops it
	GateAge       GateID = "age"       // the password is old enough for the policy
)

// GateState is how a gate stands.
type GateState string

// Gate states. A Noted gate is open, and something about it is worth knowing.
const (
	Open    GateState = "open"
	Noted   GateState = "noted"
	Shut    GateState = "shut"
	Unknown GateState = "unknown" // it could not be asked
)

// Gate is one of the things that have to be right, and what it rests on.
type Gate struct {
	ID     GateID          `json:"gate"`
	State  GateState       `json:"state"`
	Reason protocol.Reason `json:"reason,omitempty"` // why it is shut, as records say it
	Event  event.Code      `json:"event,omitempty"`  // of such a record

	Have  int           `json:"have,omitempty"` // GateMethods: kinds that can pass a check
	Need  int           `json:"need,omitempty"` // GateMethods: how many it takes
	Kinds []verify.Kind `json:"kinds,omitempty"`
	Group string        `json:"group,omitempty"`  // GateScope: the chosen group's object
	Until time.Time     `json:"until,omitzero"`   // GateAge: it opens then
	Name  string        `json:"domain,omitempty"` // GateAgent, GateDirectory: the domain
}

// shut is a gate that is closed for a reason.
func (g Gate) shut(r protocol.Reason, code event.Code) Gate {
	g.State, g.Reason, g.Event = Shut, r, code
	return g
}

// firstShut returns the first gate that is shut, or an open one.
func firstShut(gates ...Gate) Gate {
	for _, g := range gates {
		if g.State == Shut {
			return g
		}
	}
	return Gate{State: Open}
}

// The gates one by one. What the portal decides, what an operator is told and what reports count come from these and from
// nothing else.

func writebackGate(t tenant.Tenant) Gate {
	g := Gate{ID: GateWriteback, State: Open}
	if t.Settings.WritebackOff {
		return g.shut(protocol.ReasonTurnedOff, event.FlowTurnedOff)
	}
	return g
}

// licenceGate is about the tenant's licences, and about the person's where each needs one.
func licenceGate(covered bool) Gate {
	g := Gate{ID: GateLicence, State: Open}
	if !covered {
		return g.shut(protocol.ReasonNotLicensed, event.FlowUnlicensed)
	}
	return g
}

// agentGate is about writers of a domain, or of any.
func agentGate(writers []Writer, op protocol.Operation) Gate {
	g := Gate{ID: GateAgent, State: Open}
	if _, err := able(writers, op); err != nil {
		return g.shut(agentReason(err), eventOf(agentReason(err)))
	}
	return g
}

func scopeGate(t tenant.Tenant, within bool) Gate {
	g := Gate{ID: GateScope, State: Open}
	if t.Settings.ResetScope == tenant.ScopeSelected {
		g.Group = t.Settings.ResetGroup
	}
	if !within {
		return g.shut(protocol.ReasonNotInScope, event.FlowNotInScope)
	}
	return g
}

// ReasonStopped is why somebody can't help themselves whose self-service is stopped. Only records say so.
const ReasonStopped protocol.Reason = "self_service_stopped"

func stoppedGate(stopped bool) Gate {
	g := Gate{ID: GateStopped, State: Open}
	if stopped {
		return g.shut(ReasonStopped, event.FlowStopped)
	}
	return g
}

func matchGate(p provision.Person) Gate {
	g := Gate{ID: GateMatch, State: Open}
	if p.Held != "" {
		return g.shut(p.Held, event.FlowHeld)
	}
	return g
}

func protectedGate(p provision.Person) Gate {
	g := Gate{ID: GateProtected, State: Open}
	if p.Protected {
		return g.shut(protocol.ReasonProtected, event.AccountProtected)
	}
	return g
}

func directoryGate(p provision.Person) Gate {
	g := Gate{ID: GateDirectory, State: Open, Name: p.Domain}
	if p.Cloud() {
		return g.shut(protocol.ReasonNotFound, event.UserNotFound)
	}
	return g
}

// enabledGate knows what the last sync said. The portal lets the agent decide, which looks at the account itself.
func enabledGate(p provision.Person) Gate {
	g := Gate{ID: GateEnabled, State: Open}
	if p.Disabled {
		return g.shut(protocol.ReasonDisabled, event.AccountDisabled)
	}
	return g
}

// methodsGate is about the checks of a reset: whoever has fewer kinds than it takes never gets to the password.
func methodsGate(own []way, need int) Gate {
	g := Gate{ID: GateMethods, State: Open, Need: need, Kinds: kinds(own)}
	if g.Have = len(g.Kinds); g.Have < need {
		return g.shut(ReasonNotRegistered, event.NotRegistered)
	}
	return g
}

func roleGate(p provision.Person, strict bool) Gate {
	g := Gate{ID: GateRole, State: Open}
	if strict && !p.Protected {
		g.State = Noted
	}
	return g
}

// liveGates are what an agent says that has just looked at the account. They replace what the last sync said of it.
func liveGates(p protocol.PersonPolicy, now time.Time) (account, age Gate) {
	account, age = Gate{ID: GateAccount, State: Open}, Gate{ID: GateAge, State: Open}
	switch {
	case !p.Found && p.Reason == "":
		account = account.shut(protocol.ReasonNotFound, event.UserNotFound)
	case p.Reason != "":
		account = account.shut(p.Reason, eventOf(p.Reason))
	}
	if !p.Found {
		age.State = Unknown
		return account, age
	}
	if at := p.ChangeableAt.Time(); at.After(now) {
		age = age.shut(protocol.ReasonTooYoung, event.PolicyRefused)
		age.Until = at
	}
	return account, age
}

// Standing answers whether somebody can reset their own password now, gate by gate.
type Standing struct {
	Gates []Gate `json:"gates"`
	// Live is what an agent has just said of the account; nil: none was asked, or none answered.
	Live *protocol.PersonPolicy `json:"live,omitempty"`
	At   time.Time              `json:"at"`
}

// Can is Shut when any gate is, Unknown when none is and one couldn't be asked, and otherwise Open.
func (s Standing) Can() GateState {
	can := Open
	for _, g := range s.Gates {
		switch g.State {
		case Shut:
			return Shut
		case Unknown:
			can = Unknown
		case Open, Noted:
		}
	}
	return can
}

// First is the first gate that is not open; when all are, the zero Gate.
func (s Standing) First() Gate {
	for _, state := range []GateState{Shut, Unknown} {
		if i := slices.IndexFunc(s.Gates, func(g Gate) bool { return g.State == state }); i >= 0 {
			return s.Gates[i]
		}
	}
	return Gate{}
}

// Judge tells how several people of one tenant stand. What is the same for people of a domain is asked once.
type Judge struct {
	service *Service
	tenant  tenant.Tenant
	writers map[string][]Writer // by domain
}

// Judge returns one for a tenant as it is now. It is for one caller at a time.
func (s *Service) Judge(t tenant.Tenant) *Judge {
	return &Judge{service: s, tenant: t, writers: map[string][]Writer{}}
}

// Stored judges by what the server knows. No agent is asked.
func (j *Judge) Stored(ctx context.Context, p provision.Person) (Standing, error) {
	facts, err := j.service.facts(ctx, j.tenant, p)
	if err != nil {
		return Standing{}, err
	}
	return j.stands(ctx, p, facts)
}

// Crowd judges people as Stored does, in their order. What is known of them is read for all at once.
func (j *Judge) Crowd(ctx context.Context, people []provision.Person) ([]Standing, error) {
	facts, err := j.service.crowd(ctx, j.tenant, people)
	if err != nil {
		return nil, err
	}
	out := make([]Standing, len(people))
	for i, p := range people {
		if out[i], err = j.stands(ctx, p, facts[p.ID]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// stands passes somebody through the gates.
func (j *Judge) stands(ctx context.Context, p provision.Person, f Facts) (Standing, error) {
	s, t := j.service, j.tenant
	writers, err := j.of(ctx, p.Domain)
	if err != nil {
		return Standing{}, err
	}
	strict := f.Administers || p.Protected
	gates := []Gate{enabledGate(p), stoppedGate(f.Stopped), scopeGate(t, f.Within)}
	if t.Settings.LicencesNeeded {
		gates = append(gates, licenceGate(s.subscribed(t) && f.Licensed))
	}
	agent, writeback := agentGate(writers, protocol.Reset), writebackGate(t)
	if agent.Name = p.Domain; writeback.State == Shut { // then agents are given nothing, whatever they could do
		agent = Gate{ID: GateAgent, State: Unknown, Name: p.Domain}
	}
	own := ordered(s.ownOf(t, protocol.Reset, p, strict, f.Methods), "")
	gates = append(gates, methodsGate(own, t.Settings.Checks.Need(strict)), directoryGate(p), writeback, matchGate(p))
	if !p.Cloud() {
		gates = append(gates, agent)
	}
	gates = append(gates, protectedGate(p), roleGate(p, strict))
	return Standing{Gates: gates, At: s.Now()}, nil
}

func (j *Judge) of(ctx context.Context, domain string) ([]Writer, error) {
	if domain == "" {
		return nil, nil
	}
	if known, ok := j.writers[domain]; ok {
		return known, nil
	}
	writers, err := j.service.Fleet.Writers(ctx, j.tenant.ID, domain)
	if err != nil {
		return nil, fmt.Errorf("writers: %w", err)
	}
	j.writers[domain] = writers
	return writers, nil
}

// Live judges as Stored does, and asks an agent about the account itself, for up to a time. What is heard wins over what
// is stored; when nothing is, the gates it is about are Unknown.
func (j *Judge) Live(ctx context.Context, p provision.Person, within time.Duration) (Standing, error) {
	standing, err := j.Stored(ctx, p)
	if err != nil || p.Cloud() {
		return standing, err
	}
	account, age := Gate{ID: GateAccount, State: Unknown}, Gate{ID: GateAge, State: Unknown}
	if writers, err := able(j.writers[p.Domain], protocol.Reset); err == nil {
		ctx, cancel := context.WithTimeout(ctx, within)
		defer cancel()
		live, err := j.service.ask(ctx, Attempt{Tenant: j.tenant.ID, Kind: protocol.Reset}, p, writers, protocol.Probe)
		if err == nil {
			standing.Live = &live
			account, age = liveGates(live, j.service.Now())
			account = standing.heard(account)
		}
	}
	standing.Gates = append(standing.Gates, account, age)
	return standing, nil
}

// heard takes over what an agent says of gates that have a line of their own, and returns the rest.
func (s Standing) heard(account Gate) Gate {
	of := map[protocol.Reason]GateID{protocol.ReasonDisabled: GateEnabled, protocol.ReasonProtected: GateProtected, protocol.ReasonAmbiguous: GateMatch}
	for i := range s.Gates {
		g := &s.Gates[i]
		switch {
		case account.State == Shut && of[account.Reason] == g.ID:
			*g = g.shut(account.Reason, account.Event)
			account = Gate{ID: GateAccount, State: Open}
		case account.State == Open && (g.ID == GateEnabled || g.ID == GateProtected) && g.State == Shut:
			*g = Gate{ID: g.ID, State: Open}
		}
	}
	return account
}
