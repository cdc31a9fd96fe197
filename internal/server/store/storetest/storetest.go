// Package storetest is the conformance suite of package store: the same tests on every engine. Its New gives
// other packages' tests a store of their own.
package storetest

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"homeward/internal/server/masterkey"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
)

// Names of the two tenants that every test of the suite starts with.
const (
	TenantA = "contoso"
	TenantB = "fabrikam"
)

// Key is the suite's master key, always the same, so that stores can be opened again.
func Key(tb testing.TB) masterkey.Key {
	tb.Helper()
	return mustKey(tb, strings.Repeat("5a", 32))
}

func mustKey(tb testing.TB, digits string) masterkey.Key {
	tb.Helper()
	k, err := masterkey.Parse(digits)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

// SQLite returns the DSN of a database file that does not exist yet.
func SQLite(tb testing.TB) string {
	tb.Helper()
	return "sqlite:" + filepath.Join(tb.TempDir(), "homeward.db")
}

// Open opens a store with Key and closes it when tb ends.
func Open(tb testing.TB, dsn string) *store.Store {
	tb.Helper()
	s, err := store.Open(tb.Context(), store.Config{DSN: dsn, Key: Key(tb)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("close the store: %v", err)
		}
	})
	return s
}

// New returns an empty SQLite store without tenants, for tests of packages that only need any store.
func New(tb testing.TB) *store.Store {
	tb.Helper()
	return Open(tb, SQLite(tb))
}

// Run runs the suite. dsn returns an empty database each time.
func Run(t *testing.T, dsn func(t *testing.T) string) {
	t.Helper()
	for _, area := range []struct {
		name  string
		tests []test
	}{
		{"open", openTests()},
		{"tenant", tenantTests()},
		{"secret", secretTests()},
		{"people", peopleTests()},
		{"sync", syncTests()},
		{"enrol", enrolTests()},
		{"attempt", attemptTests()},
		{"code", codeTests()},
		{"method", methodTests()},
		{"objection", objectionTests()},
		{"reminder", reminderTests()},
		{"audit", auditTests()},
		{"mail", mailTests()},
		{"operator", operatorTests()},
		{"audit search", auditSearchTests()},
		{"audit verify", auditVerifyTests()},
		{"report", reportTests()},
		{"audit count", auditCountTests()},
		{"portal", portalTests()},
		{"search", searchTests()},
		{"writes", writeTests()},
	} {
		t.Run(area.name, func(t *testing.T) {
			for _, c := range area.tests {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					c.run(t, newEnv(t, dsn(t)))
				})
			}
		})
	}
}

type test struct {
	name string
	run  func(t *testing.T, e *env)
}

// env is a store with two tenants.
type env struct {
	*store.Store
	dsn string
	ctx context.Context //nolint:containedctx // the test's own, which lives as long as env
}

func newEnv(t *testing.T, dsn string) *env {
	t.Helper()
	e := &env{Store: Open(t, dsn), dsn: dsn, ctx: t.Context()}
	for _, id := range []string{TenantA, TenantB} {
		ok(t, e.CreateTenant(e.ctx, tenant.Tenant{ID: id, Name: strings.ToUpper(id), Account: "A" + id, Created: noon()}))
	}
	return e
}

// raw opens the database beside the store, as somebody who tampers with it would.
func (e *env) raw(t *testing.T) *sql.DB {
	t.Helper()
	driver, name := "pgx", e.dsn
	if path, found := strings.CutPrefix(e.dsn, "sqlite:"); found {
		driver, name = "sqlite", "file:"+path+"?_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(driver, name)
	ok(t, err)
	t.Cleanup(func() { ok(t, db.Close()) })
	return db
}

// do runs a statement beside the store.
func (e *env) do(t *testing.T, text string) {
	t.Helper()
	r, err := e.raw(t).ExecContext(e.ctx, text)
	ok(t, err)
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		t.Fatalf("%s: %d rows, %v", text, n, err)
	}
}

func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

func ok(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// at returns v, or ends the test.
func at[T any](tb testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		tb.Helper()
		ok(tb, err)
		return v
	}
}

// race calls do from n goroutines at once and waits for all.
func race(n int, do func(i int)) {
	var wg sync.WaitGroup
	gate := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-gate
			do(i)
		})
	}
	close(gate)
	wg.Wait()
}
