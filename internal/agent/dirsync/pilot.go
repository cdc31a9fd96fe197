package dirsync

import (
	"context"
	"fmt"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/directory"
	"homeward/internal/protocol"
)

type set = map[directory.GUID]struct{}

// pilot is everybody in the pilot group, directly or not, and every group on the way. Nil: there is no pilot group. A
// pilot group that isn't there is an error: it would make everybody vanish.
func (e *Engine) pilot(ctx context.Context) (set, error) {
	if e.scope.pilot == "" {
		return nil, nil //nolint:nilnil // no pilot group is no error
	}
	root, err := e.Source.ID(ctx, e.scope.pilot)
	if err != nil {
		return nil, fmt.Errorf("the pilot group %s: %w", e.scope.pilot, err)
	}
	out := set{}
	return out, e.expand(ctx, []directory.GUID{root}, out)
}

// expand adds the objects to out, and if they are groups whoever is in them.
func (e *Engine) expand(ctx context.Context, ids []directory.GUID, out set) error {
	for len(ids) > 0 {
		var fresh []directory.GUID
		for _, id := range ids {
			if _, ok := out[id]; !ok {
				out[id] = struct{}{}
				fresh = append(fresh, id)
			}
		}
		groups, err := e.Source.Groups(ctx, fresh, false)
		if err != nil {
			return err
		}
		ids = nil
		for _, g := range groups {
			err := e.Source.Members(ctx, g, func(members []directory.GUID) error {
				ids = append(ids, members...)
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// within tells whether an object is in scope; why, if it isn't.
func (e *Engine) within(o activedirectory.Object, why string) (bool, string) {
	switch {
	case o.Kind == activedirectory.OtherKind || o.Kind == activedirectory.UnitKind:
		return false, why
	case !e.scope.holds(o.DN):
		return false, why
	case o.Kind == activedirectory.PersonKind && e.closure != nil:
		_, ok := e.closure[o.ID]
		return ok, protocol.GoneGroup
	}
	return true, ""
}
