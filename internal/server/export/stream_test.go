package export

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"homeward/internal/server/audit"
	"homeward/internal/server/store"
	"homeward/internal/server/store/storetest"
	"homeward/internal/server/tenant"
	"homeward/internal/server/webhook"
)

// receiver is a syslog server over TLS that can be killed and started again at the same address.
type receiver struct {
	t       *testing.T
	config  *tls.Config
	address string

	mu       sync.Mutex
	listener net.Listener
	conns    map[*net.TCPConn]bool
	seqs     []int64
}

// certificate makes one for 127.0.0.1, and what trusts it.
func certificate(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	return s.TLS.Clone(), s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
}

func (r *receiver) start() {
	r.t.Helper()
	address := r.address
	if address == "" {
		address = "127.0.0.1:0"
	}
	l, err := (&net.ListenConfig{}).Listen(r.t.Context(), "tcp", address)
	if err != nil {
		r.t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.address, r.listener, r.conns = l.Addr().String(), l, map[*net.TCPConn]bool{}
	go r.accept(l)
}

func (r *receiver) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		conn := c.(*net.TCPConn)
		r.mu.Lock()
		r.conns[conn] = true
		r.mu.Unlock()
		go r.read(tls.Server(conn, r.config))
	}
}

var seqParam = regexp.MustCompile(` seq="([0-9]+)"`)

// read takes in frames (RFC 5425, 4.3) until the sender says goodbye, and answers with its own.
func (r *receiver) read(conn *tls.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		length, err := in.ReadString(' ')
		if err != nil {
			return
		}
		n, err := strconv.Atoi(strings.TrimSuffix(length, " "))
		if err != nil || n < 1 || n > mostSyslog {
			r.t.Errorf("frame begins with %q", length)
			return
		}
		message := make([]byte, n)
		if _, err := io.ReadFull(in, message); err != nil {
			return
		}
		found := seqParam.FindSubmatch(message)
		if found == nil {
			r.t.Errorf("%s", message)
			return
		}
		seq, _ := strconv.ParseInt(string(found[1]), 10, 64)
		r.mu.Lock()
		r.seqs = append(r.seqs, seq)
		r.mu.Unlock()
	}
}

// kill ends everything at once, as the death of the process would.
func (r *receiver) kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.listener.Close()
	for c := range r.conns {
		_ = c.SetLinger(0)
		_ = c.Close()
	}
}

func (r *receiver) got() []int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]int64(nil), r.seqs...)
}

func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for !done() {
		select {
		case <-deadline:
			t.Fatal("never: " + what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func logOf(t *testing.T, rows int) *store.Store {
	t.Helper()
	s := storetest.New(t)
	if err := s.CreateTenant(t.Context(), tenant.Tenant{ID: "contoso", Account: "A"}); err != nil {
		t.Fatal(err)
	}
	grow(t, s, rows)
	return s
}

func grow(t *testing.T, s *store.Store, rows int) {
	t.Helper()
	if err := s.Append(t.Context(), "contoso", make([]audit.Record, rows)...); err != nil {
		t.Fatal(err)
	}
}

// run runs streams until the returned function is called.
func run(t *testing.T, s *store.Store, d ...Destination) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	streams := &Streams{
		Log: s, Tenants: func(context.Context) ([]string, error) { return []string{"contoso"}, nil }, Destinations: d, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	}
	ended := make(chan error, 1)
	go func() { ended <- streams.Run(ctx) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// whole reports that every row arrived, each for the first time after those before it.
func whole(got []int64, rows int64) bool {
	var last int64
	for _, seq := range got {
		if seq > last+1 {
			return false
		}
		last = max(last, seq)
	}
	return last == rows
}

// TestSyslogLosesNothing kills the receiver while rows are sent, and the server too.
func TestSyslogLosesNothing(t *testing.T) {
	t.Parallel()
	serverTLS, clientTLS := certificate(t)
	r := &receiver{t: t, config: serverTLS}
	r.start()
	s := logOf(t, 500)
	d := Destination{Name: "siem", Send: (&Syslog{Address: r.address, Host: "portal", TLS: clientTLS}).Send}
	stop := run(t, s, d)
	defer func() { stop() }()
	for n := range 3 {
		before := len(r.got())
		grow(t, s, 700)
		until(t, "rows arrive", func() bool { return len(r.got()) > before })
		r.kill()
		grow(t, s, 10)
		if n == 1 {
			stop()
			stop = run(t, s, d)
		}
		r.start()
	}
	const rows = 500 + 3*710
	until(t, "every row arrives", func() bool { return whole(r.got(), rows) })
	stop()
	if at, _, err := s.ReaderAt(t.Context(), "export/siem", "contoso"); err != nil || at != rows {
		t.Errorf("stands at %d, %v", at, err)
	}
	stop = run(t, s, d)
	grow(t, s, 1)
	until(t, "a row more arrives", func() bool { return whole(r.got(), rows+1) })
	if got := r.got(); got[len(got)-1] != rows+1 || got[len(got)-2] != rows {
		t.Error("after a restart rows were sent again that had been confirmed")
	}
}

// TestHangingUpIsNoReceipt: a receiver that ends the connection without a goodbye may have read nothing.
func TestHangingUpIsNoReceipt(t *testing.T) {
	t.Parallel()
	serverTLS, clientTLS := certificate(t)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conn := tls.Server(c, serverTLS)
			if conn.HandshakeContext(t.Context()) == nil {
				_, _ = io.Copy(io.Discard, conn) // it reads all, and still: who hangs up hasn't said so
			}
			_ = c.Close()
		}
	}()
	out := &Syslog{Address: l.Addr().String(), TLS: clientTLS}
	if err := out.Send(t.Context(), []Row{{Seq: 1}}); err == nil {
		t.Error("counted as delivered")
	}
	out.TLS = nil // the machine's roots don't know this certificate
	if err := out.Send(t.Context(), []Row{{Seq: 1}}); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("trusts a receiver it can't know: %v", err)
	}
}

// TestSlowWebhookHoldsUpNobody: neither who writes to the log nor another destination waits; nothing is lost or out of order.
func TestSlowWebhookHoldsUpNobody(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	var mu sync.Mutex
	got := map[string][]int64{}
	refusals := 2
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		stamp, _, _ := strings.Cut(strings.TrimPrefix(r.Header.Get(webhook.Header), "t="), ",")
		at, _ := strconv.ParseInt(stamp, 10, 64)
		if r.Header.Get(webhook.Header) != webhook.Sign([]byte("shared"), time.Unix(at, 0), body) {
			t.Error("not signed")
		}
		if r.URL.Path == "/slow" {
			<-gate
		}
		var in struct{ Records []Row }
		if err := json.Unmarshal(body, &in); err != nil || len(in.Records) > batchRows {
			t.Errorf("%d rows, %v", len(in.Records), err)
		}
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Path == "/slow" && refusals > 0 {
			refusals--
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		for _, row := range in.Records {
			got[r.URL.Path] = append(got[r.URL.Path], row.Seq)
		}
	}))
	defer server.Close()
	arrived := func(path string, n int64) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			return whole(got[path], n)
		}
	}
	to := func(path string) Destination {
		w := &Webhook{URL: server.URL + path, Secret: func() (string, error) { return "shared", nil }, Client: webhook.NewClient(server.Client().Transport), Now: time.Now}
		return Destination{Name: path[1:], Send: w.Send}
	}
	s := logOf(t, 450)
	fresh := to("/fresh")
	fresh.New = true
	stop := run(t, s, to("/slow"), to("/quick"), fresh)
	defer stop()
	until(t, "the quick one gets all", arrived("/quick", 450))
	grow(t, s, 100) // while the slow one is stuck
	until(t, "the quick one gets more", arrived("/quick", 550))
	close(gate)
	until(t, "the slow one gets all", arrived("/slow", 550))
	mu.Lock()
	defer mu.Unlock()
	if first := got["/fresh"]; len(first) > 0 && first[0] != 451 {
		t.Errorf("a destination for what is new got row %d", first[0])
	}
}

// TestOneServerSends: of two servers of one database one sends, until it stops.
func TestOneServerSends(t *testing.T) {
	t.Parallel()
	s := logOf(t, 5)
	var mu sync.Mutex
	sent := map[string][]int64{}
	to := func(server string) Destination {
		return Destination{Name: "siem", Send: func(_ context.Context, batch []Row) error {
			mu.Lock()
			defer mu.Unlock()
			for _, r := range batch {
				sent["all"] = append(sent["all"], r.Seq)
				sent[server] = append(sent[server], r.Seq)
			}
			return nil
		}}
	}
	all := func(n int64) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			return whole(sent["all"], n)
		}
	}
	stopOne := run(t, s, to("one"))
	until(t, "five rows", all(5))
	defer run(t, s, to("two"))()
	grow(t, s, 5)
	until(t, "ten rows", all(10))
	stopOne()
	grow(t, s, 5)
	until(t, "fifteen rows", all(15))
	mu.Lock()
	defer mu.Unlock()
	if len(sent["all"]) != 15 || len(sent["two"]) == 0 {
		t.Errorf("%v", sent)
	}
}
