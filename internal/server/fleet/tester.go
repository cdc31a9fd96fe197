package fleet

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/enrol"
	"homeward/internal/server/tenant"
)

const (
	testAccept = 8 * time.Second
	testLife   = time.Minute
	// testLook is how often the schedule is looked at.
	testLook = 15 * time.Second
)

// ErrUntestable reports a domain for which no agent that can write it names a test account.
var ErrUntestable = errors.New("no agent that works now names a test_account")

// Tester asks agents to write a random password to the account that their own configuration names: the whole path is
// proven, and a server can't choose whom to overwrite. It is off until a tenant's settings say how often.
type Tester struct {
	Fleet   *Fleet
	Command func(ctx context.Context, agent string) (ed25519.PrivateKey, error)
	// Last returns the last test write of each of a tenant's domains.
	Last func(ctx context.Context, tenantID string) ([]enrol.Test, error)
}

// Run writes on schedule until ctx ends.
func (t *Tester) Run(ctx context.Context, tenants func(ctx context.Context) ([]tenant.Tenant, error)) error {
	tick := time.NewTicker(testLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		all, err := tenants(ctx)
		if err != nil && ctx.Err() == nil {
			t.Fleet.Log.Error("tenants can't be read", "error", err)
		}
		for _, one := range all {
			t.due(ctx, one)
		}
	}
}

// due tests the domains of a tenant whose last test is older than the settings want.
func (t *Tester) due(ctx context.Context, one tenant.Tenant) {
	every := one.Settings.TestEvery
	if every <= 0 {
		return
	}
	last, err := t.Last(ctx, one.ID)
	if err != nil {
		t.Fleet.Log.Error("test writes can't be read", "error", err)
		return
	}
	domains, err := t.Domains(ctx, one.ID)
	if err != nil {
		t.Fleet.Log.Error("agents can't be read", "error", err)
		return
	}
	for _, domain := range domains {
		i := slices.IndexFunc(last, func(r enrol.Test) bool { return strings.EqualFold(r.Domain, domain) })
		if i >= 0 && t.Fleet.Now().Sub(last[i].At) < every {
			continue
		}
		if _, err := t.Write(ctx, one.ID, "", domain); err != nil && ctx.Err() == nil {
			t.Fleet.Log.Warn("test write couldn't be carried out", "domain", domain, "error", err)
		}
	}
}

// Domains lists the domains for which some approved agent names a test account.
func (t *Tester) Domains(ctx context.Context, tenantID string) ([]string, error) {
	agents, err := t.Fleet.Store.Agents(ctx, tenantID)
	if err != nil {
		return nil, fmt.Errorf("agents: %w", err)
	}
	var out []string
	for _, a := range agents {
		for _, d := range a.Domains {
			if a.Status == enrol.Approved && d.Testable && !slices.Contains(out, d.Name) {
				out = append(out, d.Name)
			}
		}
	}
	slices.Sort(out)
	return out, nil
}

// Write makes one test write to a domain now and returns how it ended. Nobody who could is ErrUntestable. operator is
// who wants it, for the audit log; empty: the schedule.
func (t *Tester) Write(ctx context.Context, tenantID, operator, domain string) (protocol.TestResult, error) {
	none := protocol.TestResult{}
	one, err := t.Fleet.Tenants(ctx, tenantID)
	if err != nil {
		return none, fmt.Errorf("test write: %w", err)
	}
	agents, err := t.Fleet.Store.Agents(ctx, tenantID)
	if err != nil {
		return none, fmt.Errorf("test write: %w", err)
	}
	for _, a := range t.Fleet.order(t.Fleet.able(one, agents, domain), domain) {
		d, _ := a.Serves(domain)
		if !d.Testable || a.Protocol < protocol.Test.Since() {
			continue
		}
		if operator != "" {
			t.Fleet.Record(ctx, tenantID, audit.Record{Activity: "Test write (by admin)", Hop: "operator", Result: "ok", Actor: operator, Target: d.Name})
		}
		r, err := t.ask(ctx, a, d.Name)
		if err != nil {
			// Its answer may be late: then a heartbeat brings it.
			return none, fmt.Errorf("test write to %s through %s: %w", domain, a.Machine, err)
		}
		return r, t.Fleet.Tested(ctx, a, r)
	}
	return none, fmt.Errorf("test write to %s: %w", domain, ErrUntestable)
}

func (t *Tester) ask(ctx context.Context, a enrol.Agent, domain string) (protocol.TestResult, error) {
	var r protocol.TestResult
	envelope, err := t.Fleet.question(ctx, a, protocol.Test, t.Command, testAccept, testLife, protocol.TestRequest{Version: protocol.Version, Domain: domain})
	if err != nil {
		return r, err
	}
	if err := t.Fleet.Ask(ctx, a.Tenant, a.ID, protocol.Test, envelope, &r); err != nil {
		return r, err
	}
	if r.Domain == "" {
		r.Domain = domain // an agent that refuses the request says only why
	}
	if r.Outcome == "" {
		r.Outcome = protocol.Failed
	}
	return r, nil
}
