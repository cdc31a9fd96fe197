package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"homeward/internal/server/limit"
)

// errLimited ends a transaction that must leave no trace; it is never returned.
var errLimited = errors.New("limited")

// pruneBatch keeps the take that happens to prune quick.
const pruneBatch = 10_000

// TakeLimits takes one from every bucket or from none; see limit.Store.
func (s *Store) TakeLimits(ctx context.Context, now time.Time, buckets []limit.Bucket) (time.Time, error) {
	var retryAt time.Time
	err := s.WithTx(ctx, func(tx *Store) error {
		for _, b := range buckets {
			at, err := tx.takeLimit(ctx, now, b)
			if err != nil {
				return err
			}
			if at.After(retryAt) {
				retryAt = at
			}
		}
		if !retryAt.IsZero() {
			return errLimited // takes the others back
		}
		return nil
	})
	if err != nil && !errors.Is(err, errLimited) {
		return time.Time{}, fmt.Errorf("take from limits: %w", err)
	}
	return retryAt, nil
}

// takeLimit is the whole of GCRA: one upsert, which the engine runs alone on its row. It returns the zero time,
// or the moment at which the bucket will have one.
func (s *Store) takeLimit(ctx context.Context, now time.Time, b limit.Bucket) (time.Time, error) {
	ms, every, span := millis(now), b.Every.Milliseconds(), b.Span.Milliseconds()
	const take = `INSERT INTO limits (id, tat) VALUES (?, ?)
		ON CONFLICT (id) DO UPDATE SET tat = CASE WHEN limits.tat > ? THEN limits.tat ELSE ? END + ?
		WHERE limits.tat <= ?`
	n, err := s.exec(ctx, take, b.ID, ms+every, ms, ms, every, ms+span-every)
	if err != nil || n == 1 {
		return time.Time{}, err
	}
	var tat int64
	if err := s.readRow(ctx, `SELECT tat FROM limits WHERE id = ?`, b.ID).Scan(&tat); err != nil {
		return time.Time{}, err
	}
	return time.UnixMilli(tat + every - span).UTC(), nil
}

// ResetLimit forgets a bucket; see limit.Store.
func (s *Store) ResetLimit(ctx context.Context, id string) error {
	_, err := s.exec(ctx, `DELETE FROM limits WHERE id = ?`, id)
	return err
}

// PruneLimits forgets full buckets; see limit.Store.
func (s *Store) PruneLimits(ctx context.Context, now time.Time) error {
	// Rows somebody takes from just now are left: waiting for two takers could be waiting for each other.
	text := `DELETE FROM limits WHERE tat <= ? AND id IN (
		SELECT id FROM limits WHERE tat <= ? LIMIT ?` + s.db.skipLocked + `)`
	_, err := s.exec(ctx, text, millis(now), millis(now), pruneBatch)
	return err
}
