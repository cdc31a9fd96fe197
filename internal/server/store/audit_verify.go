package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"homeward/internal/server/audit"
)

// auditPage bounds how many rows a check holds at a time.
const auditPage = 1000

// ChainError says where a tenant's audit record was tampered with.
type ChainError struct {
	Tenant string
	audit.Damage
}

// Error names the row.
func (e *ChainError) Error() string {
	return fmt.Sprintf("audit record of tenant %s: %s", e.Tenant, e.Damage)
}

// VerifyChain checks that no row of a tenant's record was altered, removed or added since it was written. What it
// finds first is a *ChainError. It cannot notice that the whole database was put back to an older state.
func (s *Store) VerifyChain(ctx context.Context, tenant string) error {
	v, err := s.CheckChain(ctx, tenant)
	if err != nil {
		return err
	}
	if !v.Whole() {
		return &ChainError{tenant, v.Damages[0]}
	}
	return nil
}

// CheckChain is VerifyChain that goes on after damage, and names all it finds: rows that were altered, replaced, swapped,
// removed, cut off at the end, or added.
func (s *Store) CheckChain(ctx context.Context, tenant string) (audit.Verdict, error) {
	w := walk{tenant: tenant}
	// The end first: what is appended meanwhile comes after it.
	end, err := s.checkedHead(ctx, &w)
	if err != nil {
		return audit.Verdict{}, err
	}
	if err := s.walk(ctx, &w, end); err != nil {
		return audit.Verdict{}, err
	}
	if w.at.seq < end.seq {
		w.add(audit.Damage{Seq: w.at.seq + 1, To: end.seq, At: w.last, Fault: audit.CutOff})
	}
	if w.at.seq > end.seq {
		now, err := s.head(ctx, tenant)
		if _, told := errors.AsType[*ChainError](err); err != nil && !told {
			return audit.Verdict{}, err
		}
		if now.seq < w.at.seq && !w.unsigned {
			w.add(audit.Damage{Seq: now.seq + 1, To: w.at.seq, At: w.last, Fault: audit.Forged})
		}
	}
	return w.verdict(), nil
}

// checkedHead returns the end of the chain; one that this server didn't sign is told to w.
func (s *Store) checkedHead(ctx context.Context, w *walk) (head, error) {
	h, err := s.head(ctx, w.tenant)
	if broken, ok := errors.AsType[*ChainError](err); ok {
		w.add(broken.Damage)
		w.unsigned = true
		return head{}, nil
	}
	return h, err
}

// walk is how far a check has come.
type walk struct {
	tenant   string
	at       head
	last     time.Time // of the row at
	broken   bool      // the row at is told already
	unsigned bool      // the end proves nothing
	rows     int64
	damages  []audit.Damage
	strays   []audit.Record // altered rows, among which swapped ones are found
	hidden   []audit.Damage // what the page shows wrongly; it matters when the rows themselves are whole
	more     bool
}

func (w *walk) add(d audit.Damage) {
	if d.To == 0 {
		d.To = d.Seq
	}
	if len(w.damages) >= audit.MostDamages {
		w.more = true
		return
	}
	w.damages = append(w.damages, d)
}

// walk follows the chain as far as it goes. On the way it must pass through end.
func (s *Store) walk(ctx context.Context, w *walk, end head) error {
	for {
		first := w.at.seq
		page, err := s.records(ctx, `tenant = ? AND seq > ? ORDER BY seq LIMIT ?`, w.tenant, first, auditPage)
		if err != nil {
			return err
		}
		for _, r := range page {
			w.follow(r)
			if w.at.seq == end.seq && !w.broken && !w.unsigned && !bytes.Equal(w.at.hash, end.hash) {
				w.add(audit.Damage{Seq: r.Seq, At: r.At, Fault: audit.Replaced})
				w.broken = true
			}
		}
		if err := s.walkEntries(ctx, w, first); err != nil {
			return err
		}
		if len(page) < auditPage {
			return nil
		}
	}
}

// follow checks that r is the row after the one w is at, and moves there.
func (w *walk) follow(r audit.Record) {
	gap := r.Seq != w.at.seq+1
	if gap {
		w.add(audit.Damage{Seq: w.at.seq + 1, To: r.Seq - 1, At: w.last, Fault: audit.Missing})
	}
	broken := !bytes.Equal(r.Hash, audit.Chain(r.Prev, r))
	switch {
	case broken:
		w.add(audit.Damage{Seq: r.Seq, At: r.At, Fault: audit.Altered})
		if len(w.strays) < audit.MostDamages {
			w.strays = append(w.strays, r)
		}
	case !gap && !w.broken && !bytes.Equal(r.Prev, w.at.hash):
		// r itself is as it was written, so it's the row before that isn't.
		w.add(audit.Damage{Seq: max(w.at.seq, 1), At: w.last, Fault: audit.Replaced})
	}
	w.at, w.last, w.broken, w.rows = head{seq: r.Seq, hash: r.Hash}, r.At, broken, w.rows+1
}

// verdict tells rows that were swapped from those that were altered.
func (w *walk) verdict() audit.Verdict {
	if len(w.damages) == 0 {
		w.damages = w.hidden
	}
	wrote := func(r audit.Record, seq int64) bool {
		r.Seq = seq
		return bytes.Equal(r.Hash, audit.Chain(r.Prev, r))
	}
	for i, a := range w.strays {
		for _, b := range w.strays[i+1:] {
			if wrote(a, b.Seq) && wrote(b, a.Seq) {
				w.swapped(a.Seq, b.Seq)
			}
		}
	}
	slices.SortStableFunc(w.damages, func(a, b audit.Damage) int { return int(a.Seq - b.Seq) })
	return audit.Verdict{Rows: w.rows, Last: w.last, Damages: w.damages, More: w.more}
}

func (w *walk) swapped(a, b int64) {
	for i, d := range w.damages {
		if d.Fault == audit.Altered && (d.Seq == a || d.Seq == b) {
			w.damages[i].Fault, w.damages[i].To = audit.Swapped, a+b-d.Seq
		}
	}
}

// astray finds entries of the audit page that aren't what their rows say. It is one statement, so that what is appended
// meanwhile is seen by both sides or by none.
const astray = `SELECT a.seq, a.at FROM audit a LEFT JOIN audit_entries e ON e.tenant = a.tenant AND e.seq = a.seq
	WHERE a.tenant = ? AND a.seq > ? AND a.seq <= ? AND a.event <> ?
	AND (a.support = '' OR NOT EXISTS (SELECT 1 FROM audit later
		WHERE later.tenant = a.tenant AND later.support = a.support AND later.seq > a.seq AND later.event <> ?))
	AND (e.seq IS NULL OR e.support <> a.support OR e.at <> a.at OR e.activity <> a.activity OR e.result <> a.result
		OR e.actor <> a.actor OR e.target <> a.target)
	ORDER BY a.seq LIMIT ?`

// walkEntries checks that the audit page shows the rows after first as they are.
func (s *Store) walkEntries(ctx context.Context, w *walk, first int64) error {
	rows, err := s.query(ctx, s.reader(), astray, []any{w.tenant, first, w.at.seq, audit.Told, audit.Told, audit.MostDamages})
	found, err := all(rows, err, func(d *audit.Damage) []any { return []any{&d.Seq, moment{&d.At}} })
	if err != nil {
		return fmt.Errorf("check the audit page: %w", err)
	}
	for _, d := range found[:min(len(found), audit.MostDamages-len(w.hidden))] {
		w.hidden = append(w.hidden, audit.Damage{Seq: d.Seq, To: d.Seq, At: d.At, Fault: audit.Hidden})
	}
	return nil
}
