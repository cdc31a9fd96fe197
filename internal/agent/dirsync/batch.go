package dirsync

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"homeward/internal/directory"
	"homeward/internal/protocol"
)

// What a batch is closed at. It stays well below what the protocol allows, compressed too.
const (
	batchPeople  = 500
	batchMembers = 1500
	batchFaults  = 500
	batchGone    = 1000
	batchBytes   = 220 << 10 // of text
	memberBytes  = 36
)

// parcel is a batch and what follows when it was taken.
type parcel struct {
	protocol.SyncBatch

	anchorless []directory.GUID
}

// packer puts what was read into parcels and hands them on, one while the one before is on its way.
type packer struct {
	e       *Engine
	out     chan<- parcel
	now     parcel
	members int
	size    int
	bytes   int64
	began   time.Time
	dc      string
}

func (e *Engine) packer(out chan<- parcel) *packer {
	return &packer{e: e, out: out, bytes: e.Source.Bytes(), began: e.Clock(), dc: e.Status().DC}
}

func (p *packer) full() bool {
	b := &p.now
	return len(b.People) >= p.e.people || len(b.Groups) >= batchPeople || p.members >= batchMembers || len(b.Faults) >= batchFaults ||
		len(b.Gone) >= batchGone || p.size >= batchBytes
}

// flush hands on what there is, with a cursor if it is where to go on.
func (p *packer) flush(ctx context.Context, at []byte, last bool) error {
	if p.size == 0 && at == nil && !last {
		return nil
	}
	p.now.Cursor, p.now.Last = at, last
	bytes, now := p.e.Source.Bytes(), p.e.Clock()
	p.now.Read.Bytes, p.now.Read.Micros, p.now.Read.DC = bytes-p.bytes, now.Sub(p.began).Microseconds(), p.dc
	p.bytes, p.began = bytes, now
	select {
	case p.out <- p.now:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	p.now, p.members, p.size = parcel{}, 0, 0
	return nil
}

func (p *packer) added(ctx context.Context, size int, faults []protocol.SyncFault) error {
	p.now.Faults = append(p.now.Faults, faults...)
	p.size += size + 200*len(faults)
	p.now.Read.Objects++
	if p.full() {
		return p.flush(ctx, nil, false)
	}
	return nil
}

func (p *packer) person(ctx context.Context, s protocol.SyncPerson, faults []protocol.SyncFault) error {
	size := 250 + len(s.DN) + len(s.SAM) + len(s.UPN) + len(s.ADUPN) + len(s.Mail) + len(s.DisplayName) + len(s.GivenName) + len(s.Surname) +
		len(s.Mobile) + len(s.Language)
	for _, a := range s.Proxies {
		size += len(a) + 3
	}
	for k, v := range s.More {
		size += len(k) + len(v) + 6
	}
	if p.size > 0 && p.size+size > batchBytes {
		if err := p.flush(ctx, nil, false); err != nil {
			return err
		}
	}
	p.now.People = append(p.now.People, s)
	return p.added(ctx, size, faults)
}

// group adds a group, whose members are changes.
func (p *packer) group(ctx context.Context, g protocol.SyncGroup, faults []protocol.SyncFault, added, removed []directory.GUID) error {
	for first := true; first || len(added)+len(removed) > 0; first = false {
		part := g
		part.Added, added = hexes(added, batchMembers)
		part.Removed, removed = hexes(removed, batchMembers-len(part.Added))
		if err := p.groupPart(ctx, part, faults); err != nil {
			return err
		}
		faults = nil
	}
	return nil
}

// hexes gives n ids at most, and the rest.
func hexes(ids []directory.GUID, n int) ([]string, []directory.GUID) {
	n = min(len(ids), n)
	if n == 0 {
		return nil, ids
	}
	out := make([]string, n)
	for i, id := range ids[:n] {
		out[i] = id.Hex()
	}
	return out, ids[n:]
}

func (p *packer) groupPart(ctx context.Context, g protocol.SyncGroup, faults []protocol.SyncFault) error {
	refs := len(g.Added) + len(g.Removed)
	if p.members > 0 && p.members+refs > batchMembers {
		if err := p.flush(ctx, nil, false); err != nil {
			return err
		}
	}
	p.members += refs
	p.now.Groups = append(p.now.Groups, g)
	return p.added(ctx, 200+len(g.DN)+len(g.Name)+memberBytes*refs, faults)
}

// whole adds a group with everybody in it, whom each gives in parts. The last part says that it is.
func (p *packer) whole(ctx context.Context, g protocol.SyncGroup, faults []protocol.SyncFault, each func(func([]directory.GUID) error) error) error {
	g.Token = rand.Text()
	held := g
	err := each(func(members []directory.GUID) error {
		for len(members) > 0 {
			if held.Added != nil {
				if err := p.groupPart(ctx, held, faults); err != nil {
					return err
				}
				held, faults = g, nil
			}
			held.Added, members = hexes(members, batchMembers)
		}
		return nil
	})
	if err != nil {
		return err
	}
	held.Complete = true
	return p.groupPart(ctx, held, faults)
}

func (p *packer) gone(ctx context.Context, id directory.GUID, why string) error {
	p.now.Gone = append(p.now.Gone, protocol.SyncGone{Object: id.Hex(), Why: why})
	return p.added(ctx, 70, nil)
}

// ship sends the parcels that produce makes, one after the other, while the next is made.
func (e *Engine) ship(ctx context.Context, t *term, produce func(context.Context, *packer) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	out := make(chan parcel, 1)
	made := make(chan error, 1)
	go func() { // ends with ctx at the latest; waited for below
		err := produce(ctx, e.packer(out))
		close(out)
		made <- err
	}()
	var err error
	for b := range out {
		if err == nil {
			if err = e.send(ctx, t, b); err != nil {
				cancel(err)
			}
		}
	}
	if failed := <-made; err == nil {
		err = failed
	}
	return err
}

// send brings one parcel to the server, in parts if it is too large.
func (e *Engine) send(ctx context.Context, t *term, b parcel) error {
	b.Version, b.Agent, b.Domain, b.NetBIOS, b.Epoch, b.Staging, b.Run = protocol.Version, e.Agent, e.Domain, e.NetBIOS, t.epoch, e.Staging, t.run
	failures := 0
	for {
		b.Seq = t.seq
		ack, err := e.Cloud.Batch(ctx, b.SyncBatch)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, protocol.ErrMalformed) && tooLarge(b.SyncBatch):
			one, two := split(b)
			if err := e.send(ctx, t, one); err != nil {
				return err
			}
			b = two
			continue
		case err == nil && ack.OK:
			e.taken(t, b, ack)
			return nil
		case err == nil && ack.Reason != protocol.ReasonSyncStopped:
			return refusal(ack)
		}
		// No answer: the batch may have been applied, and sending it again does no harm. Or an operator has to look first.
		failures++
		wait := e.backoff(failures)
		if err == nil {
			failures, wait = 0, e.Slow
			e.note(func(s *Status) { s.Pending = ack.Pending })
			e.stuck("too many deletions: an operator has to look first")
		} else {
			e.Logger.Debug("a batch has no answer", "seq", b.Seq, "error", err)
		}
		if !pause(ctx, wait) {
			return context.Cause(ctx)
		}
	}
}

func refusal(ack protocol.SyncAck) error {
	switch ack.Reason {
	case protocol.ReasonSyncFenced, protocol.ReasonSyncOrder, protocol.ReasonSyncHeld:
		return errAgain
	case protocol.ReasonSyncRestart:
		return errRestart
	case protocol.ReasonSyncOff:
		return fmt.Errorf("%w: sync is off", errWait)
	}
	return fmt.Errorf("a batch was refused: %s: %s", ack.Reason, ack.Message)
}

func (e *Engine) taken(t *term, b parcel, ack protocol.SyncAck) {
	t.seq = ack.Seq
	now := e.Clock()
	e.stuck("")
	e.note(func(s *Status) {
		s.Sent, s.Batches, s.Pending = now, s.Batches+1, ack.Pending
		s.People, s.Groups, s.Gone, s.Faults = s.People+len(b.People), s.Groups+len(b.Groups), s.Gone+len(b.Gone), s.Faults+len(b.Faults)
		if at := b.Read.Changed.Time(); at.After(s.Changed) {
			s.Changed, s.Lag = at, now.Sub(at)
		}
	})
	if e.Anchors && !e.Staging && len(b.anchorless) > 0 {
		e.anchors.put(b.anchorless)
	}
}

func tooLarge(b protocol.SyncBatch) bool {
	_, err := protocol.EncodeBatch(b)
	n := len(b.People) + len(b.Groups) + len(b.Gone) + len(b.Faults)
	return err != nil && n > 1
}

// split makes two of one. Where to go on stays with the second.
func split(b parcel) (one, two parcel) {
	one, two = b, b
	one.Cursor, one.Last, one.anchorless = nil, false, nil
	one.People, two.People = halves(b.People)
	one.Groups, two.Groups = halves(b.Groups)
	one.Gone, two.Gone = halves(b.Gone)
	one.Faults, two.Faults = halves(b.Faults)
	switch { // one of a kind isn't halved, but leaves the others
	case len(one.People)+len(one.Groups)+len(one.Gone)+len(one.Faults) > 0:
	case len(b.People) > 0:
		one.People, two.People = b.People, nil
	case len(b.Groups) > 0:
		one.Groups, two.Groups = b.Groups, nil
	default:
		one.Gone, two.Gone = b.Gone, nil
	}
	return one, two
}

func halves[T any](all []T) (one, two []T) {
	n := len(all) / 2
	return all[:n:n], all[n:]
}
