package dirsync

import (
	"context"
	"errors"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/directory"
	"homeward/internal/protocol"
)

// look finds out how the domain is read now.
func (e *Engine) look(ctx context.Context) (activedirectory.Reading, error) {
	r, err := e.Source.Look(ctx)
	if err == nil {
		e.note(func(s *Status) { s.Mode, s.DC, s.Deletions = r.Mode, r.DC, r.Deletions })
	}
	return r, err
}

// full names everybody who is in scope. Then the term goes on with changes.
func (e *Engine) full(ctx context.Context, t *term) error {
	r, err := e.look(ctx)
	if err != nil {
		return err
	}
	e.note(func(s *Status) { s.Phase, s.Run = "full", t.run })
	defer e.Memory.spend()()
	e.anchors.hold(true)
	defer e.anchors.hold(false)
	if e.closure, err = e.pilot(ctx); err != nil {
		return err
	}
	e.known = nil
	if !r.Deletions {
		e.known = set{}
	}
	var at []byte
	err = e.ship(ctx, t, func(ctx context.Context, p *packer) error {
		place, err := e.Source.All(ctx, r.Mode, func(o activedirectory.Object) error { return e.named(ctx, p, o) })
		if err != nil {
			return err
		}
		at = cursor{mode: r.Mode, place: place}.encode()
		return p.flush(ctx, at, true)
	})
	if err != nil {
		return err
	}
	t.mu.Lock()
	t.done = t.run
	t.mu.Unlock()
	t.run, t.from = "", at
	now := e.Clock()
	e.note(func(s *Status) { s.Run, s.Ran = "", now })
	s := e.Status()
	e.Logger.Info("everybody was synced", "people", s.People, "groups", s.Groups, "faults", s.Faults)
	return nil
}

// place turns a place that can't be used any more into a wish for a full run.
func (e *Engine) place(err error) error {
	if errors.Is(err, activedirectory.ErrPlace) {
		return errors.Join(errRestart, err)
	}
	return err
}

// named sends one object of a full read, if it is in scope.
func (e *Engine) named(ctx context.Context, p *packer, o activedirectory.Object) error {
	if ok, _ := e.within(o, ""); !ok {
		return nil
	}
	return e.whole(ctx, p, o, func(each func([]directory.GUID) error) error {
		if o.MembersCut {
			return e.Source.Members(ctx, o.ID, each)
		}
		return each(o.Members)
	})
}

// whole sends an object that is in scope, a group with all its members.
func (e *Engine) whole(ctx context.Context, p *packer, o activedirectory.Object, members func(func([]directory.GUID) error) error) error {
	if e.known != nil {
		e.known[o.ID] = struct{}{}
	}
	p.changed(o)
	if o.Kind == activedirectory.GroupKind {
		g, faults := e.scope.group(o)
		return p.whole(ctx, g, faults, members)
	}
	person, faults, anchorless := e.scope.person(o)
	if anchorless {
		p.now.anchorless = append(p.now.anchorless, o.ID)
	}
	return p.person(ctx, person, faults)
}

// changed keeps when the newest change of the parcel was made.
func (p *packer) changed(o activedirectory.Object) {
	r := &reading{o: o}
	if at := protocol.MilliOf(r.when("whenchanged")); at > p.now.Read.Changed {
		p.now.Read.Changed = at
	}
}
