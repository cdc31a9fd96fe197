package provision

import (
	"context"
	"errors"

	"homeward/internal/protocol"
)

// faults stores what an agent found wrong, and forgets what it no longer finds. An object left out as a whole is still
// there: it isn't deleted for it. Faults of an object travel in the batch of the object.
func (w *work) faults(ctx context.Context, shape batchOf, in []incoming, faults []protocol.SyncFault, bad []protocol.SyncPerson) error {
	named := objectsOf(in)
	var there []string
	var put []Problem
	now := map[[3]string]bool{} // object, reason, value
	for _, m := range bad {
		faults = append(faults, protocol.SyncFault{Object: m.Object, Name: m.SAM, DN: m.DN, Reason: BadObject, Left: true})
	}
	for _, f := range faults {
		w.Faults++
		object, ok := guid(f.Object)
		if !ok {
			object = clip(f.Object, 64)
		}
		if f.Left && ok {
			there = append(there, object)
		}
		p := Problem{
			Tenant: w.tenant, Object: object, Reason: protocol.Reason(clip(string(f.Reason), 64)), Value: clip(Fold(f.Attribute), 128), Domain: shape.Domain,
			Name: clip(f.Name, maxSAM), DN: clip(f.DN, maxDN), Attribute: clip(f.Attribute, 128), Detail: clip(f.Detail, 512), Agent: true, Run: shape.run,
			Since: w.now,
		}
		now[[3]string{object, string(p.Reason), p.Value}] = true
		put = append(put, p)
		named = append(named, object)
	}
	named = once(named)
	if len(named) == 0 {
		return nil
	}
	known, err := w.tx.ProblemsOf(ctx, w.tenant, named)
	if err != nil {
		return err
	}
	var gone []Problem
	for _, p := range known {
		if p.Agent && p.Domain == shape.Domain && !now[[3]string{p.Object, string(p.Reason), p.Value}] {
			gone = append(gone, p)
		}
	}
	if err := w.tx.DropProblems(ctx, gone); err != nil {
		return err
	}
	if put, err = w.unignored(ctx, put); err != nil {
		return err
	}
	if err := w.tx.PutProblems(ctx, put); err != nil {
		return err
	}
	return w.seen(ctx, shape, once(there))
}

// unignored leaves out what an operator decided to ignore.
func (w *work) unignored(ctx context.Context, problems []Problem) ([]Problem, error) {
	var objects []string
	for _, p := range problems {
		objects = append(objects, p.Object)
	}
	decisions, err := w.tx.Decisions(ctx, w.tenant, once(objects))
	if err != nil || len(decisions) == 0 {
		return problems, err
	}
	by := newWorld(w.settings, nil)
	for _, d := range decisions {
		by.decisions[d.Object] = append(by.decisions[d.Object], d)
	}
	var rest []Problem
	for _, p := range problems {
		if !by.ignored(p.Object, p) {
			rest = append(rest, p)
		}
	}
	return rest, nil
}

// seen marks objects of this domain as there.
func (w *work) seen(ctx context.Context, shape batchOf, objects []string) error {
	if len(objects) == 0 {
		return nil
	}
	list, err := w.tx.SeenObjects(ctx, w.tenant, objects)
	if err != nil {
		return err
	}
	var own []string
	for _, s := range list {
		if s.Domain == shape.Domain && !s.Deleted {
			own = append(own, s.Object)
		}
	}
	if err := w.tx.MarkSeen(ctx, w.tenant, shape.run, own); err != nil {
		return err
	}
	groups, err := w.tx.Groups(ctx, w.tenant, objects)
	own = own[:0]
	for _, g := range groups {
		if g.Domain == shape.Domain {
			own = append(own, g.Object)
		}
	}
	return errors.Join(err, w.tx.MarkGroupsSeen(ctx, w.tenant, shape.run, own))
}
