package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"modernc.org/sqlite" // registers the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	sqliteReaders = 4
	postgresConns = 20 // of PostgreSQL's usual 100, so several servers fit
	sqliteScheme  = "sqlite:"
	busyTimeout   = 10 * time.Second // another process may be writing
)

// database is one engine. SQLite has one writer, so that writers queue in Go instead of failing with
// SQLITE_BUSY, and several readers, which never wait for it (WAL). On PostgreSQL both are the same pool.
type database struct {
	read, write *sql.DB
	// prepared statements of the two pools; nil where the driver keeps its own
	reads, writes *statements
	dialect       goose.Dialect
	folder        string // of the migrations
	rebind        func(string) string
	skipLocked    string // ends a subquery for rows that several may want at once; SQLite needs none
}

func openDatabase(dsn string) (*database, error) {
	switch {
	case strings.HasPrefix(dsn, sqliteScheme):
		return openSQLite(strings.TrimPrefix(dsn, sqliteScheme))
	case strings.HasPrefix(dsn, "postgres://"), strings.HasPrefix(dsn, "postgresql://"):
		return openPostgres(dsn)
	default: // not repeated: it may hold a password
		return nil, errors.New(`the database is neither "sqlite:PATH" nor "postgres://…"`)
	}
}

func openSQLite(path string) (*database, error) {
	if path == "" || strings.HasPrefix(path, ":memory:") {
		return nil, errors.New("a SQLite database needs the path of a file")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find the database file: %w", err)
	}
	// Made here for its mode: it holds names and addresses of people. SQLite gives its other files the same.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the database file: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("open the database file: %w", err)
	}
	// WAL with synchronous FULL: what is committed survives the death of the process and a power cut. With NORMAL a
	// power cut may take the last commits back: a used code could be used again, a submitted request be forgotten
	// though an agent carries it out. Measured on the machine this was built on, FULL still moves 3,000 attempts a
	// second, against 8,600 with NORMAL.
	// Immediate transactions take the write lock when they begin: one that reads first cannot fail later.
	// A batch of sync touches many pages: with SQLite's own 2 MB of cache they are written several times over, and what a
	// statement of many rows might have to undo goes to a file of its own. And with a checkpoint every 4 MB of the log, as is
	// usual, the same pages of its indexes are copied again and again; with one every 16 MB a quarter as often.
	write, err := sql.Open("sqlite", sqliteURI(path, url.Values{
		"_pragma": {
			fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()), "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
			"temp_store(MEMORY)", "cache_size(-32768)", "wal_autocheckpoint(4096)",
		},
		"_txlock": {"immediate"},
	}))
	if err != nil {
		return nil, fmt.Errorf("open the SQLite driver: %w", err)
	}
	read, err := sql.Open("sqlite", sqliteURI(path, url.Values{
		"_pragma": {fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()), "query_only(1)", "cache_size(-8192)"},
	}))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the SQLite driver: %w", err), write.Close())
	}
	write.SetMaxOpenConns(1)
	read.SetMaxOpenConns(sqliteReaders)
	read.SetMaxIdleConns(sqliteReaders)
	same := func(text string) string { return text }
	return &database{
		read: read, write: write, reads: newStatements(read), writes: newStatements(write), dialect: goose.DialectSQLite3,
		folder: "migrations/sqlite", rebind: same,
	}, nil
}

// sqliteURI escapes the path, which may hold any character.
func sqliteURI(path string, q url.Values) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), OmitHost: true, RawQuery: q.Encode()}).String()
}

func openPostgres(dsn string) (*database, error) {
	c, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("read the PostgreSQL address: %w", err) // pgx leaves the password out
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "homeward"
	}
	if c.RuntimeParams["plan_cache_mode"] == "" {
		// A plan that was made while a table was small reads all of it when it is large: during a first sync everything is.
		c.RuntimeParams["plan_cache_mode"] = "force_custom_plan"
	}
	db := stdlib.OpenDB(*c)
	db.SetMaxOpenConns(postgresConns)
	db.SetMaxIdleConns(postgresConns)
	return &database{
		read: db, write: db, dialect: goose.DialectPostgres,
		folder: "migrations/postgres", rebind: dollars, skipLocked: " FOR UPDATE SKIP LOCKED",
	}, nil
}

// reach makes the first connection. Several processes that open a new SQLite file at once meet while it changes to the
// write-ahead log: SQLite answers "busy" then without waiting, whatever busy_timeout says.
func (d *database) reach(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, busyTimeout)
	defer cancel()
	tick := time.NewTicker(busyTimeout / 500)
	defer tick.Stop()
	for {
		err := d.write.PingContext(ctx)
		busy, ok := errors.AsType[*sqlite.Error](err)
		if !ok || busy.Code()&0xff != sqlite3.SQLITE_BUSY {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

func (d *database) close() error {
	if d.read == d.write {
		return d.write.Close()
	}
	// The writer last: SQLite then folds the write-ahead log into the file.
	return errors.Join(d.reads.close(), d.writes.close(), d.read.Close(), d.write.Close())
}

// dollars turns each ? into $1, $2, …; no statement of this package has a ? for anything else.
func dollars(text string) string {
	var b strings.Builder
	for n := 1; ; n++ {
		before, after, found := strings.Cut(text, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString("$" + strconv.Itoa(n))
		text = after
	}
}
