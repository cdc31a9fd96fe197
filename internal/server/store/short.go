package store

import (
	"context"
	"fmt"
	"time"

	"homeward/internal/server/provision"
)

// registering is the threshold under which reminders to register are kept, beside those of an expiry, which are days.
const registering = 0

// short is the query of those who have registered too little, without its columns and its order.
func short(tenant string, q provision.Short) (before, from string, args []any) {
	before, from = `WITH RECURSIVE `, `people p`
	if q.Group != "" {
		before, from = below+`, `, `below JOIN people p ON p.tenant = below.t AND p.object = below.o`
		args = append(args, tenant, q.Group)
	}
	list := func(values []string) string {
		if len(values) == 0 {
			return "(NULL)"
		}
		for _, v := range values {
			args = append(args, v)
		}
		return "(" + marks(len(values)) + ")"
	}
	before += `had (person, n, mailed, reached) AS (
		SELECT person, COUNT(DISTINCT CASE WHEN kind IN ` + list(q.Kinds) + ` THEN kind END),
			MAX(CASE WHEN kind = 'mail' AND kind IN ` + list(q.Kinds) + ` THEN 1 ELSE 0 END), MAX(CASE WHEN kind = 'mail' THEN 1 ELSE 0 END)
		FROM methods WHERE confirmed <> 0 AND tenant = ? GROUP BY person)`
	args = append(args, tenant)
	licensed := ""
	if q.Parts != nil {
		args = append(args, tenant)
		before += `, licensed (t, o) AS (
			SELECT l.tenant, l.subject FROM licences l JOIN groups g ON g.tenant = l.tenant AND g.object = l.subject AND g.deleted = 0
				WHERE l.tenant = ? AND l.kind = 'group' AND l.part IN ` + list(q.Parts) + `
			UNION SELECT m.tenant, m.member FROM licensed JOIN group_members m ON m.tenant = licensed.t AND m.group_object = licensed.o)`
	}
	args = append(args, tenant, q.Mail, q.Need, registering, millis(q.Since))
	if q.Parts != nil {
		args = append(args, tenant)
		licensed = ` AND (p.object IN (SELECT o FROM licensed) OR p.id IN (
			SELECT subject FROM licences WHERE tenant = ? AND kind = 'person' AND part IN ` + list(q.Parts) + `))`
	}
	return before, ` FROM ` + from + ` LEFT JOIN had ON had.person = p.id
		WHERE p.tenant = ? AND p.deleted = 0 AND p.missing = FALSE AND p.object <> '' AND NOT p.protected AND NOT p.disabled AND p.held = ''
			AND COALESCE(had.n, 0) + CASE WHEN ? AND p.mail <> '' AND COALESCE(had.mailed, 0) = 0 THEN 1 ELSE 0 END < ?
			AND (p.mail <> '' OR COALESCE(had.reached, 0) = 1)
			AND NOT EXISTS (SELECT 1 FROM holds h WHERE h.tenant = p.tenant AND h.person = p.id)
			AND NOT EXISTS (SELECT 1 FROM reminders r WHERE r.tenant = p.tenant AND r.person = p.id AND r.days = ? AND r.sent > ?)` + licensed, args
}

// CountShort counts those who have registered too little and could be told so; see provision.Short.
func (s *Store) CountShort(ctx context.Context, tenant string, q provision.Short) (n int, err error) {
	before, from, args := short(tenant, q)
	if err := s.readRow(ctx, before+` SELECT COUNT(*)`+from, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("count who has registered too little: %w", err)
	}
	return n, nil
}

// ShortPeople returns some of whom CountShort counts, after an id and in its order.
func (s *Store) ShortPeople(ctx context.Context, tenant string, q provision.Short, after string, limit int) ([]provision.Person, error) {
	before, from, args := short(tenant, q)
	rows, err := s.query(ctx, s.reader(), before+` SELECT `+personColumns+from+` AND p.id > ? ORDER BY p.id LIMIT ?`, append(args, after, limit))
	found, err := all(rows, err, personFields)
	if err != nil {
		return nil, fmt.Errorf("list who has registered too little: %w", err)
	}
	return found, nil
}

// ClaimRegister notes that somebody is reminded to register, and reports whether they weren't after a moment. Of several at once
// one gets true.
func (s *Store) ClaimRegister(ctx context.Context, tenant, person string, at, since time.Time) (bool, error) {
	const text = `INSERT INTO reminders (tenant, person, days, expires, sent) VALUES (?, ?, ?, 0, ?)
		ON CONFLICT (tenant, person, days) DO UPDATE SET sent = excluded.sent WHERE reminders.sent <= ?`
	n, err := s.exec(ctx, text, tenant, person, registering, millis(at), millis(since))
	if err != nil {
		return false, fmt.Errorf("claim a reminder to register: %w", err)
	}
	return n == 1, nil
}

// RegisterReminded counts who was reminded to register after a moment.
func (s *Store) RegisterReminded(ctx context.Context, tenant string, since time.Time) (n int, err error) {
	const text = `SELECT COUNT(*) FROM reminders WHERE tenant = ? AND days = ? AND sent > ?`
	if err := s.readRow(ctx, text, tenant, registering, millis(since)).Scan(&n); err != nil {
		return 0, fmt.Errorf("count reminders to register: %w", err)
	}
	return n, nil
}
