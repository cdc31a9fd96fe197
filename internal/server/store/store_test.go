package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/reset"
	"homeward/internal/server/store"
	"homeward/internal/server/store/storetest"
	"homeward/internal/server/tenant"
	"homeward/test/pgtest"
)

func TestSQLite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) string { return storetest.SQLite(t) })
}

func TestPostgreSQL(t *testing.T) {
	storetest.Run(t, func(t *testing.T) string { return pgtest.Start(t) })
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ name, dsn, want string }{
		{"unknown engine", "mysql://root:hunter2@db/x", `neither "sqlite:PATH" nor "postgres://…"`},
		{"nothing", "", `neither "sqlite:PATH"`},
		{"memory", "sqlite::memory:", "needs the path of a file"},
		{"no folder", "sqlite:" + filepath.Join(dir, "missing", "x.db"), "no such file or directory"},
		{"not a database", "sqlite:" + garbage(t, dir), "not a database"},
		{"bad address", "postgres://u:hunter2@host:port/x", "read the PostgreSQL address"},
		{"nobody there", "postgres:///x?host=" + dir + "&password=hunter2", "no such file or directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := store.Open(t.Context(), store.Config{DSN: c.dsn, Key: storetest.Key(t)})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error tells the password: %v", err)
			}
		})
	}
}

func garbage(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "garbage")
	if err := os.WriteFile(path, []byte(strings.Repeat("not a database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSQLiteFileIsPrivateWhateverItsName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a?b=%41 c#ö.db")
	s := storetest.Open(t, "sqlite:"+path)
	if err := s.CreateTenant(t.Context(), tenant.Tenant{ID: "a"}); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		st, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if st.Mode().Perm() != 0o600 {
			t.Errorf("mode of the file%s is %v", suffix, st.Mode())
		}
	}
}

func BenchmarkMoveSQLite(b *testing.B) { benchmarkMove(b, storetest.SQLite(b)) }

func BenchmarkMovePostgreSQL(b *testing.B) { benchmarkMove(b, pgtest.Start(b)) }

// benchmarkMove measures compare-and-swaps of attempts, each goroutine on its own.
func benchmarkMove(b *testing.B, dsn string) {
	s := storetest.Open(b, dsn)
	if err := s.CreateTenant(b.Context(), tenant.Tenant{ID: "a"}); err != nil {
		b.Fatal(err)
	}
	ids := make(chan int, 1)
	ids <- 0
	b.SetParallelism(8)
	b.RunParallel(func(p *testing.PB) {
		n := <-ids
		ids <- n + 1
		a := reset.Attempt{
			Tenant: "a", ID: fmt.Sprint(n), Support: fmt.Sprint(n), Kind: protocol.Reset, Session: make([]byte, 32),
			State: reset.Started, Header: make([]byte, 200), Created: time.Unix(1, 0),
		}
		if err := s.CreateAttempt(b.Context(), a); err != nil {
			b.Error(err)
			return
		}
		for p.Next() {
			var err error
			if a, err = s.Move(b.Context(), a, reset.Started); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "moves/s")
}
