package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"homeward/internal/server/provision"
)

const (
	// fewPeople is up to how many people are read one by one and sorted; more are met in the order of their names.
	fewPeople = 1000
	// lastRune ends every range of what begins with a text.
	lastRune = "\U0010FFFF"
)

// SearchPeople returns living people in the order of their names, and of their ids where those are the same. However
// rare what is looked for is, nothing reads all people row by row: see TestSearchPeopleUsesIndexes.
func (s *Store) SearchPeople(ctx context.Context, tenant string, q provision.Search) ([]provision.Person, error) {
	found, err := s.searchPeople(ctx, tenant, q)
	if err != nil {
		return nil, fmt.Errorf("search people: %w", err)
	}
	return found, nil
}

// listing is a page of people: which, how many, and whether the page is the one before its key.
type listing struct {
	conditions

	limit int
	back  bool
}

func (s *Store) searchPeople(ctx context.Context, tenant string, q provision.Search) ([]provision.Person, error) {
	c, ids, err := s.listed(ctx, tenant, q)
	switch {
	case err != nil:
		return nil, err
	case ids != nil:
		return s.ofThese(ctx, c, ids)
	}
	return s.inOrder(ctx, c)
}

// CountFound counts those whom SearchPeople finds on all its pages: behind its After, or before its Before.
func (s *Store) CountFound(ctx context.Context, tenant string, q provision.Search) (n int, err error) {
	c, ids, err := s.listed(ctx, tenant, q)
	if err != nil {
		return 0, fmt.Errorf("count people: %w", err)
	}
	text := `SELECT COUNT(*) FROM people WHERE ` + strings.Join(c.where, " AND ")
	if ids == nil {
		err = s.readRow(ctx, text, c.args...).Scan(&n)
	} else {
		err = inLists(ids, func(marks string, args []any) error {
			part := 0
			err := s.readRow(ctx, text+` AND id IN (`+marks+`)`, append(slices.Clone(c.args), args...)...).Scan(&part)
			n += part
			return err
		})
	}
	if err != nil {
		return 0, fmt.Errorf("count people: %w", err)
	}
	return n, nil
}

// listed are the conditions of a page of people; ids: of these few alone, nil: they are many.
func (s *Store) listed(ctx context.Context, tenant string, q provision.Search) (c listing, ids []string, err error) {
	c = listing{conditions: conditions{where: []string{"tenant = ?", "deleted = 0"}, args: []any{tenant}}, limit: q.Limit, back: q.Before != ""}
	if c.limit <= 0 {
		c.limit = 50
	}
	switch q.Account {
	case provision.Active:
		c.add("disabled = ?", false)
	case provision.Disabled:
		c.add("disabled = ?", true)
	}
	switch q.Source {
	case provision.FromDirectories:
		c.add("object <> ''")
	case provision.InCloud:
		c.add("object = ''")
	}
	if err := s.addKey(ctx, tenant, q, &c); err != nil {
		return c, nil, err
	}
	lists, rows := named(tenant, q)
	for i, list := range lists {
		ids, err := s.few(ctx, list)
		if err != nil {
			return c, nil, err
		}
		if ids == nil {
			continue
		}
		for j, r := range rows {
			if j != i {
				c.add(r.text, r.args...)
			}
		}
		return c, ids, nil
	}
	for _, r := range rows { // many: so a page of them is soon full, in the order of their names
		c.add(r.text, r.args...)
	}
	return c, nil, nil
}

// few returns the ids of a list, each once, if it is short; nil: it is long.
func (s *Store) few(ctx context.Context, list part) ([]string, error) {
	rows, err := s.query(ctx, s.reader(), list.text+` LIMIT ?`, append(slices.Clone(list.args), fewPeople+1))
	ids, err := all(rows, err, textField)
	if err != nil || len(ids) > fewPeople {
		return nil, err
	}
	slices.Sort(ids)
	return append([]string{}, slices.Compact(ids)...), nil
}

// addKey begins a page behind, or before, the person it names. Somebody who is gone begins at the beginning.
func (s *Store) addKey(ctx context.Context, tenant string, q provision.Search, c *listing) error {
	key := cmp.Or(q.Before, q.After)
	if key == "" {
		return nil
	}
	rows, err := s.query(ctx, s.reader(), `SELECT name_fold FROM people WHERE tenant = ? AND id = ?`, []any{tenant, key})
	name, err := all(rows, err, textField)
	if err != nil || len(name) == 0 {
		return err
	}
	sign := ">"
	if c.back {
		sign = "<"
	}
	c.add(`(name_fold, id) `+sign+` (?, ?)`, name[0], key)
	return nil
}

// part is a piece of SQL with what its marks stand for.
type part struct {
	text string
	args []any
}

// named chooses by what is looked for and by whom may be found: each as a list of ids, some of them twice, and as a
// condition on one row. Without either there are none.
func named(tenant string, q provision.Search) (lists, rows []part) {
	add := func(list, row part) { lists, rows = append(lists, list), append(rows, row) }
	if q.ID != "" {
		add(part{`SELECT id FROM people WHERE tenant = ? AND id = ? AND deleted = 0`, []any{tenant, q.ID}}, part{`id = ?`, []any{q.ID}})
	}
	if q.Objects != nil {
		add(accounts(tenant, q.Objects))
	}
	if name := fold(q.Find); name != "" {
		add(beginning(tenant, name))
	}
	if q.Reach != nil {
		add(reached(tenant, *q.Reach))
	}
	return lists, rows
}

// accounts finds whose account in a directory is one of some.
func accounts(tenant string, objects []string) (ids, row part) {
	if len(objects) == 0 {
		return part{`SELECT id FROM people WHERE tenant = ? AND id = ''`, []any{tenant}}, part{`id = ''`, nil} // nobody
	}
	args := make([]any, 0, len(objects))
	for _, o := range objects {
		args = append(args, o)
	}
	list := marks(len(args))
	ids = part{`SELECT id FROM people WHERE tenant = ? AND object <> '' AND object IN (` + list + `)`, append([]any{tenant}, args...)}
	return ids, part{`object || '' IN (` + list + `)`, args}
}

// beginning finds whose name, in any of its forms, begins with a folded text. In the list the conditions with ” are those of
// partial indexes, and it is no OR, for which SQLite reads the whole tenant.
func beginning(tenant, name string) (ids, row part) {
	var texts, conditions []string
	for _, c := range []struct{ column, index string }{
		{"name_fold", "deleted = 0 AND "},
		{"surname_fold", "surname_fold <> '' AND "},
		{"upn_fold", "upn_fold <> '' AND deleted = 0 AND "},
		{"ad_upn_fold", "ad_upn_fold <> '' AND "},
		{"mail_fold", "mail_fold <> '' AND "},
		{"down_fold", ""},
		{"sam_fold", ""},
	} {
		texts = append(texts, `SELECT id FROM people WHERE tenant = ? AND `+c.index+c.column+` >= ? AND `+c.column+` < ?`)
		conditions = append(conditions, `(`+c.column+` || '' >= ? AND `+c.column+` || '' < ?)`)
		ids.args = append(ids.args, tenant, name, name+lastRune)
		row.args = append(row.args, name, name+lastRune)
	}
	texts = append(texts, `SELECT person FROM addresses WHERE tenant = ? AND address_fold >= ? AND address_fold < ?`)
	conditions = append(conditions, `EXISTS (SELECT 1 FROM addresses x WHERE x.tenant = people.tenant AND x.person = people.id AND x.address_fold >= ? AND x.address_fold < ?)`)
	ids.args, row.args = append(ids.args, tenant, name, name+lastRune), append(row.args, name, name+lastRune)
	ids.text, row.text = strings.Join(texts, ` UNION ALL `), `(`+strings.Join(conditions, ` OR `)+`)`
	return ids, row
}

// reached is who can be found at all: the one place that says so.
func reached(tenant string, r provision.Reach) (ids, row part) {
	ids = part{`SELECT id FROM people WHERE tenant = ? AND id = ''`, []any{tenant}} // nobody
	row = part{`(id = ''`, nil}
	for _, place := range r.Places {
		ids.text += ` UNION ALL SELECT id FROM people WHERE tenant = ? AND deleted = 0 AND place_fold >= ? AND place_fold < ?`
		row.text += ` OR place_fold || '' >= ? AND place_fold || '' < ?`
		ids.args, row.args = append(ids.args, tenant, place, place+lastRune), append(row.args, place, place+lastRune)
	}
	for _, group := range r.Groups {
		ids.text += ` UNION ALL SELECT id FROM people WHERE tenant = ? AND object <> '' AND object IN (` + below + `SELECT o FROM below)`
		row.text += ` OR object <> '' AND object || '' IN (` + below + `SELECT o FROM below)`
		ids.args, row.args = append(ids.args, tenant, tenant, group), append(row.args, tenant, group)
	}
	row.text += `)`
	return ids, row
}

// inOrder reads people along the index of their names.
func (s *Store) inOrder(ctx context.Context, c listing) ([]provision.Person, error) {
	order := ` ORDER BY name_fold, id LIMIT ?`
	if c.back {
		order = ` ORDER BY name_fold DESC, id DESC LIMIT ?`
	}
	text := `SELECT ` + personColumns + ` FROM people WHERE ` + strings.Join(c.where, " AND ") + order
	rows, err := s.query(ctx, s.reader(), text, append(slices.Clone(c.args), c.limit))
	found, err := all(rows, err, personFields)
	if c.back {
		slices.Reverse(found)
	}
	return found, err
}

// ofThese reads those of a few people that fit.
func (s *Store) ofThese(ctx context.Context, c listing, ids []string) ([]provision.Person, error) {
	var found []provision.Person
	text := `SELECT ` + personColumns + ` FROM people WHERE ` + strings.Join(c.where, " AND ") + ` AND id IN (`
	err := inLists(ids, func(marks string, args []any) error {
		rows, err := s.query(ctx, s.reader(), text+marks+`)`, append(slices.Clone(c.args), args...))
		part, err := all(rows, err, personFields)
		found = append(found, part...)
		return err
	})
	slices.SortFunc(found, func(a, b provision.Person) int {
		return cmp.Or(strings.Compare(sortName(&a), sortName(&b)), strings.Compare(a.ID, b.ID))
	})
	if c.back && len(found) > c.limit {
		return found[len(found)-c.limit:], err
	}
	return found[:min(len(found), c.limit)], err
}

// sortName is under which name a person is listed.
func sortName(p *provision.Person) string { return fold(cmp.Or(p.DisplayName, p.UPN, p.SAM)) }

// familyName is the surname, or what looks like one.
func familyName(p *provision.Person) string {
	if p.Surname != "" {
		return fold(p.Surname)
	}
	words := strings.Fields(p.DisplayName)
	if len(words) < 2 {
		return ""
	}
	return fold(words[len(words)-1])
}

// foldPeople fills in the columns people are listed by, for people whom an older version stored.
func (s *Store) foldPeople(ctx context.Context) error {
	const page = 500
	for {
		rows, err := s.query(ctx, s.db.write, `SELECT `+personColumns+` FROM people WHERE name_fold = ' ' LIMIT ?`, []any{page})
		found, err := all(rows, err, personFields)
		if err != nil || len(found) == 0 {
			return err
		}
		if err := s.WithTx(ctx, func(tx *Store) error {
			for _, p := range found {
				const text = `UPDATE people SET name_fold = ?, surname_fold = ?, place_fold = ? WHERE tenant = ? AND id = ?`
				if _, err := tx.exec(ctx, text, sortName(&p), familyName(&p), provision.Place(p.DN), p.Tenant, p.ID); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return fmt.Errorf("fold people's names: %w", err)
		}
	}
}
