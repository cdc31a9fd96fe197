package store

import (
	"context"
	"fmt"
	"time"

	"homeward/internal/server/audit"
	"homeward/internal/server/objection"
	"homeward/internal/server/reset"
)

const objectionColumns = "tenant, hash, person, support, at, expires, used"

func objectionFields(l *objection.Link) []any {
	return []any{&l.Tenant, blob{&l.Hash}, &l.Person, &l.Support, moment{&l.At}, moment{&l.Expires}, moment{&l.Used}}
}

// PutObjectionLink stores a new link.
func (s *Store) PutObjectionLink(ctx context.Context, l objection.Link) error {
	fields := objectionFields(&l)
	text := `INSERT INTO objections (` + objectionColumns + `) VALUES (` + marks(len(fields)) + `)`
	if _, err := s.exec(ctx, text, fields...); err != nil {
		return fmt.Errorf("store a link: %w", err)
	}
	return nil
}

// ObjectionLink returns a link by its hash, or ErrNotFound. The hashes are keyed, so looking one up tells nothing.
func (s *Store) ObjectionLink(ctx context.Context, tenant string, hash []byte) (objection.Link, error) {
	var l objection.Link
	const text = `SELECT ` + objectionColumns + ` FROM objections WHERE tenant = ? AND hash = ?`
	if err := s.readRow(ctx, text, tenant, hash).Scan(objectionFields(&l)...); err != nil {
		return objection.Link{}, fmt.Errorf("read a link: %w", err)
	}
	return l, nil
}

// Held reports whether somebody's self-service is stopped.
func (s *Store) Held(ctx context.Context, tenant, person string) (bool, error) {
	var n int
	if err := s.readRow(ctx, `SELECT COUNT(*) FROM holds WHERE tenant = ? AND person = ?`, tenant, person).Scan(&n); err != nil {
		return false, fmt.Errorf("look for a hold: %w", err)
	}
	return n > 0, nil
}

// HeldOf returns which of some people's self-service is stopped.
func (s *Store) HeldOf(ctx context.Context, tenant string, people []string) ([]string, error) {
	found, err := selectIn(ctx, s, `SELECT person FROM holds WHERE tenant = ? AND person IN (%s)`, tenant, people, func(id *string) []any { return []any{id} })
	if err != nil {
		return nil, fmt.Errorf("look for holds: %w", err)
	}
	return found, nil
}

// Holds lists whose self-service is stopped, the latest first.
func (s *Store) Holds(ctx context.Context, tenant string) ([]objection.Hold, error) {
	const text = `SELECT tenant, person, operator, reason, at FROM holds WHERE tenant = ? ORDER BY at DESC, person`
	rows, err := s.query(ctx, s.reader(), text, []any{tenant})
	found, err := all(rows, err, func(h *objection.Hold) []any {
		return []any{&h.Tenant, &h.Person, &h.Operator, &h.Reason, moment{&h.At}}
	})
	if err != nil {
		return nil, fmt.Errorf("list holds: %w", err)
	}
	return found, nil
}

// Stop holds somebody, uses up a link if one is given, ends what they have open in the portal and appends records, all or
// nothing. An earlier hold stays as it is. What an agent has been sent already can't be taken back.
func (s *Store) Stop(ctx context.Context, l *objection.Link, h objection.Hold, records ...audit.Record) error {
	err := s.WithTx(ctx, func(tx *Store) error {
		if l != nil {
			const use = `UPDATE objections SET used = ? WHERE tenant = ? AND hash = ?`
			if err := tx.execOne(ctx, use, millis(h.At), l.Tenant, l.Hash); err != nil {
				return err
			}
		}
		const hold = `INSERT INTO holds (tenant, person, operator, reason, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (tenant, person) DO NOTHING`
		if _, err := tx.exec(ctx, hold, h.Tenant, h.Person, h.Operator, h.Reason, millis(h.At)); err != nil {
			return err
		}
		const end = `UPDATE attempts SET expires = ?, revision = revision + 1 WHERE tenant = ? AND person = ? AND operator = '' AND expires > ?
			AND state IN (?, ?, ?)`
		_, err := tx.exec(ctx, end, millis(h.At), h.Tenant, h.Person, millis(h.At), reset.Started, reset.Verified, reset.Refused)
		if err != nil {
			return err
		}
		return tx.Append(ctx, h.Tenant, records...)
	})
	if err != nil {
		return fmt.Errorf("hold a person: %w", err)
	}
	return nil
}

// Release takes somebody's hold and links away and appends records, all or nothing. Without a hold it is ErrNotFound.
func (s *Store) Release(ctx context.Context, tenant, person string, records ...audit.Record) error {
	err := s.WithTx(ctx, func(tx *Store) error {
		if err := tx.execOne(ctx, `DELETE FROM holds WHERE tenant = ? AND person = ?`, tenant, person); err != nil {
			return err
		}
		if _, err := tx.exec(ctx, `DELETE FROM objections WHERE tenant = ? AND person = ?`, tenant, person); err != nil {
			return err
		}
		return tx.Append(ctx, tenant, records...)
	})
	if err != nil {
		return fmt.Errorf("release a person: %w", err)
	}
	return nil
}

// DropObjectionLinks forgets links that were over before a moment.
func (s *Store) DropObjectionLinks(ctx context.Context, before time.Time) error {
	if _, err := s.exec(ctx, `DELETE FROM objections WHERE expires < ?`, millis(before)); err != nil {
		return fmt.Errorf("drop old links: %w", err)
	}
	return nil
}
