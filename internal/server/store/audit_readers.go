package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"homeward/internal/server/audit"
)

// ClaimReader makes holder the one who reads a tenant's record under the name reader until expires, and returns how far
// that reader has come; false: somebody else reads. A reader that is new has come as far as start.
func (s *Store) ClaimReader(ctx context.Context, reader, tenant, holder string, start int64, now, expires time.Time) (seq int64, ours bool, err error) {
	const text = `INSERT INTO audit_readers (reader, tenant, seq, holder, expires) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (reader, tenant) DO UPDATE SET holder = excluded.holder, expires = excluded.expires
		WHERE audit_readers.holder = excluded.holder OR audit_readers.expires <= ? RETURNING seq`
	err = s.writeRow(ctx, text, reader, tenant, start, holder, millis(expires), millis(now)).Scan(&seq)
	if errors.Is(err, ErrNotFound) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("claim the reading of the audit record: %w", err)
	}
	return seq, true, nil
}

// MoveReader stores how far a reader has come. ErrConflict: somebody else reads by now.
func (s *Store) MoveReader(ctx context.Context, reader, tenant, holder string, seq int64) error {
	const text = `UPDATE audit_readers SET seq = ? WHERE reader = ? AND tenant = ? AND holder = ?`
	err := s.execOne(ctx, text, seq, reader, tenant, holder)
	if errors.Is(err, ErrNotFound) {
		err = ErrConflict
	}
	if err != nil {
		return fmt.Errorf("store how far the audit record was read: %w", err)
	}
	return nil
}

// ReaderAt returns how far a reader has come; false: it has read nothing.
func (s *Store) ReaderAt(ctx context.Context, reader, tenant string) (seq int64, known bool, err error) {
	err = s.readRow(ctx, `SELECT seq FROM audit_readers WHERE reader = ? AND tenant = ?`, reader, tenant).Scan(&seq)
	if errors.Is(err, ErrNotFound) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("ask how far the audit record was read: %w", err)
	}
	return seq, true, nil
}

// FreeReaders lets others read in holder's place at once.
func (s *Store) FreeReaders(ctx context.Context, holder string) error {
	if _, err := s.exec(ctx, `UPDATE audit_readers SET expires = 0 WHERE holder = ?`, holder); err != nil {
		return fmt.Errorf("give back the reading of the audit record: %w", err)
	}
	return nil
}

// RecordsAfter returns the rows after seq, oldest first. No row appears later in front of one that was returned.
func (s *Store) RecordsAfter(ctx context.Context, tenant string, seq int64, limit int) ([]audit.Record, error) {
	return s.records(ctx, `tenant = ? AND seq > ? ORDER BY seq LIMIT ?`, tenant, seq, limit)
}

// AuditEnd returns the number of a tenant's newest row.
func (s *Store) AuditEnd(ctx context.Context, tenant string) (int64, error) {
	h, err := s.head(ctx, tenant)
	return h.seq, err
}
