package writeback

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"homeward/internal/agent/journal"
	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/seal"
)

// unstored is a result that the journal could not take: its disk is full, perhaps. It is kept until it can, so
// that the server gets it without a restart. A restart would prove it from the directory.
type unstored struct {
	result protocol.Result
	known  bool // the server has it
}

// finish gives the result to the server and stores it, side by side: people wait for the one, and a result that
// was not stored in time is found again from the directory. If giving it fails now, Run does it later.
func (w *Writeback) finish(ctx context.Context, op protocol.Operation, id seal.RequestID, result protocol.Result) {
	// The result of a write that happened is stored even while the agent is being stopped.
	storing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	stored := make(chan error, 1)
	go func() {
		err := w.d.Journal.Finish(storing, id, result)
		if errors.Is(err, journal.ErrDone) {
			err = nil
		}
		stored <- err
	}()
	level := slog.LevelInfo
	if result.Outcome != protocol.Changed {
		level = slog.LevelWarn
		w.log(ctx, level, eventsOf(op).fail, op, id, slog.String("outcome", string(result.Outcome)))
	}
	w.log(ctx, level, event.Code(result.Event), op, id, slog.String("outcome", string(result.Outcome)), slog.String("reason", string(result.Reason)))
	w.log(ctx, slog.LevelDebug, event.Code(result.Event), op, id, slog.String("detail", result.Detail))
	w.publish(ctx, result, id, stored)
}

// publish gives the server the result, and notes that it has it once the result is stored.
func (w *Writeback) publish(ctx context.Context, result protocol.Result, id seal.RequestID, stored <-chan error) {
	err := w.d.Publish(ctx, result)
	if err != nil {
		w.log(ctx, slog.LevelInfo, event.RelayError, result.Operation, id, slog.Any("error", err))
		defer signal(w.resendNow)
	}
	if storeErr := <-stored; storeErr != nil {
		w.log(ctx, slog.LevelError, event.StateError, result.Operation, id, slog.Any("error", storeErr))
		w.keep(id, &unstored{result, err == nil})
		signal(w.resendNow)
		return
	}
	if err == nil {
		w.acknowledged(ctx, result.Operation, id)
	}
}

func (w *Writeback) acknowledged(ctx context.Context, op protocol.Operation, id seal.RequestID) {
	if err := w.d.Journal.Acknowledged(ctx, id); err != nil && !errors.Is(err, journal.ErrUnknown) {
		w.log(ctx, slog.LevelError, event.StateError, op, id, slog.Any("error", err))
	}
}

func (w *Writeback) keep(id seal.RequestID, u *unstored) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unstored[id] = u
}

// kept returns a result that is not in the journal yet.
func (w *Writeback) kept(id seal.RequestID) (protocol.Result, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if u := w.unstored[id]; u != nil {
		return u.result, true
	}
	return protocol.Result{}, false
}

// store tries again what the journal could not take, and reports whether some is left.
func (w *Writeback) store(ctx context.Context) (left bool) {
	w.mu.Lock()
	ids := make([]seal.RequestID, 0, len(w.unstored))
	for id := range w.unstored {
		ids = append(ids, id)
	}
	w.mu.Unlock()
	for _, id := range ids {
		w.mu.Lock()
		u := *w.unstored[id]
		w.mu.Unlock()
		if !u.known && w.d.Publish(ctx, u.result) == nil {
			u.known = true
			w.keep(id, &u)
		}
		err := w.d.Journal.Finish(ctx, id, u.result)
		if err != nil && !errors.Is(err, journal.ErrDone) {
			w.log(ctx, slog.LevelDebug, event.StateError, u.result.Operation, id, slog.Any("error", err))
			left = true
			continue
		}
		if u.known {
			w.acknowledged(ctx, u.result.Operation, id)
		}
		w.mu.Lock()
		delete(w.unstored, id)
		w.mu.Unlock()
	}
	return left
}
