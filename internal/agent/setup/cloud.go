// Package setup is the wizard's hands: what package connect asks of the portal, of Active Directory and of this
// machine, done with the code of the running agent.
//
// It guarantees that no password and no code it is given is kept past the call, and that whatever it returns is in
// words without a secret.
package setup

import (
	"context"
	"errors"
	"strings"
	"sync"

	"homeward/internal/agent"
	"homeward/internal/agent/identity"
	"homeward/internal/config"
	"homeward/internal/connect"
	"homeward/internal/protocol"
)

// Cloud is the portal. The keys an agent enrols with are made once and kept in memory until then.
type Cloud struct {
	Machine, Build string

	mu       sync.Mutex
	prepared *identity.Identity
	server   string
}

// Look implements connect.Cloud.
func (c *Cloud) Look(ctx context.Context, conf config.Agent) (connect.Portal, error) {
	p, err := agent.LookAtPortal(ctx, conf)
	if err != nil {
		return connect.Portal{}, err
	}
	out := connect.Portal{TLS: p.TLS, NotAfter: p.NotAfter, Offset: p.Offset, Trip: p.Trip}
	if id, err := identity.Load(conf.State); err == nil && enrolledWith(id, conf) {
		out.Key, out.Enrolled = id.KeyID().String(), true
		return out, nil
	}
	id, err := c.keys(conf)
	if err == nil {
		out.Key = id.KeyID().String()
	}
	return out, err
}

// enrolledWith reports whether an identity is of the portal that the configuration names.
func enrolledWith(id *identity.Identity, conf config.Agent) bool {
	return id.Server() == strings.TrimRight(conf.Server, "/")
}

// keys are those of the next enrolment.
func (c *Cloud) keys(conf config.Agent) (*identity.Identity, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.prepared != nil && c.server == conf.Server+"\x00"+conf.State {
		return c.prepared, nil
	}
	id, err := agent.Prepare(conf)
	if err == nil {
		c.prepared, c.server = id, conf.Server+"\x00"+conf.State
	}
	return id, err
}

// Check implements connect.Cloud.
func (*Cloud) Check(ctx context.Context, conf config.Agent, code string) (protocol.SetupAnswer, error) {
	return agent.CheckCode(ctx, conf, code)
}

// Device implements connect.Cloud.
func (c *Cloud) Device(ctx context.Context, conf config.Agent, shown func(protocol.DeviceAnswer)) (protocol.DeviceResult, error) {
	return agent.DeviceCode(ctx, conf, c.Machine, c.Build, shown)
}

// Enrol implements connect.Cloud.
func (c *Cloud) Enrol(ctx context.Context, conf config.Agent, code, domain string, anew bool) (connect.Enrolment, error) {
	former, err := identity.Load(conf.State)
	if !anew && !errors.Is(err, identity.ErrNotEnrolled) {
		if err == nil {
			err = errors.New("this machine is enrolled already: to enrol anew, choose “Rotate this agent’s key”")
		}
		return connect.Enrolment{}, err
	}
	if err != nil || !enrolledWith(former, conf) { // one that can't be read, or another server's, can't vouch
		former = nil
	}
	id, err := c.keys(conf)
	if err != nil {
		return connect.Enrolment{}, err
	}
	retires, err := agent.EnrolAs(ctx, conf, id, former, code, domain, c.Machine, c.Build)
	if err != nil {
		return connect.Enrolment{}, err
	}
	c.mu.Lock()
	c.prepared = nil
	c.mu.Unlock()
	return connect.Enrolment{Agent: id.Agent(), Key: id.KeyID().String(), Tenant: id.TenantName(), Retires: retires}, nil
}
