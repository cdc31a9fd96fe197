package provision

import (
	"context"
	"crypto/rand"
	"slices"
	"time"

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
	run            Run // the full run's line of the history, once it is written
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
