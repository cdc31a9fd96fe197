package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"homeward/internal/server/enrol"
)

const (
	codeColumns  = "hash, tenant, created, expires, used_by"
	agentKey     = "id, tenant, created"
	agentRest    = "machine, domain, seal_key, key_id, build, protocol, status, seen, directory_ok, reason, since, import_wanted, imported"
	agentColumns = agentKey + ", " + agentRest
)

func enrolCodeFields(c *enrol.Code) []any {
	return []any{blob{&c.Hash}, &c.Tenant, moment{&c.Created}, moment{&c.Expires}, &c.UsedBy}
}

func agentFields(a *enrol.Agent) []any {
	return []any{
		&a.ID, &a.Tenant,
		moment{&a.Created},
		&a.Machine, &a.Domain,
		blob{&a.SealKey},
		&a.KeyID, &a.Build, &a.Protocol, &a.Status,
		moment{&a.Seen},
		&a.DirectoryOK, &a.Reason,
		moment{&a.Since},
		&a.ImportWanted,
		moment{&a.Imported},
	}
}

// CreateCode stores an enrolment code's hash. An unknown tenant gives ErrNotFound.
func (s *Store) CreateCode(ctx context.Context, c enrol.Code) error {
	fields := enrolCodeFields(&c)
	text := `INSERT INTO enrol_codes (` + codeColumns + `) VALUES (` + marks(len(fields)) + `)`
	if _, err := s.exec(ctx, text, fields...); err != nil {
		return fmt.Errorf("create an enrolment code: %w", err)
	}
	return nil
}

// UseCode marks a code as used by an agent and returns it, once. The hash alone says which tenant it is for. An
// unknown, used or expired code gives ErrNotFound alike.
func (s *Store) UseCode(ctx context.Context, hash []byte, agentID string, now time.Time) (enrol.Code, error) {
	if agentID == "" {
		return enrol.Code{}, errors.New("use an enrolment code: no agent is named") // it would stay unused
	}
	var c enrol.Code
	const text = `UPDATE enrol_codes SET used_by = ? WHERE hash = ? AND used_by = '' AND expires > ?
		RETURNING ` + codeColumns
	if err := s.writeRow(ctx, text, agentID, hash, millis(now)).Scan(enrolCodeFields(&c)...); err != nil {
		return enrol.Code{}, fmt.Errorf("use an enrolment code: %w", err)
	}
	return c, nil
}

// SaveAgent stores an agent, or replaces everything but tenant and creation of one that enrols again. A key that
// belongs to another tenant gives ErrConflict.
func (s *Store) SaveAgent(ctx context.Context, a enrol.Agent) error {
	fields := agentFields(&a)
	text := `INSERT INTO agents (` + agentColumns + `) VALUES (` + marks(len(fields)) + `)
		ON CONFLICT (id) DO UPDATE SET ` + overwrite(agentRest) + ` WHERE agents.tenant = excluded.tenant`
	n, err := s.exec(ctx, text, fields...)
	if err == nil && n == 0 {
		err = ErrConflict
	}
	if err != nil {
		return fmt.Errorf("save an agent: %w", err)
	}
	return nil
}

// Agent returns the agent with a public key, whatever its tenant, or ErrNotFound.
func (s *Store) Agent(ctx context.Context, id string) (enrol.Agent, error) {
	var a enrol.Agent
	const text = `SELECT ` + agentColumns + ` FROM agents WHERE id = ?`
	if err := s.readRow(ctx, text, id).Scan(agentFields(&a)...); err != nil {
		return enrol.Agent{}, fmt.Errorf("read an agent: %w", err)
	}
	return a, nil
}

// Agents returns a tenant's agents, revoked ones too, oldest first.
func (s *Store) Agents(ctx context.Context, tenant string) ([]enrol.Agent, error) {
	const text = `SELECT ` + agentColumns + ` FROM agents WHERE tenant = ? ORDER BY created, id`
	rows, err := s.query(ctx, s.reader(), text, []any{tenant})
	found, err := all(rows, err, agentFields)
	if err != nil {
		return nil, fmt.Errorf("list agents: %w", err)
	}
	return found, nil
}

// TouchAgent stores what a hello or a heartbeat said. An empty build and a protocol of 0 leave what the last hello
// said. An unknown agent gives ErrNotFound.
func (s *Store) TouchAgent(ctx context.Context, id string, seen time.Time, directoryOK bool, reason string,
	since time.Time, build string, protocol int,
) error {
	const text = `UPDATE agents SET seen = ?, directory_ok = ?, reason = ?, since = ?,
		build = CASE WHEN ? = '' THEN build ELSE ? END, protocol = CASE WHEN ? = 0 THEN protocol ELSE ? END
		WHERE id = ?`
	err := s.execOne(ctx, text, millis(seen), directoryOK, reason, millis(since), build, build, protocol, protocol, id)
	if err != nil {
		return fmt.Errorf("note an agent's heartbeat: %w", err)
	}
	return nil
}

// WantImport asks every approved agent of a tenant for a fresh import. None is no error.
func (s *Store) WantImport(ctx context.Context, tenant string) error {
	const text = `UPDATE agents SET import_wanted = ? WHERE tenant = ? AND status = ?`
	if _, err := s.exec(ctx, text, true, tenant, enrol.Approved); err != nil {
		return fmt.Errorf("ask for an import: %w", err)
	}
	return nil
}

// ImportDone notes the end of an agent's complete import. An unknown agent gives ErrNotFound.
func (s *Store) ImportDone(ctx context.Context, id string, at time.Time) error {
	const text = `UPDATE agents SET import_wanted = ?, imported = ? WHERE id = ?`
	if err := s.execOne(ctx, text, false, millis(at), id); err != nil {
		return fmt.Errorf("note the end of an import: %w", err)
	}
	return nil
}

// RevokeAgent takes an agent's approval away. An unknown agent, or another tenant's, gives ErrNotFound.
func (s *Store) RevokeAgent(ctx context.Context, tenant, id string) error {
	const text = `UPDATE agents SET status = ? WHERE tenant = ? AND id = ?`
	if err := s.execOne(ctx, text, enrol.Revoked, tenant, id); err != nil {
		return fmt.Errorf("revoke an agent: %w", err)
	}
	return nil
}
