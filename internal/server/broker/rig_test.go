package broker_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/relay"
	"homeward/internal/server/broker"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

const patience = 10 * time.Second

// rig is a relay behind a real HTTPS server with one tenant.
type rig struct {
	broker *broker.Broker
	cfg    broker.Config
	web    *httptest.Server
	tenant broker.TenantKeys
}

func newRig(t testing.TB, edit ...func(*broker.Config)) *rig {
	t.Helper()
	keys, err := broker.NewKeys()
	must(t, err)
	cfg := broker.Config{Dir: t.TempDir(), Keys: keys, Logger: slog.New(slog.DiscardHandler)}
	for _, e := range edit {
		e(&cfg)
	}
	r := openRig(t, cfg)
	r.tenant = r.addTenant(t)
	return r
}

func openRig(t testing.TB, cfg broker.Config) *rig {
	t.Helper()
	b, err := broker.Open(t.Context(), cfg)
	must(t, err)
	r := &rig{broker: b, cfg: cfg}
	mux := http.NewServeMux()
	mux.Handle("/relay", b.Handler())
	r.web = httptest.NewUnstartedServer(mux)
	r.web.EnableHTTP2 = true
	r.web.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	r.web.StartTLS()
	t.Cleanup(func() { r.close(t) })
	return r
}

func (r *rig) close(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	if err := r.broker.Close(ctx); err != nil {
		t.Errorf("close relay: %v", err)
	}
	r.web.Close()
}

func (r *rig) addTenant(t testing.TB) broker.TenantKeys {
	t.Helper()
	k, err := broker.NewTenantKeys()
	must(t, err)
	must(t, r.broker.AddTenant(t.Context(), broker.TenantAccount{Keys: k, Name: t.Name()}))
	return k
}

func (r *rig) roots() *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(r.web.Certificate())
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}

func (r *rig) relayURL() string { return r.web.URL + "/relay" }

// agent is an enrolled agent's identity.
type agent struct {
	pair nkeys.KeyPair
	key  string
	jwt  string
}

func (r *rig) enrol(t testing.TB, tenant broker.TenantKeys) agent {
	t.Helper()
	pair, err := nkeys.CreateUser()
	must(t, err)
	key, err := pair.PublicKey()
	must(t, err)
	token, _, err := r.broker.AgentJWT(tenant, key, "DC1", time.Hour)
	must(t, err)
	return agent{pair, key, token}
}

func (r *rig) config(a agent) relay.AgentConfig {
	return relay.AgentConfig{
		URL: r.relayURL(), Agent: a.key, Sign: a.pair.Sign, TLS: r.roots(),
		JWT:     func() (string, error) { return a.jwt, nil },
		Backoff: relay.Backoff{Min: 10 * time.Millisecond, Max: 50 * time.Millisecond, Refused: 50 * time.Millisecond},
	}
}

// link connects an agent and waits until it is there.
func (r *rig) link(t testing.TB, a agent, edit ...func(*relay.AgentConfig)) *relay.AgentLink {
	t.Helper()
	cfg := r.config(a)
	for _, e := range edit {
		e(&cfg)
	}
	l, err := relay.Dial(t.Context(), cfg)
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	eventually(t, "agent connects", l.Connected)
	return l
}

// serve runs an agent that handles commands until the test ends.
func serve(t testing.TB, l *relay.AgentLink, handle func(context.Context, relay.Command)) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- l.Serve(ctx, handle) }()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

// raw connects with an agent's identity but none of our code's manners.
func (r *rig) raw(t testing.TB, a agent, opts ...nats.Option) (*nats.Conn, error) {
	t.Helper()
	u, err := url.Parse(r.relayURL())
	must(t, err)
	u.Scheme = "wss"
	all := append([]nats.Option{
		nats.UserJWT(func() (string, error) { return a.jwt, nil }, a.pair.Sign),
		nats.CustomInboxPrefix(protocol.InboxPrefix(a.key)), nats.Secure(r.roots()),
		nats.IgnoreDiscoveredServers(), nats.IgnoreAuthErrorAbort(), nats.MaxReconnects(-1),
		nats.ReconnectWait(10 * time.Millisecond), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}),
		nats.WebSocketConnectionHeadersHandler(func() (http.Header, error) {
			v, err := relay.SignUpgrade(a.key, time.Now(), a.pair.Sign)
			return http.Header{relay.UpgradeHeader: {v}}, err
		}),
	}, opts...)
	nc, err := nats.Connect(u.String(), all...)
	if err == nil {
		t.Cleanup(nc.Close)
	}
	return nc, err
}

func (r *rig) mustRaw(t testing.TB, a agent, opts ...nats.Option) *nats.Conn {
	t.Helper()
	nc, err := r.raw(t, a, opts...)
	must(t, err)
	return nc
}

// conn is the server's connection into a tenant.
func (r *rig) conn(t testing.TB, tenant broker.TenantKeys) *nats.Conn {
	t.Helper()
	nc, err := r.broker.Conn(t.Context(), tenant.Account())
	must(t, err)
	return nc
}

// waitServing waits until an agent's subscription has arrived, which is a little after it is online.
func (r *rig) waitServing(t testing.TB, tenant broker.TenantKeys, key string) {
	t.Helper()
	nc := r.conn(t, tenant)
	eventually(t, "agent subscribes", func() bool {
		_, err := nc.Request("wb.to."+key+".ping.ping", nil, 20*time.Millisecond)
		return err == nats.ErrTimeout //nolint:errorlint // heard, but not a command
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			t.Fatalf("not within %s: %s", patience, what)
		case <-tick.C:
		}
	}
}

func mustEncode(t testing.TB, v any) []byte {
	t.Helper()
	b, err := protocol.Encode(v)
	must(t, err)
	return b
}
