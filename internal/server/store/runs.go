package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"homeward/internal/server/provision"
)

const (
	runKey     = "tenant, id"
	runRest    = "domain, staging, is_full, agent, dc, started, ended, status, added, updated, deleted, joined, faults, unchanged, grouped, objects, bytes, micros"
	runColumns = runKey + ", " + runRest
)

func runFields(r *provision.Run) []any {
	return []any{
		&r.Tenant, &r.ID, &r.Domain, &r.Staging, &r.Full, &r.Agent, &r.DC,
		moment{&r.Started},
		moment{&r.Ended},
		&r.Status, &r.Added, &r.Updated, &r.Deleted, &r.Joined, &r.Faults, &r.Unchanged, &r.Groups, &r.Objects, &r.Bytes, &r.Micros,
	}
}

// PutRun stores a line of the history, or replaces it.
func (s *Store) PutRun(ctx context.Context, r provision.Run) error {
	fields := runFields(&r)
	text := `INSERT INTO sync_runs (` + runColumns + `) VALUES (` + marks(len(fields)) + `)
		ON CONFLICT (` + runKey + `) DO UPDATE SET ` + overwrite(runRest)
	if _, err := s.exec(ctx, text, fields...); err != nil {
		return fmt.Errorf("store a run: %w", err)
	}
	return nil
}

// Run returns one line of the history.
func (s *Store) Run(ctx context.Context, tenant, id string) (r provision.Run, found bool, err error) {
	err = s.readRow(ctx, `SELECT `+runColumns+` FROM sync_runs WHERE tenant = ? AND id = ?`, tenant, id).Scan(runFields(&r)...)
	if errors.Is(err, ErrNotFound) {
		return provision.Run{}, false, nil
	}
	if err != nil {
		return provision.Run{}, false, fmt.Errorf("read a run: %w", err)
	}
	return r, true, nil
}

// Runs returns the newest lines of the history, newest first; of all domains with an empty one.
func (s *Store) Runs(ctx context.Context, tenant, domain string, limit int) ([]provision.Run, error) {
	const text = `SELECT ` + runColumns + ` FROM sync_runs WHERE tenant = ? AND (domain = ? OR ? = '') ORDER BY started DESC, id LIMIT ?`
	rows, err := s.query(ctx, s.reader(), text, []any{tenant, domain, domain, limit})
	found, err := all(rows, err, runFields)
	if err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	return found, nil
}

// PruneRuns forgets what began before a time and doesn't go on.
func (s *Store) PruneRuns(ctx context.Context, tenant string, before time.Time) error {
	const text = `DELETE FROM sync_runs WHERE tenant = ? AND started < ? AND ended > 0`
	if _, err := s.exec(ctx, text, tenant, millis(before)); err != nil {
		return fmt.Errorf("forget old runs: %w", err)
	}
	return nil
}

const (
	previewKey     = "tenant, domain, object"
	previewRest    = "staging, verdict, reason, name, upn, address, display, other, other_name, run"
	previewFolds   = "upn_fold, address_fold"
	previewColumns = previewKey + ", " + previewRest
)

func previewFields(p *provision.Preview) []any {
	return []any{
		&p.Tenant, &p.Domain, &p.Object,
		&p.Staging, &p.Verdict, &p.Reason, &p.Name, &p.UPN, &p.Address, &p.Display, &p.Other, &p.OtherName, &p.Run,
	}
}

// PutPreviews stores verdicts of a staging run, in place of earlier ones of the same objects.
func (s *Store) PutPreviews(ctx context.Context, previews []provision.Preview) error {
	fields := func(p *provision.Preview) []any { return append(previewFields(p), fold(p.UPN), fold(p.Address)) }
	after := ` ON CONFLICT (` + previewKey + `) DO UPDATE SET ` + overwrite(previewRest+", "+previewFolds)
	if err := insertMany(ctx, s, "sync_preview", previewColumns+", "+previewFolds, after, previews, fields); err != nil {
		return fmt.Errorf("store previews: %w", err)
	}
	return nil
}

// DropPreviews removes the verdicts on objects.
func (s *Store) DropPreviews(ctx context.Context, k provision.Key, objects []string) error {
	const text = `DELETE FROM sync_preview WHERE tenant = ? AND domain = ? AND object IN (%s)`
	if err := s.execIn(ctx, text, []any{k.Tenant, k.Domain}, objects); err != nil {
		return fmt.Errorf("remove previews: %w", err)
	}
	return nil
}

// DropUnnamedPreviews removes the verdicts on objects that a run didn't name.
func (s *Store) DropUnnamedPreviews(ctx context.Context, k provision.Key, run string) error {
	const text = `DELETE FROM sync_preview WHERE tenant = ? AND domain = ? AND run <> ?`
	if _, err := s.exec(ctx, text, k.Tenant, k.Domain, run); err != nil {
		return fmt.Errorf("remove old previews: %w", err)
	}
	return nil
}

// PreviewsNamed returns the verdicts on objects with one of those sign-in names or addresses, which are folded.
func (s *Store) PreviewsNamed(ctx context.Context, k provision.Key, folded []string) ([]provision.Preview, error) {
	const begin = `SELECT ` + previewColumns + ` FROM sync_preview WHERE tenant = ? AND `
	found, err := selectIn(ctx, s, begin+`upn_fold <> '' AND upn_fold IN (%s)`, k.Tenant, folded, previewFields)
	if err == nil {
		var more []provision.Preview
		more, err = selectIn(ctx, s, begin+`address_fold <> '' AND address_fold IN (%s)`, k.Tenant, folded, previewFields)
		found = append(found, more...)
	}
	if err != nil {
		return nil, fmt.Errorf("read previews: %w", err)
	}
	return found, nil
}

// Previews returns verdicts, by object after one.
func (s *Store) Previews(ctx context.Context, k provision.Key, after string, limit int) ([]provision.Preview, error) {
	const text = `SELECT ` + previewColumns + ` FROM sync_preview WHERE tenant = ? AND domain = ? AND object > ? ORDER BY object LIMIT ?`
	rows, err := s.query(ctx, s.reader(), text, []any{k.Tenant, k.Domain, after, limit})
	found, err := all(rows, err, previewFields)
	if err != nil {
		return nil, fmt.Errorf("list previews: %w", err)
	}
	return found, nil
}

// CountPreviews returns how many objects have each verdict.
func (s *Store) CountPreviews(ctx context.Context, k provision.Key) (map[provision.Verdict]int, error) {
	type count struct {
		verdict provision.Verdict
		n       int
	}
	const text = `SELECT verdict, COUNT(*) FROM sync_preview WHERE tenant = ? AND domain = ? GROUP BY verdict`
	rows, err := s.query(ctx, s.reader(), text, []any{k.Tenant, k.Domain})
	found, err := all(rows, err, func(c *count) []any { return []any{&c.verdict, &c.n} })
	if err != nil {
		return nil, fmt.Errorf("count previews: %w", err)
	}
	by := map[provision.Verdict]int{}
	for _, c := range found {
		by[c.verdict] = c.n
	}
	return by, nil
}
