package broker

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"homeward/internal/protocol"
)

const (
	spliceBuffer = 4 << 10
	// writeTimeout ends a connection whose agent no longer reads. TCP alone would keep it for a quarter of
	// an hour.
	writeTimeout   = 30 * time.Second
	loopbackDialed = 2 * time.Second
	answerTimeout  = 10 * time.Second
)

// splices are the agents' connections: each is two sockets whose bytes are copied to each other.
type splices struct {
	limit int

	mu      sync.Mutex
	closed  bool
	open    map[*splice]struct{}
	running sync.WaitGroup
}

type splice struct {
	once      sync.Once
	agent, up net.Conn
}

// close ends both sides, whoever ends first.
func (s *splice) close() {
	s.once.Do(func() {
		_ = s.agent.Close()
		_ = s.up.Close()
	})
}

func newSplices(limit int) *splices {
	return &splices{limit: limit, open: make(map[*splice]struct{})}
}

// serve passes a checked upgrade on to the relay's listener and copies until one side ends. It returns a
// refusal when nothing has been answered yet.
func (ss *splices) serve(ws string, w http.ResponseWriter, r *http.Request) *Refusal {
	if ss.full() {
		return &Refusal{
			Status: http.StatusServiceUnavailable, Reason: protocol.ReasonOverloaded, RetryAfter: time.Minute,
			Message: "The server has as many agents connected as it takes. The agent tries again by itself; ask for the limit to be raised.",
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), loopbackDialed)
	defer cancel()
	var d net.Dialer
	up, err := d.DialContext(ctx, "tcp", ws)
	if err != nil {
		return stopping()
	}
	if err := handshake(ws, r).Write(up); err != nil {
		_ = up.Close()
		return stopping()
	}
	agent, brw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = up.Close()
		return &Refusal{
			Status: http.StatusInternalServerError, Reason: protocol.ReasonInternal,
			Message: "The server cannot hand this connection to the relay. Report this to whoever runs the server.",
		}
	}
	s := &splice{agent: agent, up: up}
	if !ss.enter(s) {
		s.close()
		return nil
	}
	defer ss.leave(s)
	s.copy(brw.Reader)
	return nil
}

// handshake is the agent's request reduced to what the listener needs. Extensions stay behind: a
// compressing WebSocket costs ten times the memory and sealed bytes do not compress (relay trap T5).
func handshake(ws string, r *http.Request) *http.Request {
	h := make(http.Header)
	h.Set("Upgrade", "websocket")
	h.Set("Connection", "Upgrade")
	for _, name := range []string{"Sec-WebSocket-Key", "Sec-WebSocket-Version"} {
		h.Set(name, r.Header.Get(name))
	}
	return &http.Request{
		Method: http.MethodGet, URL: &url.URL{Path: "/"}, Host: ws, Header: h,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
}

// copy returns when both directions have ended. buffered holds what the HTTP server has read already.
func (s *splice) copy(buffered *bufio.Reader) {
	defer s.close()
	down := timedWriter{s.agent}
	buf := make([]byte, spliceBuffer)
	// The listener's answer first: it refuses a client that goes on talking before the handshake is over,
	// and here that could only be our own doing, by passing two packets on as one.
	if err := s.up.SetReadDeadline(time.Now().Add(answerTimeout)); err != nil {
		return
	}
	n, err := s.up.Read(buf)
	if err != nil || s.up.SetReadDeadline(time.Time{}) != nil {
		return
	}
	if _, err := down.Write(buf[:n]); err != nil {
		return
	}
	var up sync.WaitGroup
	up.Go(func() {
		defer s.close()
		if n := int64(buffered.Buffered()); n > 0 {
			if _, err := io.CopyN(s.up, buffered, n); err != nil {
				return
			}
		}
		// The wrappers hide ReadFrom and WriteTo, which would bring larger buffers.
		_, _ = io.CopyBuffer(struct{ io.Writer }{s.up}, struct{ io.Reader }{s.agent}, make([]byte, spliceBuffer))
	})
	_, _ = io.CopyBuffer(down, struct{ io.Reader }{s.up}, buf)
	s.close()
	up.Wait()
}

// timedWriter gives each write its own deadline.
type timedWriter struct{ c net.Conn }

func (w timedWriter) Write(b []byte) (int, error) {
	if err := w.c.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	return w.c.Write(b)
}

func (ss *splices) full() bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return len(ss.open) >= ss.limit
}

func (ss *splices) enter(s *splice) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.closed || len(ss.open) >= ss.limit {
		return false
	}
	ss.open[s] = struct{}{}
	ss.running.Add(1)
	return true
}

func (ss *splices) leave(s *splice) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	delete(ss.open, s)
	ss.running.Done()
}

// close ends every connection and returns when their goroutines are done.
func (ss *splices) close() {
	ss.mu.Lock()
	ss.closed = true
	for s := range ss.open {
		s.close()
	}
	ss.mu.Unlock()
	ss.running.Wait()
}
