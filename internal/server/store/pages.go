package store

import (
	"context"
	"fmt"

	"homeward/internal/server/provision"
)

// ProblemPage returns one page of the problems that a query chooses, those that keep people from resetting first.
func (s *Store) ProblemPage(ctx context.Context, tenant string, q provision.ProblemQuery) ([]provision.Problem, error) {
	const text = `SELECT ` + problemColumns + ` FROM sync_problems WHERE tenant = ? AND (domain = ? OR ? = '') AND (reason = ? OR ? = '')
		ORDER BY holds DESC, by_agent, since, object, reason, value, domain LIMIT ? OFFSET ?`
	rows, err := s.query(ctx, s.reader(), text, []any{tenant, q.Domain, q.Domain, q.Reason, q.Reason, q.Limit, q.Skip})
	found, err := all(rows, err, problemFields)
	if err != nil {
		return nil, fmt.Errorf("list problems: %w", err)
	}
	return found, nil
}

// DecisionPage returns one page of what operators decided, the newest first, and how many decisions there are.
func (s *Store) DecisionPage(ctx context.Context, tenant string, skip, limit int) (found []provision.Decision, total int, err error) {
	const text = `SELECT ` + decisionColumns + ` FROM sync_decisions WHERE tenant = ? ORDER BY at DESC, object, other, value LIMIT ? OFFSET ?`
	rows, err := s.query(ctx, s.reader(), text, []any{tenant, limit, skip})
	if found, err = all(rows, err, decisionFields); err == nil {
		err = s.readRow(ctx, `SELECT COUNT(*) FROM sync_decisions WHERE tenant = ?`, tenant).Scan(&total)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("list decisions: %w", err)
	}
	return found, total, nil
}

// PreviewPage returns one page of the verdicts that a query chooses, by object.
func (s *Store) PreviewPage(ctx context.Context, k provision.Key, q provision.PreviewQuery) ([]provision.Preview, error) {
	text, args := `SELECT `+previewColumns+` FROM sync_preview WHERE tenant = ? AND domain = ? AND object > ?`, []any{k.Tenant, k.Domain, q.After}
	if len(q.Verdicts) > 0 {
		text += ` AND verdict IN (` + marks(len(q.Verdicts)) + `)`
		for _, v := range q.Verdicts {
			args = append(args, v)
		}
	}
	rows, err := s.query(ctx, s.reader(), text+` ORDER BY object LIMIT ? OFFSET ?`, append(args, q.Limit, q.Skip))
	found, err := all(rows, err, previewFields)
	if err != nil {
		return nil, fmt.Errorf("list previews: %w", err)
	}
	return found, nil
}

// MissingPeople returns people of a domain that wait to be deleted, by id.
func (s *Store) MissingPeople(ctx context.Context, k provision.Key, limit int) ([]provision.Person, error) {
	const text = `SELECT ` + personColumns + ` FROM people WHERE tenant = ? AND domain_fold = ? AND missing AND deleted = 0 ORDER BY id LIMIT ?`
	rows, err := s.query(ctx, s.reader(), text, []any{k.Tenant, k.Domain, limit})
	found, err := all(rows, err, personFields)
	if err != nil {
		return nil, fmt.Errorf("list missing people: %w", err)
	}
	return found, nil
}

// KeepMissing takes back that people and groups of a domain wait to be deleted, and returns how many did.
func (s *Store) KeepMissing(ctx context.Context, k provision.Key) (int, error) {
	total := 0
	for _, text := range []string{
		`UPDATE people SET missing = FALSE WHERE tenant = ? AND domain_fold = ? AND missing AND deleted = 0`,
		`UPDATE groups SET missing = FALSE WHERE tenant = ? AND domain = ? AND missing AND deleted = 0`,
	} {
		n, err := s.exec(ctx, text, k.Tenant, k.Domain)
		if err != nil {
			return 0, fmt.Errorf("keep who is missing: %w", err)
		}
		total += int(n)
	}
	return total, nil
}
