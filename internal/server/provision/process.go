package provision

import (
	"context"
	"crypto/rand"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strings"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/tenant"
)

// work is one transaction of the engine.
type work struct {
	Counts
	tx       Tx
	tenant   string
	now      time.Time
	settings tenant.Sync
	verified map[string]bool
	policy   string
	// what became free, so that who waits for it may have it
	values, people []string
	joins          []audit.Record
}

// begin reads what decides how objects are taken in.
func (e *Engine) begin(ctx context.Context, tx Tx, tenantID string) (*work, error) {
	t, err := tx.Tenant(ctx, tenantID)
	if err != nil {
		return nil, err
	}
	domains, err := tx.TenantDomains(ctx, tenantID)
	if err != nil {
		return nil, err
	}
	w := &work{tx: tx, tenant: tenantID, now: e.Now(), settings: t.Settings.Sync, verified: map[string]bool{}}
	for _, d := range domains {
		if !d.Verified.IsZero() {
			w.verified[Fold(d.Name)] = true
			w.policy += d.Name + " "
		}
	}
	return w, nil
}

func (w *work) batch(k Key, netbios, run string) batchOf {
	return batchOf{Key: k, netbios: netbios, run: run, policy: w.policy}
}

// changed reports whether anything in the cloud is another than before.
func (w *work) changed() bool {
	return w.Added+w.Updated+w.Deleted+w.Joined+w.Groups > 0
}

// objectsOf returns the object ids of people.
func objectsOf(in []incoming) []string {
	out := make([]string, len(in))
	for i := range in {
		out[i] = in[i].Object
	}
	return out
}

// process takes people in. Those that are as they were cost nothing but a mark, unless again is set.
func (w *work) process(ctx context.Context, k Key, in []incoming, again bool) error {
	if len(in) == 0 {
		return nil
	}
	found, err := w.tx.ProblemsOf(ctx, k.Tenant, objectsOf(in))
	if err != nil {
		return err
	}
	problems := map[string][]Problem{}
	for _, p := range found {
		if !p.Agent && p.Domain == k.Domain {
			problems[p.Object] = append(problems[p.Object], p)
		}
	}
	if in, err = w.skipSame(ctx, k, in, problems, again); err != nil || len(in) == 0 {
		return err
	}
	for i := range in {
		in[i].id = rand.Text()
	}
	world := newWorld(w.settings, w.verified)
	if err := world.learn(ctx, w.tx, k, in); err != nil {
		return err
	}
	results := world.judgeAll(in, w.now)
	if k.Staging {
		return w.preview(ctx, k, in, results)
	}
	if err := w.store(ctx, world, in, results); err != nil {
		return err
	}
	return w.settleProblems(ctx, k, world, in, results, problems)
}

// skipSame marks those who didn't change as seen and returns the rest.
func (w *work) skipSame(ctx context.Context, k Key, in []incoming, problems map[string][]Problem, again bool) ([]incoming, error) {
	if again || k.Staging {
		return in, nil
	}
	list, err := w.tx.SeenObjects(ctx, k.Tenant, objectsOf(in))
	if err != nil {
		return nil, err
	}
	seen := make(map[string]Seen, len(list))
	for _, s := range list {
		seen[s.Object] = s
	}
	var marks []string
	run, rest := in[0].run, in[:0] // all of a batch are of one run
	for i := range in {
		s, known := seen[in[i].Object]
		same := known && !s.Deleted && s.Domain == in[i].domain && s.Hash == in[i].hash
		if !same || in[i].run != "" && len(problems[in[i].Object]) > 0 {
			rest = append(rest, in[i])
			continue
		}
		w.Unchanged++
		if s.Missing || in[i].run != "" && s.Run != in[i].run {
			marks = append(marks, in[i].Object)
		}
	}
	return rest, w.tx.MarkSeen(ctx, k.Tenant, run, marks)
}

// judgeAll judges objects one after another. A name that one of them gives up is free for the others, whatever their
// order; but one that in the end can't give it up has it still, so then all are judged again.
func (w *world) judgeAll(in []incoming, now time.Time) []result {
	const tries = 20
	keeps := map[string]bool{}
	for try := 1; ; try++ {
		c := w.copy()
		released := map[string]bool{}
		if try < tries {
			for i := range in {
				if p := w.known(in[i].Object); p != nil && !keeps[p.ID] && p.Living() && Fold(p.Domain) == in[i].domain {
					c.release(p, &in[i])
					released[p.ID] = true
				}
			}
		}
		results, settled := make([]result, len(in)), true
		for i := range in {
			r := c.judge(&in[i], now)
			if r.applied() {
				if r.lost && released[r.person.ID] {
					keeps[r.person.ID], settled = true, false
				}
				c.settle(&r)
			} else if r.was != nil && released[r.was.ID] {
				keeps[r.was.ID], settled = true, false
			}
			results[i] = r
		}
		if settled {
			return results
		}
	}
}

// release gives up the names that somebody has and no longer wants.
func (w *world) release(p *Person, in *incoming) {
	if name := Fold(p.UPN); name != Fold(w.wants(in)) && w.upn[name] == p.ID {
		delete(w.upn, name)
	}
	if in.thin {
		return
	}
	for _, c := range w.own[p.ID] {
		if !slices.Contains(in.addresses, c.Address) && w.address[c.Address] == p.ID {
			delete(w.address, c.Address)
		}
	}
}

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
	sort.Slice(waiting, func(i, j int) bool { return waiting[i].Object < waiting[j].Object })
	by := map[string][]incoming{}
	for _, a := range waiting {
		b := w.batch(Key{Tenant: w.tenant, Domain: a.Domain}, a.NetBIOS, a.Run)
		if in, ok := b.take(a.Person); ok {
			by[a.Domain] = append(by[a.Domain], in)
		}
	}
	for _, domain := range slices.Sorted(keysOf(by)) {
		if err := w.process(ctx, Key{Tenant: w.tenant, Domain: domain}, by[domain], true); err != nil {
			return err
		}
	}
	return nil
}

func keysOf[V any](m map[string]V) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// preview stores verdicts and nothing else.
func (w *work) preview(ctx context.Context, k Key, in []incoming, results []result) error {
	list := make([]Preview, len(results))
	for i := range results {
		r := &results[i]
		p := Preview{
			Key: k, Object: in[i].Object, Verdict: r.verdict, Reason: r.reason, Name: in[i].netbios + `\` + in[i].SAM, UPN: in[i].UPN,
			Address: in[i].match(), Display: in[i].DisplayName, Run: in[i].run,
		}
		other := r.other
		if other == nil && r.verdict != WouldUpdate {
			other = r.was
		}
		if other != nil {
			p.Other, p.OtherName = other.ID, other.Name()
		}
		if r.verdict == WouldUpdate && r.was != nil && r.was.Hash == in[i].hash {
			p.Verdict = WouldLeave
		}
		if p.Reason == protocol.ReasonNone && len(r.problems) > 0 {
			p.Reason = r.problems[0].Reason
		}
		list[i] = p
	}
	return w.tx.PutPreviews(ctx, list)
}
