package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/broker"
	"homeward/internal/server/enrol"
	"homeward/internal/server/fleet"
	"homeward/internal/server/limit"
)

// routes is the one port: pages, the relay, enrolment, health.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/relay", s.broker.Handler())
	mux.HandleFunc("POST /enrol", s.enrol)
	mux.HandleFunc("POST /enrol/check", machine(s, s.limits.enrols(), s.enrols.Check))
	mux.HandleFunc("POST /enrol/device", s.device)
	mux.HandleFunc("POST /enrol/device/poll", machine(s, s.limits.polls(), s.enrols.Poll))
	mux.HandleFunc("POST /renew", machine(s, s.limits.enrols(), s.enrols.RenewSigned))
	mux.HandleFunc("GET /healthz", s.health)
	pages := s.admin.Handler()
	mux.Handle("/admin", pages)
	mux.Handle("/admin/", pages)
	mux.Handle("/", s.site.Handler())
	return s.front.Handler(mux)
}

func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := s.store.Ready(ctx); err != nil {
		s.log.Error("not healthy", "error", err)
		answer(w, http.StatusServiceUnavailable, map[string]bool{"ok": false})
		return
	}
	answer(w, http.StatusOK, map[string]bool{"ok": true})
}

func answer(w http.ResponseWriter, status int, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		status, b = http.StatusInternalServerError, nil
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(b) // the client is gone: nobody is left to tell
}

func (s *Server) enrol(w http.ResponseWriter, r *http.Request) {
	var request protocol.EnrolRequest
	if !s.receive(w, r, s.limits.enrols(), &request) {
		return
	}
	got, err := s.enrols.Enrol(r.Context(), request)
	if err != nil {
		s.turnAway(w, r, err)
		return
	}
	s.record(r.Context(), got.Tenant, audit.Record{Activity: "Register agent", Hop: "portal", Event: int(event.AgentEnrolled), Result: "ok", Actor: request.Agent})
	answer(w, http.StatusOK, got)
}

// device begins a sign-in by device code. The address is shown to the operator who approves it.
func (s *Server) device(w http.ResponseWriter, r *http.Request) {
	machine(s, s.limits.enrols(), func(ctx context.Context, q protocol.DeviceRequest) (protocol.DeviceAnswer, error) {
		return s.enrols.Ask(ctx, q, remote(r).String())
	})(w, r)
}

// machine answers one kind of a machine's request, so many of them from one address.
func machine[Q, A any](s *Server, rule limit.Rule, do func(context.Context, Q) (A, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var q Q
		if !s.receive(w, r, rule, &q) {
			return
		}
		a, err := do(r.Context(), q)
		if err != nil {
			s.turnAway(w, r, err)
			return
		}
		answer(w, http.StatusOK, a)
	}
}

// receive reads a machine's request, within its limits. false: it has been answered.
func (s *Server) receive(w http.ResponseWriter, r *http.Request, rule limit.Rule, request any) bool {
	until, err := s.limits.take(r.Context(), limit.Claim{Rule: rule, Key: neighbourhood(remote(r).String())})
	if err != nil || !until.IsZero() {
		answer(w, http.StatusTooManyRequests, protocol.Problem{Reason: protocol.ReasonOverloaded, Message: "Too many requests from this address. Wait ten minutes."})
		return false
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, protocol.MaxMessage))
	if err != nil || protocol.Decode(body, request) != nil {
		answer(w, http.StatusBadRequest, protocol.Problem{Reason: protocol.ReasonMalformed, Message: "This server can't read the request. Update the older side."})
		return false
	}
	return true
}

// turnAway tells an agent's operator what to do; what is our own fault only the log tells.
func (s *Server) turnAway(w http.ResponseWriter, r *http.Request, err error) {
	if refusal, ok := errors.AsType[*enrol.Refusal](err); ok {
		s.log.Warn("agent turned away", "event", int(event.AgentRefused), "reason", string(refusal.Reason), "address", remote(r).String())
		answer(w, http.StatusForbidden, protocol.Problem{Reason: refusal.Reason, Message: refusal.Message})
		return
	}
	s.log.Error("agent's request failed", "error", err)
	answer(w, http.StatusInternalServerError, protocol.Problem{Reason: protocol.ReasonInternal, Message: "The server couldn't finish this. Its log says why."})
}

func (s *Server) record(ctx context.Context, tenantID string, r audit.Record) {
	r.Tenant, r.At = tenantID, s.now()
	if err := s.store.Append(context.WithoutCancel(ctx), tenantID, r); err != nil {
		s.log.Error("audit record couldn't be written", "event", r.Event, "error", err)
	}
}

// remote is the address a request came from.
func remote(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap()
}

// admit decides whether an agent may connect at all. Its key is proven by then.
func (s *Server) admit(v broker.Visit) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second) //nolint:forbidigo // the relay's hook has no context
	defer cancel()
	until, err := s.limits.take(ctx, limit.Claim{Rule: s.limits.relays(), Key: v.Agent})
	if err != nil || !until.IsZero() {
		return &broker.Refusal{
			Status: http.StatusTooManyRequests, Reason: protocol.ReasonOverloaded,
			Message: "This agent connects too often. It tries again by itself.", RetryAfter: time.Minute,
		}
	}
	err = s.fleet.Admit(ctx, fleet.Arrival{Agent: v.Agent, Machine: v.Machine, Upgrade: v.Upgrade})
	turned, ok := errors.AsType[*fleet.Turned](err)
	if !ok {
		return err
	}
	status := http.StatusConflict // may be over soon, so the agent goes on trying
	if turned.Reason == protocol.ReasonNotFound {
		status = http.StatusForbidden
	}
	return &broker.Refusal{Status: status, Reason: turned.Reason, Message: turned.Message}
}

// watch writes presence to the audit log.
func (s *Server) watch(e broker.Event) {
	ctx := context.Background() //nolint:forbidigo // the relay's hook has no context
	tenantID, err := s.tenants.ofAccount(ctx, e.Account)
	if err != nil {
		return
	}
	r := audit.Record{Activity: "Agent connection", Hop: "relay", Actor: e.Agent, Detail: e.Reason, Result: "ok"}
	switch e.Kind {
	case broker.Online:
		r.Event = int(event.AgentConnected)
	case broker.Offline:
		r.Event = int(event.AgentDisconnected)
		s.fleet.Left(e.Agent)
		if err := s.accounts.FreeLeases(ctx, e.Agent); err != nil { // another agent may go on at once
			s.log.Error("an agent's lease couldn't be freed; it ends by itself", "agent", e.Agent, "error", err)
		}
	case broker.Duplicate:
		r.Event = int(event.AgentCloned)
		s.log.Warn("one agent's identity connected twice", "event", r.Event, "agent", e.Agent, "repeats", e.Repeats)
	}
	s.record(ctx, tenantID, r)
}
