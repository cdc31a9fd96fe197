package agent

import (
	"cmp"
	"context"
	"time"

	"homeward/internal/event"
	"homeward/internal/protocol"
)

// renew asks for a fresh relay credential when half of the old one's life is over. One that is over already,
// because the agent was off for so long, no longer opens the relay; then it asks over HTTPS.
func (a *Agent) renew(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		left := a.id.Expires().Sub(a.now())
		switch {
		case left <= 0:
			a.renewLate(ctx)
		case left < credentialLife/2 && a.link.Connected():
			a.renewOnce(ctx)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// credentialLife is what servers give; with a shorter one renewal only happens sooner.
const credentialLife = 30 * 24 * time.Hour

func (a *Agent) renewLate(ctx context.Context) {
	r, err := renewSigned(ctx, a.config, a.id, a.now())
	if err == nil {
		err = a.id.Renewed(r)
	}
	if err == nil {
		err = a.link.Reconnect()
	}
	if err != nil && ctx.Err() == nil {
		a.log.Error("relay credential is over and couldn't be renewed; will try again", "event", int(event.RelayError), "error", err)
	}
}

func (a *Agent) renewOnce(ctx context.Context) {
	var r protocol.Renewal
	if err := a.link.Request(ctx, protocol.UpRenew, protocol.Ack{OK: true}, &r); err != nil || !r.OK {
		a.log.Warn("relay credential wasn't renewed; will try again", "expires", a.id.Expires(), "reason", string(r.Reason), "error", err)
		return
	}
	if err := a.id.Renewed(r); err != nil {
		a.log.Error("renewed credential couldn't be stored", "event", int(event.StateError), "error", err)
	}
}

// trust pins command keys that those it knows have endorsed. The heartbeat that follows tells the server.
func (a *Agent) trust(links []protocol.KeyLink) {
	fresh, err := a.id.Trust(links, a.now())
	if err != nil {
		a.log.Error("a new command key of the server isn't obeyed", "event", int(event.RequestRefused), "error", err)
		return
	}
	if fresh {
		a.log.Info("the server's next command key is endorsed and pinned", "event", int(event.KeyRolled), "key", a.id.CommandKeyID())
		signal(a.nudge)
	}
}

// rollEvery is how often the age of the sealing key is looked at, and an offer the server did not take repeated.
const rollEvery = time.Minute

// rollKeys replaces the sealing key when it is old, and forgets those before it.
func (a *Agent) rollKeys(ctx context.Context) error {
	tick := time.NewTicker(min(rollEvery, a.config.KeyLife/4))
	defer tick.Stop()
	for {
		if a.id.SealKeyAge(a.now()) >= a.config.KeyLife && a.link.Connected() {
			a.rollKey(ctx)
		}
		if err := a.id.DropRetired(a.now()); err != nil {
			a.log.Error("replaced sealing keys couldn't be removed", "event", int(event.StateError), "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// rollKey replaces the sealing key, and says in the log if that isn't possible now.
func (a *Agent) rollKey(ctx context.Context) {
	if _, reason := a.rollNow(ctx); reason != protocol.ReasonNone && ctx.Err() == nil {
		a.log.Warn("the sealing key stays for now; will try again", "reason", string(reason))
	}
}

// rollNow offers the next sealing key, and returns the id of the one in use then. The next one opens before the server hears of
// it, and the one before goes on opening for a day: nobody who is choosing a password at this moment notices.
func (a *Agent) rollNow(ctx context.Context) (string, protocol.Reason) {
	a.rolling.Lock()
	defer a.rolling.Unlock()
	now := a.id.KeyID().String()
	next, err := a.id.NextSealKey(a.now())
	if err != nil {
		a.log.Error("the next sealing key couldn't be made", "event", int(event.StateError), "error", err)
		return now, protocol.ReasonAgentState
	}
	var ack protocol.Ack
	offer := protocol.KeyOffer{Version: protocol.Version, Agent: a.id.Agent(), SealKey: next.Bytes(), KeyID: next.ID().String()}
	if err := a.link.Request(ctx, protocol.UpKeys, offer, &ack); err != nil || !ack.OK {
		if ctx.Err() == nil {
			a.log.Warn("the server didn't take the next sealing key", "reason", string(ack.Reason), "error", err)
		}
		return now, cmp.Or(ack.Reason, protocol.ReasonInternal)
	}
	if err := a.id.SealKeyTaken(next.ID(), a.now()); err != nil {
		a.log.Error("the change of the sealing key couldn't be stored", "event", int(event.StateError), "error", err)
		return now, protocol.ReasonAgentState
	}
	a.log.Info("sealing key replaced", "event", int(event.KeyRolled), "key", next.ID().String())
	return next.ID().String(), protocol.ReasonNone
}

// maxSealKeys is how many sealing keys an agent keeps that is asked for another: that in use, and those replaced within a day.
const maxSealKeys = 24

// rollAsked replaces the sealing key because the server asks for it, not so often that the keys fill anything.
func (a *Agent) rollAsked(ctx context.Context) (string, protocol.Reason) {
	if a.id.SealKeys() >= maxSealKeys {
		return a.id.KeyID().String(), protocol.ReasonOverloaded
	}
	return a.rollNow(ctx)
}
