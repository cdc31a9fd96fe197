// Package pgtest gives a test its own empty PostgreSQL database.
//
// One throw-away server runs per test binary, on a Unix socket in a temporary folder, without durability. It
// dies with the test binary, even a killed one. A machine without PostgreSQL fails the test: a suite that
// silently leaves out one of two engines proves nothing about it.
package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// startTimeout is generous: the start takes about a second on an idle machine.
const startTimeout = time.Minute

// shared is the one server of this test binary. A test has no other place to keep something for the tests
// after it, as TestMain belongs to the package under test.
//
//nolint:gochecknoglobals // see above
var shared = sync.OnceValues(startServer)

// Start returns the DSN (postgres://…) of an empty database, which is dropped when t ends.
func Start(tb testing.TB) string {
	tb.Helper()
	s, err := shared()
	if err != nil {
		tb.Fatalf("pgtest: %v", err)
	}
	name := s.nextName()
	if err := s.do("CREATE DATABASE " + name + " TEMPLATE template0"); err != nil {
		tb.Fatalf("pgtest: %v", err)
	}
	tb.Cleanup(func() {
		if err := s.do("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			tb.Errorf("pgtest: %v", err)
		}
	})
	return s.dsn(name)
}

func (s *server) nextName() string { return fmt.Sprintf("test_%d", s.databases.Add(1)) }

func (s *server) dsn(database string) string {
	q := url.Values{"host": {s.folder}, "user": {superuser}, "sslmode": {"disable"}}
	return "postgres:///" + database + "?" + q.Encode()
}

// do runs one statement outside of any database of a test.
func (s *server) do(statement string) error {
	// Not a test's context: the clean-up runs when that is already over.
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.dsn("postgres"))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}
