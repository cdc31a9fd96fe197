package provision_test

import (
	"fmt"
	"testing"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/provision"
	"homeward/internal/server/store/storetest"
	"homeward/internal/server/tenant"
	"homeward/test/pgtest"
)

// TestSomebodyInTenThousandGroups: one person who is a member of 10,000 groups, some of them in each other and in a ring, costs
// what their groups cost and no more. The scope is right for the first group, the last one and none, and a change of the
// person touches no group.
func TestSomebodyInTenThousandGroups(t *testing.T) {
	t.Parallel()
	for name, dsn := range map[string]func(testing.TB) string{"SQLite": storetest.SQLite, "PostgreSQL": pgtest.Start} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inTenThousandGroups(t, yardOn(t, storetest.Open(t, dsn(t))))
		})
	}
}

func inTenThousandGroups(t *testing.T, y *yard) {
	const groups, first, most = 10_000, 1_000_000, 3 * time.Minute
	begun := time.Now()
	group := func(n int) string { return id(first + n) }
	a := y.synced(person(1), person(2))
	for n := 0; n < groups; n += protocol.MaxBatchObjects / 4 {
		var batch []protocol.SyncGroup
		for i := n; i < n+protocol.MaxBatchObjects/4; i++ {
			g := protocol.SyncGroup{Object: group(i), DN: fmt.Sprintf("CN=G%d,OU=Groups,DC=corp,DC=example", i), Name: fmt.Sprint("G", i), Token: "t", Complete: true, Added: []string{id(1)}}
			if i > 0 && i%100 == 0 {
				g.Added = append(g.Added, group(i-100)) // a chain of a hundred
			}
			if i == 0 {
				g.Added = append(g.Added, group(groups-100)) // which is a ring
			}
			batch = append(batch, g)
		}
		a.must(protocol.SyncBatch{Groups: batch, Cursor: []byte("c")})
	}
	applied := time.Since(begun)
	scope := func(g string) tenant.Tenant {
		return tenant.Tenant{ID: org, Settings: tenant.Settings{ResetScope: tenant.ScopeSelected, ResetGroup: g}}
	}
	asked := time.Now()
	for g, want := range map[string][2]bool{group(0): {true, false}, group(groups - 1): {true, false}, group(5_100): {true, false}, id(7): {false, false}} {
		for i, n := range []int{1, 2} {
			p := y.one(id(n))
			in, err := y.InScope(t.Context(), scope(g), *p)
			if err != nil || in != want[i] {
				t.Errorf("person %d in group %s: %v, %v", n, g, in, err)
			}
		}
	}
	each := time.Since(asked) / 8
	in, all, err := y.ScopeCount(t.Context(), org, tenant.ScopeSelected, group(0))
	if in != 1 || all != 2 || err != nil {
		t.Errorf("%d of %d, %v", in, all, err)
	}
	// The person leaves one group of the ring and stays in its nested ones.
	a.must(protocol.SyncBatch{Groups: []protocol.SyncGroup{{Object: group(0), Name: "G0", DN: "CN=G0", Removed: []string{id(1)}}}, Cursor: []byte("c")})
	if in, err := y.InScope(t.Context(), scope(group(0)), *y.one(id(1))); !in || err != nil {
		t.Errorf("through the groups in it: %v, %v", in, err)
	}
	changed := time.Now()
	m := person(1)
	m.DisplayName = "Another"
	a.change(m)
	change := time.Since(changed)
	a.gone(id(1)) // out of all of them at once
	for _, g := range []string{group(0), group(groups - 1)} {
		if n := at[int](t)(y.store.CountIn(t.Context(), org, g)); n != 0 {
			t.Errorf("%d people left in %s", n, g)
		}
	}
	a.change(person(1))
	if in, err := y.InScope(t.Context(), scope(group(0)), *y.one(id(1))); in || err != nil {
		t.Errorf("restored and in a group again: %v, %v", in, err)
	}
	if _, n, err := y.store.CountDomain(t.Context(), provision.Key{Tenant: org, Domain: "corp.example"}); n != groups || err != nil {
		t.Errorf("%d groups, %v", n, err)
	}
	t.Logf("groups applied in %v, a question of scope in %v, a change in %v", applied, each, change)
	if each > time.Second || change > 2*time.Second || time.Since(begun) > most {
		t.Errorf("not bounded: groups in %v, scope in %v, change in %v", applied, each, change)
	}
}
