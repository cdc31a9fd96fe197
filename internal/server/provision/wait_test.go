package provision_test

import (
	"fmt"
	"sync"
	"testing"

	"homeward/internal/protocol"
	"homeward/internal/server/provision"
	"homeward/internal/server/store/storetest"
	"homeward/internal/server/tenant"
	"homeward/test/pgtest"
)

// TestWhatWaitsIsApplied as soon as its cause is gone, or with the next sweep.
func TestWhatWaitsIsApplied(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings tenant.Sync
		role     bool
		end      func(y *yard, cloud provision.Person)
		joined   bool
	}{
		"settings let it": {tenant.Sync{BlockSoftMatch: true}, false, func(y *yard, _ provision.Person) {
			y.sync(tenant.Sync{})
			ok(y.tb, y.Sweep(y.tb.Context(), org))
		}, true},
		"the cloud account is deleted": {tenant.Sync{AskSoftMatch: true}, false, func(y *yard, cloud provision.Person) {
			ok(y.tb, y.DeleteAccount(y.tb.Context(), org, "op", cloud.ID))
		}, false},
		"the role is taken away": {tenant.Sync{}, true, func(y *yard, cloud provision.Person) {
			ok(y.tb, y.ClearRole(y.tb.Context(), org, "op", cloud.ID, "Global Administrator"))
		}, true},
		"they are kept apart": {tenant.Sync{}, true, func(y *yard, _ provision.Person) {
			y.decide(id(1), provision.ChooseApart)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			y := newYard(t)
			y.sync(c.settings)
			cloud := y.account(cloudAccount())
			if c.role {
				ok(t, y.SetRole(t.Context(), org, "op", cloud.ID, "Global Administrator"))
			}
			a := y.synced(person(1))
			if y.one(id(1)) != nil {
				t.Fatal("applied at once")
			}
			c.end(y, cloud)
			p := y.one(id(1))
			if p == nil || (p.ID == cloud.ID) != c.joined || y.problem(id(1)).Reason != "" {
				t.Fatalf("%+v, %+v", p, y.problem(id(1)))
			}
			a.full(person(1))
			if again := y.one(id(1)); again.ID != p.ID || again.UPN != p.UPN {
				t.Errorf("%+v", again)
			}
		})
	}
}

// TestWhatNoLongerExistsIsForgotten: an object that waits and then goes leaves nothing behind.
func TestWhatNoLongerExistsIsForgotten(t *testing.T) {
	t.Parallel()
	y, a, second := conflict(t)
	a.gone(second.Object)
	if y.problem(id(2)).Reason != "" || y.one(id(1)).Held != "" {
		t.Errorf("%+v, held %q", y.problem(id(2)), y.one(id(1)).Held)
	}
	a.change(second)
	a.full(person(1)) // doesn't name it
	if y.problem(id(2)).Reason != "" || y.one(id(1)).Held != "" {
		t.Errorf("%+v, held %q", y.problem(id(2)), y.one(id(1)).Held)
	}
	ok(t, y.Sweep(t.Context(), org))
	if y.one(id(2)) != nil {
		t.Error("an object that is gone was applied")
	}
}

func TestGuardOfGroups(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	a := y.synced(person(1))
	var groups []protocol.SyncGroup
	for n := range 20 {
		groups = append(groups, protocol.SyncGroup{Object: id(100 + n), Name: fmt.Sprint("G", n), DN: "CN=g", Token: "t", Complete: true, Added: []string{id(1)}})
	}
	a.must(protocol.SyncBatch{Groups: groups})
	count := func() int {
		_, n, err := y.store.CountDomain(t.Context(), provision.Key{Tenant: org, Domain: "corp.example"})
		ok(t, err)
		return n
	}
	if ack := a.gone(objects(100, 106)...); ack.Pending != 6 || count() != 20 {
		t.Fatalf("%+v, %d groups", ack, count())
	}
	a.gone(id(1)) // people are counted apart
	if y.count() != 0 {
		t.Errorf("%d people", y.count())
	}
	if n := at[int](t)(y.AllowDeletions(t.Context(), org, "corp.example", "op")); n != 6 || count() != 14 {
		t.Errorf("%d deleted, %d groups", n, count())
	}
	a.must(protocol.SyncBatch{Groups: groups[:1]}) // comes back
	if count() != 15 {
		t.Errorf("%d groups", count())
	}
}

// TestTwoDomainsAtOnce want the same names at the same moment: each name is one person's, whichever engine keeps them.
func TestTwoDomainsAtOnce(t *testing.T) {
	t.Parallel()
	for name, dsn := range map[string]func(testing.TB) string{"SQLite": storetest.SQLite, "PostgreSQL": pgtest.Start} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			y := yardOn(t, storetest.Open(t, dsn(t)))
			const many = 30
			var wait sync.WaitGroup
			for d := range 3 {
				a := y.agent(fmt.Sprint("U", d), fmt.Sprintf("d%d.example", d))
				a.yard = &yard{Engine: y.Engine, tb: t, store: y.store, now: y.now}
				if g := a.ask(nil); !g.OK {
					t.Fatalf("%+v", g)
				}
				wait.Go(func() {
					for n := range many {
						m := person(n)
						m.Object, m.Anchor = id(1000*d+n), id(1000*d+n)
						if ack := a.send(protocol.SyncBatch{People: []protocol.SyncPerson{m}, Last: n == many-1, Cursor: []byte{1}}); !ack.OK {
							t.Errorf("%+v", ack)
						}
					}
				})
			}
			wait.Wait()
			if y.count() != many {
				t.Errorf("%d people have %d names", y.count(), many)
			}
			if found := at[[]provision.Explained](t)(y.Problems(t.Context(), org, "", 1000)); len(found) != 2*many {
				t.Errorf("%d conflicts", len(found))
			}
		})
	}
}
