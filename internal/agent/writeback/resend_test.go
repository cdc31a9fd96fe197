package writeback

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

// A result that the server never takes keeps none of the others back.
func TestOneResultNotTakenKeepsNoneBack(t *testing.T) {
	dc := dctest.Start(t)
	var refused atomic.Pointer[string] // the first request whose result is published
	b := newBench(t, dc, func(b *bench, _ *activedirectory.Config, d *Deps) {
		d.Publish = func(ctx context.Context, r protocol.Result) error {
			if refused.CompareAndSwap(nil, &r.Request); *refused.Load() == r.Request {
				return fmt.Errorf("%w: it was not asked", ErrNotTaken)
			}
			return b.publish(ctx, r)
		}
	})
	b.setOffline(true)
	b.reset(t, dc.NewPerson(t), lab.RandomPassword())
	_, second := b.reset(t, dc.NewPerson(t), lab.RandomPassword())
	b.setOffline(false)
	b.run(t)
	if r := b.result(t, second); r.Outcome != protocol.Changed {
		t.Errorf("got %+v", r)
	}
	if *refused.Load() == second.String() {
		t.Error("the wrong one was refused")
	}
}
