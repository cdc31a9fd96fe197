package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"homeward/internal/server/enrol"
)

// agentDomain is a row of agent_domains.
type agentDomain struct {
	agent    string
	position int
	enrol.Domain
}

const (
	domainState   = "position, netbios, ok, reason, dc, since, testable, sync_off, writeback_off"
	domainColumns = "agent, name, " + domainState + ", imported"
)

func domainFields(d *agentDomain) []any {
	return []any{
		&d.agent, &d.Name, &d.position, &d.NetBIOS, &d.OK, &d.Reason, &d.DC,
		moment{&d.Since},
		&d.Testable, &d.SyncOff, &d.WritebackOff,
		moment{&d.Imported},
	}
}

// domains returns agents' domains in the agents' own order.
func (s *Store) domains(ctx context.Context, where string, arg any) (map[string][]enrol.Domain, error) {
	rows, err := s.query(ctx, s.reader(), `SELECT `+domainColumns+` FROM agent_domains WHERE `+where+` ORDER BY agent, position`, []any{arg})
	found, err := all(rows, err, domainFields)
	if err != nil {
		return nil, fmt.Errorf("list agents' domains: %w", err)
	}
	by := map[string][]enrol.Domain{}
	for _, d := range found {
		by[d.agent] = append(by[d.agent], d.Domain)
	}
	return by, nil
}

// TouchAgent stores what a hello or a heartbeat said: when, build and protocol, pending requests, the command key and
// the state of each domain. Domains it no longer names are forgotten; what is known of imports stays. An unknown
// agent gives ErrNotFound.
func (s *Store) TouchAgent(ctx context.Context, a enrol.Agent) error {
	err := s.WithTx(ctx, func(tx *Store) error {
		const text = `UPDATE agents SET seen = ?, directory_ok = ?, reason = ?, since = ?, domain = ?, build = ?, protocol = ?,
			pending = ?, command_key = ? WHERE id = ?`
		err := tx.execOne(ctx, text, millis(a.Seen), a.DirectoryOK, a.Reason, millis(a.Since), a.Domain, a.Build, a.Protocol,
			a.Pending, a.CommandKey, a.ID)
		if err != nil {
			return err
		}
		return tx.putDomains(ctx, a.ID, a.Domains)
	})
	if err != nil {
		return fmt.Errorf("note an agent's heartbeat: %w", err)
	}
	return nil
}

func (s *Store) putDomains(ctx context.Context, agent string, domains []enrol.Domain) error {
	args := []any{agent}
	for i, d := range domains {
		row := agentDomain{agent: agent, position: i, Domain: d}
		fields := domainFields(&row)
		text := `INSERT INTO agent_domains (` + domainColumns + `) VALUES (` + marks(len(fields)) + `)
			ON CONFLICT (agent, name) DO UPDATE SET ` + overwrite(domainState)
		if _, err := s.exec(ctx, text, fields...); err != nil {
			return err
		}
		args = append(args, d.Name)
	}
	text := `DELETE FROM agent_domains WHERE agent = ?`
	if len(domains) > 0 {
		text += ` AND name NOT IN (` + marks(len(domains)) + `)`
	}
	_, err := s.exec(ctx, text, args...)
	return err
}

// DomainImported notes the end of a complete import of one of an agent's domains. One it does not serve gives
// ErrNotFound.
func (s *Store) DomainImported(ctx context.Context, agent, domain string, at time.Time) error {
	const text = `UPDATE agent_domains SET imported = ? WHERE agent = ? AND name = ?`
	if err := s.execOne(ctx, text, millis(at), agent, strings.ToLower(domain)); err != nil {
		return fmt.Errorf("note the end of a domain's import: %w", err)
	}
	return nil
}

const testColumns = "tenant, domain, agent, at, result"

func testFields(r *enrol.Test) []any {
	return []any{&r.Tenant, &r.Domain, &r.Agent, moment{&r.At}, document{&r.Result}}
}

// SaveTest stores how a test write ended, in place of an earlier one of the same domain. false: a later one is known.
func (s *Store) SaveTest(ctx context.Context, r enrol.Test) (bool, error) {
	r.Domain = strings.ToLower(r.Domain)
	fields := testFields(&r)
	text := `INSERT INTO test_writes (` + testColumns + `) VALUES (` + marks(len(fields)) + `)
		ON CONFLICT (tenant, domain) DO UPDATE SET agent = excluded.agent, at = excluded.at, result = excluded.result
		WHERE test_writes.at < excluded.at`
	n, err := s.exec(ctx, text, fields...)
	if err != nil {
		return false, fmt.Errorf("store a test write: %w", err)
	}
	return n > 0, nil
}

// Tests returns the last test write of each of a tenant's domains.
func (s *Store) Tests(ctx context.Context, tenant string) ([]enrol.Test, error) {
	rows, err := s.query(ctx, s.reader(), `SELECT `+testColumns+` FROM test_writes WHERE tenant = ? ORDER BY domain`, []any{tenant})
	found, err := all(rows, err, testFields)
	if err != nil {
		return nil, fmt.Errorf("list test writes: %w", err)
	}
	return found, nil
}
