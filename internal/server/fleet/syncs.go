package fleet

import (
	"context"

	"homeward/internal/protocol"
	"homeward/internal/server/enrol"
)

// Syncs brings directories in: who may at a time, and what they bring.
type Syncs interface {
	Lease(ctx context.Context, tenantID string, a enrol.Agent, ask protocol.SyncAsk) protocol.SyncGrant
	Apply(ctx context.Context, tenantID, agent string, b protocol.SyncBatch) protocol.SyncAck
	Report(ctx context.Context, tenantID string, ask protocol.PreviewAsk) protocol.PreviewReport
}

// lease answers an agent that asks for a domain. It answers for its own domains only: whoever has a domain's lease says
// who its people are.
func (u *Uplink) lease(ctx context.Context, a enrol.Agent, data []byte) any {
	var ask protocol.SyncAsk
	if protocol.Decode(data, &ask) != nil || ask.Agent != a.ID {
		return u.noLease(protocol.ReasonMalformed, "The server can't read this. Update the older side.")
	}
	d, own := a.Serves(ask.Domain)
	if !own {
		return u.noLease(protocol.ReasonDomainForeign, "The server doesn't know yet that this agent serves "+clip(ask.Domain)+". It asks again by itself.")
	}
	if !a.Draining.IsZero() && !ask.Release {
		return u.noLease(protocol.ReasonSyncOff, "This agent is being drained: another one brings its people in. homeward agent resume lets it go on.")
	}
	ask.Domain, ask.NetBIOS, ask.Detail, ask.Scope, ask.Mode = d.Name, clip(ask.NetBIOS), clip(ask.Detail), clip(ask.Scope), clip(ask.Mode)
	return u.Syncs.Lease(ctx, a.Tenant, a, ask)
}

func (u *Uplink) noLease(reason protocol.Reason, message string) protocol.SyncGrant {
	return protocol.SyncGrant{Version: protocol.Version, Reason: reason, Message: message, At: protocol.MilliOf(u.Fleet.Now())}
}

func (u *Uplink) batch(ctx context.Context, a enrol.Agent, data []byte) any {
	b, err := protocol.DecodeBatch(data)
	if err != nil || b.Agent != a.ID {
		u.Fleet.Log.Warn("a batch can't be read", "agent", a.ID, "error", err)
		return protocol.SyncAck{Version: protocol.Version, Reason: protocol.ReasonMalformed}
	}
	d, own := a.Serves(b.Domain)
	if !own {
		return protocol.SyncAck{Version: protocol.Version, Reason: protocol.ReasonDomainForeign}
	}
	b.Domain = d.Name
	ack := u.Syncs.Apply(ctx, a.Tenant, a.ID, b)
	if ack.OK && b.Last && !b.Staging {
		if err := u.Fleet.imported(ctx, a, d.Name); err != nil {
			u.Fleet.Log.Error("the end of a full run couldn't be noted", "agent", a.ID, "error", err)
		}
	}
	return ack
}

// preview tells an agent what a sync of one of its own domains would do.
func (u *Uplink) preview(ctx context.Context, a enrol.Agent, data []byte) any {
	var ask protocol.PreviewAsk
	if protocol.Decode(data, &ask) != nil || ask.Agent != a.ID {
		return protocol.PreviewReport{Version: protocol.Version, Reason: protocol.ReasonMalformed, Message: "The server can't read this. Update the older side."}
	}
	d, own := a.Serves(ask.Domain)
	if !own {
		return protocol.PreviewReport{
			Version: protocol.Version, Reason: protocol.ReasonDomainForeign, Message: "The server doesn't know that this agent serves " + clip(ask.Domain) + ".",
		}
	}
	ask.Domain = d.Name
	return u.Syncs.Report(ctx, a.Tenant, ask)
}
