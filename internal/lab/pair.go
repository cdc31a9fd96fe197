package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Folders of a pair's template.
const (
	firstFolder  = "one"
	secondFolder = "two"
)

// StartPair gives two writable DCs of one domain, as Start and Join would, but from a template: in about three
// seconds instead of ten. The second is behind cable if it is not nil; opt.Cable is the first one's. opt.Dir is
// not used. End both with Stop.
func StartPair(ctx context.Context, opt Options, cable *Cable) (one, two *DC, err error) {
	one, cache, err := newDC(ctx, &opt)
	if err != nil {
		return nil, nil, err
	}
	two = &DC{root: one.root, log: one.log, first: one, filter: one.filter, cable: cable}
	if err := startPair(ctx, cache, opt, one, two); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("pair of DCs: %w", err), two.Stop(), one.Stop())
	}
	return one, two, nil
}

func startPair(ctx context.Context, cache *cache, opt Options, one, two *DC) error {
	domain, err := templateName(one.root, opt)
	if err != nil {
		return err
	}
	name := "pair-" + recipeHash(domain, joinScript, smbConf)
	lock, err := cache.template(ctx, name, firstFolder, func(temp string) error { return makePair(ctx, opt, temp) })
	if err != nil {
		return err
	}
	defer lock.Close()
	if one.issuer, err = newAuthority(); err != nil {
		return err
	}
	two.issuer, one.joined = one.issuer, 1
	for _, d := range []*DC{one, two} {
		sub := firstFolder
		if d == two {
			sub = secondFolder
		}
		if err := d.copied(ctx, cache, filepath.Join(cache.path(name), sub)); err != nil {
			return err
		}
	}
	if err := errors.Join(one.configure(), two.configure()); err != nil {
		return err
	}
	return launchPair(ctx, one, two)
}

// copied fills a folder of its own from a template.
func (d *DC) copied(ctx context.Context, cache *cache, from string) (err error) {
	if d.folder, err = cache.folder(ctx, ""); err != nil {
		return err
	}
	d.dir = d.folder.path
	if err := copyFolder(ctx, from, d.dir); err != nil {
		return err
	}
	if d.contents, err = readContents(d.dir); err != nil {
		return err
	}
	return d.takeAddress(ctx, cache)
}

func launchPair(ctx context.Context, one, two *DC) error {
	var both sync.WaitGroup
	var errs [2]error
	both.Go(func() { errs[0] = one.launch(ctx) })
	both.Go(func() { errs[1] = two.launch(ctx) })
	both.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	conn, err := one.adminConn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := one.correctDNS(conn, one, two); err != nil {
		return fmt.Errorf("DNS records of the pair: %w", err)
	}
	if err := one.settle(ctx, true); err != nil {
		return err
	}
	// What the first one's records say now is what both need to find each other.
	return two.waitReplicated(ctx, one)
}

// makePair makes the template below temp: two DCs that have replicated with each other and were stopped.
func makePair(ctx context.Context, opt Options, temp string) error {
	one, err := Start(ctx, Options{Dir: filepath.Join(temp, firstFolder), Domain: opt.Domain, Backend: opt.Backend, Sample: opt.Sample, Logger: opt.Logger})
	if err != nil {
		return err
	}
	two, err := one.join(ctx, joining{dir: filepath.Join(temp, secondFolder)})
	if err != nil {
		return errors.Join(err, one.Stop())
	}
	err = errors.Join(one.waitReplicated(ctx, two), two.waitReplicated(ctx, one))
	if err := errors.Join(err, two.Stop(), one.Stop()); err != nil {
		return err
	}
	var errs []error
	for _, sub := range []string{firstFolder, secondFolder} {
		for _, used := range []string{"log", "run", "tls"} {
			errs = append(errs, os.RemoveAll(filepath.Join(temp, sub, used)))
		}
	}
	return errors.Join(errs...)
}

// waitReplicated returns when d has pulled from another DC.
func (d *DC) waitReplicated(ctx context.Context, from *DC) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		err := d.Replicate(ctx, from)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%w; last attempt: %w", context.Cause(ctx), err)
		}
	}
}
