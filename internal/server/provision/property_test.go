package provision_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/protocol"
	"homeward/internal/server/provision"
	"homeward/internal/server/store/storetest"
	"homeward/internal/server/tenant"
	"homeward/test/pgtest"
)

var errCrash = errors.New("the server was killed") //nolint:gochecknoglobals // a sentinel of the tests

// poison is a name that no database takes.
const poison = "poison"

var errPoison = errors.New("not taken") //nolint:gochecknoglobals // a sentinel of the tests

// TestOneObjectNeverStopsEverybody, not even for a reason that nobody thought of.
func TestOneObjectNeverStopsEverybody(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.Engine = provision.New(provision.Deps{Store: &mortal{y.store, -1}, Now: func() time.Time { return y.now }, Log: slog.New(slog.DiscardHandler)})
	list := people(0, 40)
	list[13].DisplayName, list[14].DisplayName, list[39].DisplayName = poison, poison, poison
	a := y.synced(list...)
	if y.count() != 37 || y.problem(id(13)).Reason != provision.BadObject {
		t.Errorf("%d people, %+v", y.count(), y.problem(id(13)))
	}
	a.change(people(0, 40)...)
	if y.count() != 40 || y.problem(id(13)).Reason != "" {
		t.Errorf("%d people, %+v", y.count(), y.problem(id(13)))
	}
}

// mortal is a store that dies after some writes, in the middle of a transaction.
type mortal struct {
	provision.Store
	writes int // until it dies; negative: never
}

func (m *mortal) SyncTx(ctx context.Context, tenantID string, do func(provision.Tx) error) error {
	return m.Store.SyncTx(ctx, tenantID, func(tx provision.Tx) error {
		if err := do(&mortalTx{tx, m}); err != nil {
			return err
		}
		return m.write() // after everything, before the commit
	})
}

func (m *mortal) write() error {
	if m.writes == 0 {
		m.writes = -1
		return errCrash
	}
	m.writes--
	return nil
}

type mortalTx struct {
	provision.Tx
	m *mortal
}

func (t *mortalTx) InsertPeople(ctx context.Context, p []provision.Person) error {
	if slices.ContainsFunc(p, func(p provision.Person) bool { return p.DisplayName == poison }) {
		return errPoison
	}
	return errors.Join(t.m.write(), t.Tx.InsertPeople(ctx, p))
}

func (t *mortalTx) UpdatePeople(ctx context.Context, p []provision.Person) error {
	if err := t.m.write(); err != nil {
		return err
	}
	return t.Tx.UpdatePeople(ctx, p)
}

func (t *mortalTx) PutClaims(ctx context.Context, tenantID string, c []provision.Claim) error {
	if err := t.m.write(); err != nil {
		return err
	}
	return t.Tx.PutClaims(ctx, tenantID, c)
}

func (t *mortalTx) PutProblems(ctx context.Context, p []provision.Problem) error {
	if err := t.m.write(); err != nil {
		return err
	}
	return t.Tx.PutProblems(ctx, p)
}

func (t *mortalTx) SaveLease(ctx context.Context, l provision.Lease, seq int64) (bool, error) {
	if err := t.m.write(); err != nil {
		return false, err
	}
	return t.Tx.SaveLease(ctx, l, seq)
}

// directory is what the domain holds, and what changes there.
type directory struct {
	r      *rand.Rand
	people map[string]protocol.SyncPerson
	groups map[string][]string
}

const crowd = 14

// step changes a few things and returns them as one batch.
func (d *directory) step() protocol.SyncBatch {
	b := protocol.SyncBatch{Cursor: fmt.Append(nil, d.r.Int())}
	touched := map[string]bool{}
	for range 1 + d.r.IntN(4) {
		n := d.r.IntN(crowd)
		m, there := d.people[id(n)]
		if touched[id(n)] {
			continue
		}
		touched[id(n)] = true
		switch kind := d.r.IntN(10); {
		case there && kind < 2:
			delete(d.people, id(n))
			b.Gone = append(b.Gone, protocol.SyncGone{Object: id(n), Why: protocol.GoneDeleted})
			continue
		case !there:
			m = person(n)
			fallthrough
		case kind < 6: // few names for many people
			m.UPN = fmt.Sprintf("Name%d@corp.example", d.r.IntN(crowd))
			m.Proxies = nil
			for range d.r.IntN(3) {
				m.Proxies = append(m.Proxies, []string{"SMTP:", "smtp:"}[d.r.IntN(2)]+fmt.Sprintf("address%d@mail.example", d.r.IntN(crowd)))
			}
		default:
			m.DisplayName = fmt.Sprint("Name ", d.r.IntN(1000))
		}
		d.people[id(n)] = m
		b.People = append(b.People, m)
	}
	if d.r.IntN(4) == 0 {
		g := id(100 + d.r.IntN(3))
		var members []string
		for range d.r.IntN(4) {
			members = append(members, id(d.r.IntN(crowd)))
		}
		d.groups[g] = members
		b.Groups = append(b.Groups, protocol.SyncGroup{Object: g, Name: "Group", DN: "CN=g", Token: fmt.Sprint("t", d.r.Int()), Complete: true, Added: members})
	}
	return b
}

func (d *directory) all() (people []protocol.SyncPerson) {
	for _, object := range slices.Sorted(maps.Keys(d.people)) {
		people = append(people, d.people[object])
	}
	return people
}

// state is everything that counts, without what is random or a time.
func (y *yard) state() []string {
	y.tb.Helper()
	ctx := y.tb.Context()
	var objects, out []string
	for n := range crowd {
		objects = append(objects, id(n))
	}
	names := map[string]string{"": ""}
	found := at[[]provision.Person](y.tb)(y.store.PeopleByObject(ctx, org, objects))
	for _, p := range found {
		names[p.ID] = p.Object
	}
	for _, p := range found {
		var claims []string
		for _, c := range at[[]provision.Claim](y.tb)(y.store.ClaimsOf(ctx, org, []string{p.ID})) {
			claims = append(claims, fmt.Sprint(c.Address, c.Primary))
		}
		slices.Sort(claims)
		out = append(out, fmt.Sprint("person ", p.Object, p.Living(), p.Missing, p.Held, p.UPN, p.DisplayName, p.Anchor, p.Hash, claims))
	}
	for _, p := range at[[]provision.Problem](y.tb)(y.store.ProblemsOf(ctx, org, objects)) {
		out = append(out, fmt.Sprint("problem ", p.Object, p.Reason, p.Value, p.Holds, names[p.Other], names[p.Person]))
	}
	for g := 100; g < 103; g++ {
		list, err := y.store.PeopleIn(ctx, org, id(g), "", 100)
		ok(y.tb, err)
		var members []string
		for _, p := range list {
			members = append(members, p.Object)
		}
		slices.Sort(members)
		out = append(out, fmt.Sprint("group ", g, members))
	}
	slices.Sort(out)
	return out
}

// TestDisturbedEqualsUndisturbed sends the same random changes to two servers. One is killed in the middle of transactions,
// its acknowledgements are lost, agents take over from each other, old ones come back: the end is the same.
func TestDisturbedEqualsUndisturbed(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			disturb(t, seed, newYard(t), newYard(t))
		})
	}
}

// TestDisturbedOnPostgreSQL is the same against the other engine.
func TestDisturbedOnPostgreSQL(t *testing.T) {
	t.Parallel()
	disturb(t, 100, newYard(t), yardOn(t, storetest.Open(t, pgtest.Start(t))))
}

func disturb(t *testing.T, seed uint64, calm, storm *yard) {
	t.Helper()
	d := &directory{rand.New(rand.NewPCG(seed, 1)), map[string]protocol.SyncPerson{}, map[string][]string{}}
	chaos := rand.New(rand.NewPCG(seed, 2))
	m := &mortal{Store: storm.store, writes: -1}
	storm.Engine = provision.New(provision.Deps{Store: m, Now: func() time.Time { return storm.now }, Log: slog.New(slog.DiscardHandler)})
	for _, y := range []*yard{calm, storm} {
		y.sync(tenant.Sync{DeleteLimit: 1000, DeletePercent: 100})
	}
	a := calm.synced()
	agents := []*agent{storm.agent("U0", "corp.example"), storm.agent("U1", "corp.example"), storm.agent("U2", "corp.example")}
	agents[0].full()
	at := 0
	for range 60 {
		b := d.step()
		a.must(b)
		for done := false; !done; {
			done = disturbed(t, chaos, storm, m, agents, &at, b)
		}
	}
	same := func(when string) {
		t.Helper()
		if diff := cmp.Diff(calm.state(), storm.state()); diff != "" {
			t.Fatalf("%s: %s", when, diff)
		}
	}
	same("after changes")
	a.full(d.all()...)
	agents[at].full(d.all()...)
	same("after a full run")
	ok(t, storm.Sweep(t.Context(), org))
	same("after a sweep")
	uncontested(t, storm, d)
	ok(t, storm.store.VerifyChain(t.Context(), org))
}

// disturbed sends a batch with something going wrong, and reports whether it was applied in the end.
func disturbed(t *testing.T, chaos *rand.Rand, storm *yard, m *mortal, agents []*agent, at *int, b protocol.SyncBatch) bool {
	t.Helper()
	now := agents[*at]
	switch chaos.IntN(7) {
	case 0: // killed
		m.writes = chaos.IntN(5)
		if ack := now.send(b); ack.OK {
			m.writes = -1
			return true
		}
		m.writes = -1
		now.grant = protocol.SyncGrant{}
		now.ask(nil)
		return false
	case 1: // the acknowledgement is lost
		batch := now.batch(b)
		for range 2 {
			if ack := now.Apply(t.Context(), org, now.id, batch); !ack.OK {
				t.Fatalf("%+v", ack)
			}
		}
		now.grant.Seq = batch.Seq + 1
		return true
	case 2: // another takes over
		ok(t, storm.FreeLeases(t.Context(), now.id))
		*at = (*at + 1) % len(agents)
		agents[*at].grant = protocol.SyncGrant{}
		if g := agents[*at].ask(nil); !g.OK {
			t.Fatalf("%+v", g)
		}
		return false
	case 3: // an old one comes back
		old := agents[(*at+1)%len(agents)]
		if ack := old.send(b); ack.OK {
			t.Fatal("an agent without a lease was heard")
		}
		return false
	case 4: // in the wrong order
		batch := now.batch(b)
		batch.Seq += 1 + chaos.Int64N(3)
		if ack := now.Apply(t.Context(), org, now.id, batch); ack.OK {
			t.Fatal("a batch too far was applied")
		}
		return false
	}
	return now.send(b).OK
}

// uncontested: whoever wants nothing that anybody else wants or still has is just as in the directory, and can reset.
func uncontested(t *testing.T, y *yard, d *directory) {
	t.Helper()
	wants := map[string]int{}
	of := func(m protocol.SyncPerson) []string {
		list := []string{"upn " + strings.ToLower(m.UPN)}
		for _, a := range m.Proxies {
			list = append(list, strings.ToLower(a[5:]))
		}
		slices.Sort(list)
		return slices.Compact(list)
	}
	for _, m := range d.people {
		for _, w := range of(m) {
			wants[w]++
		}
	}
	alone := 0
	for object, m := range d.people {
		if slices.ContainsFunc(of(m), func(w string) bool { return wants[w] > 1 }) {
			continue
		}
		alone++
		p := y.one(object)
		if other := y.problem(object).Other; other != "" { // somebody keeps an old name because they can't have the one they want
			if blocker := at[provision.Person](t)(y.store.Person(t.Context(), org, other)); blocker.Held != "" && slices.ContainsFunc(at[[]provision.Problem](t)(y.store.ProblemsOf(t.Context(), org, []string{blocker.Object})),
				func(p provision.Problem) bool { return p.Reason == provision.UPNTaken }) {
				continue
			}
		}
		if p == nil || p.UPN != m.UPN || p.DisplayName != m.DisplayName || p.Held != "" || y.problem(object).Reason != "" {
			t.Errorf("%+v is kept as %+v with %+v", m, p, y.problem(object))
		}
	}
	if y.count() > len(d.people) || alone == 0 && len(d.people) > crowd/2 && y.count() == 0 {
		t.Errorf("%d accounts for %d people", y.count(), len(d.people))
	}
}
