package relay

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"homeward/internal/protocol"

	"github.com/nats-io/nats.go"
)

// ListenConfig bounds what upward messages may cost. The zero value stands for the defaults.
type ListenConfig struct {
	Workers    int // messages handled at once, 64; above it the subscription waits
	PerAccount int // of those, for one tenant, 16; above it the agent is told "overloaded"
	Logger     *slog.Logger
}

// Handler answers one upward message. What it returns is sent back as JSON; nil sends nothing.
type Handler func(ctx context.Context, up protocol.Uplink, data []byte) (answer any)

// Listener receives upward messages until Drain.
type Listener struct {
	ctx     context.Context //nolint:containedctx // the life of the handlers it starts
	cancel  context.CancelFunc
	cfg     ListenConfig
	sub     *nats.Subscription
	gone    chan struct{} // closed when the subscription has delivered its last message
	handle  Handler
	slots   chan struct{}
	running sync.WaitGroup

	mu      sync.Mutex
	perAcct map[string]int
}

// Listen subscribes to everything agents send upward and calls handle for each message, in bounded
// goroutines. Handlers get a context that ends only when Drain gives up on them, so a stopping server
// still finishes what it has taken.
func Listen(ctx context.Context, nc *nats.Conn, cfg ListenConfig, handle Handler) (*Listener, error) {
	if cfg.Workers <= 0 {
		cfg.Workers = 64
	}
	if cfg.PerAccount <= 0 {
		cfg.PerAccount = 16
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	l := &Listener{
		cfg: cfg, handle: handle, gone: make(chan struct{}),
		slots: make(chan struct{}, cfg.Workers), perAcct: make(map[string]int),
	}
	l.ctx, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
	sub, err := nc.Subscribe(protocol.CloudUp, l.take)
	if err != nil {
		l.cancel()
		return nil, fmt.Errorf("listen upward: %w", err)
	}
	l.sub = sub
	sub.SetClosedHandler(func(string) { close(l.gone) })
	ctx, cancel := context.WithTimeout(ctx, defaultWait) // Flush insists on a deadline
	defer cancel()
	if err := nc.FlushWithContext(ctx); err != nil {
		l.cancel()
		return nil, fmt.Errorf("listen upward: %w", err)
	}
	return l, nil
}

// take runs in the subscription's own goroutine, one message after the other.
func (l *Listener) take(m *nats.Msg) {
	up, ok := protocol.ParseUp(m.Subject)
	if !ok {
		l.cfg.Logger.Warn("upward message with an unknown subject dropped", "bytes", len(m.Data))
		return
	}
	if !l.enter(up.Account) {
		l.cfg.Logger.Warn("agent sends more than is handled at once", "account", up.Account, "agent", up.Agent, "kind", up.Kind)
		l.answer(m, up, protocol.Ack{Reason: protocol.ReasonOverloaded})
		return
	}
	l.slots <- struct{}{}
	l.running.Go(func() {
		defer func() {
			l.leave(up.Account)
			<-l.slots
		}()
		if a := l.handle(l.ctx, up, m.Data); a != nil {
			l.answer(m, up, a)
		}
	})
}

func (l *Listener) enter(account string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.perAcct[account] >= l.cfg.PerAccount {
		return false
	}
	l.perAcct[account]++
	return true
}

func (l *Listener) leave(account string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.perAcct[account]--; l.perAcct[account] == 0 {
		delete(l.perAcct, account)
	}
}

func (l *Listener) answer(m *nats.Msg, up protocol.Uplink, v any) {
	if m.Reply == "" {
		return
	}
	b, err := protocol.Encode(v)
	if err == nil {
		err = m.Respond(b)
	}
	if err != nil {
		l.cfg.Logger.Warn("upward message not answered", "account", up.Account, "agent", up.Agent, "kind", up.Kind, "error", err)
	}
}

// Drain takes no further messages, and waits until every handler has answered. When ctx ends first the
// handlers' context is cancelled and ctx's error returned.
func (l *Listener) Drain(ctx context.Context) error {
	defer l.cancel()
	if err := l.sub.Drain(); err != nil {
		return fmt.Errorf("drain upward messages: %w", err)
	}
	done := make(chan struct{})
	go func() { // ends with the last handler
		<-l.gone
		l.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("drain upward messages: %w", context.Cause(ctx))
	}
}
