package provision

import (
	"context"
	"errors"
	"fmt"
	"time"

	"homeward/internal/server/audit"
)

const (
	keepDeleted = 30 * 24 * time.Hour
	keepRuns    = 7 * 24 * time.Hour
	sweepPage   = 500
)

// record is a row about what an operator did.
func (e *Engine) record(activity, operator, target, detail string) audit.Record {
	return audit.Record{At: e.Now(), Activity: activity, Hop: "operator", Result: "ok", Actor: operator, Target: target, Detail: detail}
}

// WantFull asks for a full run of a domain ("sync now"); of every domain with an empty one. The agent begins it when it
// next asks for its lease.
func (e *Engine) WantFull(ctx context.Context, tenantID, domain, operator string) error {
	return e.Store.SyncTx(ctx, tenantID, func(tx Tx) error {
		n, err := tx.WantFull(ctx, tenantID, Fold(domain))
		if err != nil {
			return err
		}
		if n == 0 && domain != "" {
			return Error{Why: RefusedDomain, Value: domain}.because(ErrNoDomain, "No agent has ever synced the domain %s.", domain)
		}
		return tx.Append(ctx, tenantID, e.record("Sync now", operator, "", domain))
	})
}

// WantPreview tells how previews of a domain stand. An agent that stages it all the time is asked to read everybody again;
// where none does, asked is false and holder is the agent that brings the domain in.
func (e *Engine) WantPreview(ctx context.Context, tenantID, domain string) (going, asked bool, holder string, err error) {
	k := Key{Tenant: tenantID, Domain: Fold(domain)}
	err = e.Store.SyncTx(ctx, tenantID, func(tx Tx) error {
		real, _, err := tx.Lease(ctx, k)
		if err != nil {
			return err
		}
		holder = real.Holder
		k.Staging = true
		staged, found, err := tx.Lease(ctx, k)
		if err != nil || !found || staged.Holder == "" || !staged.Expires.After(e.Now()) {
			return err
		}
		if going = staged.Run != ""; going {
			return nil
		}
		asked, staged.Full = true, true
		_, err = tx.SaveLease(ctx, staged, staged.Seq)
		return err
	})
	return going, asked, holder, err
}

// SetOff turns sync off for a domain, or on again. People stay as they are.
func (e *Engine) SetOff(ctx context.Context, tenantID, domain, operator string, off bool) error {
	k := Key{Tenant: tenantID, Domain: Fold(domain)}
	return e.Store.SyncTx(ctx, tenantID, func(tx Tx) error {
		if _, found, err := tx.Lease(ctx, k); err != nil {
			return err
		} else if !found {
			return Error{Why: RefusedDomain, Value: domain}.because(ErrNoDomain, "No agent has ever synced the domain %s.", domain)
		}
		if err := tx.SetSyncOff(ctx, k, off); err != nil {
			return err
		}
		activity := "Turn sync on"
		if off {
			activity = "Turn sync off"
		}
		return tx.Append(ctx, tenantID, e.record(activity, operator, "", domain))
	})
}

// AllowDeletions carries out what the guard stopped, holders of a role too, and returns how many that were. What is
// deleted can be restored by the directory for thirty days.
func (e *Engine) AllowDeletions(ctx context.Context, tenantID, domain, operator string) (deleted int, err error) {
	k := Key{Tenant: tenantID, Domain: Fold(domain)}
	err = e.Store.SyncTx(ctx, tenantID, func(tx Tx) error {
		if _, found, err := tx.Lease(ctx, k); err != nil {
			return err
		} else if !found {
			return Error{Why: RefusedDomain, Value: domain}.because(ErrNoDomain, "No agent has ever synced the domain %s.", domain)
		}
		w, err := e.begin(ctx, tx, tenantID)
		if err != nil {
			return err
		}
		if err := w.remove(ctx, k, true); err != nil {
			return err
		}
		groups, err := tx.DeleteMissingGroups(ctx, k, w.now)
		if err != nil {
			return err
		}
		deleted = w.Deleted + groups
		if err := tx.AllowPending(ctx, k, w.now); err != nil {
			return err
		}
		if err := w.retry(ctx); err != nil {
			return err
		}
		return tx.Append(ctx, tenantID, append(w.joins, e.record("Allow deletions", operator, "", fmt.Sprintf("%d objects of %s", deleted, domain)))...)
	})
	return deleted, err
}

// KeepDeletions lets nothing pass of what the guard stopped: everybody stays, and a full run is asked for. Whom the directory
// still doesn't name then waits again, and the guard judges anew. It returns how many were kept.
func (e *Engine) KeepDeletions(ctx context.Context, tenantID, domain, operator string) (kept int, err error) {
	k := Key{Tenant: tenantID, Domain: Fold(domain)}
	err = e.Store.SyncTx(ctx, tenantID, func(tx Tx) error {
		l, found, err := tx.Lease(ctx, k)
		if err != nil {
			return err
		} else if !found {
			return Error{Why: RefusedDomain, Value: domain}.because(ErrNoDomain, "No agent has ever synced the domain %s.", domain)
		}
		if kept, err = tx.KeepMissing(ctx, k); err != nil {
			return err
		}
		if l.Full = true; l.Status == RunStopped {
			l.Status = RunDone
		}
		if _, err := tx.SaveLease(ctx, l, l.Seq); err != nil {
			return err
		}
		return tx.Append(ctx, tenantID, e.record("Keep deletions", operator, "", fmt.Sprintf("%d objects of %s", kept, domain)))
	})
	return kept, err
}

// Pending lists people of a domain that wait to be deleted.
func (e *Engine) Pending(ctx context.Context, tenantID, domain string, limit int) ([]Person, error) {
	return e.Store.MissingPeople(ctx, Key{Tenant: tenantID, Domain: Fold(domain)}, limit)
}

// Sweep applies what no longer has a reason to wait, tries deletions again, and removes what is over. Call it once an hour.
func (e *Engine) Sweep(ctx context.Context, tenantID string) error {
	after := ""
	for {
		var page []string
		err := e.Store.SyncTx(ctx, tenantID, func(tx Tx) (err error) {
			if page, err = tx.AllWaiting(ctx, tenantID, after, sweepPage); err != nil || len(page) == 0 {
				return err
			}
			w, err := e.begin(ctx, tx, tenantID)
			if err != nil {
				return err
			}
			if err := w.reconsider(ctx, page); err != nil {
				return err
			}
			return errors.Join(w.retry(ctx), tx.Append(ctx, tenantID, w.joins...))
		})
		if err != nil {
			return fmt.Errorf("sweep what waits: %w", err)
		}
		if len(page) < sweepPage {
			break
		}
		after = page[len(page)-1]
	}
	if err := e.sweepDomains(ctx, tenantID); err != nil {
		return fmt.Errorf("sweep domains: %w", err)
	}
	if _, err := e.Store.Purge(ctx, tenantID, e.Now().Add(-keepDeleted)); err != nil {
		return err
	}
	return e.Store.PruneRuns(ctx, tenantID, e.Now().Add(-keepRuns))
}

// sweepDomains looks again at deletions that were stopped: an hour later fewer may count.
func (e *Engine) sweepDomains(ctx context.Context, tenantID string) error {
	leases, err := e.Store.Leases(ctx, tenantID)
	if err != nil {
		return err
	}
	for _, l := range leases {
		if l.Staging || l.Status != RunStopped {
			continue
		}
		err := e.Store.SyncTx(ctx, tenantID, func(tx Tx) error {
			w, err := e.begin(ctx, tx, tenantID)
			if err != nil {
				return err
			}
			now, found, err := tx.Lease(ctx, l.Key)
			if err != nil || !found || now.Run != "" {
				return err // a full run is under way: who it hasn't named yet isn't missing
			}
			end, err := w.sweepOut(ctx, now)
			if err != nil || end.status == RunStopped {
				return err
			}
			now.Status = RunDone
			if _, err := tx.SaveLease(ctx, now, now.Seq); err != nil {
				return err
			}
			return w.retry(ctx)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
