package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"homeward/internal/protocol"

	"github.com/nats-io/nats.go"
)

const (
	defaultLimit = 64
	// A firewall that forgets idle connections after 60 s is common: a ping every 15 s keeps them, and a
	// dead link is known within 30 s.
	pingInterval    = 15 * time.Second
	maxPingsOut     = 1
	connectTimeout  = 10 * time.Second
	diagnoseTimeout = 20 * time.Second
)

// AgentConfig says how an agent reaches the relay and who it is.
type AgentConfig struct {
	URL   string // https://portal/relay; wss:// means the same
	Agent string // the agent's public nkey
	// Sign signs with the agent's nkey seed, which this package never sees.
	Sign func([]byte) ([]byte, error)
	// JWT returns the current user JWT; it is asked on every connect, so a renewed one is picked up.
	JWT func() (string, error)

	// Machine is where the agent runs; the server lets an identity serve from one machine only.
	Machine protocol.Machine

	TLS   *tls.Config // nil: the system's roots. At least TLS 1.2 in any case.
	Proxy *url.URL    // HTTP proxy, with Basic credentials if it has a user; nil: from the environment

	// Status is told when the link comes up and when it goes down or an attempt fails. It is called from
	// one goroutine, in order, and must not block for long. It may be nil.
	Status func(Status)

	Limit   int // commands carried out at once, 64; above it they are answered "overloaded"
	Backoff Backoff
	Logger  *slog.Logger
	Clock   func() time.Time
	Rand    func() float64 // jitter, in [0,1)
}

func (c AgentConfig) withDefaults() AgentConfig {
	if c.Limit <= 0 {
		c.Limit = defaultLimit
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Float64
	}
	if c.Status == nil {
		c.Status = func(Status) {}
	}
	c.Backoff = c.Backoff.withDefaults()
	return c
}

// Status is a change of the link.
type Status struct {
	Connected bool
	At        time.Time
	// Cause says why the link is down: a *Fault when the way is blocked, ErrRefused when the server does
	// not accept this agent, otherwise what the connection broke with. It may be nil.
	Cause error
}

// AgentLink is an agent's connection to the server. It reconnects for ever, until Close.
type AgentLink struct {
	cfg    AgentConfig
	way    *way
	life   context.Context //nolint:containedctx // the link's own life; ends with Close
	cancel context.CancelFunc
	nc     *nats.Conn
	closed chan struct{}

	// online is kept here because nats.go holds its own lock while it dials: asking it would block.
	online atomic.Bool

	mu       sync.Mutex
	attempts int       // since the last link that lasted
	since    time.Time // when the link last came up; zero once an attempt to replace it was counted
	last     verdict   // of the last attempt
}

// Dial makes the first attempt to connect and returns a link that keeps trying if it failed: Status and
// Precheck tell why. ctx bounds the first attempt only. An error means that cfg cannot work, or that ctx
// ended.
func Dial(ctx context.Context, cfg AgentConfig) (*AgentLink, error) {
	cfg = cfg.withDefaults()
	w, err := newWay(cfg)
	if err != nil {
		return nil, err
	}
	if cfg.JWT == nil {
		return nil, errors.New("relay: no JWT function")
	}
	l := &AgentLink{cfg: cfg, way: w, closed: make(chan struct{})}
	l.life, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, l.cancel)
	l.nc, err = nats.Connect(w.natsURL(), l.options()...) //nolint:contextcheck // its hooks live as long as the link
	if err != nil {
		l.cancel()
		return nil, fmt.Errorf("dial the relay: %w", err)
	}
	if !stop() {
		_ = l.Close()
		return nil, fmt.Errorf("dial the relay: %w", context.Cause(ctx))
	}
	return l, nil
}

func (l *AgentLink) options() []nats.Option {
	return []nats.Option{
		nats.Name("homeward-agent"),
		nats.UserJWT(l.cfg.JWT, l.cfg.Sign),
		nats.CustomInboxPrefix(protocol.InboxPrefix(l.cfg.Agent)),
		nats.SetCustomDialer(natsDialer(func() (net.Conn, error) { return l.way.dialer.dial(l.life) })),
		nats.SkipHostLookup(), // the proxy, or our dialer, resolves the name
		nats.WebSocketConnectionHeadersHandler(l.way.headers),
		nats.IgnoreDiscoveredServers(), // they would be loopback addresses of the portal
		nats.IgnoreAuthErrorAbort(),    // a revoked agent may be allowed again
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.CustomReconnectDelay(func(int) time.Duration { return l.nextWait() }),
		nats.ReconnectBufSize(-1), // nothing is queued for later
		nats.PingInterval(pingInterval),
		nats.MaxPingsOutstanding(maxPingsOut),
		nats.Timeout(connectTimeout),
		nats.ConnectHandler(func(*nats.Conn) { l.up() }),
		nats.ReconnectHandler(func(*nats.Conn) { l.up() }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { l.down(err) }),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { l.down(l.diagnose(err)) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { l.trouble(err) }),
		nats.ClosedHandler(func(*nats.Conn) { close(l.closed) }),
	}
}

// nextWait is asked by nats.go before each attempt.
func (l *AgentLink) nextWait() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.since.IsZero() && l.cfg.Clock().Sub(l.since) >= l.cfg.Backoff.Stable {
		l.attempts = 0
	}
	l.since = time.Time{}
	l.attempts++
	return l.cfg.Backoff.wait(l.attempts, l.last, l.cfg.Rand())
}

func (l *AgentLink) up() {
	now := l.cfg.Clock()
	l.mu.Lock()
	l.since, l.last = now, unanswered
	l.mu.Unlock()
	l.online.Store(true)
	l.cfg.Logger.Info("connected to the relay", "server", l.way.target.Host)
	l.cfg.Status(Status{Connected: true, At: now})
}

func (l *AgentLink) down(cause error) {
	l.online.Store(false)
	if l.life.Err() != nil {
		return // we are closing: nobody needs to hear of it
	}
	l.mu.Lock()
	l.last = judge(cause)
	l.mu.Unlock()
	l.cfg.Logger.Warn("not connected to the relay", "server", l.way.target.Host, "error", cause)
	l.cfg.Status(Status{At: l.cfg.Clock(), Cause: cause})
}

// trouble receives what nats.go reports beside connects and disconnects. Being turned away is one of
// these; the rest (a denied subject, a slow consumer) is a mistake of ours worth a line in the log.
func (l *AgentLink) trouble(err error) {
	if isRefusal(err) {
		l.down(fmt.Errorf("%w: %w", ErrRefused, err))
		return
	}
	l.cfg.Logger.Error("relay connection", "error", err)
}

func isRefusal(err error) bool {
	return errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthRevoked) ||
		errors.Is(err, nats.ErrAccountAuthExpired) || errors.Is(err, nats.ErrMaxAccountConnectionsExceeded)
}

// diagnose turns what nats.go says about a failed attempt into something an administrator can act on.
func (l *AgentLink) diagnose(err error) error {
	var f *Fault
	switch {
	case err == nil || errors.As(err, &f):
		return err
	case isRefusal(err):
		return fmt.Errorf("%w: %w", ErrRefused, err)
	case !strings.Contains(err.Error(), "invalid websocket connection"):
		return err
	}
	ctx, cancel := context.WithTimeout(l.life, diagnoseTimeout)
	defer cancel()
	if found := l.way.precheck(ctx); found != nil {
		return found
	}
	return err
}

// Connected reports whether the link is up at this moment.
func (l *AgentLink) Connected() bool { return l.online.Load() }

// Reconnect drops the link and dials again at once, or ends a wait between attempts. An agent calls it in
// a quiet moment after a renewal, so that the old JWT's expiry does not cut a request.
func (l *AgentLink) Reconnect() error {
	if err := l.nc.ForceReconnect(); err != nil {
		return fmt.Errorf("reconnect to the relay: %w", err)
	}
	return nil
}

// Request sends v upward as one kind of message (protocol.UpHello and so on) and decodes the server's
// answer strictly into answer. It waits 5 s at most. Errors are those of Caller.Call, with ErrNoAgent
// standing for a server that listens to nobody.
func (l *AgentLink) Request(ctx context.Context, kind string, v, answer any) error {
	return l.request(ctx, protocol.Up(l.cfg.Agent, kind), v, answer)
}

// Result sends a request's result on its own subject, which unlike a reply inbox still works after a
// reconnect (relay trap T2). nil means that the server has stored it.
func (l *AgentLink) Result(ctx context.Context, r protocol.Result) error {
	var ack protocol.Ack
	if err := l.request(ctx, protocol.UpResultFor(l.cfg.Agent, r.Request), r, &ack); err != nil {
		return err
	}
	if !ack.OK {
		return fmt.Errorf("send result: %w (%s)", ErrNotTaken, ack.Reason)
	}
	return nil
}

// batchWait is how long an answer to a batch is waited for: the server applies it in one transaction.
const batchWait = 60 * time.Second

// Lease asks for a domain's lease, or prolongs or releases it. Errors are those of Request.
func (l *AgentLink) Lease(ctx context.Context, ask protocol.SyncAsk) (protocol.SyncGrant, error) {
	var grant protocol.SyncGrant
	err := l.request(ctx, protocol.Up(l.cfg.Agent, protocol.UpLease), ask, &grant)
	return grant, err
}

// Batch sends one batch, compressed. It waits 60 s at most. Errors are those of Request, and protocol.ErrMalformed for a
// batch that is too large, which wasn't sent; after ErrLost, ErrTimeout and ErrMalformed it may have been applied.
func (l *AgentLink) Batch(ctx context.Context, b protocol.SyncBatch) (protocol.SyncAck, error) {
	var ack protocol.SyncAck
	if !l.Connected() {
		return ack, fmt.Errorf("send a batch: %w", ErrUnavailable)
	}
	compressed, err := protocol.EncodeBatch(b)
	if err != nil {
		return ack, fmt.Errorf("send a batch: %w", err)
	}
	reply, err := request(ctx, l.nc, protocol.Up(l.cfg.Agent, protocol.UpBatch), compressed, batchWait, nil)
	if err != nil {
		return ack, fmt.Errorf("send a batch: %w", err)
	}
	if err := protocol.Decode(reply, &ack); err != nil {
		return protocol.SyncAck{}, fmt.Errorf("send a batch: %w: %w", ErrMalformed, err)
	}
	return ack, nil
}

func (l *AgentLink) request(ctx context.Context, subject string, v, answer any) error {
	if !l.Connected() {
		return fmt.Errorf("send upward: %w", ErrUnavailable)
	}
	b, err := protocol.Encode(v)
	if err != nil {
		return fmt.Errorf("send upward: %w", err)
	}
	reply, err := request(ctx, l.nc, subject, b, defaultWait, nil)
	if err != nil {
		return fmt.Errorf("send upward: %w", err)
	}
	if err := protocol.Decode(reply, answer); err != nil {
		return fmt.Errorf("send upward: %w: %w", ErrMalformed, err)
	}
	return nil
}

// Close ends the link and returns when its goroutines are done. Serve must have returned before, or its
// commands are cut off.
func (l *AgentLink) Close() error {
	l.cancel()
	l.nc.Close()
	<-l.closed
	return nil
}
