package store

import (
	"context"
	"fmt"
	"strings"

	"homeward/internal/server/provision"
)

// ReadyPeople counts a tenant's synced living people, those of one group and of the groups in it where group is not empty, by
// how many of the kinds of methods they could prove who they are with. mail: the directory's address is one of them.
func (s *Store) ReadyPeople(ctx context.Context, tenant, group string, kinds []string, mail bool) (provision.Readiness, error) {
	var r provision.Readiness
	in, args := "(NULL)", []any{}
	if len(kinds) > 0 {
		in = "(" + marks(len(kinds)) + ")"
	}
	text, from := `WITH RECURSIVE `, `people p`
	if group != "" {
		text, from = below+`, `, `below JOIN people p ON p.tenant = below.t AND p.object = below.o`
		args = append(args, tenant, group)
	}
	// What everybody has is counted once, not for each person anew.
	text += `had (person, n, mailed) AS (
			SELECT person, COUNT(DISTINCT kind), MAX(CASE WHEN kind = 'mail' THEN 1 ELSE 0 END) FROM methods
			WHERE tenant = ? AND confirmed <> 0 AND kind IN ` + in + ` GROUP BY person),
		counted (locked, gone, have) AS (
			SELECT p.protected, p.disabled,
				COALESCE(had.n, 0) + CASE WHEN ? AND p.mail <> '' AND COALESCE(had.mailed, 0) = 0 THEN 1 ELSE 0 END
			FROM ` + from + ` LEFT JOIN had ON had.person = p.id
			WHERE p.tenant = ? AND p.deleted = 0 AND p.object <> '')
		SELECT COUNT(*), COUNT(CASE WHEN locked THEN 1 END), COUNT(CASE WHEN NOT locked AND gone THEN 1 END),
			COUNT(CASE WHEN NOT locked AND NOT gone AND have = 0 THEN 1 END), COUNT(CASE WHEN NOT locked AND NOT gone AND have = 1 THEN 1 END),
			COUNT(CASE WHEN NOT locked AND NOT gone AND have > 1 THEN 1 END)
		FROM counted`
	args = append(args, tenant)
	for _, k := range kinds {
		args = append(args, k)
	}
	args = append(args, mail, tenant)
	if err := s.readRow(ctx, text, args...).Scan(&r.People, &r.Protected, &r.Disabled, &r.None, &r.One, &r.More); err != nil {
		return r, fmt.Errorf("count who is ready: %w", err)
	}
	return r, nil
}

// GroupsLike returns living groups whose folded name or account name holds a text, by name.
func (s *Store) GroupsLike(ctx context.Context, tenant, folded string, limit int) ([]provision.Group, error) {
	like := "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(folded) + "%"
	const text = `SELECT ` + groupColumns + ` FROM groups WHERE tenant = ? AND deleted = 0 AND
		(name_fold LIKE ? ESCAPE '\' OR sam_fold LIKE ? ESCAPE '\') ORDER BY name_fold, object LIMIT ?`
	rows, err := s.query(ctx, s.reader(), text, []any{tenant, like, like, limit})
	found, err := all(rows, err, groupFields)
	if err != nil {
		return nil, fmt.Errorf("look for groups: %w", err)
	}
	return found, nil
}

// LastUsed counts the people who passed their last check with each kind.
func (s *Store) LastUsed(ctx context.Context, tenant string) (map[string]int, error) {
	type count struct {
		kind string
		n    int
	}
	rows, err := s.query(ctx, s.reader(), `SELECT last, COUNT(*) FROM registrations WHERE tenant = ? AND last <> '' GROUP BY last ORDER BY last`, []any{tenant})
	counts, err := all(rows, err, func(c *count) []any { return []any{&c.kind, &c.n} })
	if err != nil {
		return nil, fmt.Errorf("count last checks: %w", err)
	}
	out := map[string]int{}
	for _, c := range counts {
		out[c.kind] = c.n
	}
	return out, nil
}
