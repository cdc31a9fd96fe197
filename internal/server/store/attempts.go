package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/reset"
)

const (
	attemptKey  = "tenant, id, support, created, revision, operator, mark" // Move leaves these as they are
	attemptRest = "kind, session, person, decoy, shown, locale, state, reason, rule, event, detail, tries, " +
		"request, agent, header, accepted, hops, verified, submitted, finished, expires, must_change, checks"
	attemptColumns = attemptKey + ", " + attemptRest
)

func attemptFields(a *reset.Attempt) []any {
	key := []any{&a.Tenant, &a.ID, &a.Support, moment{&a.Created}, &a.Revision, &a.Operator, document{&a.Mark}}
	return append(key, attemptRestFields(a)...)
}

func attemptRestFields(a *reset.Attempt) []any {
	return []any{
		&a.Kind,
		blob{&a.Session},
		&a.Person, &a.Decoy, &a.Shown, &a.Locale, &a.State, &a.Reason,
		document{&a.Rule},
		&a.Event, &a.Detail, &a.Tries, &a.Request, &a.Agent,
		blob{&a.Header},
		moment{&a.Accepted},
		document{&a.Hops},
		moment{&a.VerifiedAt},
		moment{&a.SubmittedAt},
		moment{&a.Finished},
		moment{&a.Expires},
		&a.MustChange,
		document{&a.Checks},
	}
}

// CreateAttempt stores a new attempt. A taken support code gives ErrConflict: try another. An unknown tenant gives
// ErrNotFound.
func (s *Store) CreateAttempt(ctx context.Context, a reset.Attempt) error {
	fields := attemptFields(&a)
	text := `INSERT INTO attempts (` + attemptColumns + `) VALUES (` + marks(len(fields)) + `)`
	if _, err := s.exec(ctx, text, fields...); err != nil {
		return fmt.Errorf("create an attempt: %w", err)
	}
	return nil
}

// Attempt returns one attempt, or ErrNotFound.
func (s *Store) Attempt(ctx context.Context, tenant, id string) (reset.Attempt, error) {
	return s.attempt(ctx, `tenant = ? AND id = ?`, tenant, id)
}

// AttemptBySession returns the newest attempt of a browser session, or ErrNotFound. An empty hash is nobody's.
func (s *Store) AttemptBySession(ctx context.Context, tenant string, sessionHash []byte) (reset.Attempt, error) {
	if len(sessionHash) == 0 {
		return reset.Attempt{}, fmt.Errorf("read an attempt: %w", ErrNotFound)
	}
	return s.attempt(ctx, `tenant = ? AND session = ? ORDER BY created DESC, id DESC LIMIT 1`, tenant, sessionHash)
}

// AttemptByRequest returns the attempt whose current request has an id, or ErrNotFound: also for a request that a
// newer ticket has replaced.
func (s *Store) AttemptByRequest(ctx context.Context, tenant, requestHex string) (reset.Attempt, error) {
	return s.attempt(ctx, `tenant = ? AND request = ? AND request <> ''`, tenant, requestHex)
}

func (s *Store) attempt(ctx context.Context, where string, args ...any) (reset.Attempt, error) {
	var a reset.Attempt
	text := `SELECT ` + attemptColumns + ` FROM attempts WHERE ` + where
	if err := s.readRow(ctx, text, args...).Scan(attemptFields(&a)...); err != nil {
		return reset.Attempt{}, fmt.Errorf("read an attempt: %w", err)
	}
	return a, nil
}

// Move stores next if the attempt still has next.Revision and is in one of the states, and returns it with its
// new revision. Otherwise somebody was faster: ErrConflict. So it is for a change that would be submitted while another
// change of the same person is. Tenant, ID, Support, Created and Operator never change, and the mark is KeepMark's.
func (s *Store) Move(ctx context.Context, next reset.Attempt, from ...reset.State) (reset.Attempt, error) {
	if len(from) == 0 {
		return reset.Attempt{}, fmt.Errorf("move an attempt: no state to move from: %w", ErrConflict)
	}
	fields := attemptRestFields(&next)
	text := `UPDATE attempts SET (` + attemptRest + `) = (` + marks(len(fields)) + `), revision = revision + 1
		WHERE tenant = ? AND id = ? AND revision = ? AND state IN (` + marks(len(from)) + `)`
	args := slices.Concat(fields, []any{next.Tenant, next.ID, next.Revision})
	for _, state := range from {
		args = append(args, state)
	}
	n, err := s.exec(ctx, text, args...)
	if err == nil && n == 0 {
		err = ErrConflict
	}
	if err != nil {
		return reset.Attempt{}, fmt.Errorf("move an attempt: %w", err)
	}
	next.Revision++
	return next, nil
}

// KeepMark stores what the directory held before the write of a request. It moves nothing: the attempt keeps its
// revision, and a request that has been replaced since is no error.
func (s *Store) KeepMark(ctx context.Context, tenant, id string, m reset.Mark) error {
	const text = `UPDATE attempts SET mark = ? WHERE tenant = ? AND id = ? AND request = ?`
	if _, err := s.exec(ctx, text, document{&m}, tenant, id, m.Request); err != nil {
		return fmt.Errorf("keep a mark: %w", err)
	}
	return nil
}

// OpenAttempts returns, of all tenants, the attempts whose request is on its way or unresolved, oldest first.
func (s *Store) OpenAttempts(ctx context.Context) ([]reset.Attempt, error) {
	// Literal states, so that SQLite uses the partial index.
	const text = `SELECT ` + attemptColumns + ` FROM attempts
		WHERE state IN ('submitted', 'not_sure') ORDER BY submitted, id`
	rows, err := s.query(ctx, s.reader(), text, nil)
	found, err := all(rows, err, attemptFields)
	if err != nil {
		return nil, fmt.Errorf("list open attempts: %w", err)
	}
	return found, nil
}

// OpenChanges returns a person's changes that were submitted after a moment and whose outcome is open.
func (s *Store) OpenChanges(ctx context.Context, tenant, person string, after time.Time) ([]reset.Attempt, error) {
	const text = `SELECT ` + attemptColumns + ` FROM attempts
		WHERE tenant = ? AND person = ? AND kind = ? AND state IN ('submitted', 'not_sure') AND submitted > ? ORDER BY submitted, id`
	rows, err := s.query(ctx, s.reader(), text, []any{tenant, person, protocol.Change, millis(after)})
	found, err := all(rows, err, attemptFields)
	if err != nil {
		return nil, fmt.Errorf("list open changes: %w", err)
	}
	return found, nil
}

// DeleteAttempts deletes, of all tenants, attempts created before a moment, with their codes, and returns how many.
// One whose outcome is still open stays: the truth about it is owed.
func (s *Store) DeleteAttempts(ctx context.Context, before time.Time) (int, error) {
	const text = `DELETE FROM attempts WHERE created < ? AND state NOT IN ('submitted', 'not_sure')`
	n, err := s.exec(ctx, text, millis(before))
	if err != nil {
		return 0, fmt.Errorf("delete old attempts: %w", err)
	}
	return int(n), nil
}
