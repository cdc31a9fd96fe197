package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// folder is where one DC writes. A lock on the folder itself says that it is in use.
type folder struct {
	path      string
	temporary bool
	lock      *os.File
}

// folder takes the folder called path, or a new temporary one when path is empty.
func (c *cache) folder(ctx context.Context, path string) (*folder, error) {
	if path == "" {
		return c.temporaryFolder(ctx)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(abs, 0o700); err != nil {
		return nil, err
	}
	return takeFolder(abs)
}

// temporaryFolder makes a folder in the cache, and first removes those whose process was killed before it
// could. The lock keeps a folder that is made but not yet taken from being removed.
func (c *cache) temporaryFolder(ctx context.Context) (*folder, error) {
	lock, err := c.lock(ctx, "run.lock", lockExclusive)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	run := c.path("run")
	if err := os.MkdirAll(run, 0o700); err != nil {
		return nil, err
	}
	if err := sweep(run); err != nil {
		return nil, fmt.Errorf("removing what a killed process left: %w", err)
	}
	dir, err := os.MkdirTemp(run, "dc-")
	if err != nil {
		return nil, err
	}
	f, err := takeFolder(dir)
	if err != nil {
		return nil, err
	}
	f.temporary = true
	return f, nil
}

// sweep removes every folder in run that nobody has taken.
func sweep(run string) error {
	left, err := filepath.Glob(filepath.Join(run, "dc-*"))
	if err != nil {
		return err
	}
	for _, dir := range left {
		f, err := takeFolder(dir)
		if errors.Is(err, errLocked) || errors.Is(err, os.ErrNotExist) { // in use, or its owner has just removed it
			continue
		}
		if err != nil {
			return err
		}
		f.temporary = true
		if err := f.release(); err != nil {
			return err
		}
	}
	return nil
}

func takeFolder(path string) (*folder, error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := tryLock(dir, lockExclusive); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), dir.Close())
	}
	return &folder{path: path, lock: dir}, nil
}

// release gives the folder up, and removes it if it is temporary. Safe to call twice.
func (f *folder) release() error {
	if f == nil {
		return nil
	}
	var errs []error
	if f.temporary {
		errs = append(errs, os.RemoveAll(f.path))
	}
	if err := f.lock.Close(); !errors.Is(err, os.ErrClosed) {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
