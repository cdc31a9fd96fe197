package broker

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/singleflight"
)

// pool holds one connection per active tenant. Opening one takes 0.4 ms, keeping one idle costs 80 KB.
type pool struct {
	idle  time.Duration
	clock func() time.Time
	open  func(TenantAccount) (*nats.Conn, error)
	// opening keeps one tenant's slow connection from holding up the others.
	opening singleflight.Group

	mu     sync.Mutex
	closed bool
	conns  map[string]*pooled
}

type pooled struct {
	nc   *nats.Conn
	used time.Time
	msgs uint64 // out and in, when last looked at
}

func newPool(idle time.Duration, clock func() time.Time, open func(TenantAccount) (*nats.Conn, error)) *pool {
	return &pool{idle: idle, clock: clock, open: open, conns: make(map[string]*pooled)}
}

func (p *pool) get(ctx context.Context, t TenantAccount) (*nats.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("connect into tenant: %w", err)
	}
	account := t.Keys.Account()
	if nc, err := p.have(account); nc != nil || err != nil {
		return nc, err
	}
	v, err, _ := p.opening.Do(account, func() (any, error) {
		if nc, err := p.have(account); nc != nil || err != nil {
			return nc, err
		}
		nc, err := p.open(t)
		if err != nil {
			return nil, err
		}
		return nc, p.keep(account, nc)
	})
	if err != nil {
		return nil, err
	}
	return v.(*nats.Conn), nil //nolint:forcetypeassert // ours, four lines up
}

// have returns the open connection into an account, or nil.
func (p *pool) have(account string) (*nats.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosing
	}
	c, ok := p.conns[account]
	if !ok || !c.nc.IsConnected() {
		return nil, nil //nolint:nilnil // not there is no mistake
	}
	c.used = p.clock()
	return c.nc, nil
}

func (p *pool) keep(account string, nc *nats.Conn) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		nc.Close()
		return ErrClosing
	}
	p.conns[account] = &pooled{nc: nc, used: p.clock()}
	return nil
}

// drop closes a tenant's connection.
func (p *pool) drop(account string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c, ok := p.conns[account]; ok {
		c.nc.Close()
		delete(p.conns, account)
	}
}

// run closes idle connections until ctx ends.
func (p *pool) run(ctx context.Context) {
	t := time.NewTicker(max(p.idle/4, time.Millisecond))
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			p.reap()
		}
	}
}

// reap closes connections that were neither asked for nor used for the idle time. Traffic counts as use,
// so a call that is still waiting for its answer keeps its connection at least that long.
func (p *pool) reap() {
	now := p.clock()
	p.mu.Lock()
	defer p.mu.Unlock()
	for account, c := range p.conns {
		s := c.nc.Stats()
		if n := s.InMsgs + s.OutMsgs; n != c.msgs {
			c.msgs, c.used = n, now
		}
		if c.nc.IsClosed() || now.Sub(c.used) >= p.idle {
			c.nc.Close()
			delete(p.conns, account)
		}
	}
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for account, c := range p.conns {
		c.nc.Close()
		delete(p.conns, account)
	}
}
