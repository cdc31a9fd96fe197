package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"homeward/internal/server/provision"
)

const (
	groupKey     = "tenant, object"
	groupRest    = "domain, dn, name, sam, mail, security, run, missing, deleted, updated"
	groupFolds   = "name_fold, sam_fold"
	groupColumns = groupKey + ", " + groupRest
)

func groupFields(g *provision.Group) []any {
	return []any{
		&g.Tenant, &g.Object,
		&g.Domain, &g.DN, &g.Name, &g.SAM, &g.Mail, &g.Security, &g.Run, &g.Missing,
		moment{&g.Deleted},
		moment{&g.Updated},
	}
}

// Groups returns groups, deleted ones too.
func (s *Store) Groups(ctx context.Context, tenant string, objects []string) ([]provision.Group, error) {
	const text = `SELECT ` + groupColumns + ` FROM groups WHERE tenant = ? AND object IN (%s)`
	found, err := selectIn(ctx, s, text, tenant, objects, groupFields)
	if err != nil {
		return nil, fmt.Errorf("read groups: %w", err)
	}
	return found, nil
}

// PutGroups stores groups, or replaces them.
func (s *Store) PutGroups(ctx context.Context, groups []provision.Group) error {
	fields := func(g *provision.Group) []any { return append(groupFields(g), fold(g.Name), fold(g.SAM)) }
	after := ` ON CONFLICT (tenant, object) DO UPDATE SET ` + overwrite(groupRest+", "+groupFolds)
	if err := insertMany(ctx, s, "groups", groupColumns+", "+groupFolds, after, groups, fields); err != nil {
		return fmt.Errorf("store groups: %w", err)
	}
	return nil
}

// PutMembers adds members to a group, under the token of the list that names them.
func (s *Store) PutMembers(ctx context.Context, tenant, group, token string, members []string) error {
	fields := func(m *string) []any { return []any{tenant, group, *m, token} }
	after := ` ON CONFLICT (tenant, group_object, member) DO UPDATE SET token = excluded.token`
	if token == "" { // a change, not a list: who is named by a list stays so
		after = ` ON CONFLICT (tenant, group_object, member) DO NOTHING`
	}
	if err := insertMany(ctx, s, "group_members", "tenant, group_object, member, token", after, members, fields); err != nil {
		return fmt.Errorf("store members: %w", err)
	}
	return nil
}

// DropMembers takes members out of a group.
func (s *Store) DropMembers(ctx context.Context, tenant, group string, members []string) error {
	const text = `DELETE FROM group_members WHERE tenant = ? AND group_object = ? AND member IN (%s)`
	if err := s.execIn(ctx, text, []any{tenant, group}, members); err != nil {
		return fmt.Errorf("remove members: %w", err)
	}
	return nil
}

// LeaveGroups takes objects that a domain has deleted out of every group. Those of another domain stay: they aren't its
// to delete.
func (s *Store) LeaveGroups(ctx context.Context, k provision.Key, members []string) error {
	const text = `DELETE FROM group_members WHERE tenant = ?
		AND NOT EXISTS (SELECT 1 FROM people p WHERE p.tenant = group_members.tenant AND p.object = group_members.member AND p.object <> '' AND p.domain_fold <> ?)
		AND NOT EXISTS (SELECT 1 FROM groups g WHERE g.tenant = group_members.tenant AND g.object = group_members.member AND g.domain <> ?)
		AND member IN (%s)`
	if err := s.execIn(ctx, text, []any{k.Tenant, k.Domain, k.Domain}, members); err != nil {
		return fmt.Errorf("remove members of all groups: %w", err)
	}
	return nil
}

// DropOthers takes out of a group whom the list with that token didn't name.
func (s *Store) DropOthers(ctx context.Context, tenant, group, token string) error {
	const text = `DELETE FROM group_members WHERE tenant = ? AND group_object = ? AND token <> ?`
	if _, err := s.exec(ctx, text, tenant, group, token); err != nil {
		return fmt.Errorf("remove other members: %w", err)
	}
	return nil
}

// MarkGroupsSeen notes that groups are there; that a full run named them, unless run is empty.
func (s *Store) MarkGroupsSeen(ctx context.Context, tenant, run string, objects []string) error {
	text, before := `UPDATE groups SET missing = FALSE WHERE tenant = ? AND missing AND object IN (%s)`, []any{tenant}
	if run != "" {
		text, before = `UPDATE groups SET missing = FALSE, run = ? WHERE tenant = ? AND object IN (%s)`, []any{run, tenant}
	}
	if err := s.execIn(ctx, text, before, objects); err != nil {
		return fmt.Errorf("mark groups seen: %w", err)
	}
	return nil
}

// MarkGroupsMissing notes that a domain no longer has groups.
func (s *Store) MarkGroupsMissing(ctx context.Context, k provision.Key, objects []string) error {
	const text = `UPDATE groups SET missing = TRUE WHERE tenant = ? AND domain = ? AND deleted = 0 AND object IN (%s)`
	if err := s.execIn(ctx, text, []any{k.Tenant, k.Domain}, objects); err != nil {
		return fmt.Errorf("mark groups missing: %w", err)
	}
	return nil
}

// MarkGroupsUnnamed marks the groups of a domain missing that a run didn't name.
func (s *Store) MarkGroupsUnnamed(ctx context.Context, k provision.Key, run string) error {
	const text = `UPDATE groups SET missing = TRUE WHERE tenant = ? AND domain = ? AND deleted = 0 AND run <> ?`
	if _, err := s.exec(ctx, text, k.Tenant, k.Domain, run); err != nil {
		return fmt.Errorf("mark the other groups missing: %w", err)
	}
	return nil
}

// CountPendingGroups counts a domain's groups as CountPending counts people.
func (s *Store) CountPendingGroups(ctx context.Context, k provision.Key, since time.Time) (provision.PendingCount, error) {
	var n provision.PendingCount
	const text = `SELECT COUNT(CASE WHEN deleted = 0 THEN 1 END), COUNT(CASE WHEN deleted = 0 AND missing THEN 1 END),
		COUNT(CASE WHEN deleted > ? THEN 1 END) FROM groups WHERE tenant = ? AND domain = ?`
	err := s.readRow(ctx, text, max(millis(since), 0), k.Tenant, k.Domain).Scan(&n.Living, &n.Missing, &n.Recent)
	if err != nil {
		return n, fmt.Errorf("count groups: %w", err)
	}
	return n, nil
}

// DeleteMissingGroups deletes a domain's missing groups, softly, and their members for good.
func (s *Store) DeleteMissingGroups(ctx context.Context, k provision.Key, at time.Time) (int, error) {
	var n int64
	err := s.WithTx(ctx, func(tx *Store) error {
		const members = `DELETE FROM group_members WHERE tenant = ? AND group_object IN (
			SELECT object FROM groups WHERE tenant = ? AND domain = ? AND missing AND deleted = 0)`
		if _, err := tx.exec(ctx, members, k.Tenant, k.Tenant, k.Domain); err != nil {
			return err
		}
		const text = `UPDATE groups SET deleted = ?, missing = FALSE WHERE tenant = ? AND domain = ? AND missing AND deleted = 0`
		var err error
		n, err = tx.exec(ctx, text, millis(at), k.Tenant, k.Domain)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("delete missing groups: %w", err)
	}
	return int(n), nil
}

// GroupsNamed returns living groups by folded name, account name or object id.
func (s *Store) GroupsNamed(ctx context.Context, tenant, folded string, limit int) ([]provision.Group, error) {
	const text = `SELECT ` + groupColumns + ` FROM groups WHERE tenant = ? AND deleted = 0 AND
		(name_fold = ? OR sam_fold = ? OR object = ?) ORDER BY name_fold, object LIMIT ?`
	rows, err := s.query(ctx, s.reader(), text, []any{tenant, folded, folded, folded, limit})
	found, err := all(rows, err, groupFields)
	if err != nil {
		return nil, fmt.Errorf("find groups: %w", err)
	}
	return found, nil
}

// GroupsOf returns the living groups that name an object as a member themselves, by name.
func (s *Store) GroupsOf(ctx context.Context, tenant, object string, limit int) ([]provision.Group, error) {
	const text = `SELECT ` + groupColumns + ` FROM groups WHERE tenant = ? AND deleted = 0
		AND object IN (SELECT group_object FROM group_members WHERE tenant = ? AND member = ?) ORDER BY name_fold, object LIMIT ?`
	rows, err := s.query(ctx, s.reader(), text, []any{tenant, tenant, object, limit})
	found, err := all(rows, err, groupFields)
	if err != nil {
		return nil, fmt.Errorf("read somebody's groups: %w", err)
	}
	return found, nil
}

// InGroup reports whether an object is in a living group, or in a group that is. Groups in each other are no trouble:
// UNION leaves out what was met before.
func (s *Store) InGroup(ctx context.Context, tenant, group, object string) (bool, error) {
	const text = above + `SELECT COUNT(*) FROM above WHERE g = ? AND EXISTS (SELECT 1 FROM groups WHERE tenant = ? AND object = ? AND deleted = 0)`
	var n int
	if err := s.readRow(ctx, text, tenant, object, group, tenant, group).Scan(&n); err != nil {
		return false, fmt.Errorf("look for somebody in a group: %w", err)
	}
	return n > 0, nil
}

// InGroupOf returns which of some objects are in a group as InGroup says it.
func (s *Store) InGroupOf(ctx context.Context, tenant, group string, objects []string) ([]string, error) {
	var found []string
	err := inLists(objects, func(marks string, args []any) error {
		text := strings.Replace(aboveEach, "%s", marks, 1) +
			`SELECT o FROM above WHERE g = ? AND EXISTS (SELECT 1 FROM groups WHERE tenant = ? AND object = ? AND deleted = 0)`
		rows, err := s.query(ctx, s.reader(), text, append(append([]any{tenant}, args...), group, tenant, group))
		some, err := all(rows, err, func(o *string) []any { return []any{o} })
		found = append(found, some...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for people in a group: %w", err)
	}
	return found, nil
}

// aboveEach is above for several objects, each with its own groups.
const aboveEach = `WITH RECURSIVE above (t, o, g) AS (
		SELECT tenant, member, group_object FROM group_members WHERE tenant = ? AND member IN (%s)
		UNION SELECT m.tenant, above.o, m.group_object FROM above CROSS JOIN group_members m WHERE m.tenant = above.t AND m.member = above.g) `

// above is every group that an object is in, and those that are above one. It carries the tenant along: with a constant for
// it SQLite reads every member of the tenant for each row.
const above = `WITH RECURSIVE above (t, g) AS (
		SELECT tenant, group_object FROM group_members WHERE tenant = ? AND member = ?
		UNION SELECT m.tenant, m.group_object FROM above CROSS JOIN group_members m WHERE m.tenant = above.t AND m.member = above.g) `

// below is everything in a group and in the groups in it; see above.
const below = `WITH RECURSIVE below (t, o) AS (
		SELECT tenant, object FROM groups WHERE tenant = ? AND object = ? AND deleted = 0
		UNION SELECT m.tenant, m.member FROM below CROSS JOIN group_members m WHERE m.tenant = below.t AND m.group_object = below.o) `

// PeopleIn returns living people of a group and of the groups in it, by id.
func (s *Store) PeopleIn(ctx context.Context, tenant, group, after string, limit int) ([]provision.Person, error) {
	const text = below + `SELECT ` + personColumns + ` FROM people WHERE tenant = ? AND object <> '' AND object IN (SELECT o FROM below)
		AND deleted = 0 AND id > ? ORDER BY id LIMIT ?`
	rows, err := s.query(ctx, s.reader(), text, []any{tenant, group, tenant, after, limit})
	found, err := all(rows, err, personFields)
	if err != nil {
		return nil, fmt.Errorf("list the people of a group: %w", err)
	}
	return found, nil
}

// CountIn returns how many living people are in a group and in the groups in it.
func (s *Store) CountIn(ctx context.Context, tenant, group string) (int, error) {
	const text = below + `SELECT COUNT(*) FROM people WHERE tenant = ? AND object <> '' AND object IN (SELECT o FROM below) AND deleted = 0`
	var n int
	if err := s.readRow(ctx, text, tenant, group, tenant).Scan(&n); err != nil {
		return 0, fmt.Errorf("count the people of a group: %w", err)
	}
	return n, nil
}
