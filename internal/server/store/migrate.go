package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Migrations go forward only: the way back is the backup made before an upgrade.
//
//go:embed migrations
var migrations embed.FS

// lockTries is how many seconds a server waits while another one migrates.
const lockTries = 300

func (s *Store) provider() (*goose.Provider, error) {
	folder, err := fs.Sub(migrations, s.db.folder)
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if s.db.dialect == goose.DialectPostgres {
		// Several servers may start at once. (SQLite has one server; see migrate.)
		l, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, lockTries), lock.WithUnlockTimeout(1, lockTries))
		if err != nil {
			return nil, fmt.Errorf("lock the migrations: %w", err)
		}
		options = append(options, goose.WithSessionLocker(l))
	}
	// Not closed: closing a provider closes the database.
	p, err := goose.NewProvider(s.db.dialect, s.db.write, folder, options...)
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	return p, nil
}

func (s *Store) migrate(ctx context.Context) error {
	p, err := s.provider()
	if err != nil {
		return err
	}
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if current > target {
		return fmt.Errorf("%w: its schema is version %d and this build knows up to %d. Install that Homeward "+
			"again, or restore the backup made before the upgrade", ErrNewerSchema, current, target)
	}
	s.schema = target
	done, err := p.Up(ctx)
	if err != nil {
		// An administrator's command may be migrating the same SQLite file in this moment: it is the one that goes on.
		if s.db.dialect == goose.DialectSQLite3 && migrated(ctx, p) {
			return nil
		}
		return fmt.Errorf("migrate the database: %w", err)
	}
	for _, m := range done {
		s.log.InfoContext(ctx, "database migrated", slog.Int64("version", m.Source.Version), slog.Duration("took", m.Duration))
	}
	return nil
}

// migrated waits until somebody else has migrated the database; false: nobody does.
func migrated(ctx context.Context, p *goose.Provider) bool {
	ctx, cancel := context.WithTimeout(ctx, busyTimeout)
	defer cancel()
	tick := time.NewTicker(busyTimeout / 200)
	defer tick.Stop()
	for {
		if pending, err := p.HasPending(ctx); err == nil && !pending {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}
