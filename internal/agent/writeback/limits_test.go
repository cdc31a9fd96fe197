package writeback

import (
	"errors"
	"testing"
	"time"

	"homeward/internal/agent/journal"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

func TestOverloaded(t *testing.T) {
	dc := dctest.Start(t)
	b := newBench(t, dc)
	for range maxRequests {
		b.writes <- struct{}{}
	}
	p := dc.NewPerson(t)
	before := b.account(t, p)
	a, id := b.reset(t, p, lab.RandomPassword())
	if a.Accepted || a.Reason != protocol.ReasonOverloaded {
		t.Errorf("answer %+v", a)
	}
	if _, err := b.journal.Get(id); !errors.Is(err, journal.ErrUnknown) {
		t.Errorf("the journal remembers it: %v", err)
	}
	b.wantUntouched(t, p, before)
}

// A request that waited too long for its turn is not written any more.
func TestExpiredBeforeItsTurn(t *testing.T) {
	dc := dctest.Start(t)
	b := newBench(t, dc)
	for range writers {
		b.turns <- struct{}{}
	}
	p := dc.NewPerson(t)
	before := b.account(t, p)
	c := b.newCommand(t, protocol.Reset, anchor(t, p), lab.RandomPassword())
	c.header.AcceptBy, c.header.Expires = c.header.Issued.Add(400*time.Millisecond), c.header.Issued.Add(400*time.Millisecond)
	var a protocol.Accepted
	b.handle(t, protocol.Reset, c.envelope(t), &a)
	wantOutcome(t, b.result(t, c.header.Request), protocol.Failed, protocol.ReasonExpired)
	b.wantUntouched(t, p, before)
}
