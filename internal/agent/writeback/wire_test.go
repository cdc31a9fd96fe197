package writeback

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"homeward/internal/agent/activedirectory"
	"homeward/test/dctest"
)

type wire struct {
	addr         string
	loseRequests atomic.Bool
	loseAnswers  atomic.Bool
	lost         chan struct{} // closed with the first bytes that are lost
	once         sync.Once
	watch        atomic.Bool
	passed       chan struct{} // closed with the first bytes that reach the DC while watch is set
	onePassed    sync.Once
}

func newWire(t testing.TB, dc *dctest.DC) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	w := &wire{addr: l.Addr().String(), lost: make(chan struct{}), passed: make(chan struct{})}
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", dc.Addr()+":636")
			if err != nil {
				_ = near.Close()
				continue
			}
			go w.carry(far, near, &w.loseRequests)
			go w.carry(near, far, &w.loseAnswers)
		}
	}()
	return w
}

func (w *wire) carry(to, from net.Conn, lose *atomic.Bool) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && lose.Load() {
			w.once.Do(func() { close(w.lost) })
			continue
		}
		if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
			return
		}
		if lose == &w.loseRequests && w.watch.Load() {
			w.onePassed.Do(func() { close(w.passed) })
		}
	}
}

func (w *wire) heal() { w.loseRequests.Store(false); w.loseAnswers.Store(false) }

func over(dc *dctest.DC, w *wire) benchOption {
	return func(_ *bench, c *activedirectory.Config, _ *Deps) {
		c.URLs, c.ServerName = []string{"ldaps://" + w.addr}, dc.Addr()
		c.WriteTimeout, c.ReadTimeout, c.DialTimeout = 700*time.Millisecond, 700*time.Millisecond, 700*time.Millisecond
	}
}

func beforeWriting(do func()) benchOption {
	return func(_ *bench, _ *activedirectory.Config, d *Deps) { d.Directory = &hooked{do: sync.OnceFunc(do)} }
}

type hooked struct {
	Directory
	do func()
}

func (h *hooked) Reset(ctx context.Context, a activedirectory.Account, password []byte) error {
	h.do()
	return h.Directory.Reset(ctx, a, password)
}

func (h *hooked) Unlock(ctx context.Context, a activedirectory.Account) error {
	h.do()
	return h.Directory.Unlock(ctx, a)
}

func (h *hooked) Change(ctx context.Context, a activedirectory.Account, current, next []byte) error {
	h.do()
	return h.Directory.Change(ctx, a, current, next)
}
