package provision

import (
	"context"
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
// their next good sign-in, is being written, or the directory refused it.
func (e *Engine) NotYetOne(ctx context.Context, tenantID, after string, limit int) ([]Person, error) {
	return e.Store.ListPeople(ctx, tenantID, Filter{Passwords: []PasswordState{CloudPending, CloudWriting, CloudRefused}, After: after, Limit: limit})
}

// MovePassword moves a joined person's password from one state to another, once; note is the attempt that writes it, or why
// the directory refused it. With CloudWritten the two are one, and the cloud's own hash opens nothing any more. false: it
// wasn't in that state.
func (e *Engine) MovePassword(ctx context.Context, tenantID, person string, from, to PasswordState, note string) (moved bool, err error) {
	err = e.Store.SyncTx(ctx, tenantID, func(tx Tx) error {
		if moved, err = tx.MovePassword(ctx, tenantID, person, from, to, note); err != nil || !moved {
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
