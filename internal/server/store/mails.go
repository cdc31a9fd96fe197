package store

import (
	"context"
	"fmt"
	"time"

	"homeward/internal/server/notify"
)

const (
	mailColumns = "id, tenant, sealed, due, expires, tries"
	// mailBatch is what one claim takes at most: as many as are surely sent before the lease ends.
	mailBatch = 20
)

func mailFields(m *notify.Mail) []any {
	return []any{&m.ID, &m.Tenant, blob{&m.Sealed}, moment{&m.Due}, moment{&m.Expires}, &m.Tries}
}

// Enqueue stores a mail to be sent when it is due. A taken id gives ErrConflict.
func (s *Store) Enqueue(ctx context.Context, m notify.Mail) error {
	fields := mailFields(&m)
	text := `INSERT INTO mails (` + mailColumns + `, leased) VALUES (` + marks(len(fields)) + `, 0)`
	if _, err := s.exec(ctx, text, fields...); err != nil {
		return fmt.Errorf("queue a mail: %w", err)
	}
	return nil
}

// ClaimMail returns due mails of all tenants that nobody else has claimed, a batch at most, and counts the try in
// each. They are the caller's until the lease is over; one neither sent nor retried by then, because the server
// died, can be claimed again. So a mail may be sent twice, but is never forgotten.
func (s *Store) ClaimMail(ctx context.Context, now time.Time, lease time.Duration) ([]notify.Mail, error) {
	ms := millis(now)
	// The conditions stand twice: the outer ones are checked again on the newest state of each row.
	text := `UPDATE mails SET leased = ?, tries = tries + 1
		WHERE due <= ? AND leased <= ? AND expires > ? AND id IN (
			SELECT id FROM mails WHERE due <= ? AND leased <= ? AND expires > ? ORDER BY due, id LIMIT ?` + s.db.skipLocked + `)
		RETURNING ` + mailColumns
	args := []any{millis(now.Add(lease)), ms, ms, ms, ms, ms, ms, mailBatch}
	rows, err := s.query(ctx, s.writer(), text, args)
	found, err := all(rows, err, mailFields)
	if err != nil {
		return nil, fmt.Errorf("claim mails: %w", err)
	}
	return found, nil
}

// MailSent removes a mail from the queue. One that is gone already is no error.
func (s *Store) MailSent(ctx context.Context, id string) error {
	if _, err := s.exec(ctx, `DELETE FROM mails WHERE id = ?`, id); err != nil {
		return fmt.Errorf("take a mail from the queue: %w", err)
	}
	return nil
}

// MailRetry gives a claimed mail back, to be tried again when due. One that is gone already is no error.
func (s *Store) MailRetry(ctx context.Context, id string, due time.Time) error {
	if _, err := s.exec(ctx, `UPDATE mails SET due = ?, leased = 0 WHERE id = ?`, millis(due), id); err != nil {
		return fmt.Errorf("put a mail back: %w", err)
	}
	return nil
}

// DropExpiredMail deletes mails that are no longer worth sending and returns how many.
func (s *Store) DropExpiredMail(ctx context.Context, now time.Time) (int, error) {
	n, err := s.exec(ctx, `DELETE FROM mails WHERE expires <= ?`, millis(now))
	if err != nil {
		return 0, fmt.Errorf("drop expired mails: %w", err)
	}
	return int(n), nil
}

// UndeliveredMail counts a tenant's messages that were tried and not taken.
func (s *Store) UndeliveredMail(ctx context.Context, tenant string) (n int, err error) {
	if err := s.readRow(ctx, `SELECT COUNT(*) FROM mails WHERE tenant = ? AND tries > 0`, tenant).Scan(&n); err != nil {
		return 0, fmt.Errorf("count undelivered mail: %w", err)
	}
	return n, nil
}
