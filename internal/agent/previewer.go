package agent

import (
	"context"

	"homeward/internal/config"
	"homeward/internal/protocol"
)

// beginPreview has a domain read for a preview, which the server has asked for, and returns why not. Only what the
// configuration would sync is read: a server can't have a directory read that nobody here has chosen. One preview is made at
// a time.
func (a *Agent) beginPreview(domain string) protocol.Reason {
	i := a.indexOf(domain)
	if i < 0 {
		return protocol.ReasonDomainForeign
	}
	conf, seen := a.config.Directories[i], a.sight(i)
	switch {
	case !conf.Sync.On():
		return protocol.ReasonTurnedOff
	case conf.Sync.Mode == config.SyncStaging: // it stages all the time
		return protocol.ReasonSyncHeld
	case !seen.state.OK:
		return seen.state.Reason
	}
	select {
	case a.asked <- i:
		return protocol.ReasonNone
	default:
		return protocol.ReasonOverloaded
	}
}

// previews makes the previews that the server asks for, one after another, beside the sync that goes on.
func (a *Agent) previews(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case i := <-a.asked:
			a.stage(ctx, i)
		}
	}
}

// stage reads a domain once under a staging lease. The verdicts are the server's.
func (a *Agent) stage(ctx context.Context, i int) {
	domain := a.sight(i).domain
	log := a.log.With("domain", domain.Domain)
	e, done, err := OpenSync(a.config.Directories[i], a.dirs.List()[i], Sync{
		Agent: a.id.Agent(), Domain: domain.Domain, NetBIOS: domain.NetBIOS, Cloud: a.link, Memory: &a.memory, Preview: true, Log: a.log,
	})
	if err != nil {
		log.Error("a preview can't begin", "error", err)
		return
	}
	defer done()
	read, err := e.Once(ctx)
	if err != nil {
		if ctx.Err() == nil {
			log.Error("a preview broke off; nothing was changed", "error", err)
		}
		return
	}
	log.Info("a preview was made; nothing was changed", "people", read.People, "groups", read.Groups)
}
