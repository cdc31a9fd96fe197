package broker

import (
	"context"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"
)

// flight counts calls in progress.
type flight struct {
	mu      sync.Mutex
	n       int
	closing bool
	landed  chan struct{} // made by close, closed when the last call ends
}

func (f *flight) begin() (end func(), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closing {
		return nil, ErrClosing
	}
	f.n++
	return sync.OnceFunc(f.end), nil
}

func (f *flight) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n--; f.n == 0 && f.closing {
		close(f.landed)
	}
}

// close refuses new calls. It reports false when that was done before.
func (f *flight) close() (landed <-chan struct{}, first bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closing {
		return f.landed, false
	}
	f.closing, f.landed = true, make(chan struct{})
	if f.n == 0 {
		close(f.landed)
	}
	return f.landed, true
}

func (f *flight) isClosing() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closing
}

// Close stops the relay in an order of its own, because the server's lame-duck mode does nothing without
// a listener (relay trap T4) and http.Server neither waits for nor ends hijacked connections: it refuses
// new agents and new calls, waits for calls in flight (Begin), hands over what is pending on its own
// connections, ends the server and with it every agent's link. Drain relay.Listener before.
//
// When ctx ends first, the rest happens at once and ctx's error is returned. A second Close does nothing.
func (b *Broker) Close(ctx context.Context) error {
	landed, first := b.flight.close()
	if !first {
		return nil
	}
	var late error
	select {
	case <-landed:
	case <-ctx.Done():
		late = fmt.Errorf("close relay: calls in flight: %w", context.Cause(ctx))
	}
	if err := drain(ctx, b.cloud); err != nil && late == nil {
		late = fmt.Errorf("close relay: %w", err)
	}
	b.stop()
	b.running.Wait() // presence and pool; nobody is told that everybody went offline
	b.pool.close()
	b.closeInside()
	b.srv.Shutdown()
	b.splices.close()
	return late
}

func drain(ctx context.Context, nc *nats.Conn) error {
	closed := nc.StatusChanged(nats.CLOSED)
	if err := nc.Drain(); err != nil {
		return fmt.Errorf("drain: %w", err)
	}
	select {
	case <-closed:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("drain: %w", context.Cause(ctx))
	}
}
