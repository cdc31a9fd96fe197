package store

import (
	"context"
	"fmt"
	"strings"

	"homeward/internal/server/licence"
)

// PutLicence gives a licence to a person or a group. One that is there stays as it is. An unknown tenant gives ErrNotFound.
func (s *Store) PutLicence(ctx context.Context, a licence.Assignment) error {
	const text = `INSERT INTO licences (tenant, part, kind, subject, operator, at) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (tenant, part, kind, subject) DO NOTHING`
	if _, err := s.exec(ctx, text, a.Tenant, a.Part, a.Kind, a.Subject, a.Operator, millis(a.At)); err != nil {
		return fmt.Errorf("give a licence: %w", err)
	}
	return nil
}

// DropLicence takes a licence from a person or a group. false: they had none.
func (s *Store) DropLicence(ctx context.Context, a licence.Assignment) (bool, error) {
	const text = `DELETE FROM licences WHERE tenant = ? AND part = ? AND kind = ? AND subject = ?`
	n, err := s.exec(ctx, text, a.Tenant, a.Part, a.Kind, a.Subject)
	if err != nil {
		return false, fmt.Errorf("take a licence: %w", err)
	}
	return n > 0, nil
}

// LicencesOf lists what was given, by product and name, at most limit rows. Somebody who is gone has no name.
func (s *Store) LicencesOf(ctx context.Context, tenant string, limit int) ([]licence.Assignment, error) {
	const text = `SELECT l.tenant, l.part, l.kind, l.subject, l.operator, l.at,
			CASE WHEN l.kind = 'group' THEN COALESCE(g.name, '') WHEN p.display_name <> '' THEN p.display_name ELSE COALESCE(p.upn, '') END AS called
		FROM licences l
		LEFT JOIN people p ON l.kind = 'person' AND p.tenant = l.tenant AND p.id = l.subject AND p.deleted = 0
		LEFT JOIN groups g ON l.kind = 'group' AND g.tenant = l.tenant AND g.object = l.subject AND g.deleted = 0
		WHERE l.tenant = ? ORDER BY l.part, l.kind, called, l.subject LIMIT ?`
	rows, err := s.query(ctx, s.reader(), text, []any{tenant, limit})
	found, err := all(rows, err, func(a *licence.Assignment) []any {
		return []any{&a.Tenant, &a.Part, &a.Kind, &a.Subject, &a.Operator, moment{&a.At}, &a.Name}
	})
	if err != nil {
		return nil, fmt.Errorf("list licences: %w", err)
	}
	return found, nil
}

// SeatsUsed counts the living people who have a product, themselves or by a group or a group in it, each once.
func (s *Store) SeatsUsed(ctx context.Context, tenant, part string) (int, error) {
	const text = `WITH RECURSIVE below (t, o) AS (
			SELECT l.tenant, l.subject FROM licences l JOIN groups g ON g.tenant = l.tenant AND g.object = l.subject AND g.deleted = 0
				WHERE l.tenant = ? AND l.part = ? AND l.kind = 'group'
			UNION SELECT m.tenant, m.member FROM below JOIN group_members m ON m.tenant = below.t AND m.group_object = below.o)
		SELECT COUNT(*) FROM people WHERE tenant = ? AND deleted = 0 AND (
			id IN (SELECT subject FROM licences WHERE tenant = ? AND part = ? AND kind = 'person')
			OR (object <> '' AND object IN (SELECT o FROM below)))`
	var n int
	if err := s.readRow(ctx, text, tenant, part, tenant, tenant, part).Scan(&n); err != nil {
		return 0, fmt.Errorf("count licences: %w", err)
	}
	return n, nil
}

// HoldsLicence reports whether somebody has one of some products, themselves or by a living group that they are in or that
// is above one. object is theirs in the directory.
func (s *Store) HoldsLicence(ctx context.Context, tenant, person, object string, parts []string) (bool, error) {
	if len(parts) == 0 {
		return false, nil
	}
	text := above + `SELECT COUNT(*) FROM licences l WHERE l.tenant = ? AND (
			(l.kind = 'person' AND l.subject = ?)
			OR (l.kind = 'group' AND l.subject IN (SELECT g FROM above)
				AND EXISTS (SELECT 1 FROM groups g WHERE g.tenant = l.tenant AND g.object = l.subject AND g.deleted = 0)))
		AND l.part IN (` + marks(len(parts)) + `)`
	args := []any{tenant, object, tenant, person}
	for _, p := range parts {
		args = append(args, p)
	}
	var n int
	if err := s.readRow(ctx, text, args...).Scan(&n); err != nil {
		return false, fmt.Errorf("look for a licence: %w", err)
	}
	return n > 0, nil
}

// LicensedPeople returns which of some people were given one of some products themselves.
func (s *Store) LicensedPeople(ctx context.Context, tenant string, people, parts []string) ([]string, error) {
	var found []string
	if len(parts) == 0 {
		return nil, nil
	}
	err := inLists(people, func(list string, args []any) error {
		text := `SELECT DISTINCT subject FROM licences WHERE tenant = ? AND kind = 'person' AND part IN (` + marks(len(parts)) + `) AND subject IN (` + list + `)`
		rows, err := s.query(ctx, s.reader(), text, append(licensedBy(tenant, parts), args...))
		some, err := all(rows, err, func(id *string) []any { return []any{id} })
		found = append(found, some...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for licences: %w", err)
	}
	return found, nil
}

// LicensedObjects returns which of some objects have one of some products by a living group, as HoldsLicence says it.
func (s *Store) LicensedObjects(ctx context.Context, tenant string, objects, parts []string) ([]string, error) {
	var found []string
	if len(parts) == 0 {
		return nil, nil
	}
	err := inLists(objects, func(list string, args []any) error {
		text := strings.Replace(aboveEach, "%s", list, 1) + `SELECT DISTINCT a.o FROM above a JOIN licences l ON l.kind = 'group' AND l.subject = a.g
			WHERE l.tenant = ? AND l.part IN (` + marks(len(parts)) + `)
			AND EXISTS (SELECT 1 FROM groups g WHERE g.tenant = l.tenant AND g.object = l.subject AND g.deleted = 0)`
		rows, err := s.query(ctx, s.reader(), text, append(append([]any{tenant}, args...), licensedBy(tenant, parts)...))
		some, err := all(rows, err, func(o *string) []any { return []any{o} })
		found = append(found, some...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for licences: %w", err)
	}
	return found, nil
}

func licensedBy(tenant string, parts []string) []any {
	args := []any{tenant}
	for _, p := range parts {
		args = append(args, p)
	}
	return args
}
