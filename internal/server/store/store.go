// Package store keeps the cloud side's records in SQLite or PostgreSQL, with the same SQL text for both.
//
// Every method that names a tenant sees that tenant's rows only. What must happen once (a code used, an attempt
// moved, a mail claimed) is one conditional statement or one transaction, so it holds between goroutines, and
// on PostgreSQL between servers. Secrets are stored sealed with the master key, codes and tokens as hashes.
//
// Methods return ErrNotFound and ErrConflict, wrapped with what was being done; other errors are the database's
// own. No error holds a stored or a typed value.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"homeward/internal/server/masterkey"
)

var (
	// ErrNotFound is returned when there is no such row, or the row it would belong to does not exist.
	ErrNotFound = errors.New("not found")
	// ErrConflict is returned when the row exists already, or is no longer in the state the caller saw.
	ErrConflict = errors.New("conflict")
	// ErrNewerSchema is returned by Open for a database that a newer build has migrated.
	ErrNewerSchema = errors.New("the database was made by a newer Homeward")
)

// Config is what Open needs.
type Config struct {
	DSN    string           // sqlite:PATH or postgres://…
	Key    masterkey.Key    // seals what must not be read in the database
	Logger *slog.Logger     // nil: silent
	Clock  func() time.Time // nil: time.Now
}

// Store is an open database. It is safe for concurrent use.
type Store struct {
	db     *database
	tx     querier // set inside WithTx
	key    masterkey.Key
	auditK []byte // signs the heads of the audit chains
	schema int64  // version this build needs
	clock  func() time.Time
	log    *slog.Logger
}

// Open opens the database, creates or migrates its tables and checks that it belongs to the master key. A
// database newer than this build gives ErrNewerSchema and is left alone.
func Open(ctx context.Context, c Config) (*Store, error) {
	s := &Store{key: c.Key, clock: c.Clock, log: c.Logger}
	if s.clock == nil {
		s.clock = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if s.auditK, err = c.Key.Derive("audit head"); err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if s.db, err = openDatabase(c.DSN); err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the database: %w", err), s.Close())
	}
	return s, nil
}

func (s *Store) prepare(ctx context.Context) error {
	if err := s.db.reach(ctx); err != nil {
		return err
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	if err := s.foldPeople(ctx); err != nil {
		return err
	}
	return s.checkKey(ctx)
}

// Close closes every connection. Calls under way may fail.
func (s *Store) Close() error { return s.db.close() }

// Ready reports whether the database answers and still has the schema of this build.
func (s *Store) Ready(ctx context.Context) error {
	const query = `SELECT MAX(version_id) FROM goose_db_version WHERE is_applied`
	var current int64
	if err := s.readRow(ctx, query).Scan(&current); err != nil {
		return fmt.Errorf("ask the database: %w", err)
	}
	if current != s.schema {
		return fmt.Errorf("the database has schema %d, this build needs %d: restart the server", current, s.schema)
	}
	return nil
}

// keyCheck names the row of meta that shows which master key the database belongs to.
const keyCheck = "master key check"

// checkKey stores a sealed constant at the first start and opens it at every other one, so that a wrong key is
// noticed here and not with the first secret that is needed.
func (s *Store) checkKey(ctx context.Context) error {
	purpose := masterkey.Purpose("meta", "value", "", keyCheck)
	sealed, err := s.key.Seal(purpose, []byte(keyCheck))
	if err != nil {
		return err
	}
	// Two servers may start at once: the first row stays, and both read it.
	const insert = `INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING`
	if _, err := s.exec(ctx, insert, keyCheck, sealed); err != nil {
		return fmt.Errorf("store the master key check: %w", err)
	}
	const query = `SELECT value FROM meta WHERE name = ?`
	if err := s.readRow(ctx, query, keyCheck).Scan(&sealed); err != nil {
		return fmt.Errorf("read the master key check: %w", err)
	}
	if _, err := s.key.Open(purpose, sealed); err != nil {
		return fmt.Errorf("the master key does not fit this database: %w", err)
	}
	return nil
}
