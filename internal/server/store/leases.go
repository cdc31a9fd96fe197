package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"homeward/internal/server/provision"
)

const (
	leaseKey  = "tenant, domain, staging"
	leaseTold = "netbios, holder, machine, expires, mode, lagging, detail, unanchored, asked"
	leaseRest = "epoch, seq, last_epoch, next, run, run_next, run_scope, began, scope, full_run, turned_off, base, status, applied, changed, " +
		"newest, allowed"
	leaseColumns = leaseKey + ", " + leaseTold + ", " + leaseRest
)

func leaseFields(l *provision.Lease) []any {
	return []any{
		&l.Tenant, &l.Domain, &l.Staging,
		&l.NetBIOS, &l.Holder, &l.Machine,
		moment{&l.Expires},
		&l.Mode,
		moment{&l.Lagging},
		&l.Detail, &l.Unanchored,
		moment{&l.Asked},
		&l.Epoch, &l.Seq, &l.LastEpoch,
		blob{&l.Cursor},
		&l.Run,
		blob{&l.RunCursor},
		&l.RunScope,
		moment{&l.Began},
		&l.Scope, &l.Full, &l.Off, &l.Base, &l.Status,
		moment{&l.Applied},
		moment{&l.Changed},
		moment{&l.Newest},
		moment{&l.Allowed},
	}
}

// SyncTx runs do in one transaction. No other SyncTx of the same tenant runs beside it, on any server: each holds the
// tenant's row. An unknown tenant gives ErrNotFound.
func (s *Store) SyncTx(ctx context.Context, tenant string, do func(tx provision.Tx) error) error {
	return s.WithTx(ctx, func(tx *Store) error {
		if err := tx.execOne(ctx, `UPDATE tenants SET name = name WHERE id = ?`, tenant); err != nil {
			return fmt.Errorf("lock a tenant: %w", err)
		}
		return do(tx)
	})
}

// TakeLease gives a domain's lease to l.Holder, or prolongs it: one upsert. The epoch stays when the same agent holds it
// under that epoch already, and is the next one otherwise. While another agent has it nothing changes, taken is false and
// have is that one's.
func (s *Store) TakeLease(ctx context.Context, l provision.Lease, epoch int64, now time.Time) (have provision.Lease, taken bool, err error) {
	l.Epoch, l.Seq = 1, 1
	fields := leaseFields(&l)
	text := `INSERT INTO sync_state (` + leaseColumns + `) VALUES (` + marks(len(fields)) + `)
		ON CONFLICT (` + leaseKey + `) DO UPDATE SET ` + overwrite(leaseTold) + `,
			epoch = CASE WHEN sync_state.holder = excluded.holder AND sync_state.epoch = ? THEN sync_state.epoch ELSE sync_state.epoch + 1 END
		WHERE sync_state.holder = excluded.holder OR sync_state.holder = '' OR sync_state.expires <= ?
		RETURNING ` + leaseColumns
	err = s.writeRow(ctx, text, append(fields, epoch, millis(now))...).Scan(leaseFields(&have)...)
	if errors.Is(err, ErrNotFound) {
		have, _, err = s.Lease(ctx, l.Key)
		return have, false, err
	}
	if err != nil {
		return provision.Lease{}, false, fmt.Errorf("take a lease: %w", err)
	}
	return have, true, nil
}

// Lease returns the row of a domain's sync.
func (s *Store) Lease(ctx context.Context, k provision.Key) (l provision.Lease, found bool, err error) {
	const text = `SELECT ` + leaseColumns + ` FROM sync_state WHERE tenant = ? AND domain = ? AND staging = ?`
	err = s.readRow(ctx, text, k.Tenant, k.Domain, k.Staging).Scan(leaseFields(&l)...)
	if errors.Is(err, ErrNotFound) {
		return provision.Lease{}, false, nil
	}
	if err != nil {
		return provision.Lease{}, false, fmt.Errorf("read a lease: %w", err)
	}
	return l, true, nil
}

// Leases returns the rows of a tenant's domains.
func (s *Store) Leases(ctx context.Context, tenant string) ([]provision.Lease, error) {
	const text = `SELECT ` + leaseColumns + ` FROM sync_state WHERE tenant = ? ORDER BY domain, staging`
	rows, err := s.query(ctx, s.reader(), text, []any{tenant})
	found, err := all(rows, err, leaseFields)
	if err != nil {
		return nil, fmt.Errorf("list leases: %w", err)
	}
	return found, nil
}

// SaveLease stores a lease whole, if holder and epoch are still those of l and the number is still seq. false: they
// aren't, and nothing was stored.
func (s *Store) SaveLease(ctx context.Context, l provision.Lease, seq int64) (bool, error) {
	text := `UPDATE sync_state SET ` + strings.ReplaceAll(leaseTold+", "+leaseRest, ",", " = ?,") + ` = ?
		WHERE tenant = ? AND domain = ? AND staging = ? AND holder = ? AND epoch = ? AND seq = ?`
	fields := leaseFields(&l)[3:]
	n, err := s.exec(ctx, text, append(fields, l.Tenant, l.Domain, l.Staging, l.Holder, l.Epoch, seq)...)
	if err != nil {
		return false, fmt.Errorf("store a lease: %w", err)
	}
	return n == 1, nil
}

// FreeLeases ends every lease that an agent holds. Its epochs stay: what it sends still doesn't count once another
// agent took over.
func (s *Store) FreeLeases(ctx context.Context, agent string) error {
	if agent == "" {
		return nil
	}
	if _, err := s.exec(ctx, `UPDATE sync_state SET expires = 0 WHERE holder = ?`, agent); err != nil {
		return fmt.Errorf("free leases: %w", err)
	}
	return nil
}

// WantFull asks for a full run of a domain, of all with an empty one, and returns of how many.
func (s *Store) WantFull(ctx context.Context, tenant, domain string) (int, error) {
	const text = `UPDATE sync_state SET full_run = TRUE WHERE tenant = ? AND (domain = ? OR ? = '')`
	n, err := s.exec(ctx, text, tenant, domain, domain)
	if err != nil {
		return 0, fmt.Errorf("ask for a full run: %w", err)
	}
	return int(n), nil
}

// SetSyncOff turns sync of a domain off or on. ErrNotFound: it never was synced.
func (s *Store) SetSyncOff(ctx context.Context, k provision.Key, off bool) error {
	const text = `UPDATE sync_state SET turned_off = ? WHERE tenant = ? AND domain = ? AND staging = ?`
	if err := s.execOne(ctx, text, off, k.Tenant, k.Domain, k.Staging); err != nil {
		return fmt.Errorf("turn sync off or on: %w", err)
	}
	return nil
}

// AllowPending notes when an operator let a domain's deletions pass.
func (s *Store) AllowPending(ctx context.Context, k provision.Key, at time.Time) error {
	const text = `UPDATE sync_state SET allowed = ?, status = ? WHERE tenant = ? AND domain = ? AND staging = ?`
	if err := s.execOne(ctx, text, millis(at), provision.RunDone, k.Tenant, k.Domain, k.Staging); err != nil {
		return fmt.Errorf("note that deletions may pass: %w", err)
	}
	return nil
}
