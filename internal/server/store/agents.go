package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/enrol"
)

const (
	codeColumns = "hash, tenant, created, expires, used_by, replaces"
	agentKey    = "id, tenant, created"
	agentRest   = "machine, domain, seal_key, key_id, build, protocol, status, seen, directory_ok, reason, since, import_wanted, imported, " +
		"machine_id, draining, revoked, pending, command_key, old_key_id, key_since, replaces, rival_name, rival_id, rival_reason, rival_at"
	agentColumns = agentKey + ", " + agentRest
)

func enrolCodeFields(c *enrol.Code) []any {
	return []any{blob{&c.Hash}, &c.Tenant, moment{&c.Created}, moment{&c.Expires}, &c.UsedBy, &c.Replaces}
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
		&a.MachineID,
		moment{&a.Draining},
		moment{&a.RevokedAt},
		&a.Pending, &a.CommandKey, &a.OldKeyID,
		moment{&a.KeySince},
		&a.Replaces, &a.Rival.Machine.Name, &a.Rival.Machine.ID, &a.Rival.Reason,
		moment{&a.Rival.At},
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
	err := s.WithTx(ctx, func(tx *Store) error {
		n, err := tx.exec(ctx, text, fields...)
		if err == nil && n == 0 {
			err = ErrConflict
		}
		if err != nil {
			return err
		}
		return tx.putDomains(ctx, a.ID, a.Domains)
	})
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
	domains, err := s.domains(ctx, `agent = ?`, id)
	if err != nil {
		return enrol.Agent{}, err
	}
	a.Domains = domains[id]
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
	domains, err := s.domains(ctx, `agent IN (SELECT id FROM agents WHERE tenant = ?)`, tenant)
	if err != nil {
		return nil, err
	}
	for i := range found {
		found[i].Domains = domains[found[i].ID]
	}
	return found, nil
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

// RevokeAgent takes an agent's approval away, for good. An unknown agent, or another tenant's, gives ErrNotFound.
func (s *Store) RevokeAgent(ctx context.Context, tenant, id string, at time.Time) error {
	const text = `UPDATE agents SET status = ?, revoked = ? WHERE tenant = ? AND id = ?`
	if err := s.execOne(ctx, text, enrol.Revoked, millis(at), tenant, id); err != nil {
		return fmt.Errorf("revoke an agent: %w", err)
	}
	return nil
}

// DrainAgent notes since when an agent takes no new requests; the zero time lets it take them again. An unknown
// agent, or another tenant's, gives ErrNotFound.
func (s *Store) DrainAgent(ctx context.Context, tenant, id string, since time.Time) error {
	const text = `UPDATE agents SET draining = ? WHERE tenant = ? AND id = ?`
	if err := s.execOne(ctx, text, millis(since), tenant, id); err != nil {
		return fmt.Errorf("drain an agent: %w", err)
	}
	return nil
}

// RollSealKey replaces an agent's sealing key; the id of the one before it is kept. A key that is the present one
// already changes nothing. An unknown agent gives ErrNotFound.
func (s *Store) RollSealKey(ctx context.Context, id string, key []byte, keyID string, at time.Time) error {
	const text = `UPDATE agents SET old_key_id = CASE WHEN key_id = ? THEN old_key_id ELSE key_id END,
		key_since = CASE WHEN key_id = ? THEN key_since ELSE ? END, seal_key = ?, key_id = ? WHERE id = ?`
	if err := s.execOne(ctx, text, keyID, keyID, millis(at), key, keyID, id); err != nil {
		return fmt.Errorf("replace an agent's sealing key: %w", err)
	}
	return nil
}

// RefuseRival notes who was refused with an agent's identity. An unknown agent gives ErrNotFound.
func (s *Store) RefuseRival(ctx context.Context, id string, r enrol.Rival) error {
	const text = `UPDATE agents SET rival_name = ?, rival_id = ?, rival_reason = ?, rival_at = ? WHERE id = ?`
	err := s.execOne(ctx, text, r.Machine.Name, r.Machine.ID, r.Reason, millis(r.At), id)
	if err != nil {
		return fmt.Errorf("note a refused machine: %w", err)
	}
	return nil
}

// MoveAgent notes where an agent serves from and forgets who was refused with its identity. An unknown agent gives
// ErrNotFound.
func (s *Store) MoveAgent(ctx context.Context, id string, to protocol.Machine) error {
	const text = `UPDATE agents SET machine = ?, machine_id = ?, rival_name = '', rival_id = '', rival_reason = '', rival_at = 0 WHERE id = ?`
	if err := s.execOne(ctx, text, to.Name, to.ID, id); err != nil {
		return fmt.Errorf("note an agent's machine: %w", err)
	}
	return nil
}
