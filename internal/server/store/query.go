package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// querier is what *sql.DB and *sql.Tx share.
type querier interface {
	ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
}

func (s *Store) writer() querier {
	if s.tx != nil {
		return s.tx
	}
	if s.db.writes != nil {
		return cachedPool{s.db.writes}
	}
	return s.db.write
}

func (s *Store) reader() querier {
	if s.tx != nil {
		return s.tx
	}
	if s.db.reads != nil {
		return cachedPool{s.db.reads}
	}
	return s.db.read
}

// WithTx runs do with a Store whose methods share one transaction, which is committed when do returns nil. Inside
// do use only that Store: on SQLite the outer one waits for the transaction to end. WithTx inside do joins the
// same transaction, so its error must be returned. After an error on PostgreSQL nothing more works inside do.
func (s *Store) WithTx(ctx context.Context, do func(tx *Store) error) error {
	if s.tx != nil {
		return do(s)
	}
	tx, err := s.db.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", sentinel(err))
	}
	// After a commit this does nothing. It must run on a panic too: SQLite has only this one connection to write.
	defer tx.Rollback() //nolint:errcheck // the connection is dropped when it cannot roll back
	inner := *s
	inner.tx = tx
	cached := &cachedTx{tx: tx, cache: s.db.writes, missed: map[string]bool{}}
	if s.db.writes != nil {
		inner.tx = cached
	}
	if err := do(&inner); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", sentinel(err))
	}
	cached.learn(ctx)
	return nil
}

// exec runs a statement and returns the number of rows it touched.
func (s *Store) exec(ctx context.Context, text string, args ...any) (int64, error) {
	args, err := bind(args)
	if err != nil {
		return 0, err
	}
	r, err := s.writer().ExecContext(ctx, s.db.rebind(text), args...)
	if err != nil {
		return 0, sentinel(err)
	}
	return r.RowsAffected()
}

// execOne is exec for exactly one existing row; none is ErrNotFound.
func (s *Store) execOne(ctx context.Context, text string, args ...any) error {
	n, err := s.exec(ctx, text, args...)
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

func (s *Store) query(ctx context.Context, q querier, text string, args []any) (*sql.Rows, error) {
	args, err := bind(args)
	if err != nil {
		return nil, err
	}
	rows, err := q.QueryContext(ctx, s.db.rebind(text), args...)
	return rows, sentinel(err)
}

// row is the first row of an answer.
type row struct {
	rows *sql.Rows
	err  error
}

func (s *Store) readRow(ctx context.Context, text string, args ...any) row {
	rows, err := s.query(ctx, s.reader(), text, args) //nolint:rowserrcheck // Scan checks it
	return row{rows, err}
}

// writeRow is for a statement with RETURNING.
func (s *Store) writeRow(ctx context.Context, text string, args ...any) row {
	rows, err := s.query(ctx, s.writer(), text, args) //nolint:rowserrcheck // Scan checks it
	return row{rows, err}
}

// Scan reads the row; no row is ErrNotFound.
func (r row) Scan(fields ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.Close() //nolint:errcheck // the same error as Err
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return sentinel(err)
		}
		return ErrNotFound
	}
	if err := r.rows.Scan(fields...); err != nil {
		return fmt.Errorf("read a row: %w", err)
	}
	// Read to the end: a statement that writes is only then finished, and may only then fail.
	for r.rows.Next() { //nolint:revive // see above
	}
	return sentinel(r.rows.Err())
}

// all reads every row of an answer into a T through the fields of it.
func all[T any](rows *sql.Rows, err error, fields func(*T) []any) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // the same error as Err
	var found []T
	for rows.Next() {
		var v T
		if err := rows.Scan(fields(&v)...); err != nil {
			return nil, fmt.Errorf("read a row: %w", err)
		}
		found = append(found, v)
	}
	return found, sentinel(rows.Err())
}

// bind turns arguments into what every driver understands: pointers are followed, so one list of fields serves
// for writing and reading. Text loses NUL and invalid UTF-8, which PostgreSQL refuses and SQLite would keep.
func bind(args []any) ([]any, error) {
	bound := make([]any, len(args))
	for i, a := range args {
		v, err := driver.DefaultParameterConverter.ConvertValue(a)
		if err != nil {
			return nil, fmt.Errorf("argument %d: %w", i+1, err)
		}
		if text, ok := v.(string); ok {
			v = clean(text)
		}
		bound[i] = v
	}
	return bound, nil
}

func clean(text string) string {
	const replacement = "\uFFFD"
	return strings.ReplaceAll(strings.ToValidUTF8(text, replacement), "\x00", replacement)
}

// sentinel is the one place that knows the drivers' errors.
func sentinel(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	if p, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch p.Code {
		case "23505": // unique_violation
			return ErrConflict
		case "23503": // foreign_key_violation
			return ErrNotFound
		}
	}
	if l, ok := errors.AsType[*sqlite.Error](err); ok {
		switch l.Code() {
		case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
			return ErrConflict
		case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
			return ErrNotFound
		}
	}
	return err
}

// marks returns n placeholders.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// overwrite returns the assignments of an upsert for a list of columns.
func overwrite(columns string) string {
	names := strings.Split(columns, ", ")
	for i, n := range names {
		names[i] = n + " = excluded." + n
	}
	return strings.Join(names, ", ")
}
