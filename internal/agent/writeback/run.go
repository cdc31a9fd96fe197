package writeback

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/seal"
)

const (
	resendFirst, resendMost = time.Second, 15 * time.Second
	proveFirst, proveMost   = 250 * time.Millisecond, 5 * time.Second
	pruneEvery              = time.Hour
)

// Run takes up what an earlier run left, finds out open outcomes, repeats results the server has not acknowledged
// and prunes the journal, until ctx ends. It returns ctx's error, or that of a journal that does not work.
func (w *Writeback) Run(ctx context.Context) error {
	if err := w.Recover(ctx); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return backoff(ctx, w.proveNow, proveFirst, proveMost, w.proveOpen) })
	g.Go(func() error { return backoff(ctx, w.resendNow, resendFirst, resendMost, w.resend) })
	g.Go(func() error { return w.pruneLoop(ctx) })
	return g.Wait()
}

// Resend repeats what the server has not acknowledged soon, instead of at the end of the present pause. The
// agent calls it when its connection is back.
func (w *Writeback) Resend() { signal(w.resendNow) }

// backoff calls work when woken, and again after growing pauses while it reports that something is left.
func backoff(ctx context.Context, wake <-chan struct{}, first, most time.Duration, work func(context.Context) bool) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for pause := first; ; {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-wake:
			pause = first
		case <-timer.C:
		}
		timer.Stop()
		if work(ctx) {
			timer.Reset(pause/2 + rand.N(pause/2)) //nolint:gosec // spreads load, guards nothing
			pause = min(2*pause, most)
		} else {
			pause = first
		}
	}
}

// proveOpen looks into every open request once, and reports whether some stay open.
func (w *Writeback) proveOpen(ctx context.Context) (left bool) {
	for _, id := range w.openRequests() {
		if ctx.Err() != nil {
			return true
		}
		w.lookAgain(ctx, id)
	}
	return len(w.openRequests()) > 0
}

// resend publishes every result that is not acknowledged, and reports whether some are left. One that the server
// doesn't take keeps none of the others back.
func (w *Writeback) resend(ctx context.Context) (left bool) {
	left = w.store(ctx)
	waiting, err := w.d.Journal.Unacknowledged()
	if err != nil {
		w.log(ctx, slog.LevelError, event.StateError, "", seal.RequestID{}, slog.Any("error", err))
		return true
	}
	for _, e := range waiting {
		if w.inHand(e.ID) {
			left = true
			continue
		}
		if err := w.d.Publish(ctx, *e.Result); err != nil {
			w.log(ctx, slog.LevelDebug, event.RelayError, e.Operation, e.ID, slog.Any("error", fmt.Errorf("publish again: %w", err)))
			left = true
			if !errors.Is(err, ErrNotTaken) {
				return true // the others would fail the same way
			}
			continue
		}
		if err := w.d.Journal.Acknowledged(ctx, e.ID); err != nil {
			w.log(ctx, slog.LevelError, event.StateError, e.Operation, e.ID, slog.Any("error", err))
			return true
		}
	}
	return left
}

func (w *Writeback) inHand(id seal.RequestID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.active[id]
}

func (w *Writeback) pruneLoop(ctx context.Context) error {
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	for {
		if n, err := w.d.Journal.Prune(ctx, w.d.Now()); err != nil && ctx.Err() == nil {
			w.log(ctx, slog.LevelError, event.StateError, "", seal.RequestID{}, slog.Any("error", err))
		} else if n > 0 {
			w.log(ctx, slog.LevelDebug, event.OutcomeProven, protocol.Prove, seal.RequestID{}, slog.Int("pruned", n))
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
