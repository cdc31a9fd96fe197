package lab

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

//go:embed recipe/build.sh
var buildScript string

//go:embed recipe/enter.sh
var enterScript string

// root is the folder with the unpacked Debian root, shared read-only by every DC.
func (c *cache) root(ctx context.Context, release release) (string, error) {
	name := release.rootName()
	dir := c.path(name)
	if exists(dir) {
		return dir, nil
	}
	lock, err := c.lock(ctx, name+".lock", lockExclusive)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if exists(dir) { // another process has built it meanwhile
		return dir, nil
	}
	if err := checkTools(); err != nil {
		return "", err
	}
	image := c.path(name + ".tar.zst")
	if !exists(image) {
		if err := c.buildImage(ctx, release, name+".tar.zst"); err != nil {
			return "", fmt.Errorf("building %s: %w", image, err)
		}
	}
	if err := c.unpack(ctx, image, name); err != nil {
		return "", fmt.Errorf("unpacking %s: %w", image, err)
	}
	return dir, nil
}

// buildImage makes the packed root. It is packed beside the build folder and renamed last.
func (c *cache) buildImage(ctx context.Context, release release, name string) error {
	begin := time.Now()
	mirror := debianMirror(os.DirFS("/etc/apt"))
	c.log.Info("building the lab root; this happens once", "mirror", mirror, "suite", release.suite)
	work := name + ".build"
	err := c.build(work, func(temp string) error {
		root := filepath.Join(temp, "root")
		if err := runIsolated(ctx, nil, "sh", "-c", buildScript, "build", root, mirror, keyring,
			release.debian, release.suite); err != nil {
			return err
		}
		if err := release.checkVersion(ctx, root); err != nil {
			return err
		}
		return runIsolated(ctx, nil, "tar", "--zstd", "--numeric-owner", "-C", root, "-cf",
			filepath.Join(temp, "image"), ".")
	})
	if err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(c.path(work), "image"), c.path(name)); err != nil {
		return err
	}
	c.log.Info("built the lab root", "seconds", int(time.Since(begin).Seconds()))
	return os.RemoveAll(c.path(work))
}

func (c *cache) unpack(ctx context.Context, image, name string) error {
	begin := time.Now()
	err := c.build(name, func(temp string) error {
		if err := os.Chmod(temp, 0o755); err != nil {
			return err
		}
		return runIsolated(ctx, nil, "tar", "--zstd", "--numeric-owner", "-C", temp, "-xpf", image)
	})
	c.log.Info("unpacked the lab root", "milliseconds", time.Since(begin).Milliseconds())
	return err
}

func checkTools() error {
	if missing := Requirements(); len(missing) > 0 {
		return errors.New("packages are missing: apt-get install " + strings.Join(missing, " "))
	}
	return nil
}
