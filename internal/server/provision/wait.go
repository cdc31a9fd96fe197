package provision

import (
	"context"
	"maps"
	"slices"
	"strings"
)

// waits reports whether an object with these problems can be applied further as soon as others change.
func waits(r *result) bool {
	if !r.applied() {
		return true
	}
	return slices.ContainsFunc(r.problems, func(p Problem) bool { return p.Other != "" })
}

// settleProblems stores the problems found in place of those known, sets objects aside and holds people.
func (w *work) settleProblems(ctx context.Context, k Key, world *world, in []incoming, results []result, before map[string][]Problem) error {
	var put, gone []Problem
	var over, hold []string
	for i := range results {
		r, old := &results[i], before[in[i].Object]
		if len(old) == 0 && len(r.problems) == 0 && r.applied() && len(world.decisions[in[i].Object]) == 0 {
			continue // no trouble; what waits has a problem, or a decision to say nothing of it
		}
		for _, p := range r.problems {
			p.Tenant, p.Since = w.tenant, w.now
			put = append(put, p)
			hold = append(hold, p.Person, p.Other)
		}
		for _, p := range old {
			hold = append(hold, p.Person, p.Other)
			if !slices.ContainsFunc(r.problems, func(n Problem) bool { return n.Reason == p.Reason && n.Value == p.Value }) {
				gone = append(gone, p)
			}
		}
		if !waits(r) {
			over = append(over, in[i].Object)
			continue
		}
		err := w.tx.PutWaiting(ctx, Waiting{
			Tenant: w.tenant, Object: in[i].Object, Domain: in[i].domain, NetBIOS: in[i].netbios, Hash: in[i].hash, Run: in[i].run, Since: w.now,
			Person: in[i].SyncPerson,
		})
		if err != nil {
			return err
		}
	}
	if err := w.tx.PutProblems(ctx, put); err != nil {
		return err
	}
	if err := w.tx.DropProblems(ctx, gone); err != nil {
		return err
	}
	if err := w.tx.DropWaiting(ctx, k, over); err != nil {
		return err
	}
	return w.tx.SetHeld(ctx, w.tenant, ids(hold))
}

// retry applies what waited for names that became free.
func (w *work) retry(ctx context.Context) error {
	const rounds, most = 3, 500
	for range rounds {
		values, people := once(w.values), once(w.people)
		w.values, w.people = nil, nil
		if len(values)+len(people) == 0 {
			return nil
		}
		objects, err := w.tx.WaitingFor(ctx, w.tenant, ids(values), people, most)
		if err != nil {
			return err
		}
		if err := w.reconsider(ctx, objects); err != nil {
			return err
		}
	}
	return nil
}

// reconsider judges objects again that were set aside.
func (w *work) reconsider(ctx context.Context, objects []string) error {
	waiting, err := w.tx.Waiting(ctx, w.tenant, objects)
	if err != nil {
		return err
	}
	slices.SortFunc(waiting, func(a, b Waiting) int { return strings.Compare(a.Object, b.Object) })
	by := map[string][]incoming{}
	for _, a := range waiting {
		b := w.batch(Key{Tenant: w.tenant, Domain: a.Domain}, a.NetBIOS, a.Run)
		if in, ok := b.take(a.Person); ok {
			by[a.Domain] = append(by[a.Domain], in)
		}
	}
	for _, domain := range slices.Sorted(maps.Keys(by)) {
		if err := w.process(ctx, Key{Tenant: w.tenant, Domain: domain}, by[domain], true); err != nil {
			return err
		}
	}
	return nil
}
