package provision

import (
	"context"

	"homeward/internal/protocol"
)

// applied is a batch that stands.
type applied struct {
	ack   protocol.SyncAck
	run   Run // the full run it was part of, as it is now; without an id: of none
	added int // people, by this batch alone
}

// How many new people make the database's idea of its tables worthless.
const (
	manyAdded = 1000 // when a full run has ended
	soonAdded = 2000 // while it goes on: the rest of it is many times slower otherwise
)

// outdates reports whether the database should look at its tables anew: once early in a large full run, and when one that
// added many people has ended.
func (a applied) outdates() bool {
	if !a.run.Ended.IsZero() {
		return a.run.Added >= manyAdded
	}
	return a.run.Added >= soonAdded && a.run.Added-a.added < soonAdded
}

// measure has the database look at its tables anew: until it does by itself, which takes minutes at best, it plans for
// empty ones. The batch stands whatever becomes of that.
func (e *Engine) measure(ctx context.Context, a applied) {
	if a.run.ID == "" || !a.outdates() {
		return
	}
	if err := e.Store.MeasurePeople(ctx, a.run.Ended.IsZero()); err != nil && ctx.Err() == nil {
		e.Log.Warn("statistics couldn't be taken: searches are slow until the database takes them itself", "domain", a.run.Domain, "error", err)
	}
}
