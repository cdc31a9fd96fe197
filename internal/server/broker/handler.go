package broker

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/relay"
)

// Refusal is why an agent is not let in, in words for the person who runs it.
type Refusal struct {
	Status     int // 403: for good, the agent tries again rarely; 429 and 503: for now
	Reason     protocol.Reason
	Message    string // what is wrong and what to do
	RetryAfter time.Duration
}

// Error returns the message.
func (r *Refusal) Error() string { return r.Message }

// Handler serves the relay on the portal's own HTTPS port. It turns away whoever has not signed the
// request with an agent's key (package relay, UpgradeHeader) or is not admitted, with a protocol.Problem
// that says what to do, and connects the rest to the relay. A request without an upgrade gets status 426
// after the same checks: it is how an agent finds out in words what is wrong.
//
// Its connections end with Close; http.Server's Shutdown does not see them.
func (b *Broker) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refusal := b.check(r); refusal != nil {
			b.refuse(w, r, refusal)
			return
		}
		if refusal := b.splices.serve(b.ws, w, r); refusal != nil {
			b.refuse(w, r, refusal)
		}
	})
}

// check goes from the cheapest question to the dearest.
func (b *Broker) check(r *http.Request) *Refusal {
	if r.Method != http.MethodGet {
		return &Refusal{
			Status: http.StatusMethodNotAllowed, Reason: protocol.ReasonMalformed,
			Message: "This is the relay for Homeward agents; it takes GET requests only.",
		}
	}
	if b.flight.isClosing() {
		return stopping()
	}
	agent, refusal := b.identify(r)
	if refusal != nil {
		return refusal
	}
	upgrade := checkUpgrade(r)
	machine, err := relay.ParseMachine(r.Header.Get(relay.MachineHeader))
	if err != nil {
		return &Refusal{
			Status: http.StatusUnauthorized, Reason: protocol.ReasonMalformed,
			Message: "The agent's description of its machine is not readable. Update the agent; if a proxy changes headers, exempt this address.",
		}
	}
	if err := b.cfg.Admit(Visit{Agent: agent, Machine: machine, IP: b.cfg.ClientIP(r), Upgrade: upgrade == nil}); err != nil {
		if errors.As(err, &refusal) {
			return refusal
		}
		b.cfg.Logger.Error("admit agent", "agent", agent, "error", err)
		return &Refusal{
			Status: http.StatusServiceUnavailable, Reason: protocol.ReasonInternal, RetryAfter: time.Minute,
			Message: "The server cannot check this agent at the moment. The agent tries again by itself.",
		}
	}
	return upgrade
}

// identify proves which agent asks.
func (b *Broker) identify(r *http.Request) (string, *Refusal) {
	values := r.Header.Values(relay.UpgradeHeader)
	if len(values) == 0 {
		return "", &Refusal{
			Status: http.StatusUnauthorized, Reason: protocol.ReasonMalformed,
			Message: "This is the relay for Homeward agents, not a page. An agent connects here by itself once it is enrolled.",
		}
	}
	u, err := relay.ParseUpgrade(values[0])
	if err != nil || len(values) != 1 {
		return "", &Refusal{
			Status: http.StatusUnauthorized, Reason: protocol.ReasonMalformed,
			Message: "The agent's signed header is not readable. Update the agent; if a proxy changes headers, exempt this address.",
		}
	}
	now := b.cfg.Clock()
	switch err := u.Verify(now); {
	case errors.Is(err, relay.ErrUpgradeSkew):
		return "", &Refusal{Status: http.StatusUnauthorized, Reason: protocol.ReasonExpired, Message: fmt.Sprintf(
			"The agent's clock says %s, the server's says %s. Set the clock of the agent's machine.",
			u.At.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))}
	case err != nil:
		return "", &Refusal{
			Status: http.StatusUnauthorized, Reason: protocol.ReasonBadSignature,
			Message: "The agent's signature does not match its key. Enrol the agent again.",
		}
	}
	return u.Agent, nil
}

// checkUpgrade wants the opening handshake of RFC 6455 section 4.2.1.
func checkUpgrade(r *http.Request) *Refusal {
	if !r.ProtoAtLeast(1, 1) || r.ProtoMajor != 1 ||
		!strings.EqualFold(r.Header.Get("Upgrade"), "websocket") || !hasToken(r.Header.Values("Connection"), "upgrade") {
		return &Refusal{
			Status: http.StatusUpgradeRequired, Reason: protocol.ReasonMalformed,
			Message: "The relay is here and knows this agent, but the request asks for no WebSocket over HTTP/1.1. " +
				"If the agent did ask, a proxy took it away: let WebSocket through for this address.",
		}
	}
	if r.Header.Get("Sec-WebSocket-Version") != "13" || r.Header.Get("Sec-WebSocket-Key") == "" {
		return &Refusal{
			Status: http.StatusBadRequest, Reason: protocol.ReasonMalformed,
			Message: "The WebSocket handshake is incomplete. Update the agent.",
		}
	}
	if r.ContentLength != 0 {
		return &Refusal{
			Status: http.StatusBadRequest, Reason: protocol.ReasonMalformed,
			Message: "The WebSocket handshake has a body. Update the agent.",
		}
	}
	return nil
}

func hasToken(values []string, want string) bool {
	for _, v := range values {
		for token := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(token), want) {
				return true
			}
		}
	}
	return false
}

func (b *Broker) refuse(w http.ResponseWriter, r *http.Request, refusal *Refusal) {
	if refusal.Status != http.StatusUpgradeRequired {
		b.cfg.Logger.Info("agent not let in", "ip", b.cfg.ClientIP(r), "status", refusal.Status, "reason", refusal.Reason)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("Connection", "close") // or the HTTP server would first wait for a body that was announced
	switch {
	case refusal.Status == http.StatusUpgradeRequired:
		h.Set("Upgrade", "websocket")
		h.Set("Connection", "close, Upgrade")
	case refusal.Status == http.StatusMethodNotAllowed:
		h.Set("Allow", http.MethodGet)
	case refusal.RetryAfter > 0:
		h.Set("Retry-After", strconv.Itoa(int(refusal.RetryAfter.Seconds())))
	}
	w.WriteHeader(refusal.Status)
	_ = json.NewEncoder(w).Encode(protocol.Problem{Reason: refusal.Reason, Message: refusal.Message})
}

func stopping() *Refusal {
	return &Refusal{
		Status: http.StatusServiceUnavailable, Reason: protocol.ReasonOverloaded, RetryAfter: 5 * time.Second,
		Message: "The server is restarting. The agent connects again by itself.",
	}
}

func remoteIP(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

func hostOf(rawURL string) (string, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "", fmt.Errorf("relay's WebSocket address: %w", err)
	}
	if _, _, err := net.SplitHostPort(u.Host); err != nil {
		return "", fmt.Errorf("relay's WebSocket address: %w", err)
	}
	return u.Host, nil
}
