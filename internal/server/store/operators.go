package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"homeward/internal/server/masterkey"
	"homeward/internal/server/operator"
)

const operatorColumns = "tenant, id, name, role, password, seed, step, disabled, created, changed"

// operatorView is what is read of an operator: beside their row, how many passkeys and accounts at providers they have.
const operatorView = operatorColumns + `,
	(SELECT COUNT(*) FROM operator_passkeys k WHERE k.tenant = operators.tenant AND k.operator = operators.id),
	(SELECT COUNT(*) FROM operator_identities i WHERE i.tenant = operators.tenant AND i.operator = operators.id)`

func operatorViewFields(o *operator.Operator) []any {
	return append(operatorFields(o), &o.Passkeys, &o.Links)
}

func operatorFields(o *operator.Operator) []any {
	return []any{
		&o.Tenant, &o.ID, &o.Name, &o.Role, &o.Password,
		blob{&o.Seed},
		&o.Step, &o.Disabled,
		moment{&o.Created},
		moment{&o.Changed},
	}
}

// operatorError gives missing and taken rows the names of package operator too.
func operatorError(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrNotFound):
		return fmt.Errorf("%s: %w: %w", doing, operator.ErrNotFound, err)
	case errors.Is(err, ErrConflict):
		return fmt.Errorf("%s: %w: %w", doing, operator.ErrConflict, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// seedPurpose binds a sealed second factor to its operator.
func seedPurpose(tenant, id string) string {
	return masterkey.Purpose("operators", "seed", tenant, id)
}

// sealSeed returns the sealed seed; an operator who isn't set up has none.
func (s *Store) sealSeed(o operator.Operator) ([]byte, error) {
	if len(o.Seed) == 0 {
		return []byte{}, nil
	}
	return s.key.Seal(seedPurpose(o.Tenant, o.ID), o.Seed)
}

// CreateOperator stores a new operator with their set-up link. A name that is taken, in whatever tenant and case, gives
// ErrConflict; an unknown tenant ErrNotFound.
func (s *Store) CreateOperator(ctx context.Context, o operator.Operator, l operator.Link) error {
	err := s.WithTx(ctx, func(tx *Store) error {
		if err := tx.putOperator(ctx, o); err != nil {
			return err
		}
		return tx.putLink(ctx, l)
	})
	return operatorError("create an operator", err)
}

func (s *Store) putOperator(ctx context.Context, o operator.Operator) error {
	sealed, err := s.sealSeed(o)
	if err != nil {
		return err
	}
	folded := fold(o.Name)
	o.Seed = sealed
	fields := append(operatorFields(&o), folded)
	_, err = s.exec(ctx, `INSERT INTO operators (`+operatorColumns+`, name_fold) VALUES (`+marks(len(fields))+`)`, fields...)
	return err
}

func (s *Store) putLink(ctx context.Context, l operator.Link) error {
	const text = `INSERT INTO operator_links (hash, tenant, operator, created, expires) VALUES (?, ?, ?, ?, ?)`
	_, err := s.exec(ctx, text, l.Hash, l.Tenant, l.Operator, millis(l.Created), millis(l.Expires))
	return err
}

// OperatorByName returns the operator of a name, whatever its case, or ErrNotFound.
func (s *Store) OperatorByName(ctx context.Context, name string) (operator.Operator, error) {
	return s.operator(ctx, `name_fold = ?`, fold(name))
}

// OperatorByID returns one of a tenant's operators, or ErrNotFound.
func (s *Store) OperatorByID(ctx context.Context, tenant, id string) (operator.Operator, error) {
	return s.operator(ctx, `tenant = ? AND id = ?`, tenant, id)
}

func (s *Store) operator(ctx context.Context, where string, args ...any) (operator.Operator, error) {
	var o operator.Operator
	err := s.readRow(ctx, `SELECT `+operatorView+` FROM operators WHERE `+where, args...).Scan(operatorViewFields(&o)...)
	if err == nil && len(o.Seed) > 0 {
		o.Seed, err = s.key.Open(seedPurpose(o.Tenant, o.ID), o.Seed)
	}
	if err != nil {
		return operator.Operator{}, operatorError("read an operator", err)
	}
	return o, nil
}

// Operators lists a tenant's operators by name, without their second factors.
func (s *Store) Operators(ctx context.Context, tenant string) ([]operator.Operator, error) {
	rows, err := s.query(ctx, s.reader(), `SELECT `+operatorView+` FROM operators WHERE tenant = ? ORDER BY name_fold`, []any{tenant})
	found, err := all(rows, err, operatorViewFields)
	if err != nil {
		return nil, operatorError("list operators", err)
	}
	return found, nil
}

// ResetOperator voids what an operator signs in with and stores a new link.
func (s *Store) ResetOperator(ctx context.Context, l operator.Link) error {
	return operatorError("reset an operator", s.WithTx(ctx, func(tx *Store) error {
		const text = `UPDATE operators SET password = '', seed = ?, disabled = ? WHERE tenant = ? AND id = ?`
		if err := tx.execOne(ctx, text, []byte{}, false, l.Tenant, l.Operator); err != nil {
			return err
		}
		if err := tx.dropOf(ctx, l.Tenant, l.Operator, "operator_links", "operator_recovery", "operator_sessions", "operator_passkeys", "operator_identities"); err != nil {
			return err
		}
		return tx.putLink(ctx, l)
	}))
}

// keepsOne is operator.ErrLast when an operator is the only Global Administrator who can sign in, or is to be one. Nobody
// else changes the tenant until the transaction is over.
func (s *Store) keepsOne(ctx context.Context, tenant, id string) error {
	if err := s.LockTenant(ctx, tenant); err != nil {
		return err
	}
	var role operator.Role
	if err := s.readRow(ctx, `SELECT role FROM operators WHERE tenant = ? AND id = ?`, tenant, id).Scan(&role); err != nil || role != operator.GlobalAdministrator {
		return err
	}
	var others int
	const text = `SELECT COUNT(*) FROM operators WHERE tenant = ? AND id <> ? AND role = ? AND disabled = ? AND password <> ''`
	if err := s.readRow(ctx, text, tenant, id, operator.GlobalAdministrator, false).Scan(&others); err != nil || others > 0 {
		return err
	}
	return operator.ErrLast
}

// SetOperatorRole gives an operator another role. The last Global Administrator keeps theirs: operator.ErrLast.
func (s *Store) SetOperatorRole(ctx context.Context, tenant, id string, role operator.Role) error {
	return operatorError("change an operator's role", s.WithTx(ctx, func(tx *Store) error {
		if role != operator.GlobalAdministrator {
			if err := tx.keepsOne(ctx, tenant, id); err != nil {
				return err
			}
		}
		return tx.execOne(ctx, `UPDATE operators SET role = ? WHERE tenant = ? AND id = ?`, role, tenant, id)
	}))
}

// DisableOperator keeps an operator from signing in and ends their sessions and links. The last Global Administrator
// stays: operator.ErrLast.
func (s *Store) DisableOperator(ctx context.Context, tenant, id string) error {
	return operatorError("disable an operator", s.WithTx(ctx, func(tx *Store) error {
		if err := tx.keepsOne(ctx, tenant, id); err != nil {
			return err
		}
		if err := tx.execOne(ctx, `UPDATE operators SET disabled = ? WHERE tenant = ? AND id = ?`, true, tenant, id); err != nil {
			return err
		}
		return tx.dropOf(ctx, tenant, id, "operator_links", "operator_sessions")
	}))
}

// dropOf deletes an operator's rows from tables that have the columns tenant and operator.
func (s *Store) dropOf(ctx context.Context, tenant, id string, tables ...string) error {
	for _, table := range tables {
		if _, err := s.exec(ctx, `DELETE FROM `+table+` WHERE tenant = ? AND operator = ?`, tenant, id); err != nil {
			return err
		}
	}
	return nil
}

// LinkedOperator returns whom an unused link sets up, or ErrNotFound.
func (s *Store) LinkedOperator(ctx context.Context, hash []byte, now time.Time) (operator.Operator, error) {
	var tenant, id string
	const text = `SELECT tenant, operator FROM operator_links WHERE hash = ? AND expires > ?`
	if err := s.readRow(ctx, text, hash, millis(now)).Scan(&tenant, &id); err != nil {
		return operator.Operator{}, operatorError("read a set-up link", err)
	}
	return s.OperatorByID(ctx, tenant, id)
}

// SetUpOperator uses up a link; see operator.Credentials.
func (s *Store) SetUpOperator(ctx context.Context, link []byte, o operator.Operator, recovery [][]byte, now time.Time) error {
	return operatorError("set up an operator", s.WithTx(ctx, func(tx *Store) error {
		const use = `DELETE FROM operator_links WHERE hash = ? AND tenant = ? AND operator = ? AND expires > ?`
		if err := tx.execOne(ctx, use, link, o.Tenant, o.ID, millis(now)); err != nil {
			return err
		}
		sealed, err := s.sealSeed(o)
		if err != nil {
			return err
		}
		const text = `UPDATE operators SET password = ?, seed = ?, step = ?, changed = ? WHERE tenant = ? AND id = ?`
		if err := tx.execOne(ctx, text, o.Password, sealed, o.Step, millis(o.Changed), o.Tenant, o.ID); err != nil {
			return err
		}
		if err := tx.dropOf(ctx, o.Tenant, o.ID, "operator_links", "operator_recovery", "operator_sessions"); err != nil {
			return err
		}
		return tx.putRecovery(ctx, o.Tenant, o.ID, recovery)
	}))
}

// UseStep uses up a time step; ErrConflict when it or a later one was used.
func (s *Store) UseStep(ctx context.Context, tenant, id string, step int64) error {
	err := s.execOne(ctx, `UPDATE operators SET step = ? WHERE tenant = ? AND id = ? AND step < ?`, step, tenant, id, step)
	if errors.Is(err, ErrNotFound) {
		err = ErrConflict
	}
	return operatorError("use a second factor", err)
}

// UseRecovery uses up a recovery code; ErrNotFound when there is none such.
func (s *Store) UseRecovery(ctx context.Context, tenant, id string, hash []byte) (left int, err error) {
	err = s.WithTx(ctx, func(tx *Store) error {
		const use = `DELETE FROM operator_recovery WHERE tenant = ? AND operator = ? AND hash = ?`
		if err := tx.execOne(ctx, use, tenant, id, hash); err != nil {
			return err
		}
		const count = `SELECT COUNT(*) FROM operator_recovery WHERE tenant = ? AND operator = ?`
		return tx.readRow(ctx, count, tenant, id).Scan(&left)
	})
	return left, operatorError("use a recovery code", err)
}
