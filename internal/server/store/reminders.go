package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"homeward/internal/server/provision"
)

// sameExpiry is how far a moment may move and still be the same expiry.
const sameExpiry = 24 * time.Hour

// ClaimReminder notes that somebody is sent the reminder of a threshold, and reports whether they weren't yet: a later expiry of
// more than a day begins anew. Of several at once one gets true.
func (s *Store) ClaimReminder(ctx context.Context, tenant, person string, days int, expires, at time.Time) (bool, error) {
	const text = `INSERT INTO reminders (tenant, person, days, expires, sent) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (tenant, person, days) DO UPDATE SET expires = excluded.expires, sent = excluded.sent WHERE reminders.expires < ?`
	n, err := s.exec(ctx, text, tenant, person, days, millis(expires), millis(at), millis(expires.Add(-sameExpiry)))
	if err != nil {
		return false, fmt.Errorf("claim a reminder: %w", err)
	}
	return n == 1, nil
}

// ExpiryDomains lists the domains of a tenant's people, folded.
func (s *Store) ExpiryDomains(ctx context.Context, tenant string) ([]string, error) {
	const text = `SELECT DISTINCT domain_fold FROM people WHERE tenant = ? AND deleted = 0 AND object <> '' ORDER BY domain_fold`
	rows, err := s.query(ctx, s.reader(), text, []any{tenant})
	found, err := all(rows, err, func(d *string) []any { return []any{d} })
	if err != nil {
		return nil, fmt.Errorf("list domains of people: %w", err)
	}
	return found, nil
}

// ExpiryPeople returns people of a domain who are there and not turned off, after an id and in its order.
func (s *Store) ExpiryPeople(ctx context.Context, tenant, domain, after string, limit int) ([]provision.Person, error) {
	const text = `SELECT ` + personColumns + ` FROM people WHERE tenant = ? AND domain_fold = ? AND deleted = 0 AND missing = FALSE AND disabled = FALSE
		AND object <> '' AND id > ? ORDER BY id LIMIT ?`
	rows, err := s.query(ctx, s.reader(), text, []any{tenant, fold(domain), after, limit})
	found, err := all(rows, err, personFields)
	if err != nil {
		return nil, fmt.Errorf("list people of a domain: %w", err)
	}
	return found, nil
}

// Swept returns on which day a domain's people were last asked about; empty: never.
func (s *Store) Swept(ctx context.Context, tenant, domain string) (string, error) {
	var day string
	err := s.readRow(ctx, `SELECT day FROM expiry_sweeps WHERE tenant = ? AND domain = ?`, tenant, domain).Scan(&day)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return "", fmt.Errorf("read a sweep: %w", err)
	}
	return day, nil
}

// SetSwept notes on which day a domain's people were asked about.
func (s *Store) SetSwept(ctx context.Context, tenant, domain, day string) error {
	const text = `INSERT INTO expiry_sweeps (tenant, domain, day) VALUES (?, ?, ?) ON CONFLICT (tenant, domain) DO UPDATE SET day = excluded.day`
	if _, err := s.exec(ctx, text, tenant, domain, day); err != nil {
		return fmt.Errorf("note a sweep: %w", err)
	}
	return nil
}
