package store

import (
	"context"
	"strings"
)

// Lists are cut and padded to few lengths, so that few texts are prepared. A long one is still short beside the smallest table
// that statistics are taken of: to SQLite a table stays as large as it was then, and one that isn't much larger than the list
// is read as a whole, for each list, when it has long grown.
const (
	longList  = 128
	shortList = 16
)

// inLists runs do for pieces of a list: marks are the placeholders, args what stands for them. The last value of a
// piece may be there several times.
func inLists(values []string, do func(marks string, args []any) error) error {
	for len(values) > 0 {
		n, size := min(len(values), longList), longList
		switch {
		case n == 1:
			size = 1
		case n <= shortList:
			size = shortList
		}
		args := make([]any, size)
		for i := range args {
			args[i] = values[min(i, n-1)]
		}
		if err := do(marks(size), args); err != nil {
			return err
		}
		values = values[n:]
	}
	return nil
}

// selectIn reads rows of a tenant by a list. The text has %s for the list, which is its last argument.
func selectIn[T any](ctx context.Context, s *Store, text, tenant string, values []string, fields func(*T) []any) ([]T, error) {
	var found []T
	err := inLists(values, func(marks string, args []any) error {
		rows, err := s.query(ctx, s.reader(), strings.Replace(text, "%s", marks, 1), append([]any{tenant}, args...))
		part, err := all(rows, err, fields)
		found = append(found, part...)
		return err
	})
	return found, err
}

// execIn runs a statement for pieces of a list. before are the arguments before the list, which is last.
func (s *Store) execIn(ctx context.Context, text string, before []any, values []string) error {
	return inLists(values, func(marks string, args []any) error {
		_, err := s.exec(ctx, strings.Replace(text, "%s", marks, 1), append(append([]any{}, before...), args...)...)
		return err
	})
}

// manyRows and someRows are how many rows one statement inserts: few lengths, so that few texts are prepared.
const (
	manyRows = 32
	someRows = 8
)

// insertMany inserts rows, many with each statement. columns is a list; after follows the values, such as ON CONFLICT.
func insertMany[T any](ctx context.Context, s *Store, into, columns, after string, rows []T, fields func(*T) []any) error {
	width := strings.Count(columns, ",") + 1
	one := "(" + marks(width) + ")"
	for len(rows) > 0 {
		n := 1
		switch {
		case len(rows) >= manyRows:
			n = manyRows
		case len(rows) >= someRows:
			n = someRows
		}
		args := make([]any, 0, n*width)
		for i := range n {
			args = append(args, fields(&rows[i])...)
		}
		text := "INSERT INTO " + into + " (" + columns + ") VALUES " + strings.TrimSuffix(strings.Repeat(one+", ", n), ", ") + after
		if _, err := s.exec(ctx, text, args...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}
