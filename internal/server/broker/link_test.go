package broker_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/relay"
	"homeward/internal/server/broker"
)

// proxy is a small HTTP CONNECT proxy that wants a user name and a password.
func proxy(t *testing.T, user, password string) (*url.URL, *atomic.Int64) {
	t.Helper()
	var tunnels atomic.Int64
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") != want {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		up, err := net.Dial("tcp", r.Host)
		if r.Method != http.MethodConnect || err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n")
		tunnels.Add(1)
		go func() { _, _ = io.Copy(up, c); _ = up.Close() }()
		_, _ = io.Copy(c, up)
		_ = c.Close()
	}))
	t.Cleanup(srv.Close)
	u, err := url.Parse(srv.URL)
	must(t, err)
	u.User = url.UserPassword(user, password)
	return u, &tunnels
}

func fault(t *testing.T, err error) *relay.Fault {
	t.Helper()
	var f *relay.Fault
	if !errors.As(err, &f) {
		t.Fatalf("not a fault: %v", err)
	}
	return f
}

func TestThroughProxy(t *testing.T) {
	r := newRig(t)
	a := r.enrol(t, r.tenant)
	u, tunnels := proxy(t, "agent", "s3cret")
	l := r.link(t, a, func(c *relay.AgentConfig) { c.Proxy = u })
	if tunnels.Load() == 0 {
		t.Error("connected past the proxy")
	}
	must(t, l.Precheck(t.Context()))

	cfg := r.config(a)
	cfg.Proxy = &url.URL{Scheme: "http", Host: u.Host}
	f := fault(t, relay.Precheck(t.Context(), cfg))
	if f.Step != relay.StepProxy || f.Status != http.StatusProxyAuthRequired {
		t.Errorf("%s: %v", f.Step, f)
	}
	cfg.Proxy = &url.URL{Scheme: "socks5", Host: u.Host}
	if err := relay.Precheck(t.Context(), cfg); err == nil {
		t.Error("took a SOCKS proxy")
	}
}

func TestPrecheck(t *testing.T) {
	blocked := false
	now := time.Now()
	r := newRig(t, func(c *broker.Config) {
		c.Admit = func(broker.Visit) error {
			if blocked {
				return &broker.Refusal{Status: 403, Reason: protocol.ReasonUnknownKey, Message: "Not approved."}
			}
			return nil
		}
	})
	a := r.enrol(t, r.tenant)
	must(t, relay.Precheck(t.Context(), r.config(a)))
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	closed := httptest.NewServer(nil)
	closed.Close()
	for _, c := range []struct {
		name string
		edit func(*relay.AgentConfig)
		step relay.Step
	}{
		{"name", func(c *relay.AgentConfig) { c.URL = "https://no-such-host.invalid/relay" }, relay.StepName},
		{"nobody listens", func(c *relay.AgentConfig) { c.URL = "https" + closed.URL[4:] }, relay.StepConnect},
		{"no TLS", func(c *relay.AgentConfig) { c.URL = "https" + plain.URL[4:] }, relay.StepTLS},
		{"unknown authority", func(c *relay.AgentConfig) { c.TLS = nil }, relay.StepTLS},
		{"wrong name", func(c *relay.AgentConfig) { c.TLS.ServerName = "other.example" }, relay.StepTLS},
		{"wrong path", func(c *relay.AgentConfig) { c.URL += "x" }, relay.StepPath},
		{"wrong clock", func(c *relay.AgentConfig) { c.Clock = func() time.Time { return now.Add(time.Hour) } }, relay.StepRefused},
		{"not approved", func(*relay.AgentConfig) { blocked = true }, relay.StepRefused},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := r.config(a)
			c.edit(&cfg)
			f := fault(t, relay.Precheck(t.Context(), cfg))
			if f.Step != c.step || f.Message == "" {
				t.Errorf("%s: %v", f.Step, f)
			}
			t.Log(f)
		})
	}
	if err := relay.Precheck(t.Context(), r.config(a)); !errors.Is(err, relay.ErrRefused) {
		t.Errorf("a refused agent: %v", err)
	}
}

func TestDialRefusesBadConfig(t *testing.T) {
	r := newRig(t)
	a := r.enrol(t, r.tenant)
	for name, edit := range map[string]func(*relay.AgentConfig){
		"plain http":  func(c *relay.AgentConfig) { c.URL = "http://portal/relay" },
		"plain ws":    func(c *relay.AgentConfig) { c.URL = "ws://portal/relay" },
		"no host":     func(c *relay.AgentConfig) { c.URL = "https:///relay" },
		"password":    func(c *relay.AgentConfig) { c.URL = "https://a:b@portal/relay" },
		"account key": func(c *relay.AgentConfig) { c.Agent = r.tenant.Account() },
		"no sign":     func(c *relay.AgentConfig) { c.Sign = nil },
		"no JWT":      func(c *relay.AgentConfig) { c.JWT = nil },
	} {
		cfg := r.config(a)
		edit(&cfg)
		if l, err := relay.Dial(t.Context(), cfg); err == nil {
			_ = l.Close()
			t.Errorf("%s: dialled", name)
		}
	}
}

// An agent that starts before the server, or is revoked and allowed again, gets there by itself.
func TestLinkKeepsTrying(t *testing.T) {
	var blocked atomic.Bool
	blocked.Store(true)
	r := newRig(t, func(c *broker.Config) {
		c.Admit = func(broker.Visit) error {
			if blocked.Load() {
				return &broker.Refusal{Status: 403, Reason: protocol.ReasonUnknownKey, Message: "Not approved."}
			}
			return nil
		}
	})
	a := r.enrol(t, r.tenant)
	states := make(chan relay.Status, 100)
	cfg := r.config(a)
	cfg.Status = func(s relay.Status) { states <- s }
	l, err := relay.Dial(t.Context(), cfg)
	must(t, err)
	defer func() { _ = l.Close() }()
	if s := <-states; s.Connected || !errors.Is(s.Cause, relay.ErrRefused) || s.Cause.Error() != "Not approved. (server refused this agent)" {
		t.Errorf("status %v", s)
	}
	var answer protocol.Ack
	if err := l.Request(t.Context(), protocol.UpBeat, protocol.Beat{}, &answer); !errors.Is(err, relay.ErrUnavailable) {
		t.Errorf("request while down: %v", err)
	}
	blocked.Store(false)
	eventually(t, "connects once approved", l.Connected)
	_, err = r.broker.RevokeAgent(t.Context(), r.tenant.Account(), a.key)
	must(t, err)
	eventually(t, "revoked agent is off", func() bool { return !l.Connected() })
	eventually(t, "is told it is refused", func() bool {
		select {
		case s := <-states:
			return errors.Is(s.Cause, relay.ErrRefused)
		default:
			return false
		}
	})
}

// A renewed JWT is picked up on reconnect.
func TestRenewal(t *testing.T) {
	r := newRig(t)
	a := r.enrol(t, r.tenant)
	short, _, err := r.broker.AgentJWT(r.tenant, a.key, "DC1", 2*time.Second)
	must(t, err)
	var current atomic.Value
	current.Store(short)
	l := r.link(t, a, func(c *relay.AgentConfig) { c.JWT = func() (string, error) { return current.Load().(string), nil } })
	current.Store(a.jwt)
	must(t, l.Reconnect())
	var answer protocol.Ack
	_, err = relay.Listen(t.Context(), r.broker.CloudConn(), relay.ListenConfig{},
		func(context.Context, protocol.Uplink, []byte) any { return protocol.Ack{OK: true} })
	must(t, err)
	eventually(t, "works with the new JWT", func() bool {
		return l.Request(t.Context(), protocol.UpBeat, protocol.Beat{}, &answer) == nil
	})
	must(t, l.Result(t.Context(), protocol.Result{Request: "r1"}))
}

// A stopping agent loses nothing that it has taken.
func TestServeDrains(t *testing.T) {
	r := newRig(t)
	a := r.enrol(t, r.tenant)
	l := r.link(t, a)
	ctx, stop := context.WithCancel(t.Context())
	taken, release := make(chan struct{}, 8), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- l.Serve(ctx, func(work context.Context, c relay.Command) {
			taken <- struct{}{}
			<-release
			if work.Err() != nil {
				t.Error("work was cancelled by the stop")
			}
			_ = c.Reply(mustEncode(t, protocol.Accepted{Agent: a.key, Accepted: true}))
		})
	}()
	r.waitServing(t, r.tenant, a.key)
	var calls sync.WaitGroup
	nc := r.conn(t, r.tenant)
	for range 4 {
		calls.Go(func() {
			if _, err := (relay.Caller{}).Call(t.Context(), nc, a.key, protocol.Reset, nil, nil); err != nil {
				t.Error(err)
			}
		})
	}
	for range 4 {
		<-taken
	}
	stop()
	eventually(t, "no further command is taken", func() bool {
		_, err := relay.Caller{Wait: 50 * time.Millisecond}.Call(t.Context(), nc, a.key, protocol.Probe, nil, nil)
		return errors.Is(err, relay.ErrNoAgent)
	})
	close(release)
	must(t, <-done)
	calls.Wait()
}

// Above its limit an agent says so, in a form that every answer type decodes.
func TestOverload(t *testing.T) {
	r := newRig(t)
	a := r.enrol(t, r.tenant)
	l := r.link(t, a, func(c *relay.AgentConfig) { c.Limit = 1 })
	taken, release := make(chan struct{}), make(chan struct{})
	serve(t, l, func(context.Context, relay.Command) {
		taken <- struct{}{}
		<-release
	})
	defer close(release)
	r.waitServing(t, r.tenant, a.key)
	nc := r.conn(t, r.tenant)
	must(t, nc.Publish(protocol.Down(a.key, protocol.Reset), nil))
	<-taken
	got, err := relay.Caller{}.Call(t.Context(), nc, a.key, protocol.Reset, nil, nil)
	if err != nil || got.Accepted || got.Reason != protocol.ReasonOverloaded {
		t.Errorf("%+v %v", got, err)
	}
	var policy protocol.PersonPolicy
	var result protocol.Result
	for _, v := range []any{&policy, &result} {
		must(t, relay.Caller{}.Ask(t.Context(), nc, a.key, protocol.Policy, nil, nil, v))
	}
	if policy.Reason != protocol.ReasonOverloaded || result.Reason != protocol.ReasonOverloaded {
		t.Errorf("%+v %+v", policy, result)
	}
}

func TestCallErrors(t *testing.T) {
	r := newRig(t)
	a := r.enrol(t, r.tenant)
	l := r.link(t, a)
	var answer atomic.Value
	answer.Store([]byte(nil))
	serve(t, l, func(_ context.Context, c relay.Command) {
		if b := answer.Load().([]byte); b != nil {
			_ = c.Reply(b)
		}
	})
	r.waitServing(t, r.tenant, a.key)
	nc := r.conn(t, r.tenant)
	call := func(ctx context.Context) error {
		_, err := relay.Caller{Wait: 100 * time.Millisecond}.Call(ctx, nc, a.key, protocol.Reset, nil, nil)
		return err
	}
	if err := call(t.Context()); !errors.Is(err, relay.ErrTimeout) {
		t.Errorf("silence: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := call(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	for _, b := range []string{"", "{", `{"v":1,"agent":"` + a.key + `","extra":1}`, `{"v":1,"agent":"somebody"}`, "[]"} {
		answer.Store([]byte(b))
		if err := call(t.Context()); !errors.Is(err, relay.ErrMalformed) {
			t.Errorf("answer %q: %v", b, err)
		}
	}
	nc.Close()
	if err := call(t.Context()); !errors.Is(err, relay.ErrUnavailable) {
		t.Errorf("closed: %v", err)
	}
}

// One tenant that floods is told so; others are served.
func TestFloodIsBounded(t *testing.T) {
	r := newRig(t)
	flood, calm := r.enrol(t, r.tenant), r.enrol(t, r.addTenant(t))
	lf, lc := r.link(t, flood), r.link(t, calm)
	busy, release := make(chan struct{}), make(chan struct{})
	listener, err := relay.Listen(t.Context(), r.broker.CloudConn(), relay.ListenConfig{Workers: 4, PerAccount: 1},
		func(_ context.Context, up protocol.Uplink, _ []byte) any {
			if up.Agent == flood.key {
				close(busy)
				<-release
			}
			return protocol.Ack{OK: true}
		})
	must(t, err)
	var first, second, other protocol.Ack
	done := make(chan error, 1)
	go func() { done <- lf.Request(t.Context(), protocol.UpBeat, protocol.Beat{}, &first) }()
	<-busy
	must(t, lf.Request(t.Context(), protocol.UpBeat, protocol.Beat{}, &second))
	must(t, lc.Request(t.Context(), protocol.UpBeat, protocol.Beat{}, &other))
	close(release)
	must(t, <-done)
	if !first.OK || second.Reason != protocol.ReasonOverloaded || !other.OK {
		t.Errorf("first %+v, second %+v, other tenant %+v", first, second, other)
	}
	must(t, listener.Drain(t.Context()))
}

func TestNegotiatesNoHTTP2(t *testing.T) {
	r := newRig(t)
	seen := make(chan string, 4)
	conf := r.roots()
	conf.NextProtos = []string{"h2"}
	conf.VerifyConnection = func(s tls.ConnectionState) error {
		seen <- s.NegotiatedProtocol
		return nil
	}
	r.link(t, r.enrol(t, r.tenant), func(c *relay.AgentConfig) { c.TLS = conf })
	if p := <-seen; p == "h2" {
		t.Errorf("negotiated %q", p)
	}
}
