package fleet

import (
	"context"
	"fmt"
	"strings"

	"homeward/internal/protocol"
	"homeward/internal/server/enrol"
)

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

// Uplink answers what agents send up. The relay has proven the account and the agent of every message; what
// the message says of itself must agree.
type Uplink struct {
	Fleet    *Fleet
	Results  Results
	Imports  Imports
	Renewals Renewals
	// TenantOf finds the tenant of a relay account.
	TenantOf func(ctx context.Context, account string) (tenantID string, err error)
}

// Handle answers one message; it fits relay.Listen.
func (u *Uplink) Handle(ctx context.Context, up protocol.Uplink, data []byte) any {
	a, err := u.sender(ctx, up)
	if err != nil {
		u.Fleet.log.Warn("message of an agent that isn't enrolled here", "agent", up.Agent, "kind", up.Kind, "error", err)
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
	}
	return protocol.Ack{Reason: protocol.ReasonMalformed}
}

func (u *Uplink) sender(ctx context.Context, up protocol.Uplink) (enrol.Agent, error) {
	tenantID, err := u.TenantOf(ctx, up.Account)
	if err != nil {
		return enrol.Agent{}, fmt.Errorf("tenant of account: %w", err)
	}
	a, err := u.Fleet.store.Agent(ctx, up.Agent)
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
	if protocol.Decode(data, &h) != nil || h.Agent != a.ID {
		return u.refusal(protocol.ReasonMalformed, "The hello can't be read by this server. Update the older side.")
	}
	a.Seen, a.Build, a.Protocol = u.Fleet.now(), clip(h.Build), h.Version
	if h.Domain != "" { // unknown while the agent has not reached its directory
		a.Domain = strings.ToLower(clip(h.Domain))
	}
	a.DirectoryOK, a.Reason, a.Since = h.Directory.OK, string(h.Directory.Reason), h.Directory.Since.Time()
	old := h.Version < protocol.MinVersion || h.MinVersion > protocol.Version
	if old {
		a.DirectoryOK, a.Reason = false, string(protocol.ReasonVersion)
	}
	if err := u.Fleet.store.TouchAgent(ctx, a); err != nil {
		u.Fleet.log.Error("hello couldn't be stored", "agent", a.ID, "error", err)
		return u.refusal(protocol.ReasonInternal, "The server couldn't store the hello; it tries again.")
	}
	if old {
		return u.refusal(protocol.ReasonVersion, fmt.Sprintf(
			"This server speaks protocol %d to %d, the agent %d to %d. Update the older side.", protocol.MinVersion, protocol.Version, h.MinVersion, h.Version))
	}
	return u.welcome(a)
}

func (u *Uplink) beat(ctx context.Context, a enrol.Agent, data []byte) any {
	var b protocol.Beat
	if protocol.Decode(data, &b) != nil || b.Agent != a.ID || a.Reason == string(protocol.ReasonVersion) {
		return u.refusal(protocol.ReasonVersion, "The heartbeat can't be read by this server. Update the older side.")
	}
	a.Seen = u.Fleet.now()
	a.DirectoryOK, a.Reason, a.Since = b.Directory.OK, string(b.Directory.Reason), b.Directory.Since.Time()
	if err := u.Fleet.store.TouchAgent(ctx, a); err != nil {
		u.Fleet.log.Error("heartbeat couldn't be stored", "agent", a.ID, "error", err)
	}
	return u.welcome(a)
}

func (u *Uplink) welcome(a enrol.Agent) protocol.HelloAnswer {
	return protocol.HelloAnswer{Version: protocol.Version, OK: true, At: protocol.MilliOf(u.Fleet.now()), Import: a.ImportWanted}
}

func (u *Uplink) refusal(reason protocol.Reason, message string) protocol.HelloAnswer {
	return protocol.HelloAnswer{Version: protocol.Version, Reason: reason, Message: message, At: protocol.MilliOf(u.Fleet.now())}
}

func (u *Uplink) result(ctx context.Context, a enrol.Agent, request string, data []byte) any {
	var r protocol.Result
	if protocol.Decode(data, &r) != nil || r.Request != request || r.Agent != a.ID {
		return protocol.Ack{Reason: protocol.ReasonMalformed}
	}
	if err := u.Results.Result(ctx, a.Tenant, a.ID, r); err != nil {
		u.Fleet.log.Error("result couldn't be taken; the agent repeats it", "agent", a.ID, "request", request, "error", err)
		return protocol.Ack{Reason: protocol.ReasonInternal}
	}
	return protocol.Ack{OK: true}
}

func (u *Uplink) people(ctx context.Context, a enrol.Agent, data []byte) any {
	var p protocol.People
	// An agent answers for its own domain only: the end of an import removes people of the domain it names.
	if protocol.Decode(data, &p) != nil || p.Agent != a.ID || !strings.EqualFold(p.Domain, a.Domain) {
		return protocol.Ack{Reason: protocol.ReasonMalformed}
	}
	done, err := u.Imports.Page(ctx, a.Tenant, a.ID, p)
	if err == nil && done {
		err = u.Fleet.store.ImportDone(ctx, a.ID, u.Fleet.now())
	}
	if err != nil {
		u.Fleet.log.Warn("page of an import wasn't taken", "agent", a.ID, "error", err)
		return protocol.Ack{Reason: protocol.ReasonMalformed}
	}
	return protocol.Ack{OK: true}
}

func clip(s string) string {
	if len(s) > 255 {
		return s[:255]
	}
	return s
}
