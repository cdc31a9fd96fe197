package dctest

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"
)

// Wire is a TCP connection that a test holds in its hands: whatever connects to Addr is connected to the target,
// until the test cuts, blinds, holds up or slows it. Every change applies to open connections and to new ones.
// It ends with the test.
type Wire struct {
	listener net.Listener
	target   string
	work     sync.WaitGroup

	mu      sync.Mutex
	changed *sync.Cond
	mode    wireMode
	late    time.Duration
	drop    [2]bool // by direction
	links   map[*link]bool
	closed  bool
	lost    chan struct{}
	passed  chan struct{}
	stalled *time.Timer
}

type wireMode int

const (
	passing wireMode = iota
	holding
	cut
)

// Directions.
const (
	requests = iota
	answers
)

// link is one connection through the wire.
type link struct{ near, far net.Conn }

// NewWire gives a wire to target (host:port), listening on a free port of 127.0.0.1.
func NewWire(t testing.TB, target string) *Wire {
	t.Helper()
	return NewWireAt(t, "127.0.0.1:0", target)
}

// NewWireAt gives a wire to target that listens on an address of its own, for example the host's end of a
// [lab.Cable].
func NewWireAt(t testing.TB, listen, target string) *Wire {
	t.Helper()
	l, err := net.Listen("tcp", listen)
	if err != nil {
		t.Fatalf("wire to %s: %v", target, err)
	}
	w := &Wire{listener: l, target: target, links: map[*link]bool{}, lost: make(chan struct{}), passed: make(chan struct{})}
	w.changed = sync.NewCond(&w.mu)
	w.work.Go(w.accept)
	t.Cleanup(w.close)
	return w
}

// Wire gives a wire to the DC's LDAPS port. The certificate is the DC's: verify it for [lab.DC.Addr] or Host.
func (d *DC) Wire(t testing.TB) *Wire {
	t.Helper()
	return NewWire(t, net.JoinHostPort(d.Addr(), "636"))
}

// Addr is host and port to connect to.
func (w *Wire) Addr() string { return w.listener.Addr().String() }

// LDAPSURL is Addr as a URL.
func (w *Wire) LDAPSURL() string { return "ldaps://" + w.Addr() }

// Pass heals the wire: bytes go through at once, held ones first.
func (w *Wire) Pass() { w.set(func() { w.mode, w.late, w.drop = passing, 0, [2]bool{} }) }

// Cut resets every connection, and every new one as soon as it is made, as a host does that has no such service
// any more.
func (w *Wire) Cut() {
	w.set(func() { w.mode = cut })
	w.reset()
}

// Break resets every connection that is open now. New ones work.
func (w *Wire) Break() { w.reset() }

// BlackHole accepts connections and drops every byte in both directions, as a firewall does that forgets them.
// Connections that lost bytes stay useless after Pass, as TLS notices the gap.
func (w *Wire) BlackHole() { w.set(func() { w.mode, w.drop = passing, [2]bool{true, true} }) }

// LoseRequests drops what goes to the target only.
func (w *Wire) LoseRequests() { w.set(func() { w.mode, w.drop = passing, [2]bool{requests: true} }) }

// LoseAnswers drops what comes from the target only: it hears and obeys, and nobody learns of it.
func (w *Wire) LoseAnswers() { w.set(func() { w.mode, w.drop = passing, [2]bool{answers: true} }) }

// Hold keeps every byte in both directions until Pass, and then delivers it: a request may so reach the target
// long after its sender gave up.
func (w *Wire) Hold() { w.set(func() { w.mode = holding }) }

// Stall is Hold for a time, then Pass. It returns at once.
func (w *Wire) Stall(d time.Duration) {
	w.set(func() {
		w.mode = holding
		w.stalled = time.AfterFunc(d, w.Pass)
	})
}

// DelayAnswers delivers whatever the target sends so much later.
func (w *Wire) DelayAnswers(d time.Duration) { w.set(func() { w.late = d }) }

// Lost is closed when the first bytes have been dropped or held up.
func (w *Wire) Lost() <-chan struct{} { return w.lost }

// Passed is closed when the first bytes have reached the target after Watch was called.
func (w *Wire) Passed() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.passed
}

// Watch begins anew to look for bytes that are lost and that reach the target.
func (w *Wire) Watch() {
	w.set(func() { w.lost, w.passed = make(chan struct{}), make(chan struct{}) })
}

// Open returns how many connections go through the wire.
func (w *Wire) Open() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.links)
}

func (w *Wire) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stalled != nil {
		w.stalled.Stop() // whatever is set now lasts
		w.stalled = nil
	}
	change()
	w.changed.Broadcast()
}

func (w *Wire) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for l := range w.links {
		hangUp(l.near)
		hangUp(l.far)
	}
}

// hangUp closes with a reset instead of an orderly end.
func hangUp(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

func (w *Wire) close() {
	w.set(func() { w.closed, w.mode = true, cut })
	_ = w.listener.Close()
	w.reset()
	w.work.Wait()
}

func (w *Wire) accept() {
	for {
		near, err := w.listener.Accept()
		if err != nil {
			return
		}
		if w.isCut() {
			hangUp(near)
			continue
		}
		w.work.Go(func() { w.connect(near) })
	}
}

func (w *Wire) isCut() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mode == cut
}

// connect carries one connection. Behind a black hole it is accepted all the same, as long as the target is.
func (w *Wire) connect(near net.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTime)
	far, err := new(net.Dialer).DialContext(ctx, "tcp", w.target)
	cancel()
	if err != nil {
		hangUp(near)
		return
	}
	l := &link{near, far}
	w.mu.Lock()
	w.links[l] = true
	dead := w.mode == cut
	w.mu.Unlock()
	if dead {
		w.reset()
	}
	var both sync.WaitGroup
	both.Go(func() { w.carry(far, near, requests) })
	both.Go(func() { w.carry(near, far, answers) })
	both.Wait()
	w.mu.Lock()
	delete(w.links, l)
	w.mu.Unlock()
}

// carry moves bytes one way, and ends both ways when this one ends.
func (w *Wire) carry(to, from net.Conn, direction int) {
	defer w.end(to, from)
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && w.wait(direction) {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
			if direction == requests {
				w.note(&w.passed)
			}
		}
		if err != nil {
			return
		}
	}
}

// end passes the end of a connection on: orderly, or as a reset while the wire is cut. The other direction may
// have closed both already.
func (w *Wire) end(to, from net.Conn) {
	if w.isCut() {
		hangUp(to)
		hangUp(from)
		return
	}
	_ = to.Close()
	_ = from.Close()
}

// wait returns when bytes may go on; false: they are dropped.
func (w *Wire) wait(direction int) bool {
	w.mu.Lock()
	if direction == answers && w.late > 0 {
		until := time.Now().Add(w.late)
		timer := time.AfterFunc(w.late, w.changed.Broadcast)
		defer timer.Stop()
		for !w.closed && w.late > 0 && time.Now().Before(until) {
			w.changed.Wait()
		}
	}
	for w.mode == holding && !w.closed {
		w.noteLocked(&w.lost)
		w.changed.Wait()
	}
	defer w.mu.Unlock()
	if w.drop[direction] {
		w.noteLocked(&w.lost)
	}
	return !w.drop[direction] && w.mode == passing
}

func (w *Wire) note(c *chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.noteLocked(c)
}

func (w *Wire) noteLocked(c *chan struct{}) {
	select {
	case <-*c:
	default:
		close(*c)
	}
}
