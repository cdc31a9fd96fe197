package dirsync

import (
	"bytes"
	"context"
	"slices"
	"time"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/directory"
	"homeward/internal/protocol"
)

// follow sends what changes, until the server wants a full run.
func (e *Engine) follow(ctx context.Context, t *term) error {
	at, err := parseCursor(t.from)
	if err != nil {
		return errRestart
	}
	r, err := e.look(ctx)
	if err != nil {
		return err
	}
	if r.Mode != at.mode {
		return errRestart
	}
	e.note(func(s *Status) { s.Phase = "changes" })
	f := &following{e: e, t: t, reading: r, at: at, kept: at.place, keptAt: e.Clock(), swept: e.Clock(), fresh: e.closure == nil}
	if !r.Deletions && e.known == nil {
		return errRestart // who was deleted meanwhile, only a full run tells
	}
	if f.fresh {
		if e.closure, err = e.pilot(ctx); err != nil {
			return err
		}
	}
	for {
		more, err := f.page(ctx)
		if err != nil {
			return e.place(err)
		}
		if t.asked() != "" {
			return nil
		}
		if more {
			continue
		}
		if err := f.sweep(ctx); err != nil {
			return err
		}
		if !e.await(ctx) {
			return context.Cause(ctx)
		}
	}
}

// await waits until the directory tells of a change, or for a while.
func (e *Engine) await(ctx context.Context) bool {
	poll := time.NewTimer(e.Poll)
	defer poll.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-poll.C:
		return true
	case <-e.wake:
	}
	if !pause(ctx, debounce) {
		return false
	}
	select { // told while changes gathered
	case <-e.wake:
	default:
	}
	return true
}

// following is where an engine is in the directory's changes.
type following struct {
	e       *Engine
	t       *term
	reading activedirectory.Reading
	at      cursor
	kept    []byte // the place the server keeps
	keptAt  time.Time
	swept   time.Time
	// fresh: who was in the pilot group before the changes to come isn't known.
	fresh bool
}

// page sends one page of changes.
func (f *following) page(ctx context.Context) (more bool, err error) {
	page, err := f.e.Source.Changes(ctx, f.at.mode, f.at.place)
	if err != nil {
		return false, err
	}
	next := f.at
	next.place = page.Next
	relevant := slices.ContainsFunc(page.Deltas, func(d activedirectory.Delta) bool { return !d.Echo })
	late := !bytes.Equal(f.kept, next.place) && f.e.Clock().Sub(f.keptAt) >= settled
	if relevant || late {
		f.e.lagging(true)
		before := f.e.closure
		err := f.e.ship(ctx, f.t, func(ctx context.Context, p *packer) error {
			c := collecting{following: f, p: p, seen: set{}}
			if err := c.collect(ctx, page.Deltas); err != nil {
				return err
			}
			return p.flush(ctx, next.encode(), false)
		})
		if err != nil {
			f.e.closure = before // the page comes again, and is compared with this again
			return false, err
		}
		f.e.lagging(false)
		f.kept, f.keptAt = next.place, f.e.Clock()
	}
	f.at, f.fresh = next, false
	f.t.from = next.encode()
	return page.More, nil
}

func (e *Engine) lagging(yes bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.waiting = time.Time{}
	if yes {
		e.waiting = e.Clock()
	}
}

// collecting turns one page of changes into what the server is told. Objects are read anew: what is sent is whole, and
// newer than the change at worst, in which case the next page says the same again.
type collecting struct {
	*following

	p      *packer
	seen   set
	deltas map[directory.GUID]activedirectory.Delta
	units  []directory.GUID
}

func (c *collecting) collect(ctx context.Context, deltas []activedirectory.Delta) error {
	c.deltas = make(map[directory.GUID]activedirectory.Delta, len(deltas))
	var read, deleted, restored []directory.GUID
	for _, d := range deltas {
		switch {
		case d.Echo:
			continue
		case d.Deleted:
			deleted = append(deleted, d.ID)
			delete(c.e.known, d.ID)
			if err := c.p.gone(ctx, d.ID, protocol.GoneDeleted); err != nil {
				return err
			}
		default:
			read = append(read, d.ID)
			if d.Restored {
				restored = append(restored, d.ID)
			}
		}
		c.deltas[d.ID] = d
	}
	for _, id := range restored {
		// Whoever comes back is a member of nothing until told: groups don't say that they lost what was deleted.
		if err := c.p.gone(ctx, id, protocol.GoneDeleted); err != nil {
			return err
		}
		groups, err := c.e.Source.GroupsOf(ctx, id)
		if err != nil {
			return err
		}
		for _, g := range groups {
			d := c.deltas[g]
			d.ID, d.Members = g, true // read it whole
			c.deltas[g] = d
		}
		read = append(read, groups...)
	}
	affected, err := c.pilot(ctx, deltas, deleted)
	if err != nil {
		return err
	}
	if err := c.read(ctx, read, c.object); err != nil {
		return err
	}
	for _, unit := range c.units {
		if err := c.below(ctx, unit); err != nil {
			return err
		}
	}
	return c.read(ctx, affected, func(ctx context.Context, o activedirectory.Object) error {
		if o.Kind != activedirectory.PersonKind {
			return nil // groups are synced whether they are in the pilot group or not
		}
		return c.decide(ctx, o, protocol.GoneGroup)
	})
}

// read reads objects and hands on those that weren't yet.
func (c *collecting) read(ctx context.Context, ids []directory.GUID, each func(context.Context, activedirectory.Object) error) error {
	for part := range slices.Chunk(ids, batchPeople) {
		var found []activedirectory.Object // first, because groups are read while they are handed on
		err := c.e.Source.Read(ctx, part, func(o activedirectory.Object) error {
			found = append(found, o)
			return nil
		})
		if err != nil {
			return err
		}
		for _, o := range found {
			if err := c.once(ctx, o, each); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *collecting) once(ctx context.Context, o activedirectory.Object, each func(context.Context, activedirectory.Object) error) error {
	if _, ok := c.seen[o.ID]; ok {
		return nil
	}
	c.seen[o.ID] = struct{}{}
	return each(ctx, o)
}

// object sends what became of one object that changed.
func (c *collecting) object(ctx context.Context, o activedirectory.Object) error {
	d := c.deltas[o.ID]
	switch o.Kind {
	case activedirectory.UnitKind:
		if d.Moved && !d.Created {
			c.units = append(c.units, o.ID)
		}
		return nil
	case activedirectory.OtherKind:
		if d.Control || d.Created {
			return c.out(ctx, o.ID, protocol.GoneFiltered)
		}
		return nil
	case activedirectory.GroupKind:
		if ok, _ := c.e.within(o, ""); ok && !d.Moved && !d.Created && !d.Members {
			g, faults := c.e.scope.group(o)
			c.p.changed(o)
			return c.p.group(ctx, g, faults, d.Added, d.Removed)
		}
	}
	if !d.Moved && !d.Created && !d.Control {
		if ok, _ := c.e.within(o, ""); !ok {
			return nil // it wasn't in scope before either
		}
	}
	return c.decide(ctx, o, protocol.GoneMoved)
}

// decide sends an object whole if it is in scope, and that it is gone if not.
func (c *collecting) decide(ctx context.Context, o activedirectory.Object, why string) error {
	ok, why := c.e.within(o, why)
	if !ok {
		return c.out(ctx, o.ID, why)
	}
	return c.e.whole(ctx, c.p, o, func(each func([]directory.GUID) error) error { return c.e.Source.Members(ctx, o.ID, each) })
}

func (c *collecting) out(ctx context.Context, id directory.GUID, why string) error {
	delete(c.e.known, id)
	return c.p.gone(ctx, id, why)
}

// below looks at everybody in a unit that was renamed or moved: nothing else tells of them. That the chosen units are
// still there is made sure of first.
func (c *collecting) below(ctx context.Context, unit directory.GUID) error {
	if _, err := c.e.look(ctx); err != nil {
		return err
	}
	var ids []directory.GUID
	err := c.e.Source.Below(ctx, unit, func(o activedirectory.Object) error {
		ids = append(ids, o.ID)
		return nil
	})
	if err != nil {
		return err
	}
	return c.read(ctx, ids, func(ctx context.Context, o activedirectory.Object) error { return c.decide(ctx, o, protocol.GoneMoved) })
}

// pilot finds out who is in the pilot group now, and who may have come in or gone out of it.
func (c *collecting) pilot(ctx context.Context, deltas []activedirectory.Delta, deleted []directory.GUID) ([]directory.GUID, error) {
	if c.e.scope.pilot == "" {
		return nil, nil
	}
	groups, unknown, touched := false, false, set{}
	var direct []directory.GUID
	for _, d := range deltas {
		if len(d.Added)+len(d.Removed) > 0 || d.Members {
			groups, unknown = true, unknown || d.Members
			direct = slices.Concat(direct, d.Added, d.Removed)
		}
	}
	if len(deleted) > 0 {
		was, err := c.e.Source.Groups(ctx, deleted, true)
		if err != nil {
			return nil, err
		}
		groups, unknown = groups || len(was) > 0, unknown || len(was) > 0
	}
	if !groups {
		return nil, nil
	}
	if unknown && c.fresh {
		return nil, errRestart // who was in it before can't be told any more
	}
	before := c.e.closure
	now, err := c.e.pilot(ctx)
	if err != nil {
		return nil, err
	}
	c.e.closure = now
	if err := c.e.expand(ctx, direct, touched); err != nil {
		return nil, err
	}
	for id := range before {
		if _, ok := now[id]; !ok {
			touched[id] = struct{}{}
		}
	}
	for id := range now {
		if _, ok := before[id]; !ok {
			touched[id] = struct{}{}
		}
	}
	out := make([]directory.GUID, 0, len(touched))
	for id := range touched {
		out = append(out, id)
	}
	return out, nil
}

// sweep compares who is there with who was sent, where deletions don't show.
func (f *following) sweep(ctx context.Context) error {
	e := f.e
	if f.reading.Deletions || e.Clock().Sub(f.swept) < e.Sweep {
		return nil
	}
	f.swept = e.Clock()
	there := set{}
	err := e.Source.IDs(ctx, func(o activedirectory.Object) error {
		if ok, _ := e.within(o, ""); ok {
			there[o.ID] = struct{}{}
		}
		return nil
	})
	if err != nil {
		return err
	}
	var missing []directory.GUID
	for id := range e.known {
		if _, ok := there[id]; !ok {
			missing = append(missing, id)
		}
	}
	err = e.ship(ctx, f.t, func(ctx context.Context, p *packer) error {
		for _, id := range missing {
			if err := p.gone(ctx, id, protocol.GoneDeleted); err != nil {
				return err
			}
		}
		return p.flush(ctx, nil, false)
	})
	if err == nil {
		for _, id := range missing {
			delete(e.known, id)
		}
	}
	return err
}
