package fleet

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"unicode"

	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/seal"
	"homeward/internal/server/audit"
	"homeward/internal/server/enrol"
)

// maxDomains bounds how many domains one agent may name.
const maxDomains = 64

// Results takes what agents report about requests.
type Results interface {
	Result(ctx context.Context, tenantID, agent string, r protocol.Result) error
}

// Imports takes pages of people.
type Imports interface {
	Page(ctx context.Context, tenantID, agent string, p protocol.People) (done bool, err error)
}

// Renewals gives fresh credentials.
type Renewals interface {
	Renew(ctx context.Context, tenantID, agent string) protocol.Renewal
}

// Commands knows the keys that sign commands.
type Commands interface {
	// Links lead from the key with that id to the newest one; none when it is the newest.
	Links(ctx context.Context, tenantID, after string) []protocol.KeyLink
}

// Uplink answers what agents send up. The relay has proven the account and the agent of every message; what
// the message says of itself must agree.
type Uplink struct {
	Fleet    *Fleet
	Results  Results
	Imports  Imports
	Syncs    Syncs
	Renewals Renewals
	Commands Commands
	// TenantOf finds the tenant of a relay account.
	TenantOf func(ctx context.Context, account string) (tenantID string, err error)
}

// Handle answers one message; it fits relay.Listen.
func (u *Uplink) Handle(ctx context.Context, up protocol.Uplink, data []byte) any {
	a, err := u.sender(ctx, up)
	if err != nil {
		u.Fleet.Log.Warn("message of an agent that isn't enrolled here", "agent", up.Agent, "kind", up.Kind, "error", err)
		return protocol.Ack{Reason: protocol.ReasonNotFound}
	}
	switch up.Kind {
	case protocol.UpHello:
		return u.hello(ctx, a, data)
	case protocol.UpBeat:
		return u.beat(ctx, a, data)
	case protocol.UpResult:
		return u.result(ctx, a, up.Request, data)
	case protocol.UpSync:
		return u.people(ctx, a, data)
	case protocol.UpRenew:
		return u.Renewals.Renew(ctx, a.Tenant, a.ID)
	case protocol.UpKeys:
		return u.keys(ctx, a, data)
	case protocol.UpLease:
		return u.lease(ctx, a, data)
	case protocol.UpBatch:
		return u.batch(ctx, a, data)
	case protocol.UpPreview:
		return u.preview(ctx, a, data)
	}
	return protocol.Ack{Reason: protocol.ReasonMalformed}
}

func (u *Uplink) sender(ctx context.Context, up protocol.Uplink) (enrol.Agent, error) {
	tenantID, err := u.TenantOf(ctx, up.Account)
	if err != nil {
		return enrol.Agent{}, fmt.Errorf("tenant of account: %w", err)
	}
	a, err := u.Fleet.Store.Agent(ctx, up.Agent)
	if err != nil {
		return enrol.Agent{}, err
	}
	if a.Tenant != tenantID || a.Status != enrol.Approved {
		return enrol.Agent{}, enrol.ErrNotFound
	}
	return a, nil
}

func (u *Uplink) hello(ctx context.Context, a enrol.Agent, data []byte) any {
	var h protocol.Hello
	if protocol.Decode(data, &h) != nil || h.Agent != a.ID || len(h.Domains) > maxDomains {
		return u.refusal(protocol.ReasonMalformed, "The hello can't be read by this server. Update the older side.")
	}
	a.Seen, a.Build, a.Protocol = u.Fleet.Now(), clip(h.Build), h.Version
	if h.CommandKey != "" {
		a.CommandKey = clip(h.CommandKey)
	}
	said := h.Domains
	if len(said) == 0 { // version 1 knows one domain, and not even that while it has not reached its directory
		name := h.Domain
		if name == "" {
			name = a.Domain
		}
		said = []protocol.Domain{{Name: name, Directory: h.Directory}}
	}
	before := a.Domains
	a = describe(a, said)
	old := h.Version < protocol.MinVersion || h.MinVersion > protocol.Version
	if old {
		a.DirectoryOK, a.Reason = false, string(protocol.ReasonVersion)
	}
	if err := u.Fleet.Store.TouchAgent(ctx, a); err != nil {
		u.Fleet.Log.Error("hello couldn't be stored", "agent", a.ID, "error", err)
		return u.refusal(protocol.ReasonInternal, "The server couldn't store the hello; it tries again.")
	}
	if old {
		return u.refusal(protocol.ReasonVersion, fmt.Sprintf(
			"This server speaks protocol %d to %d, the agent %d to %d. Update the older side.", protocol.MinVersion, protocol.Version, h.MinVersion, h.Version))
	}
	u.gained(ctx, a, before)
	u.tests(ctx, a, said)
	return u.welcome(ctx, a)
}

// gained records the domains that an agent did not name before. Whoever serves a domain is sent the sealed passwords of
// its people and may import them, and nobody but the agent says that it does: an operator must be able to see it.
func (u *Uplink) gained(ctx context.Context, a enrol.Agent, before []enrol.Domain) {
	var names []string
	known := enrol.Agent{Domains: before}
	for _, d := range a.Domains {
		if _, ok := known.Serves(d.Name); !ok {
			names = append(names, d.Name)
		}
	}
	if len(names) == 0 {
		return
	}
	u.Fleet.Log.Info("an agent serves further domains", "agent", a.ID, "machine", a.Machine, "domains", names)
	u.Fleet.Record(ctx, a.Tenant, audit.Record{
		Activity: "Serve domain", Hop: "agent", Result: "ok", Actor: a.ID, Detail: strings.Join(names, " "),
	})
}

func (u *Uplink) beat(ctx context.Context, a enrol.Agent, data []byte) any {
	var b protocol.Beat
	if protocol.Decode(data, &b) != nil || b.Agent != a.ID || len(b.Domains) > maxDomains || a.Reason == string(protocol.ReasonVersion) {
		return u.refusal(protocol.ReasonVersion, "The heartbeat can't be read by this server. Update the older side.")
	}
	a.Seen, a.Pending = u.Fleet.Now(), min(max(b.Pending, 0), 1<<20)
	if b.CommandKey != "" {
		a.CommandKey = clip(b.CommandKey)
	}
	said := b.Domains
	if len(said) == 0 {
		said = []protocol.Domain{{Name: a.Domain, Directory: b.Directory}}
	}
	before := a.Domains
	a = describe(a, said)
	if err := u.Fleet.Store.TouchAgent(ctx, a); err != nil {
		u.Fleet.Log.Error("heartbeat couldn't be stored", "agent", a.ID, "error", err)
	} else {
		u.gained(ctx, a, before)
	}
	u.tests(ctx, a, said)
	return u.welcome(ctx, a)
}

// describe takes over what an agent says of its domains. One without a name yet, because its directory was never
// reached, counts for the agent's state only; so does one named twice.
func describe(a enrol.Agent, said []protocol.Domain) enrol.Agent {
	before := a.Domains
	a.Domains, a.DirectoryOK, a.Reason = nil, false, ""
	for i, d := range said {
		known := enrol.Agent{Domains: before}
		next := enrol.Domain{
			Name: strings.ToLower(clip(d.Name)), NetBIOS: clip(d.NetBIOS), OK: d.Directory.OK, Reason: protocol.Reason(clip(string(d.Directory.Reason))),
			DC: clip(d.Directory.DC), Since: d.Directory.Since.Time(), Testable: d.Testable, SyncOff: d.SyncOff, WritebackOff: d.WritebackOff,
		}
		if last, ok := known.Serves(next.Name); ok {
			next.Imported = last.Imported
		}
		if i == 0 {
			a.Since = next.Since
		}
		switch {
		case next.OK:
			a.DirectoryOK = a.DirectoryOK || next.Name != ""
		case a.Reason == "":
			a.Reason, a.Since = string(next.Reason), next.Since
		}
		if _, twice := a.Serves(next.Name); next.Name != "" && !twice {
			a.Domains = append(a.Domains, next)
		}
	}
	if len(a.Domains) == 0 {
		a.Domains = before // nothing new is known
		for i := range a.Domains {
			a.Domains[i].OK, a.Domains[i].Reason, a.Domains[i].Since = false, protocol.Reason(a.Reason), a.Since
		}
	}
	if len(a.Domains) > 0 {
		a.Domain = a.Domains[0].Name
	}
	return a
}

func (u *Uplink) welcome(ctx context.Context, a enrol.Agent) protocol.HelloAnswer {
	answer := protocol.HelloAnswer{
		Version: protocol.Version, OK: true, At: protocol.MilliOf(u.Fleet.Now()),
		Import: a.Protocol < 3 && u.Fleet.importNow(a), // newer ones ask for the domain's lease
	}
	if a.Protocol >= 2 && u.Commands != nil {
		answer.CommandKeys = u.Commands.Links(ctx, a.Tenant, a.CommandKey)
	}
	return answer
}

func (u *Uplink) refusal(reason protocol.Reason, message string) protocol.HelloAnswer {
	return protocol.HelloAnswer{Version: protocol.Version, Reason: reason, Message: message, At: protocol.MilliOf(u.Fleet.Now())}
}

func (u *Uplink) result(ctx context.Context, a enrol.Agent, request string, data []byte) any {
	var r protocol.Result
	if protocol.Decode(data, &r) != nil || r.Request != request || r.Agent != a.ID {
		return protocol.Ack{Reason: protocol.ReasonMalformed}
	}
	if err := u.Results.Result(ctx, a.Tenant, a.ID, r); err != nil {
		u.Fleet.Log.Error("result couldn't be taken; the agent repeats it", "agent", a.ID, "request", request, "error", err)
		return protocol.Ack{Reason: protocol.ReasonInternal}
	}
	if r.Outcome != protocol.Unknown {
		u.Fleet.work.ended(a.ID, request)
	}
	return protocol.Ack{OK: true}
}

// keys takes an agent's next sealing key. Browsers seal to it from now on; the agent still opens what was sealed to
// the one before.
func (u *Uplink) keys(ctx context.Context, a enrol.Agent, data []byte) any {
	var o protocol.KeyOffer
	if protocol.Decode(data, &o) != nil || o.Agent != a.ID {
		return protocol.Ack{Reason: protocol.ReasonMalformed}
	}
	key, err := seal.NewPublicKey(o.SealKey)
	if err != nil || key.ID().String() != o.KeyID {
		return protocol.Ack{Reason: protocol.ReasonMalformed}
	}
	if bytes.Equal(o.SealKey, a.SealKey) {
		return protocol.Ack{OK: true} // the answer to an earlier offer was lost
	}
	if o.KeyID == a.OldKeyID {
		return protocol.Ack{Reason: protocol.ReasonReplayed}
	}
	if err := u.Fleet.Store.RollSealKey(ctx, a.ID, o.SealKey, o.KeyID, u.Fleet.Now()); err != nil {
		u.Fleet.Log.Error("an agent's next sealing key couldn't be stored", "agent", a.ID, "error", err)
		return protocol.Ack{Reason: protocol.ReasonInternal}
	}
	u.Fleet.Record(ctx, a.Tenant, audit.Record{
		Activity: "Replace sealing key", Hop: "agent", Event: int(event.KeyRolled), Result: "ok", Actor: a.ID, Detail: o.KeyID,
	})
	return protocol.Ack{OK: true}
}

// tests stores test writes whose answer was lost on its way and that the agent tells again.
func (u *Uplink) tests(ctx context.Context, a enrol.Agent, said []protocol.Domain) {
	for _, d := range said {
		if d.Test == nil || d.Test.At == 0 || !strings.EqualFold(d.Test.Domain, d.Name) {
			continue
		}
		if err := u.Fleet.Tested(ctx, a, *d.Test); err != nil {
			u.Fleet.Log.Error("a test write couldn't be stored", "agent", a.ID, "error", err)
		}
	}
}

// clip makes an agent's text fit for the store and for an operator's terminal.
func clip(s string) string { return clipped(s, maxText) }

// maxText is how many bytes of an agent's text are kept.
const maxText = 255

func clipped(s string, most int) string {
	s = strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return -1
	}, s)
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return s
}
