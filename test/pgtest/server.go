package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	superuser = "homeward"
	// Folders are named so that the next start finds those whose test binary was killed.
	folderPrefix = "homeward-pg-"
)

var errMissing = errors.New("PostgreSQL is not installed: apt-get install postgresql")

type server struct {
	folder    string // holds the socket, the log and the cluster
	databases atomic.Int64
	lock      *os.File // held while this process lives
}

func startServer() (*server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	sweep()
	s := &server{}
	if s.folder, err = os.MkdirTemp(base(), folderPrefix); err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	if s.lock, err = hold(s.folder); err != nil {
		return nil, err
	}
	who, err := unprivileged()
	if err != nil {
		return nil, err
	}
	if err := who.own(s.folder); err != nil {
		return nil, err
	}
	if err := s.initdb(bin, who); err != nil {
		return nil, err
	}
	exited, err := s.run(bin, who)
	if err != nil {
		return nil, err
	}
	return s, s.wait(exited)
}

// binaries returns the folder of the newest installed initdb and postgres.
func binaries() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", fmt.Errorf("look for PostgreSQL: %w", err)
	}
	slices.SortFunc(found, func(a, b string) int { return major(b) - major(a) })
	if path, err := exec.LookPath("postgres"); err == nil {
		found = append(found, path)
	}
	for _, path := range found {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real // initdb looks for the others beside itself
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(path), "initdb")); err == nil {
			return filepath.Dir(path), nil
		}
	}
	return "", errMissing
}

// major returns 15 for /usr/lib/postgresql/15/bin/postgres.
func major(path string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	if err != nil {
		return 0
	}
	return n
}

func (s *server) cluster() string { return filepath.Join(s.folder, "cluster") }

func (s *server) initdb(bin string, who account) error {
	// The C locale sorts by bytes, as SQLite does.
	c := exec.CommandContext(context.Background(), filepath.Join(bin, "initdb"),
		"-D", s.cluster(), "-U", superuser, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
	c.Dir, c.SysProcAttr = s.folder, who.attributes()
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

// run starts the server and returns a channel that delivers its end.
func (s *server) run(bin string, who account) (<-chan error, error) {
	log, err := os.Create(s.logPath())
	if err != nil {
		return nil, fmt.Errorf("create the log: %w", err)
	}
	defer log.Close()
	c := exec.CommandContext(context.Background(), filepath.Join(bin, "postgres"), "-D", s.cluster(),
		"-c", "listen_addresses=", "-c", "unix_socket_directories="+s.folder, "-c", "unix_socket_permissions=0700",
		"-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off",
		"-c", "max_connections=200", "-c", "shared_buffers=32MB", "-c", "autovacuum=off")
	c.Dir, c.Stdout, c.Stderr, c.SysProcAttr = s.folder, log, log, who.attributes()

	started, exited := make(chan error), make(chan error, 1)
	go func() {
		// The death signal comes when the thread that started the server ends, so this one stays until then.
		runtime.LockOSThread()
		err := c.Start()
		started <- err
		if err == nil {
			exited <- c.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	return exited, nil
}

func (s *server) logPath() string { return filepath.Join(s.folder, "log") }

// wait polls until the server answers, ends or takes too long.
func (s *server) wait(exited <-chan error) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-exited:
			return s.explain(fmt.Errorf("postgres ended: %w", err))
		case <-ctx.Done():
			return s.explain(errors.New("postgres does not answer"))
		case <-tick.C:
			if conn, err := pgx.Connect(ctx, s.dsn("postgres")); err == nil {
				return conn.Close(ctx)
			}
		}
	}
}

func (s *server) explain(err error) error {
	log, readErr := os.ReadFile(s.logPath())
	return errors.Join(err, readErr, errors.New(string(log)))
}
