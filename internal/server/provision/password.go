package provision

import (
	"context"

	"homeward/internal/protocol"
)

// SetCloudPassword stores the hash of a cloud account's own password, a PHC string that the caller made. A synced account
// has none of its own.
func (e *Engine) SetCloudPassword(ctx context.Context, tenantID, person, hash string) error {
	if hash == "" || len(hash) > 512 || hash[0] != '$' {
		return refuse(ErrInvalid, "That is no password hash.")
	}
	return e.Store.SyncTx(ctx, tenantID, func(tx Tx) error {
		w := &work{tx: tx, tenant: tenantID}
		p, err := w.person(ctx, person)
		if err != nil {
			return err
		}
		if p == nil {
			return refuse(ErrNoAccount, "There is no such account.")
		}
		if !p.Cloud() {
			return refuse(ErrRefused, "%s is synced: its password is the directory's.", p.Name())
		}
		return tx.PutCloudPassword(ctx, CloudPassword{Tenant: tenantID, Person: person, Hash: hash, Set: e.Now()})
	})
}

// CloudPasswordOf returns the hash of a person's own cloud password. One that was superseded no longer opens anything.
func (e *Engine) CloudPasswordOf(ctx context.Context, tenantID, person string) (p CloudPassword, found bool, err error) {
	list, err := e.Store.CloudPasswords(ctx, tenantID, []string{person})
	if err != nil || len(list) == 0 {
		return CloudPassword{}, false, err
	}
	return list[0], true, nil
}

// NotYetOne lists joined people whose cloud password and directory password aren't one yet, by id: it is to be written at
// their next good sign-in, or the directory refused it.
func (e *Engine) NotYetOne(ctx context.Context, tenantID, after string, limit int) ([]Person, error) {
	return e.Store.ListPeople(ctx, tenantID, Filter{Passwords: []PasswordState{CloudPending, CloudRefused}, After: after, Limit: limit})
}

// PasswordWritten notes that the directory took a person's cloud password: from now on the two are one. false: nothing
// was pending, so it was noted before.
func (e *Engine) PasswordWritten(ctx context.Context, tenantID, person string) (bool, error) {
	return e.passwordEnds(ctx, tenantID, person, CloudWritten, "")
}

// PasswordRefused notes that the directory refused it, and why. It isn't tried again; the directory's password stays.
// false: nothing was pending.
func (e *Engine) PasswordRefused(ctx context.Context, tenantID, person string, reason protocol.Reason) (bool, error) {
	return e.passwordEnds(ctx, tenantID, person, CloudRefused, reason)
}

// passwordEnds is a compare-and-swap: once.
func (e *Engine) passwordEnds(ctx context.Context, tenantID, person string, to PasswordState, reason protocol.Reason) (moved bool, err error) {
	err = e.Store.SyncTx(ctx, tenantID, func(tx Tx) error {
		if moved, err = tx.MovePassword(ctx, tenantID, person, CloudPending, to, string(reason)); err != nil || !moved {
			return err
		}
		if to != CloudWritten {
			return nil
		}
		list, err := tx.CloudPasswords(ctx, tenantID, []string{person})
		if err != nil || len(list) == 0 {
			return err
		}
		list[0].Superseded = e.Now()
		return tx.PutCloudPassword(ctx, list[0])
	})
	return moved && err == nil, err
}
