package relay

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/nats-io/nkeys"
)

// way is how an agent reaches the relay: where to, through what, and who it says it is.
type way struct {
	target *url.URL // https://host/relay
	dialer *dialer
	agent  string
	// machine is the value of MachineHeader; empty when the agent does not say.
	machine string
	sign    func([]byte) ([]byte, error)
	clock   func() time.Time
}

func newWay(cfg AgentConfig) (*way, error) {
	if !nkeys.IsValidPublicUserKey(cfg.Agent) {
		return nil, errors.New("relay: the agent's key is not a public user nkey")
	}
	if cfg.Sign == nil {
		return nil, errors.New("relay: no signing function")
	}
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("relay address: %w", withoutURL(err))
	}
	if u.Scheme == "wss" {
		u.Scheme = "https"
	}
	if u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return nil, fmt.Errorf("relay address %s is not https://host/path", u.Redacted())
	}
	if u.Path == "" {
		u.Path = "/"
	}
	d, err := newDialer(u, cfg.TLS, cfg.Proxy)
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	machine, err := EncodeMachine(cfg.Machine)
	if err != nil {
		return nil, err
	}
	return &way{target: u, dialer: d, agent: cfg.Agent, machine: machine, sign: cfg.Sign, clock: cfg.Clock}, nil
}

// natsURL is the address as nats.go gets it: our dialer has done TLS by the time it speaks, so its own
// scheme is plain.
func (w *way) natsURL() string {
	u := *w.target
	u.Scheme, u.Host = "ws", w.dialer.host
	return u.String()
}

// headers signs one upgrade now. nats.go asks again on every reconnect.
func (w *way) headers() (http.Header, error) {
	v, err := SignUpgrade(w.agent, w.clock(), w.sign)
	if err != nil {
		return nil, err
	}
	h := http.Header{UpgradeHeader: {v}}
	if w.machine != "" {
		h.Set(MachineHeader, w.machine)
	}
	return h, nil
}

// natsDialer fits nats.go's CustomDialer, which knows neither contexts nor our faults.
type natsDialer func() (net.Conn, error)

func (d natsDialer) Dial(_, _ string) (net.Conn, error) { return d() }
