package storetest

import (
	"errors"
	"strings"
	"testing"

	"homeward/internal/server/masterkey"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
)

func openTests() []test {
	return []test{
		{"again keeps everything", func(t *testing.T, e *env) {
			again := Open(t, e.dsn)
			if got := at[[]tenant.Tenant](t)(again.Tenants(e.ctx)); len(got) != 2 {
				t.Errorf("%d tenants after opening again, want 2", len(got))
			}
			ok(t, again.Ready(e.ctx))
		}},
		{"many at once on a new database", openAtOnce},
		{"refuses a newer schema", func(t *testing.T, e *env) {
			e.do(t, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)`)
			_, err := store.Open(e.ctx, store.Config{DSN: e.dsn, Key: Key(t)})
			if !errors.Is(err, store.ErrNewerSchema) || !strings.Contains(err.Error(), "version 9999 and this build knows up to ") {
				t.Errorf("opened a newer database: %v", err)
			}
			if err := e.Ready(e.ctx); err == nil {
				t.Error("ready with a schema that changed underneath")
			}
		}},
		{"refuses the wrong master key", func(t *testing.T, e *env) {
			other := mustKey(t, strings.Repeat("77", 32))
			_, err := store.Open(e.ctx, store.Config{DSN: e.dsn, Key: other})
			var wrong *masterkey.WrongKeyError
			if !errors.As(err, &wrong) || !strings.Contains(err.Error(), "the master key does not fit this database") {
				t.Fatalf("opened with another key: %v", err)
			}
			if wrong.Sealed != Key(t).ID() || wrong.Given != other.ID() {
				t.Errorf("error names keys %s and %s", wrong.Sealed, wrong.Given)
			}
		}},
		{"refuses no master key", func(t *testing.T, e *env) {
			if _, err := store.Open(e.ctx, store.Config{DSN: e.dsn}); !errors.Is(err, masterkey.ErrNoKey) {
				t.Errorf("opened without a key: %v", err)
			}
		}},
		{"transaction is all or nothing", transaction},
		{"transaction undone by a panic lets others write", transactionPanic},
		{"odd text is stored alike", func(t *testing.T, e *env) {
			ok(t, e.PutSecret(e.ctx, TenantA, "nul\x00 and \xff", []byte("x")))
			if got := at[[]byte](t)(e.Secret(e.ctx, TenantA, "nul\x00 and \xff")); string(got) != "x" {
				t.Errorf("got %q", got)
			}
		}},
	}
}

func openAtOnce(t *testing.T, e *env) {
	if !strings.HasPrefix(e.dsn, "sqlite:") { // e has migrated this one: begin anew
		e.define(t, `DROP SCHEMA public CASCADE`, `CREATE SCHEMA public`)
	} else {
		e.dsn = SQLite(t)
	}
	errs := make([]error, 4)
	race(len(errs), func(i int) {
		s, err := store.Open(e.ctx, store.Config{DSN: e.dsn, Key: Key(t)})
		if err == nil {
			err = errors.Join(s.Ready(e.ctx), s.Close())
		}
		errs[i] = err
	})
	ok(t, errors.Join(errs...))
}

// define runs statements that touch no rows.
func (e *env) define(t *testing.T, texts ...string) {
	t.Helper()
	db := e.raw(t)
	for _, text := range texts {
		_, err := db.ExecContext(e.ctx, text)
		ok(t, err)
	}
}

func transaction(t *testing.T, e *env) {
	stop := errors.New("stop")
	err := e.WithTx(e.ctx, func(tx *store.Store) error {
		ok(t, tx.PutSecret(e.ctx, TenantA, "a", []byte("x")))
		return tx.WithTx(e.ctx, func(tx *store.Store) error {
			_, err := tx.Secret(e.ctx, TenantA, "a")
			return errors.Join(stop, err)
		})
	})
	if !errors.Is(err, stop) {
		t.Errorf("got %v, want the error of the function", err)
	}
	if _, err := e.Secret(e.ctx, TenantA, "a"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("undone row: %v", err)
	}
	ok(t, e.WithTx(e.ctx, func(tx *store.Store) error { return tx.PutSecret(e.ctx, TenantA, "a", []byte("x")) }))
	at[[]byte](t)(e.Secret(e.ctx, TenantA, "a"))
}

func transactionPanic(t *testing.T, e *env) {
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = e.WithTx(e.ctx, func(*store.Store) error {
			var nobody *env
			return nobody.ctx.Err()
		})
	}()
	ok(t, e.PutSecret(e.ctx, TenantA, "a", []byte("x")))
}
