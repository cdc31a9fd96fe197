package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"homeward/internal/server/audit"
	"homeward/internal/server/masterkey"
	"homeward/internal/server/reset"
	"homeward/internal/server/verify"
)

const methodColumns = "tenant, id, person, kind, masked, secret, step, created, confirmed, used"

func methodFields(m *verify.Method) []any {
	return []any{
		&m.Tenant, &m.ID, &m.Person, &m.Kind, &m.Masked,
		blob{&m.Secret},
		&m.Step,
		moment{&m.Created},
		moment{&m.Confirmed},
		moment{&m.Used},
	}
}

// methodPurpose binds a sealed secret to its row and to the person, so that nobody's seed opens as another's.
func methodPurpose(m verify.Method) string {
	return masterkey.Purpose("methods", "secret", m.Tenant, m.ID+"\x00"+m.Person+"\x00"+string(m.Kind))
}

// PutMethod stores a new method, its secret sealed. A taken id gives ErrConflict, an unknown tenant ErrNotFound.
func (s *Store) PutMethod(ctx context.Context, m verify.Method) error {
	sealed, err := s.key.Seal(methodPurpose(m), m.Secret)
	if err != nil {
		return fmt.Errorf("seal a method: %w", err)
	}
	m.Secret = sealed
	fields := methodFields(&m)
	text := `INSERT INTO methods (` + methodColumns + `) VALUES (` + marks(len(fields)) + `)`
	if _, err := s.exec(ctx, text, fields...); err != nil {
		return fmt.Errorf("store a method: %w", err)
	}
	return nil
}

// Methods returns a person's methods, also those still being registered, oldest first, with their secrets open. One that was
// altered, or copied from another row, gives masterkey.ErrAltered.
func (s *Store) Methods(ctx context.Context, tenant, person string) ([]verify.Method, error) {
	const text = `SELECT ` + methodColumns + ` FROM methods WHERE tenant = ? AND person = ? ORDER BY created, id`
	rows, err := s.query(ctx, s.reader(), text, []any{tenant, person})
	found, err := all(rows, err, methodFields)
	return s.opened(found, err)
}

// MethodsOf is Methods of several people, each one's oldest first.
func (s *Store) MethodsOf(ctx context.Context, tenant string, people []string) ([]verify.Method, error) {
	const text = `SELECT ` + methodColumns + ` FROM methods WHERE tenant = ? AND person IN (%s) ORDER BY created, id`
	found, err := selectIn(ctx, s, text, tenant, people, methodFields)
	return s.opened(found, err)
}

// opened are methods with their secrets open.
func (s *Store) opened(found []verify.Method, err error) ([]verify.Method, error) {
	for i := range found {
		if err == nil {
			found[i].Secret, err = s.key.Open(methodPurpose(found[i]), found[i].Secret)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read methods: %w", err)
	}
	return found, nil
}

// UseMethod notes that a confirmed method passed a check at a step. Each step passes once, and none below it passes
// any more: a second use gives ErrConflict, as a method that is gone does. A negative step leaves the step as it is.
func (s *Store) UseMethod(ctx context.Context, tenant, id string, step int64, at time.Time) error {
	text, args := `UPDATE methods SET used = ? WHERE tenant = ? AND id = ? AND confirmed <> 0`, []any{millis(at), tenant, id}
	if step >= 0 {
		text = `UPDATE methods SET used = ?, step = ? WHERE tenant = ? AND id = ? AND confirmed <> 0 AND step < ?`
		args = []any{millis(at), step, tenant, id, step}
	}
	n, err := s.exec(ctx, text, args...)
	if err == nil && n == 0 {
		err = ErrConflict
	}
	if err != nil {
		return fmt.Errorf("use a method: %w", err)
	}
	return nil
}

// ConfirmMethod ends a registration: the method proves who its person is from now on, in place of another of theirs if
// one is named. A second confirmation, or one of somebody else's, gives ErrConflict.
func (s *Store) ConfirmMethod(ctx context.Context, m verify.Method, replaces string) error {
	err := s.WithTx(ctx, func(tx *Store) error {
		const text = `UPDATE methods SET confirmed = ?, step = ? WHERE tenant = ? AND person = ? AND id = ? AND confirmed = 0`
		n, err := tx.exec(ctx, text, millis(m.Confirmed), m.Step, m.Tenant, m.Person, m.ID)
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrConflict
		}
		if replaces == "" {
			return nil
		}
		return tx.DeleteMethod(ctx, m.Tenant, m.Person, replaces)
	})
	if err != nil {
		return fmt.Errorf("confirm a method: %w", err)
	}
	return nil
}

// DeleteMethod removes one method of a person, or gives ErrNotFound.
func (s *Store) DeleteMethod(ctx context.Context, tenant, person, id string) error {
	const text = `DELETE FROM methods WHERE tenant = ? AND person = ? AND id = ?`
	if err := s.execOne(ctx, text, tenant, person, id); err != nil {
		return fmt.Errorf("delete a method: %w", err)
	}
	return nil
}

// DropMethods removes all methods of a person, forgets their last check and review, ends what they have open in the portal and
// appends records, all or nothing.
func (s *Store) DropMethods(ctx context.Context, tenant, person string, records ...audit.Record) error {
	err := s.WithTx(ctx, func(tx *Store) error {
		if _, err := tx.exec(ctx, `DELETE FROM methods WHERE tenant = ? AND person = ?`, tenant, person); err != nil {
			return err
		}
		if _, err := tx.exec(ctx, `DELETE FROM registrations WHERE tenant = ? AND person = ?`, tenant, person); err != nil {
			return err
		}
		now := millis(s.clock())
		const end = `UPDATE attempts SET expires = ?, revision = revision + 1 WHERE tenant = ? AND person = ? AND operator = '' AND expires > ?
			AND state IN (?, ?, ?)`
		if _, err := tx.exec(ctx, end, now, tenant, person, now, reset.Started, reset.Verified, reset.Refused); err != nil {
			return err
		}
		return tx.Append(ctx, tenant, records...)
	})
	if err != nil {
		return fmt.Errorf("drop somebody's methods: %w", err)
	}
	return nil
}

// DropPending removes what a person, or with an empty person anybody, began to register before a moment and never confirmed.
func (s *Store) DropPending(ctx context.Context, tenant, person string, before time.Time) error {
	text, args := `DELETE FROM methods WHERE confirmed = 0 AND created < ?`, []any{millis(before)}
	if person != "" {
		text, args = text+` AND tenant = ? AND person = ?`, append(args, tenant, person)
	}
	if _, err := s.exec(ctx, text, args...); err != nil {
		return fmt.Errorf("drop unfinished methods: %w", err)
	}
	return nil
}

// Registration returns what is known of somebody's methods as a whole; the zero value when nothing is.
func (s *Store) Registration(ctx context.Context, tenant, person string) (verify.Registration, error) {
	r := verify.Registration{Tenant: tenant, Person: person}
	const text = `SELECT last, reviewed FROM registrations WHERE tenant = ? AND person = ?`
	err := s.readRow(ctx, text, tenant, person).Scan(&r.Last, moment{&r.Reviewed})
	if err != nil && !errors.Is(err, ErrNotFound) {
		return r, fmt.Errorf("read a registration: %w", err)
	}
	return r, nil
}

// NoteCheck remembers the kind somebody last passed a check with.
func (s *Store) NoteCheck(ctx context.Context, tenant, person string, kind verify.Kind) error {
	const text = `INSERT INTO registrations (tenant, person, last, reviewed) VALUES (?, ?, ?, 0)
		ON CONFLICT (tenant, person) DO UPDATE SET last = excluded.last`
	if _, err := s.exec(ctx, text, tenant, person, kind); err != nil {
		return fmt.Errorf("note a check: %w", err)
	}
	return nil
}

// NoteReview remembers when somebody said that their methods are right.
func (s *Store) NoteReview(ctx context.Context, tenant, person string, at time.Time) error {
	const text = `INSERT INTO registrations (tenant, person, last, reviewed) VALUES (?, ?, '', ?)
		ON CONFLICT (tenant, person) DO UPDATE SET reviewed = excluded.reviewed`
	if _, err := s.exec(ctx, text, tenant, person, millis(at)); err != nil {
		return fmt.Errorf("note a review: %w", err)
	}
	return nil
}

// Census counts what the tenant's people have registered.
func (s *Store) Census(ctx context.Context, tenant string) (verify.Census, error) {
	c := verify.Census{With: map[verify.Kind]int{}}
	people, err := s.CountPeople(ctx, tenant)
	if err != nil {
		return c, err
	}
	c.People = people
	if err := s.readRow(ctx, `SELECT COUNT(*) FROM registrations WHERE tenant = ? AND last <> ''`, tenant).Scan(&c.Used); err != nil {
		return c, fmt.Errorf("count checks: %w", err)
	}
	const mobiles = `SELECT COUNT(*) FROM people WHERE tenant = ? AND deleted = 0 AND mobile <> ''`
	if err := s.readRow(ctx, mobiles, tenant).Scan(&c.Mobiles); err != nil {
		return c, fmt.Errorf("count mobile numbers: %w", err)
	}
	type count struct {
		kind verify.Kind
		n    int
	}
	const kinds = `SELECT kind, COUNT(DISTINCT person) FROM methods WHERE tenant = ? AND confirmed <> 0 GROUP BY kind ORDER BY kind`
	rows, err := s.query(ctx, s.reader(), kinds, []any{tenant})
	counts, err := all(rows, err, func(k *count) []any { return []any{&k.kind, &k.n} })
	if err != nil {
		return c, fmt.Errorf("count methods: %w", err)
	}
	for _, k := range counts {
		c.With[k.kind] = k.n
	}
	const mails = `SELECT masked FROM methods WHERE tenant = ? AND kind = 'mail' AND confirmed <> 0 ORDER BY id LIMIT 500`
	rows, err = s.query(ctx, s.reader(), mails, []any{tenant})
	masked, err := all(rows, err, func(m *string) []any { return []any{m} })
	if err != nil {
		return c, fmt.Errorf("sample masked addresses: %w", err)
	}
	for _, m := range masked {
		if _, domain, ok := strings.Cut(m, "@"); ok {
			c.Domains = append(c.Domains, domain)
		}
	}
	return c, nil
}
