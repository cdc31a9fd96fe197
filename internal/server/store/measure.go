package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/pressly/goose/v3"
)

// MeasurePeople has the database take statistics of the tables that sync fills, so that it plans for what is in them. It looks
// at a sample: what that costs hardly grows with the tables. While they are growing SQLite takes none: it would plan for their
// present size until the next time, and without any it plans well for lists.
func (s *Store) MeasurePeople(ctx context.Context, growing bool) error {
	text := "ANALYZE " + strings.Join(syncTables(), ", ") //nolint:misspell // SQL's word
	if s.db.dialect == goose.DialectSQLite3 {
		if growing {
			return nil
		}
		// Take statistics (2) with a limit (16) of all tables that have outgrown theirs (65536), whoever used them.
		text = "PRAGMA optimize = 65554" //nolint:misspell // SQLite's word
	}
	if _, err := s.exec(ctx, text); err != nil {
		return fmt.Errorf("take statistics: %w", err)
	}
	return nil
}

// syncTables are those that a first run fills.
func syncTables() []string {
	return []string{"people", "addresses", "groups", "group_members", "sync_problems", "sync_waiting", "sync_preview"}
}
