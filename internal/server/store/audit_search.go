package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"homeward/internal/server/audit"
)

// clockSlack is how far back the clock may have been set without an entry being missed by a search.
const clockSlack = time.Hour

// SearchAudit returns entries, newest first; see audit.Query. With more than Limit fitting, those nearest to Before or
// After are returned.
//
// What it costs depends on Limit and on how many kinds of entries a tenant has, not on how many entries: each branch of
// the search names every column in front of seq of some index of audit_entries, so it reads from the place where a page
// begins and stops when the page is full. The one exception is a person: all of their entries may be looked at.
func (s *Store) SearchAudit(ctx context.Context, tenant string, q audit.Query) ([]audit.Record, error) {
	found, err := s.searchAudit(ctx, tenant, q)
	if err != nil {
		return nil, fmt.Errorf("search the audit record: %w", err)
	}
	return found, nil
}

func (s *Store) searchAudit(ctx context.Context, tenant string, q audit.Query) ([]audit.Record, error) {
	branches, err := s.auditBranches(ctx, tenant, q)
	if err != nil {
		return nil, err
	}
	back := q.After > 0 && q.Before == 0
	found, err := s.allSeqs(ctx, branches, back, q.Limit)
	if err != nil {
		return nil, err
	}
	if len(found) > q.Limit && back {
		found = found[:q.Limit]
	} else if len(found) > q.Limit {
		found = found[len(found)-q.Limit:]
	}
	return s.auditRows(ctx, tenant, found)
}

// allSeqs are the numbers of the entries that fit any of the branches, at most limit of each, once and in order.
func (s *Store) allSeqs(ctx context.Context, branches []conditions, back bool, limit int) ([]int64, error) {
	var found []int64
	for some := range slices.Chunk(branches, unionMost) {
		some, err := s.auditSeqs(ctx, some, back, limit)
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// CountAudit counts the entries that a query asks for, those after its After alone and whatever its Before and Limit, up to a
// most; one more stands for all that are more. It costs as much as a page of that many.
func (s *Store) CountAudit(ctx context.Context, tenant string, q audit.Query, most int) (int, error) {
	q.Before = 0
	branches, err := s.auditBranches(ctx, tenant, q)
	if err != nil {
		return 0, fmt.Errorf("count the audit record: %w", err)
	}
	n := 0
	if q.People != nil { // an entry may be of two of them, so they are told apart
		seqs, err := s.allSeqs(ctx, branches, false, most+1)
		if err != nil {
			return 0, fmt.Errorf("count the audit record: %w", err)
		}
		return min(len(seqs), most+1), nil
	}
	for some := range slices.Chunk(branches, unionMost) {
		var texts []string
		var args []any
		for i, c := range some {
			texts = append(texts, `SELECT seq FROM (`+seqText(c, false)+`) AS b`+strconv.Itoa(i))
			args = append(append(args, c.args...), most+1)
		}
		text := `SELECT COUNT(*) FROM (SELECT seq FROM (` + strings.Join(texts, " UNION ALL ") + `) AS found LIMIT ?) AS few`
		var part int
		if err := s.readRow(ctx, text, append(args, most+1)...).Scan(&part); err != nil {
			return 0, fmt.Errorf("count the audit record: %w", err)
		}
		if n += part; n > most {
			return most + 1, nil
		}
	}
	return n, nil
}

// conditions are the WHERE of a search.
type conditions struct {
	where []string
	args  []any
}

func (c *conditions) add(condition string, values ...any) {
	c.where, c.args = append(c.where, condition), append(c.args, values...)
}

// with returns the conditions with one more; c stays as it is.
func (c *conditions) with(condition string, values ...any) conditions {
	more := conditions{slices.Clone(c.where), slices.Clone(c.args)}
	more.add(condition, values...)
	return more
}

// auditBranches are searches whose answers together are the query's. None is what the tenant has no entry for.
func (s *Store) auditBranches(ctx context.Context, tenant string, q audit.Query) ([]conditions, error) {
	c := conditions{where: []string{"tenant = ?"}, args: []any{tenant}}
	if err := s.auditSpan(ctx, tenant, q, c.add); err != nil {
		return nil, err
	}
	if q.Support != "" {
		c.add("support = ? AND support <> ''", q.Support)
	}
	if q.People == nil && q.Agent == "" {
		return s.byKind(ctx, tenant, q, c)
	}
	if q.People == nil {
		return s.byKind(ctx, tenant, q, c.with("actor = ?", q.Agent))
	}
	if len(q.People) > audit.MostPeople {
		return nil, fmt.Errorf("%d people are more than the %d it can look for", len(q.People), audit.MostPeople)
	}
	var out []conditions
	for _, id := range q.People {
		about := c.with("target = ?", id)
		if q.Agent != "" {
			about.add("actor = ?", q.Agent)
		}
		narrow(&about, q)
		out = append(out, about)
		if q.Agent != "" && q.Agent != id {
			continue
		}
		theirs, err := s.byKind(ctx, tenant, q, c.with("actor = ?", id))
		if err != nil {
			return nil, err
		}
		out = append(out, theirs...)
	}
	return out, nil
}

// narrow adds what a query says of activity and results as they stand.
func narrow(c *conditions, q audit.Query) {
	if q.Activity != "" {
		c.add("activity = ?", q.Activity)
	}
	if len(q.Results) > 0 {
		var values []any
		for _, r := range q.Results {
			values = append(values, r)
		}
		c.add("result IN ("+marks(len(values))+")", values...)
	}
}

// byKind splits a search into one for each activity and result that it lets through: an index holds the entries of one
// such pair in their order, but not those of several. A search that names neither stays one.
func (s *Store) byKind(ctx context.Context, tenant string, q audit.Query, c conditions) ([]conditions, error) {
	if q.Activity == "" && len(q.Results) == 0 || q.Support != "" {
		narrow(&c, q)
		return []conditions{c}, nil
	}
	activities := []string{q.Activity}
	if q.Activity == "" {
		var err error
		if activities, err = s.auditKinds(ctx, "activity", "tenant = ?", tenant); err != nil {
			return nil, err
		}
	}
	var out []conditions
	for _, activity := range activities {
		results := q.Results
		if len(results) == 0 {
			var err error
			if results, err = s.auditKinds(ctx, "result", "tenant = ? AND activity = ?", tenant, activity); err != nil {
				return nil, err
			}
		}
		for _, result := range results {
			out = append(out, c.with("activity = ? AND result = ?", activity, result))
		}
	}
	return out, nil
}

// auditKinds returns the different values of a column, one step of the index for each, however many entries have it.
func (s *Store) auditKinds(ctx context.Context, column, where string, args ...any) ([]string, error) {
	text := `WITH RECURSIVE kind(v) AS (SELECT MIN(` + column + `) FROM audit_entries WHERE ` + where + `
		UNION ALL SELECT (SELECT MIN(` + column + `) FROM audit_entries WHERE ` + where + ` AND ` + column + ` > kind.v) FROM kind WHERE kind.v IS NOT NULL)
		SELECT v FROM kind WHERE v IS NOT NULL`
	rows, err := s.query(ctx, s.reader(), text, append(slices.Clone(args), args...))
	return all(rows, err, func(v *string) []any { return []any{v} })
}

// unionMost is how many branches one statement has: SQLite takes 500.
const unionMost = 64

// auditSeqs returns the numbers of the entries that fit any of the branches, at most limit of each. It is one statement, as
// each way to the database costs more than what is done there.
func (s *Store) auditSeqs(ctx context.Context, branches []conditions, back bool, limit int) ([]int64, error) {
	var texts []string
	var args []any
	for i, c := range branches {
		texts = append(texts, `SELECT seq FROM (`+seqText(c, back)+`) AS b`+strconv.Itoa(i))
		args = append(append(args, c.args...), limit)
	}
	rows, err := s.query(ctx, s.reader(), strings.Join(texts, " UNION ALL "), args)
	return all(rows, err, func(seq *int64) []any { return []any{seq} })
}

func seqText(c conditions, back bool) string {
	order := " DESC"
	if back { // from old to new
		order = " ASC"
	}
	return `SELECT seq FROM audit_entries WHERE ` + strings.Join(c.where, " AND ") + ` ORDER BY seq` + order + ` LIMIT ?`
}

// auditRows returns rows by their numbers, newest first.
func (s *Store) auditRows(ctx context.Context, tenant string, seqs []int64) ([]audit.Record, error) {
	if len(seqs) == 0 {
		return nil, nil
	}
	args := []any{tenant}
	for _, seq := range seqs {
		args = append(args, seq)
	}
	// The last one again and again, so that there are few texts to keep prepared.
	for n := len(seqs); n&(n-1) != 0; n++ {
		args = append(args, seqs[len(seqs)-1])
	}
	return s.records(ctx, `tenant = ? AND seq IN (`+marks(len(args)-1)+`) ORDER BY seq DESC`, args...)
}

// auditSpan turns the times of a query into numbers of rows, because rows are read in the order of their numbers.
func (s *Store) auditSpan(ctx context.Context, tenant string, q audit.Query, add func(string, ...any)) error {
	// +at: the numbers of rows have narrowed the search already. An index on at would find the rows of a day quickly, all of them, only
	// to sort them by number for the few that are wanted.
	low, high := q.After, q.Before
	if !q.From.IsZero() {
		seq, err := s.edge(ctx, firstEntry, tenant, q.From.Add(-clockSlack))
		if errors.Is(err, ErrNotFound) {
			add("seq < ?", 0)
			return nil
		}
		if err != nil {
			return err
		}
		low = max(low, seq-1)
		// Behind this one no row is too old, so that most rows are told by the index alone.
		switch sure, err := s.edge(ctx, firstEntry, tenant, q.From.Add(clockSlack)); {
		case errors.Is(err, ErrNotFound):
			add("+at >= ?", millis(q.From))
		case err != nil:
			return err
		case sure > low:
			add("(+seq > ? OR +at >= ?)", sure, millis(q.From))
		}
	}
	if !q.To.IsZero() {
		add("+at < ?", millis(q.To))
		seq, err := s.edge(ctx, lastEntry, tenant, q.To.Add(clockSlack))
		if errors.Is(err, ErrNotFound) {
			add("seq < ?", 0)
			return nil
		}
		if err != nil {
			return err
		}
		if high == 0 || seq+1 < high {
			high = seq + 1
		}
	}
	if low > 0 {
		add("seq > ?", low)
	}
	if high > 0 {
		add("seq < ?", high)
	}
	return nil
}

const (
	firstEntry = `SELECT seq FROM audit_entries WHERE tenant = ? AND at >= ? ORDER BY at, seq LIMIT 1`
	lastEntry  = `SELECT seq FROM audit_entries WHERE tenant = ? AND at < ? ORDER BY at DESC, seq DESC LIMIT 1`
)

func (s *Store) edge(ctx context.Context, text, tenant string, t time.Time) (seq int64, err error) {
	err = s.readRow(ctx, text, tenant, millis(t)).Scan(&seq)
	return seq, err
}

// AuditRow returns one row of a tenant's record; none when there is no such row.
func (s *Store) AuditRow(ctx context.Context, tenant string, seq int64) ([]audit.Record, error) {
	return s.records(ctx, `tenant = ? AND seq = ?`, tenant, seq)
}

// LastWrite returns the newest row that says what became of a reset or a change of somebody's password; none when there is none.
func (s *Store) LastWrite(ctx context.Context, tenant, person string) ([]audit.Record, error) {
	// || '': along the rows of the person, of which there are few, and not along those of an activity.
	const where = `tenant = ? AND target = ? AND result || '' IN ('changed', 'refused', 'failed', 'unknown')
		AND activity || '' IN ('Reset password (self-service)', 'Change password (self-service)', 'Reset password (by admin)') ORDER BY seq DESC LIMIT 1`
	return s.records(ctx, where, tenant, person)
}
