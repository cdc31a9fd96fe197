package provision

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"homeward/internal/server/audit"
)

// store writes what was judged. Names that change hands among these people are freed before they are taken.
func (w *work) store(ctx context.Context, world *world, in []incoming, results []result) error {
	var inserts, updates []Person
	var drop, free []string
	var put []Claim
	seen := map[string][]string{} // by run
	for i := range results {
		r := &results[i]
		if !r.applied() {
			continue
		}
		r.person.Tenant = w.tenant
		if r.was == nil {
			w.Added++
			inserts = append(inserts, r.person)
			put = append(put, r.claims...)
			continue
		}
		own := world.own[r.was.ID]
		same := sameClaims(own, r.claims)
		if r.verdict == WouldUpdate && same && samePerson(r.person, *r.was) {
			r.verdict = WouldLeave
			w.Unchanged++
			if in[i].run != r.was.Run && in[i].run != "" {
				seen[in[i].run] = append(seen[in[i].run], in[i].Object)
			}
			continue
		}
		w.count(r)
		updates = append(updates, r.person)
		if old := Fold(r.was.UPN); old != "" && r.was.Living() && old != Fold(r.person.UPN) {
			free = append(free, r.was.ID)
			w.values, w.people = append(w.values, old), append(w.people, r.was.ID)
		}
		if !same {
			if len(own) > 0 {
				drop = append(drop, r.was.ID)
			}
			for _, c := range own {
				w.values = append(w.values, c.Address)
			}
			w.people = append(w.people, r.was.ID)
			put = append(put, r.claims...)
		}
	}
	if err := w.write(ctx, drop, free, inserts, updates, put); err != nil {
		return err
	}
	for run, objects := range seen {
		if err := w.tx.MarkSeen(ctx, w.tenant, run, objects); err != nil {
			return err
		}
	}
	return w.joined(ctx, world, results)
}

func (w *work) count(r *result) {
	switch r.verdict {
	case WouldJoinHard, WouldJoinSoft, WouldLink:
		w.Joined++
	case WouldRestore:
		w.Added++
	default:
		w.Updated++
	}
}

func (w *work) write(ctx context.Context, drop, free []string, inserts, updates []Person, put []Claim) error {
	for _, step := range []func() error{
		func() error { return w.tx.DropClaims(ctx, w.tenant, drop) },
		func() error { return w.tx.FreeUPN(ctx, w.tenant, free) },
		func() error { return w.tx.UpdatePeople(ctx, updates) },
		func() error { return w.tx.InsertPeople(ctx, inserts) },
		func() error { return w.tx.PutClaims(ctx, w.tenant, put) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// joined sees to the passwords of those who were joined, and to the record.
func (w *work) joined(ctx context.Context, world *world, results []result) error {
	for i := range results {
		r := &results[i]
		if r.verdict != WouldJoinHard && r.verdict != WouldJoinSoft && r.verdict != WouldLink {
			continue
		}
		if p, has := world.passwords[r.person.ID]; has && p.Superseded.IsZero() && r.person.Password == FromDirectory {
			p.Superseded = w.now
			if err := w.tx.PutCloudPassword(ctx, p); err != nil {
				return err
			}
		}
		w.joins = append(w.joins, audit.Record{
			At: w.now, Activity: "Join account", Hop: "sync", Result: "ok", Reason: string(r.person.How), Target: r.person.ID,
			Detail: fmt.Sprintf("object %s of %s", r.person.Object, r.person.Domain),
		})
	}
	return nil
}

func sameClaims(a, b []Claim) bool {
	if len(a) != len(b) {
		return false
	}
	a, b = slices.Clone(a), slices.Clone(b)
	for _, l := range [][]Claim{a, b} {
		slices.SortFunc(l, func(x, y Claim) int { return strings.Compare(x.Address, y.Address) })
	}
	return slices.Equal(a, b)
}

func samePerson(a, b Person) bool {
	a.Updated, a.Run, b.Updated, b.Run = time.Time{}, "", time.Time{}, ""
	return reflect.DeepEqual(a, b)
}
