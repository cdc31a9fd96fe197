package server

import (
	"context"
	"errors"
	"net/url"
	"time"

	"homeward/internal/event"
	"homeward/internal/server/audit"
	"homeward/internal/server/control"
	"homeward/internal/server/fleet"
	"homeward/internal/server/status"
	"homeward/internal/server/tenant"
)

const (
	// commandsEvery is how often the age of the command key is looked at.
	commandsEvery = time.Minute
	relayWithin   = 2 * time.Second
)

// control answers operators until ctx ends. Without its socket people are served all the same, unless another server
// holds the state folder: two would answer for each other's agents.
func (s *Server) control(ctx context.Context) error {
	path := control.Path(s.config.State)
	l, err := control.Listen(ctx, path)
	switch {
	case errors.Is(err, control.ErrServed):
		return err
	case err != nil:
		s.log.Error("operators can't reach this server by homeward status, agent drain and the like", "error", err)
		<-ctx.Done()
		return ctx.Err()
	}
	service := &control.Service{
		Fleet: s.fleet, Tests: s.tests, Keys: s.commands, People: s.resets, Callers: s.helpdesk, Reports: s.reports(),
		Tenant: s.tenants.tenant, Status: s.status, SignIn: s.signIn, Preview: s.previews.Ask, Rolled: s.rolled, Log: s.log,
	}
	return service.Serve(ctx, l, path)
}

// status gathers what is true of a tenant at this moment and judges it.
func (s *Server) status(ctx context.Context, t tenant.Tenant) (status.Report, error) {
	all, err := s.store.Agents(ctx, t.ID)
	if err != nil {
		return status.Report{}, err
	}
	tests, err := s.store.Tests(ctx, t.ID)
	if err != nil {
		return status.Report{}, err
	}
	f := status.Facts{Tenant: t, At: s.now(), Relay: s.config.BaseURL, Up: s.relayUp(ctx, t), Tests: tests}
	if u, err := url.Parse(s.config.BaseURL); err == nil {
		f.Relay = u.Host
	}
	for _, a := range all {
		f.Agents = append(f.Agents, status.Fact{
			Agent: a, Pending: s.fleet.Pending(a), Obstacle: func(domain string) fleet.Obstacle { return s.fleet.Obstacle(t, a, domain) },
		})
	}
	return status.Judge(f), nil
}

// relayUp sends a message through the relay and back.
func (s *Server) relayUp(ctx context.Context, t tenant.Tenant) bool {
	ctx, cancel := context.WithTimeout(ctx, relayWithin)
	defer cancel()
	conn, err := s.broker.Conn(ctx, t.Account)
	return err == nil && conn.FlushWithContext(ctx) == nil
}

// rollCommands replaces the command key when it is old, until ctx ends.
func (s *Server) rollCommands(ctx context.Context) error {
	tick := time.NewTicker(min(commandsEvery, s.config.KeyLife/4))
	defer tick.Stop()
	for {
		id, err := s.commands.Check(ctx)
		if err != nil && ctx.Err() == nil {
			s.log.Error("command keys couldn't be looked after", "event", int(event.StateError), "error", err)
		}
		if id != "" {
			s.rolled(ctx, "homeward", id)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// rolled records a new command key with every tenant: each one's agents will follow it.
func (s *Server) rolled(ctx context.Context, operator, id string) {
	s.log.Info("the next command key is endorsed; agents take it with their next heartbeat", "event", int(event.KeyRolled), "key", id, "operator", operator)
	all, err := s.store.Tenants(ctx)
	if err != nil {
		s.log.Error("audit record couldn't be written", "event", int(event.KeyRolled), "error", err)
		return
	}
	for _, t := range all {
		s.record(ctx, t.ID, audit.Record{Activity: "Replace command key", Hop: "portal", Event: int(event.KeyRolled), Result: "ok", Actor: operator, Detail: id})
	}
}
