package agent

import (
	"context"
	"fmt"
	"net/http"
	"strings"
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

// setClock reads the time from the portal's own answer, over the same TLS as everything else.
func (a *Agent) setClock(ctx context.Context) {
	before := time.Now()
	server, err := serverTime(ctx, a)
	if err != nil {
		return // the link tells why the portal can't be reached
	}
	after := time.Now()
	// The header has whole seconds: half of one is what is missing on average.
	off := server.Add(500 * time.Millisecond).Sub(before.Add(after.Sub(before) / 2))
	if off.Abs() < clockMatters {
		return
	}
	a.mu.Lock()
	fresh := (a.offset - off).Abs() > clockMatters
	if fresh {
		a.offset = off
	}
	a.mu.Unlock()
	if fresh {
		a.log.Warn("this machine's clock is wrong; the server's time is used. Set this machine's clock", "event", int(event.RelayError), "off", (-off).Round(time.Second).String())
	}
}

func serverTime(ctx context.Context, a *Agent) (time.Time, error) {
	client, err := httpClient(a.config)
	if err != nil {
		return time.Time{}, err
	}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, enrolTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(a.id.Server(), "/")+"/healthz", nil)
	if err != nil {
		return time.Time{}, fmt.Errorf("server's time: %w", err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return time.Time{}, fmt.Errorf("server's time: %w", unwrapURL(err))
	}
	_ = resp.Body.Close()
	t, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return time.Time{}, fmt.Errorf("server's time: %w", err)
	}
	return t, nil
}
