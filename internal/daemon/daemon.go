// Package daemon runs a program's long-lived parts: it starts them together, stops all when one ends or a
// signal arrives, and sets up a log that cannot hold a secret.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Part is one long-lived piece of a program. Run returns when ctx ends; returning earlier stops the others.
type Part struct {
	Name string
	Run  func(ctx context.Context) error
}

// Run runs the parts until ctx ends or one of them returns, then waits for the rest, at most grace. It
// returns the first error, naming the part; the end of ctx is not an error.
func Run(ctx context.Context, grace time.Duration, parts ...Part) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, len(parts))
	var wg sync.WaitGroup
	still := &names{}
	for _, p := range parts {
		still.add(p.Name, 1)
		wg.Go(func() {
			err := p.Run(ctx)
			still.add(p.Name, -1)
			if err != nil && !errors.Is(err, context.Canceled) {
				err = fmt.Errorf("%s: %w", p.Name, err)
			} else {
				err = nil
			}
			done <- err
			cancel()
		})
	}
	<-ctx.Done()
	stopped := make(chan struct{})
	go func() { wg.Wait(); close(stopped) }()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-stopped:
	case <-timer.C:
		return fmt.Errorf("not everything stopped within %v: %s", grace, still.list())
	}
	close(done)
	for err := range done {
		if err != nil {
			return err
		}
	}
	return nil
}

// Signals returns a context that ends at SIGINT or SIGTERM. A second signal kills the process, as usual.
func Signals(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// names counts what is running, by its name.
type names struct {
	mu  sync.Mutex
	all map[string]int
}

func (n *names) add(name string, by int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.all == nil {
		n.all = map[string]int{}
	}
	if n.all[name] += by; n.all[name] == 0 {
		delete(n.all, name)
	}
}

func (n *names) list() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(slices.Sorted(maps.Keys(n.all)), ", ")
}
