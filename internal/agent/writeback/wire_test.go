package writeback

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

// wire is a TCP line to the DC that can lose one direction, as a broken network does, or be cut.
type wire struct {
	addr         string
	listener     net.Listener
	afterRecords atomic.Int32 // on a connection made from now on, answers are lost from this TLS record of the client's on
	mu           sync.Mutex
	conns        []net.Conn
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
	return wireAt(t, dc, "127.0.0.1:0")
}

// later makes an address where nothing answers until the returned function is called.
func later(t testing.TB, dc *dctest.DC) (url string, open func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return "ldaps://" + addr, func() { wireAt(t, dc, addr) }
}

func wireAt(t testing.TB, dc *dctest.DC, addr string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	w := &wire{addr: l.Addr().String(), listener: l, lost: make(chan struct{}), passed: make(chan struct{})}
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
			w.mu.Lock()
			w.conns = append(w.conns, near, far)
			w.mu.Unlock()
			go w.carry(far, near, &w.loseRequests, &records{limit: w.afterRecords.Load()})
			go w.carry(near, far, &w.loseAnswers, &records{})
		}
	}()
	return w
}

// records counts the application data records of one direction (RFC 8446 5.1): the client's Certificate, which is
// empty, and Finished are the first two, then each LDAP request is one.
type records struct {
	limit, seen int32
	head        []byte
	rest        int
}

// reached takes the next bytes and reports whether the record the limit names has begun.
func (r *records) reached(b []byte) bool {
	for len(b) > 0 {
		if r.rest > 0 {
			n := min(r.rest, len(b))
			r.rest, b = r.rest-n, b[n:]
			continue
		}
		r.head, b = append(r.head, b[0]), b[1:]
		if len(r.head) == 5 {
			if r.head[0] == 23 {
				r.seen++
			}
			r.rest, r.head = int(r.head[3])<<8|int(r.head[4]), nil
		}
	}
	return r.limit > 0 && r.seen >= r.limit
}

// cut ends the line for good.
func (w *wire) cut() {
	_ = w.listener.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		_ = c.Close()
	}
}

func (w *wire) carry(to, from net.Conn, lose *atomic.Bool, seen *records) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		if seen.reached(buf[:n]) && w.afterRecords.Load() > 0 {
			w.loseAnswers.Store(true)
		}
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

func (w *wire) heal() {
	w.afterRecords.Store(0)
	w.loseRequests.Store(false)
	w.loseAnswers.Store(false)
}

// over lets a bench reach the DC through w.
func over(dc *dctest.DC, w *wire) benchOption {
	return func(_ *bench, c *activedirectory.Config, _ *Deps) {
		c.URLs, c.ServerName = []string{"ldaps://" + w.addr}, dc.Addr()
		c.WriteTimeout, c.ReadTimeout, c.DialTimeout = 700*time.Millisecond, 700*time.Millisecond, 3*time.Second
	}
}

// beforeWriting calls do between the look at the account and the write.
func beforeWriting(do func()) benchOption {
	return func(_ *bench, _ *activedirectory.Config, d *Deps) {
		d.Directory = &hooked{do: sync.OnceFunc(do), second: func() {}}
	}
}

// beforeSecond calls do between the two writes of an AdminReset.
func beforeSecond(do func()) benchOption {
	return func(_ *bench, _ *activedirectory.Config, d *Deps) {
		d.Directory = &hooked{do: func() {}, second: sync.OnceFunc(do)}
	}
}

type hooked struct {
	Directory
	do, second func()
	after      func() // after a reset
	// elsewhere answers for the other controllers, when set.
	elsewhere func() ([]activedirectory.Account, error)
}

func (h *hooked) Elsewhere(ctx context.Context, g guid, invocation string) ([]activedirectory.Account, error) {
	if h.elsewhere != nil {
		return h.elsewhere()
	}
	return h.Directory.Elsewhere(ctx, g, invocation)
}

func (h *hooked) Reset(ctx context.Context, a activedirectory.Account, password []byte) error {
	h.do()
	err := h.Directory.Reset(ctx, a, password)
	if h.after != nil {
		h.after()
	}
	return err
}

func (h *hooked) Unlock(ctx context.Context, a activedirectory.Account) error {
	h.do()
	return h.Directory.Unlock(ctx, a)
}

func (h *hooked) Change(ctx context.Context, a activedirectory.Account, current, next []byte) error {
	h.do()
	return h.Directory.Change(ctx, a, current, next)
}

func (h *hooked) MustChange(ctx context.Context, a activedirectory.Account) (protocol.MustChange, error) {
	h.second()
	return h.Directory.MustChange(ctx, a)
}
