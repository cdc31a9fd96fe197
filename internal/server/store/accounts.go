package store

import (
	"context"
	"fmt"
	"strings"

	"homeward/internal/server/provision"
)

const roleColumns = "tenant, person, role, name, operator, at"

func roleFields(r *provision.Role) []any {
	return []any{&r.Tenant, &r.Person, &r.Role, &r.Name, &r.Operator, moment{&r.At}}
}

// RolesOf returns the roles of people; every role of the tenant when none are given.
func (s *Store) RolesOf(ctx context.Context, tenant string, people []string) ([]provision.Role, error) {
	const text = `SELECT ` + roleColumns + ` FROM roles WHERE tenant = ?`
	var found []provision.Role
	var err error
	if len(people) == 0 {
		rows, bad := s.query(ctx, s.reader(), text+` ORDER BY name, person, role`, []any{tenant})
		found, err = all(rows, bad, roleFields)
	} else {
		found, err = selectIn(ctx, s, text+` AND person IN (%s)`, tenant, people, roleFields)
	}
	if err != nil {
		return nil, fmt.Errorf("read roles: %w", err)
	}
	return found, nil
}

// PutRole gives somebody a role. An unknown person gives ErrNotFound.
func (s *Store) PutRole(ctx context.Context, r provision.Role) error {
	fields := roleFields(&r)
	text := `INSERT INTO roles (` + roleColumns + `) VALUES (` + marks(len(fields)) + `)
		ON CONFLICT (tenant, person, role) DO UPDATE SET name = excluded.name`
	if _, err := s.exec(ctx, text, fields...); err != nil {
		return fmt.Errorf("give a role: %w", err)
	}
	return nil
}

// DropRole takes a role away. false: they didn't have it.
func (s *Store) DropRole(ctx context.Context, tenant, person, role string) (bool, error) {
	n, err := s.exec(ctx, `DELETE FROM roles WHERE tenant = ? AND person = ? AND role = ?`, tenant, person, role)
	if err != nil {
		return false, fmt.Errorf("take a role away: %w", err)
	}
	return n > 0, nil
}

// TenantDomains returns a tenant's domain names.
func (s *Store) TenantDomains(ctx context.Context, tenant string) ([]provision.Domain, error) {
	const text = `SELECT tenant, name, token, verified FROM tenant_domains WHERE tenant = ? ORDER BY name`
	rows, err := s.query(ctx, s.reader(), text, []any{tenant})
	found, err := all(rows, err, func(d *provision.Domain) []any { return []any{&d.Tenant, &d.Name, &d.Token, moment{&d.Verified}} })
	if err != nil {
		return nil, fmt.Errorf("list domain names: %w", err)
	}
	return found, nil
}

// PutDomain stores a domain name, or replaces it.
func (s *Store) PutDomain(ctx context.Context, d provision.Domain) error {
	const text = `INSERT INTO tenant_domains (tenant, name, token, verified) VALUES (?, ?, ?, ?)
		ON CONFLICT (tenant, name) DO UPDATE SET token = excluded.token, verified = excluded.verified`
	if _, err := s.exec(ctx, text, d.Tenant, d.Name, d.Token, millis(d.Verified)); err != nil {
		return fmt.Errorf("store a domain name: %w", err)
	}
	return nil
}

// DropDomain removes a domain name. false: there was none.
func (s *Store) DropDomain(ctx context.Context, tenant, name string) (bool, error) {
	n, err := s.exec(ctx, `DELETE FROM tenant_domains WHERE tenant = ? AND name = ?`, tenant, name)
	if err != nil {
		return false, fmt.Errorf("remove a domain name: %w", err)
	}
	return n > 0, nil
}

func cloudPasswordFields(p *provision.CloudPassword) []any {
	return []any{&p.Tenant, &p.Person, &p.Hash, moment{&p.Set}, moment{&p.Superseded}}
}

// CloudPasswords returns the hashes of people's own cloud passwords.
func (s *Store) CloudPasswords(ctx context.Context, tenant string, people []string) ([]provision.CloudPassword, error) {
	const text = `SELECT tenant, person, hash, made, superseded FROM cloud_passwords WHERE tenant = ? AND person IN (%s)`
	found, err := selectIn(ctx, s, text, tenant, people, cloudPasswordFields)
	if err != nil {
		return nil, fmt.Errorf("read cloud passwords: %w", err)
	}
	return found, nil
}

// PutCloudPassword stores a hash in place of an earlier one. An unknown person gives ErrNotFound.
func (s *Store) PutCloudPassword(ctx context.Context, p provision.CloudPassword) error {
	const text = `INSERT INTO cloud_passwords (tenant, person, hash, made, superseded) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (tenant, person) DO UPDATE SET hash = excluded.hash, made = excluded.made, superseded = excluded.superseded`
	if _, err := s.exec(ctx, text, cloudPasswordFields(&p)...); err != nil {
		return fmt.Errorf("store a cloud password: %w", err)
	}
	return nil
}

// MovePassword moves a living person's password from one state to another. false: it isn't in that state.
func (s *Store) MovePassword(ctx context.Context, tenant, person string, from, to provision.PasswordState, reason string) (bool, error) {
	const text = `UPDATE people SET password_state = ?, password_reason = ? WHERE tenant = ? AND id = ? AND deleted = 0 AND password_state = ?`
	n, err := s.exec(ctx, text, to, reason, tenant, person, from)
	if err != nil {
		return false, fmt.Errorf("note what became of a password: %w", err)
	}
	return n > 0, nil
}

// ListPeople returns people of a tenant, by id.
func (s *Store) ListPeople(ctx context.Context, tenant string, f provision.Filter) ([]provision.Person, error) {
	text, args := `SELECT `+personColumns+` FROM people WHERE tenant = ? AND id > ?`, []any{tenant, f.After}
	if f.Deleted {
		text += ` AND deleted > 0`
	} else {
		text += ` AND deleted = 0`
	}
	if f.Cloud {
		text += ` AND object = ''`
	}
	if len(f.Passwords) > 0 {
		text += ` AND password_state <> '' AND password_state IN (` + marks(len(f.Passwords)) + `)`
		for _, p := range f.Passwords {
			args = append(args, p)
		}
	}
	if name := fold(f.Find); name != "" {
		pattern := "%" + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(name) + "%"
		text += ` AND (upn_fold LIKE ? ESCAPE '!' OR mail_fold LIKE ? ESCAPE '!' OR down_fold LIKE ? ESCAPE '!' OR LOWER(display_name) LIKE ? ESCAPE '!')`
		args = append(args, pattern, pattern, pattern, pattern)
	}
	limit := f.Limit
	if limit <= 0 {
		limit = 100
	}
	rows, err := s.query(ctx, s.reader(), text+` ORDER BY id LIMIT ?`, append(args, limit))
	found, err := all(rows, err, personFields)
	if err != nil {
		return nil, fmt.Errorf("list people: %w", err)
	}
	return found, nil
}

// Problems returns problems, those that hold people first; of all domains with an empty one.
func (s *Store) Problems(ctx context.Context, tenant, domain string, limit int) ([]provision.Problem, error) {
	const text = `SELECT ` + problemColumns + ` FROM sync_problems WHERE tenant = ? AND (domain = ? OR ? = '')
		ORDER BY holds DESC, by_agent, since, object, reason, value LIMIT ?`
	rows, err := s.query(ctx, s.reader(), text, []any{tenant, domain, domain, limit})
	found, err := all(rows, err, problemFields)
	if err != nil {
		return nil, fmt.Errorf("list problems: %w", err)
	}
	return found, nil
}

// CountProblems returns how many problems of each kind the domains have.
func (s *Store) CountProblems(ctx context.Context, tenant string) ([]provision.ProblemCount, error) {
	const text = `SELECT domain, reason, COUNT(*) FROM sync_problems WHERE tenant = ? GROUP BY domain, reason ORDER BY domain, reason`
	rows, err := s.query(ctx, s.reader(), text, []any{tenant})
	found, err := all(rows, err, func(c *provision.ProblemCount) []any { return []any{&c.Domain, &c.Reason, &c.Count} })
	if err != nil {
		return nil, fmt.Errorf("count problems: %w", err)
	}
	return found, nil
}

// CountDomain returns how many living people and groups a domain has.
func (s *Store) CountDomain(ctx context.Context, k provision.Key) (people, groups int, err error) {
	const ofPeople = `SELECT COUNT(*) FROM people WHERE tenant = ? AND domain_fold = ? AND deleted = 0`
	const ofGroups = `SELECT COUNT(*) FROM groups WHERE tenant = ? AND domain = ? AND deleted = 0`
	if err = s.readRow(ctx, ofPeople, k.Tenant, k.Domain).Scan(&people); err == nil {
		err = s.readRow(ctx, ofGroups, k.Tenant, k.Domain).Scan(&groups)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("count a domain: %w", err)
	}
	return people, groups, nil
}

// CloudAccounts counts the living accounts of a tenant that no directory feeds.
func (s *Store) CloudAccounts(ctx context.Context, tenantID string) (int, error) {
	var n int
	if err := s.readRow(ctx, `SELECT COUNT(*) FROM people WHERE tenant = ? AND object = '' AND deleted = 0`, tenantID).Scan(&n); err != nil {
		return 0, fmt.Errorf("count cloud accounts: %w", err)
	}
	return n, nil
}
