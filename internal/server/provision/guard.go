package provision

import (
	"context"
	"slices"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/tenant"
)

const (
	deleteLimit   = 500
	deletePercent = 10
	// deleteFew is how many deletions the percentage doesn't count for.
	deleteFew = 5
	// deleteWindow is how long past deletions count: many small ones are one large one.
	deleteWindow = time.Hour
)

// over reports whether so many deletions have to be looked at first. Holders of a role are apart: they never go unasked.
func over(s tenant.Sync, n PendingCount) bool {
	limit, percent := s.DeleteLimit, s.DeletePercent
	if limit <= 0 {
		limit = deleteLimit
	}
	if percent <= 0 {
		percent = deletePercent
	}
	due := n.Missing - n.Holders
	if due <= 0 {
		return false
	}
	due += n.Recent
	return due > limit || due >= deleteFew && due*100 > percent*(n.Living+n.Recent)
}

// ended is what became of deletions.
type ended struct {
	status  string // RunStopped, RunProblems or empty
	pending int
}

func (w *work) since(l Lease) time.Time {
	since := w.now.Add(-deleteWindow)
	if l.Allowed.After(since) {
		return l.Allowed
	}
	return since
}

// sweepOut deletes who is missing, unless those are too many.
func (w *work) sweepOut(ctx context.Context, l Lease) (ended, error) {
	var end ended
	k, since := l.Key, w.since(l)
	people, err := w.tx.CountPending(ctx, k, since)
	if err != nil {
		return end, err
	}
	end.pending = people.Missing
	switch {
	case over(w.settings, people):
		end.status = RunStopped
	case people.Missing > people.Holders:
		if err := w.remove(ctx, k, false); err != nil {
			return end, err
		}
		end.pending = people.Holders
	}
	groups, err := w.tx.CountPendingGroups(ctx, k, since)
	if err != nil {
		return end, err
	}
	switch {
	case over(w.settings, groups):
		end.status = RunStopped
		end.pending += groups.Missing
	case groups.Missing > 0:
		n, err := w.tx.DeleteMissingGroups(ctx, k, w.now)
		if err != nil {
			return end, err
		}
		w.Deleted += n
	}
	return end, nil
}

// remove deletes the missing people of a domain. Their names are free at once.
func (w *work) remove(ctx context.Context, k Key, holders bool) error {
	gone, err := w.tx.DeleteMissing(ctx, k, w.now, holders)
	if err != nil {
		return err
	}
	w.Deleted += len(gone)
	objects := make([]string, 0, len(gone))
	for _, p := range gone {
		w.values, w.people = append(w.values, Fold(p.UPN), p.Anchor), append(w.people, p.ID)
		objects = append(objects, p.Object)
	}
	return w.forget(ctx, k, objects)
}

// forget drops what is said of objects that are gone.
func (w *work) forget(ctx context.Context, k Key, objects []string) error {
	if err := w.tx.DropWaiting(ctx, k, objects); err != nil {
		return err
	}
	problems, err := w.tx.ProblemsOf(ctx, w.tenant, objects)
	if err != nil {
		return err
	}
	problems = slices.DeleteFunc(problems, func(p Problem) bool { return p.Domain != k.Domain })
	if err := w.tx.DropProblems(ctx, problems); err != nil {
		return err
	}
	var held []string
	for _, p := range problems {
		held = append(held, p.Other, p.Person)
	}
	return w.tx.SetHeld(ctx, w.tenant, ids(held))
}

// gone marks what a batch says is no longer in scope. What the same batch names is there. Between full runs it is deleted
// before the rest of the batch is looked at, so that a newcomer may have its names.
func (w *work) gone(ctx context.Context, shape batchOf, in []incoming, b protocol.SyncBatch) error {
	there := make(map[string]bool, len(in))
	for i := range in {
		there[in[i].Object] = true
	}
	for _, g := range b.Groups {
		if object, ok := guid(g.Object); ok {
			there[object] = true
		}
	}
	var objects, deleted []string
	for _, g := range b.Gone {
		object, ok := guid(g.Object)
		if ok && g.Why == protocol.GoneDeleted {
			deleted = append(deleted, object)
		}
		if ok && !there[object] {
			objects = append(objects, object)
		}
	}
	// A directory takes what it deletes out of every group, and says so of the deleted object alone. Restored, also in the
	// same batch, it is in none. Who has only left the scope is still a member.
	if err := w.tx.LeaveGroups(ctx, shape.Key, once(deleted)); err != nil {
		return err
	}
	if len(objects) == 0 {
		return nil
	}
	objects = once(objects)
	if err := w.tx.MarkMissing(ctx, shape.Key, objects); err != nil {
		return err
	}
	if err := w.tx.MarkGroupsMissing(ctx, shape.Key, objects); err != nil {
		return err
	}
	// What waits without an account is gone at once.
	if err := w.forget(ctx, shape.Key, objects); err != nil || shape.run != "" {
		return err
	}
	l, _, err := w.tx.Lease(ctx, shape.Key)
	if err != nil {
		return err
	}
	_, err = w.sweepOut(ctx, l)
	return err
}

// end closes a batch: after the last one of a full run, whoever it didn't name is missing.
func (w *work) end(ctx context.Context, l Lease, b protocol.SyncBatch, last bool) (ended, error) {
	if last {
		for _, step := range []func() error{
			func() error { return w.tx.MarkUnnamed(ctx, l.Key, l.Run) },
			func() error { return w.tx.MarkGroupsUnnamed(ctx, l.Key, l.Run) },
			func() error { return w.tx.DropUnnamed(ctx, l.Key, l.Run) },
		} {
			if err := step(); err != nil {
				return ended{}, err
			}
		}
	}
	if !last && (l.Run != "" || len(b.Gone) == 0 && l.Status != RunStopped) {
		return ended{}, nil
	}
	end, err := w.sweepOut(ctx, l)
	if err != nil || end.status != "" {
		return end, err
	}
	if end.status = RunDone; !last {
		if l.Status != RunStopped {
			end.status = ""
		}
		return end, nil
	}
	counts, err := w.tx.CountProblems(ctx, w.tenant)
	for _, c := range counts {
		if c.Domain == l.Domain {
			end.status = RunProblems
		}
	}
	return end, err
}

// pending is how many deletions wait for an operator.
func (e *Engine) pending(ctx context.Context, tx Tx, l Lease) (int, error) {
	if l.Staging {
		return 0, nil
	}
	people, err := tx.CountPending(ctx, l.Key, e.Now())
	return people.Missing, err
}

// ids returns ids once each, without empty ones.
func ids(list []string) []string {
	return slices.DeleteFunc(once(list), func(id string) bool { return id == "" })
}
