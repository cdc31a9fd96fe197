package store

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"time"

	"homeward/internal/server/verify"
)

const mailCodeColumns = "tenant, attempt, hash, sent, expires, tries, used, purpose"

func mailCodeFields(c *verify.Code) []any {
	return []any{&c.Tenant, &c.Attempt, blob{&c.Hash}, moment{&c.Sent}, moment{&c.Expires}, &c.Tries, &c.Used, &c.Purpose}
}

// PutCode stores a mailed code in place of the attempt's earlier one. An unknown attempt gives ErrNotFound.
func (s *Store) PutCode(ctx context.Context, c verify.Code) error {
	fields := mailCodeFields(&c)
	text := `INSERT INTO codes (` + mailCodeColumns + `) VALUES (` + marks(len(fields)) + `)
		ON CONFLICT (tenant, attempt) DO UPDATE SET ` + overwrite("hash, sent, expires, tries, used, purpose")
	if _, err := s.exec(ctx, text, fields...); err != nil {
		return fmt.Errorf("store a code: %w", err)
	}
	return nil
}

// Code returns the attempt's code, used or not, or ErrNotFound.
func (s *Store) Code(ctx context.Context, tenant, attempt string) (verify.Code, error) {
	var c verify.Code
	const text = `SELECT ` + mailCodeColumns + ` FROM codes WHERE tenant = ? AND attempt = ?`
	if err := s.readRow(ctx, text, tenant, attempt).Scan(mailCodeFields(&c)...); err != nil {
		return verify.Code{}, fmt.Errorf("read a code: %w", err)
	}
	return c, nil
}

// TryCode compares a typed code's hash with the attempt's code and counts the try. The code is OK once, however
// many right answers come at a time; the wrong answer that uses up the last of maxTries is TooMany already.
func (s *Store) TryCode(ctx context.Context, tenant, attempt string, hash []byte, now time.Time, maxTries int) (verify.Answer, error) {
	var answer verify.Answer
	err := s.WithTx(ctx, func(tx *Store) error {
		// Writing first locks the row on both engines, so the next try waits and sees what this one did.
		var c verify.Code
		const lock = `UPDATE codes SET tries = tries WHERE tenant = ? AND attempt = ? RETURNING ` + mailCodeColumns
		err := tx.writeRow(ctx, lock, tenant, attempt).Scan(mailCodeFields(&c)...)
		if errors.Is(err, ErrNotFound) {
			answer.Result = verify.None
			return nil
		}
		if err != nil {
			return err
		}
		answer = judge(&c, hash, now, maxTries)
		const text = `UPDATE codes SET tries = ?, used = ? WHERE tenant = ? AND attempt = ?`
		return tx.execOne(ctx, text, c.Tries, c.Used, tenant, attempt)
	})
	if err != nil {
		return verify.Answer{}, fmt.Errorf("try a code: %w", err)
	}
	return answer, nil
}

// judge decides about one try and notes it in c.
func judge(c *verify.Code, hash []byte, now time.Time, maxTries int) verify.Answer {
	right := len(hash) > 0 && hmac.Equal(c.Hash, hash) // in constant time, and in every case
	switch {
	case c.Used:
		return verify.Answer{Result: verify.None}
	case !now.Before(c.Expires):
		return verify.Answer{Result: verify.Expired}
	case c.Tries >= maxTries:
		return verify.Answer{Result: verify.TooMany}
	case right:
		c.Used = true
		return verify.Answer{Result: verify.OK}
	}
	c.Tries++
	if c.Tries >= maxTries {
		return verify.Answer{Result: verify.TooMany}
	}
	return verify.Answer{Result: verify.Wrong, Remaining: maxTries - c.Tries}
}
