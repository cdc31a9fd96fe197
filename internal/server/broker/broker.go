// Package broker is the relay's server side: an embedded NATS server in operator mode, one account per
// tenant, agents that reach it only through the portal's HTTPS port, and the knowledge of who is online.
//
// It guarantees that an agent can send and receive nothing but its own subjects, that no tenant sees
// another's, that a revocation outlives restarts and later changes, and that nothing is stored: messages
// are delivered now or not at all. It knows no SQL: the store keeps keys and tenants and tells them
// again at every start; the directory of account JWTs is a cache.
//
// It never sees a password: what passes are sealed envelopes.
package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"homeward/internal/protocol"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

const (
	readyTimeout = 10 * time.Second
	pushTimeout  = 5 * time.Second // a first update can wait 2 s for an account the server does not know yet
	// An agent that is frozen or cut off is known to be gone after three to four of these, and is cut off no sooner
	// than after a stall of ten seconds.
	pingInterval = 3500 * time.Millisecond
	maxPingsOut  = 2
	authTimeout  = 5 * time.Second
	maxPending   = 4 << 20
	syncInterval = 2 * time.Minute

	defaultTotalAgents = 5000
	defaultIdle        = 5 * time.Minute
	// insideConns is room in the server's connection limit for our own, one per active tenant and more.
	insideConns = 8192
)

// ErrClosing reports that the relay is stopping.
var ErrClosing = errors.New("relay is stopping")

// Visit is an agent at the door. Its key is proven.
type Visit struct {
	Agent   string
	Machine protocol.Machine // zero: it does not say, as protocol 1 does not
	IP      netip.Addr
	Upgrade bool // it wants to connect; false: it only asks whether it may
}

// Config is what a relay needs.
type Config struct {
	Dir       string // directory for account JWTs, nothing else in it; made if missing
	Keys      Keys
	Logger    *slog.Logger
	MaxAgents int              // connections from agents at once, 5000
	Idle      time.Duration    // a tenant's connection unused for this long is closed, 5 min
	Clock     func() time.Time // nil: time.Now

	// Admit decides, before an agent costs anything, whether it may come in: known, approved, not too
	// often. The agent's key is proven by then. A *Refusal is told to the agent as it is; any other
	// error as a fault of the server. nil admits all.
	Admit func(Visit) error
	// ClientIP tells an agent's address when a proxy stands before the portal. nil: the connection's.
	ClientIP func(*http.Request) netip.Addr
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.MaxAgents <= 0 {
		c.MaxAgents = defaultTotalAgents
	}
	if c.Idle <= 0 {
		c.Idle = defaultIdle
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Admit == nil {
		c.Admit = func(Visit) error { return nil }
	}
	if c.ClientIP == nil {
		c.ClientIP = remoteIP
	}
	return c
}

// Broker is a running relay.
type Broker struct {
	cfg      Config
	srv      *server.Server
	accounts *server.DirAccResolver
	ws       string // host:port of the loopback WebSocket listener
	system   *nats.Conn
	cloud    *nats.Conn
	presence *Presence
	pool     *pool
	splices  *splices
	flight   flight

	control chan struct{} // held while accounts change: one change at a time
	mu      sync.Mutex
	tenants map[string]TenantAccount // by account

	stop    context.CancelFunc
	running sync.WaitGroup
}

// Open starts the relay. Tenants must be added again after every start. ctx bounds the start only; Close
// ends the relay.
func Open(ctx context.Context, cfg Config) (*Broker, error) {
	cfg = cfg.withDefaults()
	if cfg.Keys.operator == nil {
		return nil, fmt.Errorf("open relay: %w", ErrKeys)
	}
	b := &Broker{
		cfg:     cfg,
		control: make(chan struct{}, 1),
		tenants: make(map[string]TenantAccount),
		splices: newSplices(cfg.MaxAgents),
	}
	if err := b.startServer(); err != nil {
		return nil, fmt.Errorf("open relay: %w", err)
	}
	if err := b.connect(ctx); err != nil {
		b.srv.Shutdown()
		return nil, fmt.Errorf("open relay: %w", err)
	}
	return b, nil
}

// options are the server's. Nothing listens but a WebSocket on a random loopback port, which the portal's
// handler feeds.
func (b *Broker) options() *server.Options {
	return &server.Options{
		ServerName:       "homeward",
		DontListen:       true,
		NoSigs:           true,
		NoLog:            true, // SetLoggerV2 replaces it
		TrustedOperators: []*jwt.OperatorClaims{b.cfg.Keys.operator},
		SystemAccount:    b.cfg.Keys.w.System.Account,
		AccountResolver:  b.accounts,
		MaxPayload:       protocol.MaxMessage,
		MaxPending:       maxPending,
		MaxConn:          b.cfg.MaxAgents + insideConns,
		MaxClosedClients: 100,
		AuthTimeout:      authTimeout.Seconds(),
		PingInterval:     pingInterval,
		MaxPingsOut:      maxPingsOut,
		Websocket: server.WebsocketOpts{
			Host:             "127.0.0.1",
			Port:             server.RANDOM_PORT,
			NoTLS:            true, // loopback; the portal's TLS is in front
			Compression:      false,
			HandshakeTimeout: authTimeout,
			AuthTimeout:      authTimeout.Seconds(),
			PingInterval:     pingInterval,
		},
	}
}

func (b *Broker) startServer() (err error) {
	b.accounts, err = server.NewDirAccResolver(b.cfg.Dir, 0, syncInterval, server.HardDelete)
	if err != nil {
		return fmt.Errorf("account directory %s: %w", b.cfg.Dir, err)
	}
	// The two accounts that all others lean on are there before the server is.
	if err := b.storeOwn(); err != nil {
		return err
	}
	if b.srv, err = server.NewServer(b.options()); err != nil {
		return fmt.Errorf("NATS server: %w", err)
	}
	log := &serverLog{log: b.cfg.Logger.With("part", "nats")}
	b.srv.SetLoggerV2(log, false, false, false)
	b.srv.Start()
	if line := log.firstFatal(); line != "" || !b.srv.ReadyForConnections(readyTimeout) {
		b.srv.Shutdown()
		return fmt.Errorf("NATS server is not ready: %s", line)
	}
	b.ws, err = hostOf(b.srv.WebsocketURL())
	return err
}

func (b *Broker) storeOwn() error {
	k := b.cfg.Keys
	for _, make := range []func() (*jwt.AccountClaims, error){k.systemClaims, k.cloudClaims} {
		c, err := make()
		if err != nil {
			return err
		}
		token, err := k.sign(c)
		if err != nil {
			return err
		}
		if _, err := k.verify(token, c.Subject); err != nil {
			return err
		}
		if err := b.accounts.Store(c.Subject, token); err != nil {
			return fmt.Errorf("store account %s: %w", c.Name, err)
		}
	}
	return nil
}

// connect opens our own connections and starts what runs beside the server.
func (b *Broker) connect(ctx context.Context) error {
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	b.stop = stop
	var err error
	k := b.cfg.Keys
	b.system, err = b.inside("system", k.w.System,
		[]string{"$SYS.REQ.>"}, []string{"$SYS.ACCOUNT.>", "_INBOX.>"}, nats.MaxReconnects(-1))
	if err != nil {
		stop()
		return err
	}
	b.cloud, err = b.inside("cloud", k.w.Cloud,
		[]string{"_R_.>"}, []string{"up.>", "_INBOX.>"}, nats.MaxReconnects(-1))
	if err == nil {
		b.presence, err = newPresence(ctx, presenceConfig{
			system: b.system, list: b.listAgents, kick: b.srv.DisconnectClientByID,
			clock: b.cfg.Clock, log: b.cfg.Logger,
		})
	}
	if err != nil {
		stop()
		b.closeInside()
		return err
	}
	b.pool = newPool(b.cfg.Idle, b.cfg.Clock, b.openTenant)
	b.running.Go(func() { b.presence.run(life) })
	b.running.Go(func() { b.pool.run(life) })
	return nil
}

// inside opens an in-process connection into an account. Nothing is queued while it is down.
func (b *Broker) inside(name string, a account, pub, sub []string, more ...nats.Option) (*nats.Conn, error) {
	user, err := insider(a.Account, a.Signing, pub, sub)
	if err != nil {
		return nil, err
	}
	opts := append([]nats.Option{
		nats.Name("homeward-" + name), nats.InProcessServer(b.srv), user,
		nats.ReconnectBufSize(-1), nats.ReconnectWait(100 * time.Millisecond), nats.Timeout(pushTimeout),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			b.cfg.Logger.Warn("relay connection", "account", name, "error", err)
		}),
	}, more...)
	nc, err := nats.Connect("", opts...)
	if err != nil {
		return nil, fmt.Errorf("connect into account %s: %w", name, err)
	}
	return nc, nil
}

// Presence tells which agents are online.
func (b *Broker) Presence() *Presence { return b.presence }

// CloudConn returns the connection on which everything upward arrives (protocol.CloudUp). It lives as
// long as the relay.
func (b *Broker) CloudConn() *nats.Conn { return b.cloud }

// Begin tells the relay that a call is in flight, so that Close waits for it; the caller calls end when
// it is over. After Close has begun it returns ErrClosing. It fits relay.Caller.Begin.
func (b *Broker) Begin() (end func(), err error) { return b.flight.begin() }

func (b *Broker) closeInside() {
	for _, nc := range []*nats.Conn{b.cloud, b.system} {
		if nc != nil {
			nc.Close()
		}
	}
}
