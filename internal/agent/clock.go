package agent

import (
	"context"
	"time"

	"homeward/internal/event"
)

const (
	// clockMatters is how far this machine's clock may be off before the server's is asked for: the link itself is
	// refused at two minutes, and each heartbeat tells the time to the millisecond.
	clockMatters = 5 * time.Second
	clockEvery   = 30 * time.Second
)

// clock takes the server's time while there is no link: a machine whose clock is wrong would never get one, because
// the relay refuses what was signed at another time.
func (a *Agent) clock(ctx context.Context) error {
	tick := time.NewTicker(clockEvery)
	defer tick.Stop()
	for {
		if !a.link.Connected() {
			a.setClock(ctx)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// setClock reads the time from the portal's own answer, over the same TLS as everything else. It also takes back a
// correction that is wrong by now, because somebody has set this machine's clock since.
func (a *Agent) setClock(ctx context.Context) {
	answer, err := ask(ctx, a.config, a.id.Server())
	if err != nil {
		return // the link tells why the portal can't be reached
	}
	off, err := answer.offset()
	if err != nil || !a.correct(off) {
		return
	}
	if off.Abs() < clockMatters {
		a.log.Info("this machine's clock is right again")
		return
	}
	a.log.Warn("this machine's clock is wrong; the server's time is used. Set this machine's clock", "event", int(event.RelayError), "off", (-off).Round(time.Second).String())
}

// correct takes over how far the server's clock is ahead of this machine's, and reports whether that matters and is new.
func (a *Agent) correct(off time.Duration) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if (a.offset - off).Abs() <= clockMatters {
		return false // a heartbeat knows it better
	}
	a.offset = off
	return true
}
