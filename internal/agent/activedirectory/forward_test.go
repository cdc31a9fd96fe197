package activedirectory

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"homeward/test/dctest"
)

// forwarder is a TCP relay on a controller's own address, so that the controller's certificate fits. It can become a
// black hole: connections stay open and are accepted, and nothing passes any more.
type forwarder struct {
	listener net.Listener
	upstream string

	mu    sync.Mutex
	hole  bool
	conns []net.Conn
	work  sync.WaitGroup
}

func forward(t testing.TB, dc *dctest.DC) *forwarder {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort(dc.Addr(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	f := &forwarder{listener: l, upstream: net.JoinHostPort(dc.Addr(), "636")}
	ctx, cancel := context.WithCancel(context.Background())
	f.work.Go(func() { f.serve(ctx) })
	t.Cleanup(func() {
		cancel()
		_ = l.Close()
		f.cut()
		f.work.Wait()
	})
	return f
}

func (f *forwarder) url() string { return "ldaps://" + f.listener.Addr().String() }

// swallow lets nothing pass, or everything again; bytes of connections that were swallowed are gone.
func (f *forwarder) swallow(hole bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hole = hole
}

func (f *forwarder) swallowing() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hole
}

// cut ends every connection.
func (f *forwarder) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		_ = c.Close()
	}
	f.conns = nil
}

func (f *forwarder) keep(c net.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.conns = append(f.conns, c)
}

func (f *forwarder) serve(ctx context.Context) {
	for {
		client, err := f.listener.Accept()
		if err != nil {
			return
		}
		f.keep(client)
		server, err := (&net.Dialer{}).DialContext(ctx, "tcp", f.upstream)
		if err != nil {
			_ = client.Close()
			continue
		}
		f.keep(server)
		f.work.Go(func() { f.pass(server, client) })
		f.work.Go(func() { f.pass(client, server) })
	}
}

// pass copies until one side ends; into a black hole it copies nothing.
func (f *forwarder) pass(to, from net.Conn) {
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && !f.swallowing() {
			if _, err := to.Write(buf[:n]); err != nil {
				break
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) || !f.swallowing() {
				break
			}
			return // nobody hears of the end either
		}
	}
	_ = to.Close()
}
