package store

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"homeward/internal/server/audit"
)

const auditColumns = "tenant, seq, at, support, activity, hop, event, result, reason, actor, target, detail, micros, prev, hash"

func auditFields(r *audit.Record) []any {
	return []any{
		&r.Tenant, &r.Seq,
		moment{&r.At},
		&r.Support, &r.Activity, &r.Hop, &r.Event, &r.Result, &r.Reason, &r.Actor,
		&r.Target, &r.Detail, &r.Micros,
		blob{&r.Prev},
		blob{&r.Hash},
	}
}

// head is the end of a tenant's chain. Its MAC is keyed from the master key, so whoever can only write to the
// database cannot recompute the chain after altering it, nor cut its end off.
type head struct {
	seq       int64
	hash, mac []byte
}

func (s *Store) headMAC(tenant string, h head) []byte {
	m := hmac.New(sha256.New, s.auditK)
	m.Write(binary.BigEndian.AppendUint64(nil, uint64(h.seq))) //nolint:gosec // a bit pattern
	m.Write(binary.BigEndian.AppendUint64(nil, uint64(len(h.hash))))
	m.Write(h.hash)
	m.Write([]byte(tenant))
	return m.Sum(nil)
}

// Append adds rows to the end of a tenant's record, all or none, and sets their Tenant, Seq, Prev and Hash. A row
// without a time gets the present. A *ChainError means that the end of the record was tampered with.
func (s *Store) Append(ctx context.Context, tenant string, records ...audit.Record) error {
	if len(records) == 0 {
		return nil
	}
	err := s.WithTx(ctx, func(tx *Store) error {
		h, err := tx.lockHead(ctx, tenant)
		if err != nil {
			return err
		}
		for i, r := range records {
			if err := tx.appendRow(ctx, tenant, &h, &r); err != nil {
				return err
			}
			if isEntry(r, records[i+1:]) {
				if err := tx.putEntry(ctx, r); err != nil {
					return err
				}
			}
		}
		const text = `UPDATE audit_heads SET seq = ?, hash = ?, mac = ? WHERE tenant = ?`
		return tx.execOne(ctx, text, h.seq, h.hash, s.headMAC(tenant, h), tenant)
	})
	if err != nil {
		return fmt.Errorf("append to the audit record: %w", err)
	}
	return nil
}

// lockHead returns the end of the chain and lets nobody else append before the transaction ends. An end that this
// server did not sign is refused, as signing the next one would hide what was done to it.
func (s *Store) lockHead(ctx context.Context, tenant string) (head, error) {
	var h head
	const text = `INSERT INTO audit_heads (tenant, seq, hash, mac) VALUES (?, 0, ?, ?)
		ON CONFLICT (tenant) DO UPDATE SET seq = audit_heads.seq RETURNING seq, hash, mac`
	row := s.writeRow(ctx, text, tenant, []byte{}, s.headMAC(tenant, h))
	if err := row.Scan(&h.seq, blob{&h.hash}, blob{&h.mac}); err != nil {
		return head{}, err
	}
	return h, s.checkHead(tenant, h)
}

func (s *Store) appendRow(ctx context.Context, tenant string, h *head, r *audit.Record) error {
	if r.At.IsZero() {
		r.At = s.clock()
	}
	r.Tenant, r.Seq, r.Prev, r.Hash = tenant, h.seq+1, h.hash, nil
	// The hash is over what a reader will get back, so text is cleaned first; Chain takes the time in
	// milliseconds, as it is stored.
	for _, text := range []*string{&r.Support, &r.Activity, &r.Hop, &r.Result, &r.Reason, &r.Actor, &r.Target, &r.Detail} {
		*text = clean(*text)
	}
	r.Hash = audit.Chain(r.Prev, *r)
	fields := auditFields(r)
	text := `INSERT INTO audit (` + auditColumns + `) VALUES (` + marks(len(fields)) + `)`
	if _, err := s.exec(ctx, text, fields...); err != nil {
		return err
	}
	h.seq, h.hash = r.Seq, r.Hash
	return nil
}

// Records returns the rows of one support code, in order.
func (s *Store) Records(ctx context.Context, tenant, support string) ([]audit.Record, error) {
	return s.records(ctx, `tenant = ? AND support = ? ORDER BY seq`, tenant, support)
}

// LastRecords returns a tenant's newest rows, newest first.
func (s *Store) LastRecords(ctx context.Context, tenant string, limit int) ([]audit.Record, error) {
	return s.records(ctx, `tenant = ? ORDER BY seq DESC LIMIT ?`, tenant, limit)
}

func (s *Store) records(ctx context.Context, where string, args ...any) ([]audit.Record, error) {
	rows, err := s.query(ctx, s.reader(), `SELECT `+auditColumns+` FROM audit WHERE `+where, args)
	found, err := all(rows, err, auditFields)
	if err != nil {
		return nil, fmt.Errorf("read the audit record: %w", err)
	}
	return found, nil
}

// head returns the end of a tenant's chain; a tenant without rows has the zero head.
func (s *Store) head(ctx context.Context, tenant string) (head, error) {
	var h head
	const text = `SELECT seq, hash, mac FROM audit_heads WHERE tenant = ?`
	err := s.readRow(ctx, text, tenant).Scan(&h.seq, blob{&h.hash}, blob{&h.mac})
	if errors.Is(err, ErrNotFound) {
		return head{}, nil
	}
	if err != nil {
		return head{}, fmt.Errorf("read the end of the audit record: %w", err)
	}
	return h, s.checkHead(tenant, h)
}

func (s *Store) checkHead(tenant string, h head) error {
	if !hmac.Equal(h.mac, s.headMAC(tenant, h)) {
		return &ChainError{tenant, audit.Damage{Seq: h.seq, To: h.seq, Fault: audit.NoEnd}}
	}
	return nil
}
