package store

import (
	"context"
	"fmt"
	"time"

	"homeward/internal/server/provision"
)

// MarkSeen notes that people of a directory are there; that a full run named them, unless run is empty.
func (s *Store) MarkSeen(ctx context.Context, tenant, run string, objects []string) error {
	text, before := `UPDATE people SET missing = FALSE WHERE tenant = ? AND object <> '' AND missing AND object IN (%s)`, []any{tenant}
	if run != "" {
		text = `UPDATE people SET missing = FALSE, run = ? WHERE tenant = ? AND object <> '' AND object IN (%s)`
		before = []any{run, tenant}
	}
	if err := s.execIn(ctx, text, before, objects); err != nil {
		return fmt.Errorf("mark people seen: %w", err)
	}
	return nil
}

// MarkMissing notes that a domain no longer has people.
func (s *Store) MarkMissing(ctx context.Context, k provision.Key, objects []string) error {
	const text = `UPDATE people SET missing = TRUE WHERE tenant = ? AND domain_fold = ? AND deleted = 0 AND object <> '' AND object IN (%s)`
	if err := s.execIn(ctx, text, []any{k.Tenant, k.Domain}, objects); err != nil {
		return fmt.Errorf("mark people missing: %w", err)
	}
	return nil
}

// MarkUnnamed marks everybody of a domain missing whom a run didn't name.
func (s *Store) MarkUnnamed(ctx context.Context, k provision.Key, run string) error {
	const text = `UPDATE people SET missing = TRUE WHERE tenant = ? AND domain_fold = ? AND deleted = 0 AND object <> '' AND run <> ?`
	if _, err := s.exec(ctx, text, k.Tenant, k.Domain, run); err != nil {
		return fmt.Errorf("mark the rest missing: %w", err)
	}
	return nil
}

// CountPending counts a domain's people: the living, those of them that wait to be deleted, and those deleted since.
func (s *Store) CountPending(ctx context.Context, k provision.Key, since time.Time) (provision.PendingCount, error) {
	var n provision.PendingCount
	const living = `SELECT COUNT(*) FROM people WHERE tenant = ? AND domain_fold = ? AND deleted = 0`
	const recent = `SELECT COUNT(*) FROM people WHERE tenant = ? AND domain_fold = ? AND deleted > ?`
	const missing = `SELECT COUNT(*), COUNT(CASE WHEN EXISTS (SELECT 1 FROM roles r WHERE r.tenant = people.tenant AND r.person = people.id)
		THEN 1 END) FROM people WHERE tenant = ? AND domain_fold = ? AND missing AND deleted = 0`
	if err := s.readRow(ctx, living, k.Tenant, k.Domain).Scan(&n.Living); err != nil {
		return n, fmt.Errorf("count people: %w", err)
	}
	if err := s.readRow(ctx, recent, k.Tenant, k.Domain, max(millis(since), 0)).Scan(&n.Recent); err != nil {
		return n, fmt.Errorf("count deleted people: %w", err)
	}
	if err := s.readRow(ctx, missing, k.Tenant, k.Domain).Scan(&n.Missing, &n.Holders); err != nil {
		return n, fmt.Errorf("count missing people: %w", err)
	}
	return n, nil
}

// DeleteMissing deletes a domain's missing people, softly, frees their addresses and returns them as they were. Holders
// of a role stay, unless holders is set.
func (s *Store) DeleteMissing(ctx context.Context, k provision.Key, at time.Time, holders bool) ([]provision.Person, error) {
	text := `SELECT ` + personColumns + ` FROM people WHERE tenant = ? AND domain_fold = ? AND missing AND deleted = 0`
	if !holders {
		text += ` AND NOT EXISTS (SELECT 1 FROM roles r WHERE r.tenant = people.tenant AND r.person = people.id)`
	}
	var gone []provision.Person
	err := s.WithTx(ctx, func(tx *Store) error {
		rows, err := tx.query(ctx, tx.reader(), text, []any{k.Tenant, k.Domain})
		if gone, err = all(rows, err, personFields); err != nil {
			return err
		}
		ids := make([]string, len(gone))
		for i, p := range gone {
			ids[i] = p.ID
		}
		return tx.DeletePeople(ctx, k.Tenant, ids, at)
	})
	if err != nil {
		return nil, fmt.Errorf("delete missing people: %w", err)
	}
	return gone, nil
}

// Purge removes for good what was deleted before a time, and returns how many people those were.
func (s *Store) Purge(ctx context.Context, tenant string, before time.Time) (int, error) {
	const over = `tenant = ? AND deleted > 0 AND deleted < ?`
	var n int64
	err := s.WithTx(ctx, func(tx *Store) error {
		args := []any{tenant, tenant, millis(before)}
		for _, table := range []string{"roles", "cloud_passwords", "addresses", "methods", "registrations", "passes"} {
			text := `DELETE FROM ` + table + ` WHERE tenant = ? AND person IN (SELECT id FROM people WHERE ` + over + `)`
			if _, err := tx.exec(ctx, text, args...); err != nil {
				return err
			}
		}
		members := `DELETE FROM group_members WHERE tenant = ? AND group_object IN (SELECT object FROM groups WHERE ` + over + `)`
		if _, err := tx.exec(ctx, members, args...); err != nil {
			return err
		}
		if _, err := tx.exec(ctx, `DELETE FROM groups WHERE `+over, args[1:]...); err != nil {
			return err
		}
		var err error
		n, err = tx.exec(ctx, `DELETE FROM people WHERE `+over, args[1:]...)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("purge deleted people: %w", err)
	}
	return int(n), nil
}
