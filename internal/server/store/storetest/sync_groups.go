package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/server/provision"
)

func groupTests(t *testing.T, e *env) {
	group := func(name string) provision.Group {
		return provision.Group{Tenant: TenantA, Object: name, Domain: "corp.example", DN: "CN=" + name, Name: "Group " + name, SAM: "sam" + name, Mail: "m", Security: true, Run: "r", Updated: noon()}
	}
	want := []provision.Group{group("g1"), group("g2"), group("g3")}
	ok(t, e.PutGroups(e.ctx, want))
	want[0].Name = "Åland"
	ok(t, e.PutGroups(e.ctx, want[:1]))
	if diff := cmp.Diff(want, at[[]provision.Group](t)(e.Groups(e.ctx, TenantA, []string{"g1", "g2", "g3"}))); diff != "" {
		t.Error(diff)
	}
	if got := at[[]provision.Group](t)(e.GroupsNamed(e.ctx, TenantA, provision.Fold("ÅLAND"), 9)); len(got) != 1 {
		t.Errorf("%d named so", len(got))
	}
	p := person(TenantA, 1)
	ok(t, e.InsertPeople(e.ctx, []provision.Person{p, person(TenantA, 2)}))
	ok(t, e.PutMembers(e.ctx, TenantA, "g1", "t", []string{"g2", "unknown"}))
	ok(t, e.PutMembers(e.ctx, TenantA, "g2", "t", []string{"g3", "g1"}))
	ok(t, e.PutMembers(e.ctx, TenantA, "g3", "", []string{p.Object, "g2"}))
	in := func(want bool, group string) {
		t.Helper()
		if got := at[bool](t)(e.InGroup(e.ctx, TenantA, group, p.Object)); got != want {
			t.Errorf("in %s: %v", group, got)
		}
		n := at[int](t)(e.CountIn(e.ctx, TenantA, group))
		list := at[[]provision.Person](t)(e.PeopleIn(e.ctx, TenantA, group, "", 9))
		if (n == 1) != want || len(list) != n {
			t.Errorf("%s has %d, lists %d", group, n, len(list))
		}
	}
	for _, g := range []string{"g1", "g2", "g3"} {
		in(true, g)
	}
	in(false, "g4")
	if at[bool](t)(e.InGroup(e.ctx, TenantB, "g1", p.Object)) {
		t.Error("seen by another tenant")
	}
	ok(t, e.PutMembers(e.ctx, TenantA, "g1", "u", []string{"other"}))
	ok(t, e.PutMembers(e.ctx, TenantA, "g1", "", []string{"other", "more"}))
	ok(t, e.DropOthers(e.ctx, TenantA, "g1", "u"))
	in(false, "g1")
	ok(t, e.DropMembers(e.ctx, TenantA, "g3", []string{p.Object}))
	in(false, "g2")
	ok(t, e.PutMembers(e.ctx, TenantA, "g3", "", []string{p.Object}))
	in(true, "g3")
	elsewhere := key(TenantA)
	elsewhere.Domain = "elsewhere.example"
	ok(t, e.LeaveGroups(e.ctx, elsewhere, []string{p.Object})) // another domain's word doesn't count
	in(true, "g3")
	ok(t, e.LeaveGroups(e.ctx, key(TenantA), []string{p.Object}))
	in(false, "g3")
	ok(t, e.MarkGroupsUnnamed(e.ctx, key(TenantA), "r2"))
	ok(t, e.MarkGroupsSeen(e.ctx, TenantA, "", []string{"g1"}))
	ok(t, e.MarkGroupsSeen(e.ctx, TenantA, "r2", []string{"g2"}))
	c := at[provision.PendingCount](t)(e.CountPendingGroups(e.ctx, key(TenantA), noon()))
	if c.Living != 3 || c.Missing != 1 {
		t.Errorf("%+v", c)
	}
	if n := at[int](t)(e.KeepMissing(e.ctx, key(TenantA))); n != 1 {
		t.Errorf("kept %d", n)
	}
	ok(t, e.MarkGroupsUnnamed(e.ctx, key(TenantA), "r2"))
	ok(t, e.MarkGroupsSeen(e.ctx, TenantA, "", []string{"g1"}))
	ok(t, e.MarkGroupsMissing(e.ctx, key(TenantA), []string{"g2"}))
	if n := at[int](t)(e.DeleteMissingGroups(e.ctx, key(TenantA), noon().Add(time.Second))); n != 2 {
		t.Errorf("deleted %d", n)
	}
	people, groups, err := e.CountDomain(e.ctx, key(TenantA))
	if people != 2 || groups != 1 || err != nil {
		t.Errorf("%d people, %d groups, %v", people, groups, err)
	}
	at[int](t)(e.Purge(e.ctx, TenantA, noon().Add(time.Hour)))
	if got := at[[]provision.Group](t)(e.Groups(e.ctx, TenantA, []string{"g1", "g2", "g3"})); len(got) != 1 {
		t.Errorf("%d groups", len(got))
	}
}

// What a domain has deleted is in no group any more; what another domain or another tenant has stays where it is.
func deletedMembers(t *testing.T, e *env) {
	own, other, foreign := person(TenantA, 1), person(TenantA, 2), person(TenantB, 1)
	other.Domain = "lab.example"
	ok(t, e.InsertPeople(e.ctx, []provision.Person{own, other, foreign}))
	group := func(tenant, object, domain string) provision.Group {
		return provision.Group{Tenant: tenant, Object: object, Domain: domain, DN: "CN=" + object, Name: object, Run: "r", Updated: noon()}
	}
	ok(t, e.PutGroups(e.ctx, []provision.Group{
		group(TenantA, "g1", "corp.example"), group(TenantA, "g2", "lab.example"), group(TenantA, "g3", "corp.example"), group(TenantB, "g1", "corp.example"),
	}))
	ok(t, e.PutMembers(e.ctx, TenantA, "g1", "t", []string{own.Object, other.Object, "g2", "g3", "unknown"}))
	ok(t, e.PutMembers(e.ctx, TenantA, "g2", "", []string{own.Object, "kept"}))
	ok(t, e.PutMembers(e.ctx, TenantB, "g1", "t", []string{foreign.Object}))
	ok(t, e.LeaveGroups(e.ctx, key(TenantA), nil))
	ok(t, e.LeaveGroups(e.ctx, key(TenantA), []string{own.Object, other.Object, "g2", "g3", "unknown"}))
	for _, tt := range []struct {
		tenant, group, member string
		want                  bool
	}{
		{TenantA, "g1", own.Object, false},
		{TenantA, "g2", own.Object, false},
		{TenantA, "g1", "g3", false},
		{TenantA, "g1", "unknown", false},
		{TenantA, "g1", other.Object, true},
		{TenantA, "g1", "g2", true},
		{TenantA, "g2", "kept", true},
		{TenantB, "g1", foreign.Object, true},
	} {
		if got := at[bool](t)(e.InGroup(e.ctx, tt.tenant, tt.group, tt.member)); got != tt.want {
			t.Errorf("%s is in %s of %s: %v", tt.member, tt.group, tt.tenant, got)
		}
	}
}
