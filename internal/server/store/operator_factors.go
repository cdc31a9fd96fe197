package store

import (
	"context"
	"time"

	"homeward/internal/server/masterkey"
	"homeward/internal/server/operator"
)

const passkeyColumns = "tenant, id, operator, hash, name, secret, step, created, used, warned" //nolint:gosec // names of columns

func passkeyFields(p *operator.Passkey) []any {
	return []any{
		&p.Tenant, &p.ID, &p.Operator,
		blob{&p.Hash},
		&p.Name,
		blob{&p.Secret},
		&p.Step,
		moment{&p.Created},
		moment{&p.Used},
		moment{&p.Warned},
	}
}

// passkeyPurpose binds a sealed passkey to its row and its operator: whoever writes to the database makes nobody another one.
func passkeyPurpose(p operator.Passkey) string {
	return masterkey.Purpose("operator_passkeys", "secret", p.Tenant, p.ID+"\x00"+p.Operator+"\x00"+string(p.Hash))
}

// AddPasskey stores a passkey of an operator who has fewer than most. One that is known already gives ErrConflict.
func (s *Store) AddPasskey(ctx context.Context, p operator.Passkey, most int) error {
	sealed, err := s.key.Seal(passkeyPurpose(p), p.Secret)
	if err != nil {
		return operatorError("seal a passkey", err)
	}
	p.Secret = sealed
	return operatorError("add a passkey", s.WithTx(ctx, func(tx *Store) error {
		if err := tx.LockTenant(ctx, p.Tenant); err != nil {
			return err
		}
		var have int
		const count = `SELECT COUNT(*) FROM operator_passkeys WHERE tenant = ? AND operator = ?`
		if err := tx.readRow(ctx, count, p.Tenant, p.Operator).Scan(&have); err != nil {
			return err
		}
		if have >= most {
			return operator.ErrPasskeys
		}
		fields := passkeyFields(&p)
		_, err := tx.exec(ctx, `INSERT INTO operator_passkeys (`+passkeyColumns+`) VALUES (`+marks(len(fields))+`)`, fields...)
		return err
	}))
}

// Passkeys lists an operator's passkeys, oldest first.
func (s *Store) Passkeys(ctx context.Context, tenant, id string) ([]operator.Passkey, error) {
	const text = `SELECT ` + passkeyColumns + ` FROM operator_passkeys WHERE tenant = ? AND operator = ? ORDER BY created, id`
	rows, err := s.query(ctx, s.reader(), text, []any{tenant, id})
	found, err := all(rows, err, passkeyFields)
	for i := range found {
		if err == nil {
			found[i].Secret, err = s.key.Open(passkeyPurpose(found[i]), found[i].Secret)
		}
	}
	return found, operatorError("list passkeys", err)
}

// PasskeyByHash returns the passkey of a credential, whosever it is, or ErrNotFound.
func (s *Store) PasskeyByHash(ctx context.Context, hash []byte) (operator.Passkey, error) {
	var p operator.Passkey
	err := s.readRow(ctx, `SELECT `+passkeyColumns+` FROM operator_passkeys WHERE hash = ?`, hash).Scan(passkeyFields(&p)...)
	if err == nil {
		p.Secret, err = s.key.Open(passkeyPurpose(p), p.Secret)
	}
	if err != nil {
		return operator.Passkey{}, operatorError("read a passkey", err)
	}
	return p, nil
}

// UsePasskey notes a use. A counter that the passkey has reached already gives ErrConflict; a negative one is none.
func (s *Store) UsePasskey(ctx context.Context, tenant, id string, step int64, at time.Time) error {
	text, args := `UPDATE operator_passkeys SET used = ? WHERE tenant = ? AND id = ?`, []any{millis(at), tenant, id}
	if step >= 0 {
		text = `UPDATE operator_passkeys SET used = ?, step = ? WHERE tenant = ? AND id = ? AND step < ?`
		args = []any{millis(at), step, tenant, id, step}
	}
	n, err := s.exec(ctx, text, args...)
	if err == nil && n == 0 {
		err = ErrConflict
	}
	return operatorError("use a passkey", err)
}

// WarnPasskey notes that a passkey's counter went back.
func (s *Store) WarnPasskey(ctx context.Context, tenant, id string, at time.Time) error {
	return operatorError("note a passkey", s.execOne(ctx, `UPDATE operator_passkeys SET warned = ? WHERE tenant = ? AND id = ?`, millis(at), tenant, id))
}

// RenamePasskey gives one of an operator's passkeys another name, or gives ErrNotFound.
func (s *Store) RenamePasskey(ctx context.Context, tenant, owner, id, name string) error {
	const text = `UPDATE operator_passkeys SET name = ? WHERE tenant = ? AND operator = ? AND id = ?`
	return operatorError("rename a passkey", s.execOne(ctx, text, name, tenant, owner, id))
}

// DeletePasskey removes one of an operator's passkeys. The only second factor stays: operator.ErrOnly.
func (s *Store) DeletePasskey(ctx context.Context, tenant, owner, id string) error {
	return operatorError("remove a passkey", s.keepingFactor(ctx, tenant, owner, func(tx *Store) error {
		return tx.execOne(ctx, `DELETE FROM operator_passkeys WHERE tenant = ? AND operator = ? AND id = ?`, tenant, owner, id)
	}))
}

// PutApp stores a second factor's seed in place of another.
func (s *Store) PutApp(ctx context.Context, tenant, id string, seed []byte, step int64) error {
	sealed, err := s.key.Seal(seedPurpose(tenant, id), seed)
	if err != nil {
		return operatorError("seal a second factor", err)
	}
	const text = `UPDATE operators SET seed = ?, step = ? WHERE tenant = ? AND id = ?`
	return operatorError("store a second factor", s.execOne(ctx, text, sealed, step, tenant, id))
}

// DropApp removes a second factor's seed. The only second factor stays: operator.ErrOnly.
func (s *Store) DropApp(ctx context.Context, tenant, id string) error {
	return operatorError("remove a second factor", s.keepingFactor(ctx, tenant, id, func(tx *Store) error {
		return tx.execOne(ctx, `UPDATE operators SET seed = ? WHERE tenant = ? AND id = ?`, []byte{}, tenant, id)
	}))
}

// keepingFactor undoes what leaves somebody with a password and without a second factor.
func (s *Store) keepingFactor(ctx context.Context, tenant, id string, do func(tx *Store) error) error {
	return s.WithTx(ctx, func(tx *Store) error {
		if err := tx.LockTenant(ctx, tenant); err != nil {
			return err
		}
		if err := do(tx); err != nil {
			return err
		}
		o, err := tx.OperatorByID(ctx, tenant, id)
		if err == nil && o.Password != "" && !o.Factor() {
			err = operator.ErrOnly
		}
		return err
	})
}

// PutRecovery replaces an operator's recovery codes.
func (s *Store) PutRecovery(ctx context.Context, tenant, id string, hashes [][]byte) error {
	return operatorError("store recovery codes", s.WithTx(ctx, func(tx *Store) error {
		if err := tx.dropOf(ctx, tenant, id, "operator_recovery"); err != nil {
			return err
		}
		return tx.putRecovery(ctx, tenant, id, hashes)
	}))
}

func (s *Store) putRecovery(ctx context.Context, tenant, id string, hashes [][]byte) error {
	const text = `INSERT INTO operator_recovery (tenant, operator, hash) VALUES (?, ?, ?)`
	for _, hash := range hashes {
		if _, err := s.exec(ctx, text, tenant, id, hash); err != nil {
			return err
		}
	}
	return nil
}

const identityColumns = "tenant, issuer, subject, operator, mail, mapped, created, used"

func identityFields(i *operator.Identity) []any {
	return []any{
		&i.Tenant, &i.Issuer, &i.Subject, &i.Operator, &i.Mail, &i.Mapped,
		moment{&i.Created},
		moment{&i.Used},
	}
}

// Identity returns whose an account at a provider is, or ErrNotFound.
func (s *Store) Identity(ctx context.Context, tenant, issuer, subject string) (operator.Identity, error) {
	var i operator.Identity
	const text = `SELECT ` + identityColumns + ` FROM operator_identities WHERE tenant = ? AND issuer = ? AND subject = ?`
	err := s.readRow(ctx, text, tenant, issuer, subject).Scan(identityFields(&i)...)
	return i, operatorError("read an account at a provider", err)
}

// Identities lists an operator's accounts at providers.
func (s *Store) Identities(ctx context.Context, tenant, id string) ([]operator.Identity, error) {
	const text = `SELECT ` + identityColumns + ` FROM operator_identities WHERE tenant = ? AND operator = ? ORDER BY issuer`
	rows, err := s.query(ctx, s.reader(), text, []any{tenant, id})
	found, err := all(rows, err, identityFields)
	return found, operatorError("list accounts at providers", err)
}

// AddIdentity makes an account an operator's; ErrConflict when it is somebody's, or they have another of that provider.
func (s *Store) AddIdentity(ctx context.Context, i operator.Identity) error {
	fields := identityFields(&i)
	_, err := s.exec(ctx, `INSERT INTO operator_identities (`+identityColumns+`) VALUES (`+marks(len(fields))+`)`, fields...)
	return operatorError("link an account at a provider", err)
}

// AddArrived stores a new operator with the account that is their only way in.
func (s *Store) AddArrived(ctx context.Context, o operator.Operator, i operator.Identity) error {
	return operatorError("create an operator", s.WithTx(ctx, func(tx *Store) error {
		if err := tx.putOperator(ctx, o); err != nil {
			return err
		}
		return tx.AddIdentity(ctx, i)
	}))
}

// UseIdentity notes a use.
func (s *Store) UseIdentity(ctx context.Context, tenant, issuer, subject string, at time.Time) error {
	const text = `UPDATE operator_identities SET used = ? WHERE tenant = ? AND issuer = ? AND subject = ?`
	return operatorError("use an account at a provider", s.execOne(ctx, text, millis(at), tenant, issuer, subject))
}

// DeleteIdentity takes an account of a provider from an operator, or gives ErrNotFound.
func (s *Store) DeleteIdentity(ctx context.Context, tenant, id, issuer string) error {
	const text = `DELETE FROM operator_identities WHERE tenant = ? AND operator = ? AND issuer = ?`
	return operatorError("unlink an account at a provider", s.execOne(ctx, text, tenant, id, issuer))
}
