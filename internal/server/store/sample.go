package store

import (
	"context"
	"fmt"
)

// SampleMail returns mail addresses of up to 500 people of a tenant, in a stable order. It is what invented
// addresses are modelled on.
func (s *Store) SampleMail(ctx context.Context, tenant string) ([]string, error) {
	const text = `SELECT mail FROM people WHERE tenant = ? AND mail <> '' AND deleted = 0 ORDER BY id LIMIT 500`
	rows, err := s.query(ctx, s.reader(), text, []any{tenant})
	mails, err := all(rows, err, func(m *string) []any { return []any{m} })
	if err != nil {
		return nil, fmt.Errorf("sample mail addresses: %w", err)
	}
	return mails, nil
}
