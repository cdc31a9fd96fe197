package store

import (
	"context"
	"fmt"
	"time"

	"homeward/internal/server/operator"
)

const operatorSessionColumns = "hash, id, tenant, operator, created, seen, expires, address, browser, how, proven"

func operatorSessionFields(o *operator.Session) []any {
	return []any{
		blob{&o.Hash},
		&o.ID, &o.Tenant, &o.Operator,
		moment{&o.Created},
		moment{&o.Seen},
		moment{&o.Expires},
		&o.Address, &o.Browser, &o.How,
		moment{&o.Proven},
	}
}

// CreateSession stores a session.
func (s *Store) CreateSession(ctx context.Context, o operator.Session) error {
	fields := operatorSessionFields(&o)
	_, err := s.exec(ctx, `INSERT INTO operator_sessions (`+operatorSessionColumns+`) VALUES (`+marks(len(fields))+`)`, fields...)
	return operatorError("store a session", err)
}

// SessionByHash returns a session, also one that is over, or ErrNotFound.
func (s *Store) SessionByHash(ctx context.Context, hash []byte) (operator.Session, error) {
	var o operator.Session
	err := s.readRow(ctx, `SELECT `+operatorSessionColumns+` FROM operator_sessions WHERE hash = ?`, hash).Scan(operatorSessionFields(&o)...)
	return o, operatorError("read a session", err)
}

// TouchSession notes that a session was used.
func (s *Store) TouchSession(ctx context.Context, hash []byte, seen time.Time) error {
	return operatorError("note a session", s.execOne(ctx, `UPDATE operator_sessions SET seen = ? WHERE hash = ?`, millis(seen), hash))
}

// SessionList lists an operator's sessions that are not over, the newest first.
func (s *Store) SessionList(ctx context.Context, tenant, id string, idleSince, now time.Time) ([]operator.Session, error) {
	const text = `SELECT ` + operatorSessionColumns + ` FROM operator_sessions
		WHERE tenant = ? AND operator = ? AND seen > ? AND expires > ? ORDER BY created DESC, id`
	rows, err := s.query(ctx, s.reader(), text, []any{tenant, id, millis(idleSince), millis(now)})
	found, err := all(rows, err, operatorSessionFields)
	return found, operatorError("list sessions", err)
}

// EndSession ends one session of an operator, or ErrNotFound.
func (s *Store) EndSession(ctx context.Context, tenant, id, session string) error {
	const text = `DELETE FROM operator_sessions WHERE tenant = ? AND operator = ? AND id = ?`
	return operatorError("end a session", s.execOne(ctx, text, tenant, id, session))
}

// EndSessions ends an operator's sessions except one.
func (s *Store) EndSessions(ctx context.Context, tenant, id, except string) error {
	const text = `DELETE FROM operator_sessions WHERE tenant = ? AND operator = ? AND id <> ?`
	_, err := s.exec(ctx, text, tenant, id, except)
	return operatorError("end sessions", err)
}

// ProveSession notes that a session's owner proved who they are.
func (s *Store) ProveSession(ctx context.Context, hash []byte, at time.Time) error {
	return operatorError("note a proof", s.execOne(ctx, `UPDATE operator_sessions SET proven = ? WHERE hash = ?`, millis(at), hash))
}

// EndSessionsBy ends every session of a tenant that was begun in one way.
func (s *Store) EndSessionsBy(ctx context.Context, tenant string, how operator.How) error {
	_, err := s.exec(ctx, `DELETE FROM operator_sessions WHERE tenant = ? AND how = ?`, tenant, how)
	return operatorError("end sessions", err)
}

// PruneOperators deletes, of all tenants, sessions and set-up links that are over.
func (s *Store) PruneOperators(ctx context.Context, now time.Time) error {
	for _, table := range []string{"operator_sessions", "operator_links"} {
		if _, err := s.exec(ctx, `DELETE FROM `+table+` WHERE expires <= ?`, millis(now)); err != nil {
			return fmt.Errorf("remove old sessions: %w", err)
		}
	}
	return nil
}
