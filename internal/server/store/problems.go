package store

import (
	"context"
	"fmt"

	"homeward/internal/server/provision"
)

const (
	problemKey     = "tenant, object, domain, reason, value"
	problemRest    = "name, dn, attribute, detail, person, other, other_name, by_agent, holds, run"
	problemColumns = problemKey + ", " + problemRest + ", since"
)

func problemFields(p *provision.Problem) []any {
	return []any{
		&p.Tenant, &p.Object, &p.Domain, &p.Reason, &p.Value,
		&p.Name, &p.DN, &p.Attribute, &p.Detail, &p.Person, &p.Other, &p.OtherName, &p.Agent, &p.Holds, &p.Run,
		moment{&p.Since},
	}
}

// ProblemsOf returns the problems of objects.
func (s *Store) ProblemsOf(ctx context.Context, tenant string, objects []string) ([]provision.Problem, error) {
	const text = `SELECT ` + problemColumns + ` FROM sync_problems WHERE tenant = ? AND object IN (%s)`
	found, err := selectIn(ctx, s, text, tenant, objects, problemFields)
	if err != nil {
		return nil, fmt.Errorf("read problems: %w", err)
	}
	return found, nil
}

// PutProblems stores problems. One that is known is replaced, but for the time since when.
func (s *Store) PutProblems(ctx context.Context, problems []provision.Problem) error {
	after := ` ON CONFLICT (` + problemKey + `) DO UPDATE SET ` + overwrite(problemRest)
	for i := range problems { // one by one: a statement must not meet the same key twice
		if err := insertMany(ctx, s, "sync_problems", problemColumns, after, problems[i:i+1], problemFields); err != nil {
			return fmt.Errorf("store problems: %w", err)
		}
	}
	return nil
}

// DropProblems removes problems.
func (s *Store) DropProblems(ctx context.Context, problems []provision.Problem) error {
	for _, p := range problems {
		const text = `DELETE FROM sync_problems WHERE tenant = ? AND object = ? AND domain = ? AND reason = ? AND value = ?`
		if _, err := s.exec(ctx, text, p.Tenant, p.Object, p.Domain, p.Reason, p.Value); err != nil {
			return fmt.Errorf("remove problems: %w", err)
		}
	}
	return nil
}

const waitingColumns = "tenant, object, domain, netbios, hash, run, since, person"

func waitingFields(w *provision.Waiting) []any {
	return []any{&w.Tenant, &w.Object, &w.Domain, &w.NetBIOS, &w.Hash, &w.Run, moment{&w.Since}, document{&w.Person}}
}

// Waiting returns objects that were set aside.
func (s *Store) Waiting(ctx context.Context, tenant string, objects []string) ([]provision.Waiting, error) {
	const text = `SELECT ` + waitingColumns + ` FROM sync_waiting WHERE tenant = ? AND object IN (%s)`
	found, err := selectIn(ctx, s, text, tenant, objects, waitingFields)
	if err != nil {
		return nil, fmt.Errorf("read what waits: %w", err)
	}
	return found, nil
}

func textField(t *string) []any { return []any{t} }

// WaitingFor returns objects set aside because of one of those names, or because of one of those people.
func (s *Store) WaitingFor(ctx context.Context, tenant string, values, people []string, limit int) ([]string, error) {
	const begin = `SELECT p.object FROM sync_problems p JOIN sync_waiting w ON w.tenant = p.tenant AND w.object = p.object AND w.domain = p.domain
		WHERE p.tenant = ? AND `
	found, err := selectIn(ctx, s, begin+`p.value <> '' AND p.value IN (%s)`, tenant, values, textField)
	if err == nil {
		var more []string
		more, err = selectIn(ctx, s, begin+`p.other <> '' AND p.other IN (%s)`, tenant, people, textField)
		found = append(found, more...)
	}
	if err != nil {
		return nil, fmt.Errorf("read who waits for a name: %w", err)
	}
	seen := map[string]bool{}
	var once []string
	for _, o := range found {
		if !seen[o] && len(once) < limit {
			once = append(once, o)
		}
		seen[o] = true
	}
	return once, nil
}

// AllWaiting returns objects set aside that come after one, by object.
func (s *Store) AllWaiting(ctx context.Context, tenant, after string, limit int) ([]string, error) {
	const text = `SELECT DISTINCT object FROM sync_waiting WHERE tenant = ? AND object > ? ORDER BY object LIMIT ?`
	rows, err := s.query(ctx, s.reader(), text, []any{tenant, after, limit})
	found, err := all(rows, err, textField)
	if err != nil {
		return nil, fmt.Errorf("list what waits: %w", err)
	}
	return found, nil
}

// PutWaiting sets an object aside, or replaces it there.
func (s *Store) PutWaiting(ctx context.Context, w provision.Waiting) error {
	fields := waitingFields(&w)
	text := `INSERT INTO sync_waiting (` + waitingColumns + `) VALUES (` + marks(len(fields)) + `)
		ON CONFLICT (tenant, object, domain) DO UPDATE SET ` + overwrite("netbios, hash, run, person")
	if _, err := s.exec(ctx, text, fields...); err != nil {
		return fmt.Errorf("set an object aside: %w", err)
	}
	return nil
}

// DropWaiting ends the waiting of a domain's objects.
func (s *Store) DropWaiting(ctx context.Context, k provision.Key, objects []string) error {
	const text = `DELETE FROM sync_waiting WHERE tenant = ? AND domain = ? AND object IN (%s)`
	if err := s.execIn(ctx, text, []any{k.Tenant, k.Domain}, objects); err != nil {
		return fmt.Errorf("end what waits: %w", err)
	}
	return nil
}

// DropUnnamed drops the problems of a domain, and what waits, that a run didn't name.
func (s *Store) DropUnnamed(ctx context.Context, k provision.Key, run string) error {
	for _, table := range []string{"sync_waiting", "sync_problems"} {
		text := `DELETE FROM ` + table + ` WHERE tenant = ? AND domain = ? AND run <> ?`
		if _, err := s.exec(ctx, text, k.Tenant, k.Domain, run); err != nil {
			return fmt.Errorf("drop old problems: %w", err)
		}
	}
	const held = `UPDATE people SET held = '' WHERE tenant = ? AND held <> '' AND NOT EXISTS (SELECT 1 FROM sync_problems p
		WHERE p.tenant = people.tenant AND p.holds AND (p.person = people.id OR p.other = people.id))`
	if _, err := s.exec(ctx, held, k.Tenant); err != nil {
		return fmt.Errorf("release people: %w", err)
	}
	return nil
}

// SetHeld marks people held as their problems and those of others with them say.
func (s *Store) SetHeld(ctx context.Context, tenant string, people []string) error {
	const text = `UPDATE people SET held = COALESCE((SELECT MIN(p.reason) FROM sync_problems p
		WHERE p.tenant = people.tenant AND p.holds AND (p.person = people.id OR p.other = people.id)), '')
		WHERE tenant = ? AND id IN (%s)`
	if err := s.execIn(ctx, text, []any{tenant}, people); err != nil {
		return fmt.Errorf("hold people: %w", err)
	}
	return nil
}

const decisionColumns = "tenant, object, choice, other, value, operator, at"

func decisionFields(d *provision.Decision) []any {
	return []any{&d.Tenant, &d.Object, &d.Choice, &d.Other, &d.Value, &d.Operator, moment{&d.At}}
}

// Decisions returns what operators decided about objects.
func (s *Store) Decisions(ctx context.Context, tenant string, objects []string) ([]provision.Decision, error) {
	const text = `SELECT ` + decisionColumns + ` FROM sync_decisions WHERE tenant = ? AND object IN (%s)`
	found, err := selectIn(ctx, s, text, tenant, objects, decisionFields)
	if err != nil {
		return nil, fmt.Errorf("read decisions: %w", err)
	}
	return found, nil
}

// PutDecision remembers a decision, in place of an earlier one about the same.
func (s *Store) PutDecision(ctx context.Context, d provision.Decision) error {
	fields := decisionFields(&d)
	text := `INSERT INTO sync_decisions (` + decisionColumns + `) VALUES (` + marks(len(fields)) + `)
		ON CONFLICT (tenant, object, other, value) DO UPDATE SET ` + overwrite("choice, operator, at")
	if _, err := s.exec(ctx, text, fields...); err != nil {
		return fmt.Errorf("remember a decision: %w", err)
	}
	return nil
}

// DropDecisions forgets what was decided about an object.
func (s *Store) DropDecisions(ctx context.Context, tenant, object string) error {
	if _, err := s.exec(ctx, `DELETE FROM sync_decisions WHERE tenant = ? AND object = ?`, tenant, object); err != nil {
		return fmt.Errorf("forget decisions: %w", err)
	}
	return nil
}
