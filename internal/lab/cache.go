package lab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// cacheVariable names the environment variable that moves the cache.
const cacheVariable = "HOMEWARD_CACHE"

// CacheDir is the folder with what is slow to make: $HOMEWARD_CACHE or ~/.cache/homeward. It may be deleted
// whenever no DC runs.
func CacheDir() (string, error) {
	if dir := os.Getenv(cacheVariable); dir != "" {
		return filepath.Abs(dir)
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the cache folder (set %s): %w", cacheVariable, err)
	}
	return filepath.Join(base, "homeward"), nil
}

// cache is the folder of CacheDir. Names in it carry a hash of the recipe that made them.
type cache struct {
	dir string
	log *slog.Logger
}

func openCache(log *slog.Logger) (*cache, error) {
	dir, err := CacheDir()
	if err != nil {
		return nil, err
	}
	// 0700: the templates hold the passwords of their domain.
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cache folder: %w", err)
	}
	return &cache{dir: dir, log: log}, nil
}

func (c *cache) path(name string) string { return filepath.Join(c.dir, name) }

// recipeHash is the part of a cache name that changes with the recipe.
func recipeHash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// lock takes a lock file in the cache, waiting for another process that has it. The kernel releases it when
// this process ends, however it ends.
func (c *cache) lock(ctx context.Context, name string, mode lockMode) (*os.File, error) {
	f, err := os.OpenFile(c.path(name), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock file: %w", err)
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for waiting := false; ; waiting = true {
		err := tryLock(f, mode)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, errLocked) {
			return nil, errors.Join(fmt.Errorf("locking %s: %w", f.Name(), err), f.Close())
		}
		if !waiting {
			c.log.Info("waiting for another process that is building the lab", "lock", f.Name())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("waiting for %s: %w", f.Name(), context.Cause(ctx)), f.Close())
		case <-tick.C:
		}
	}
}

// build makes the cache entry called name by calling with a temporary folder beside it, renamed when it is
// complete. The caller holds the entry's lock, so what an interrupted build left behind is removed first.
func (c *cache) build(name string, with func(temp string) error) error {
	temp := c.path(name + ".part")
	if err := os.RemoveAll(temp); err != nil {
		return fmt.Errorf("removing an unfinished build: %w", err)
	}
	if err := os.MkdirAll(temp, 0o700); err != nil {
		return fmt.Errorf("folder for a build: %w", err)
	}
	if err := with(temp); err != nil {
		return errors.Join(err, os.RemoveAll(temp))
	}
	if err := os.RemoveAll(c.path(name)); err != nil {
		return fmt.Errorf("replacing %s: %w", name, err)
	}
	return os.Rename(temp, c.path(name))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
