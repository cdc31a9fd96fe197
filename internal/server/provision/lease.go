package provision

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"homeward/internal/protocol"
)

// answer is a refusal to an agent; as an error it also undoes the transaction.
type answer struct {
	reason  protocol.Reason
	message string
	holder  string
	seq     int64
}

// Error implements error.
func (a answer) Error() string { return string(a.reason) + ": " + a.message }

// answerOf returns what to tell the agent. What isn't an answer is an error of ours, which it doesn't see.
func (e *Engine) answerOf(ctx context.Context, err error, what string, k Key) answer {
	if a, ok := errors.AsType[answer](err); ok {
		return a
	}
	e.Log.ErrorContext(ctx, "sync: "+what+" failed; the agent asks again", "tenant", k.Tenant, "domain", k.Domain, "error", err)
	return answer{reason: protocol.ReasonInternal, message: "The server couldn't store it. Try again."}
}

func keyOf(tenantID, domain string, staging bool) (Key, bool) {
	return Key{Tenant: tenantID, Domain: Fold(domain), Staging: staging}, domain != "" && len(domain) <= 255
}

// Lease answers an agent that asks for a domain's lease. The caller has made sure that the agent serves the domain. A
// grant says where to go on; it is one epoch's, and ends every other.
func (e *Engine) Lease(ctx context.Context, tenantID string, a Agent, ask protocol.SyncAsk) protocol.SyncGrant {
	g := protocol.SyncGrant{Version: protocol.Version, At: protocol.MilliOf(e.Now())}
	k, ok := keyOf(tenantID, ask.Domain, ask.Staging)
	if !ok || a.ID == "" || len(ask.NetBIOS) > 15 {
		g.Reason, g.Message = protocol.ReasonMalformed, "The ask names no domain."
		return g
	}
	var l Lease
	err := e.Store.SyncTx(ctx, tenantID, func(tx Tx) (err error) {
		l, err = e.lease(ctx, tx, k, a, ask)
		return err
	})
	if err != nil {
		no := e.answerOf(ctx, err, "a lease", k)
		g.Reason, g.Message, g.Holder = no.reason, no.message, no.holder
		return g
	}
	g.OK = true
	if ask.Release {
		return g
	}
	g.Epoch, g.Until, g.Run, g.Seq, g.Cursor = l.Epoch, protocol.MilliOf(l.Expires), l.Run, l.Seq, l.Cursor
	if l.Run != "" {
		g.Cursor = l.RunCursor
	}
	return g
}

func (e *Engine) lease(ctx context.Context, tx Tx, k Key, a Agent, ask protocol.SyncAsk) (Lease, error) {
	now := e.Now()
	before, found, err := tx.Lease(ctx, k)
	if err != nil {
		return Lease{}, err
	}
	if ask.Release {
		if found && before.Holder == a.ID && (ask.Epoch == 0 || ask.Epoch == before.Epoch) {
			before.Expires = time.Time{}
			_, err = tx.SaveLease(ctx, before, before.Seq)
		}
		return before, err
	}
	if found && before.Off {
		return Lease{}, answer{reason: protocol.ReasonSyncOff, message: "Sync of this domain was turned off by an operator."}
	}
	l, taken, err := tx.TakeLease(ctx, Lease{
		Key: k, NetBIOS: ask.NetBIOS, Holder: a.ID, Machine: clip(a.Machine, maxSAM), Expires: now.Add(protocol.LeaseLife), Mode: clip(ask.Mode, 16),
		Lagging: ask.Lagging.Time(), Detail: clip(ask.Detail, maxName), Unanchored: ask.Unanchored, Asked: now,
	}, ask.Epoch, now)
	if err != nil {
		return Lease{}, err
	}
	if !taken {
		return Lease{}, answer{
			reason: protocol.ReasonSyncHeld, holder: l.Machine, message: fmt.Sprintf("%s syncs this domain. This agent takes over when it stops.", l.Machine),
		}
	}
	if !e.wantsRun(before, l, ask) {
		return l, nil
	}
	return e.beginRun(ctx, tx, l, a, ask)
}

// wantsRun reports whether a full run has to begin, or to begin anew.
func (e *Engine) wantsRun(before, l Lease, ask protocol.SyncAsk) bool {
	if l.Run == "" {
		return l.Base == "" || l.Full || ask.Restart || l.Scope != ask.Scope
	}
	fresh := l.LastEpoch == 0 || l.Applied.IsZero() || l.Applied.Before(l.Began)
	switch {
	case l.RunScope != ask.Scope:
		return true
	case fresh:
		return false // nothing of this run was applied: it is as good as a new one
	case len(l.RunCursor) > 0:
		return ask.Restart
	}
	// Whoever reads from the beginning again names everybody again. Somebody this run named before, and who is gone since,
	// would never be missed.
	return before.Epoch != l.Epoch || ask.Restart
}

func (e *Engine) beginRun(ctx context.Context, tx Tx, l Lease, a Agent, ask protocol.SyncAsk) (Lease, error) {
	now := e.Now()
	if old, found, err := tx.Run(ctx, l.Tenant, l.Run); err != nil {
		return l, err
	} else if found && l.Run != "" {
		old.Ended, old.Status = now, RunSuperseded
		if err := tx.PutRun(ctx, old); err != nil {
			return l, err
		}
	}
	l.Run, l.RunCursor, l.RunScope, l.Full, l.Began = rand.Text(), nil, ask.Scope, false, now
	run := Run{Key: l.Key, ID: l.Run, Full: true, Agent: a.ID, Started: now, Status: RunGoing}
	if err := tx.PutRun(ctx, run); err != nil {
		return l, err
	}
	ok, err := tx.SaveLease(ctx, l, l.Seq)
	if err == nil && !ok {
		err = answer{reason: protocol.ReasonSyncFenced, message: "The lease changed hands. Ask again."}
	}
	return l, err
}
