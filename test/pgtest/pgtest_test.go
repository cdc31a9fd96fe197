package pgtest_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"homeward/test/pgtest"
)

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	return conn
}

func TestDatabasesAreApart(t *testing.T) {
	first, second := connect(t, pgtest.Start(t)), connect(t, pgtest.Start(t))
	if _, err := first.Exec(t.Context(), "CREATE TABLE mine (id TEXT)"); err != nil {
		t.Fatal(err)
	}
	var found bool
	const ask = "SELECT EXISTS (SELECT 1 FROM pg_tables WHERE tablename = 'mine')"
	if err := second.QueryRow(t.Context(), ask).Scan(&found); err != nil || found {
		t.Errorf("table of another database: found %v, %v", found, err)
	}
}

func TestListensOnNoPort(t *testing.T) {
	var addresses string
	conn := connect(t, pgtest.Start(t))
	if err := conn.QueryRow(t.Context(), "SHOW listen_addresses").Scan(&addresses); err != nil || addresses != "" {
		t.Errorf("listens on %q, %v", addresses, err)
	}
}
