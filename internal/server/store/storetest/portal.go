package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/server/licence"
	"homeward/internal/server/objection"
	"homeward/internal/server/operator"
	"homeward/internal/server/provision"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

func given(part string, kind licence.Kind, subject string) licence.Assignment {
	return licence.Assignment{Tenant: TenantA, Part: part, Kind: kind, Subject: subject, Operator: "karin", At: noon()}
}

// withStaff begins with ten people; 1 to 3 are in a group, 3 and 4 in another one that is in it.
func withStaff(run func(t *testing.T, e *env, outer, inner string)) func(*testing.T, *env) {
	return func(t *testing.T, e *env) {
		outer, inner := fmt.Sprintf("%032x", 0xa1), fmt.Sprintf("%032x", 0xa2)
		object := func(n int) string { return person(TenantA, n).Object }
		var all []provision.Person
		for n := range 10 {
			all = append(all, person(TenantA, n))
		}
		ok(t, e.InsertPeople(e.ctx, all))
		ok(t, e.PutGroups(e.ctx, []provision.Group{
			{Tenant: TenantA, Object: outer, Domain: "corp.example", Name: "GG 100%_Staff", SAM: "staff"},
			{Tenant: TenantA, Object: inner, Domain: "corp.example", Name: "Zweigstelle Süd", SAM: "sued"},
		}))
		ok(t, e.PutMembers(e.ctx, TenantA, outer, "", []string{object(1), object(2), object(3), inner}))
		ok(t, e.PutMembers(e.ctx, TenantA, inner, "", []string{object(3), object(4), outer})) // in each other, too
		run(t, e, outer, inner)
	}
}

func portalTests() []test {
	return []test{
		{"name and settings together", func(t *testing.T, e *env) {
			want := at[tenant.Tenant](t)(e.Tenant(e.ctx, TenantA))
			want.Name, want.Settings.Brand.Note = "Contoso – Süd", "a\nb"
			at[tenant.Tenant](t)(e.ChangeTenant(e.ctx, TenantA, func(_ *store.Store, now *tenant.Tenant) error {
				*now = want
				return nil
			}))
			if diff := cmp.Diff(want, at[tenant.Tenant](t)(e.Tenant(e.ctx, TenantA))); diff != "" {
				t.Error(diff)
			}
			if err := e.LockTenant(e.ctx, "nobody"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("got %v", err)
			}
		}},
		{"one picture a tenant", func(t *testing.T, e *env) {
			ok(t, e.PutPicture(e.ctx, TenantB, "h1", []byte("other")))
			for _, body := range []string{"first", "second"} {
				ok(t, e.PutPicture(e.ctx, TenantA, "h-"+body, []byte(body)))
			}
			if got := at[[]byte](t)(e.Picture(e.ctx, TenantA, "h-second")); !bytes.Equal(got, []byte("second")) {
				t.Errorf("picture is %q", got)
			}
			ok(t, e.PutPicture(e.ctx, TenantA, "", nil))
			for _, hash := range []string{"h-first", "h-second", "h1"} {
				if _, err := e.Picture(e.ctx, TenantA, hash); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("%s: %v", hash, err)
				}
			}
			if got := at[[]byte](t)(e.Picture(e.ctx, TenantB, "h1")); len(got) == 0 {
				t.Error("another tenant's is gone")
			}
		}},
		{"licences reach the people of groups", withStaff(licencesReach)},
		{"ready people are counted", withStaff(readyCounted)},
		{"who has registered too little is listed, and reminded once", withStaff(shortListed)},
		{"groups by a part of their name", withStaff(func(t *testing.T, e *env, outer, _ string) {
			for typed, want := range map[string]int{"gg": 1, "%": 1, "_": 1, "100%_s": 1, "süd": 1, "sued": 1, "": 2, "nothing": 0, `\`: 0} {
				if got := at[[]provision.Group](t)(e.GroupsLike(e.ctx, TenantA, typed, 10)); len(got) != want {
					t.Errorf("%q finds %d, want %d", typed, len(got), want)
				}
			}
			if got := at[[]provision.Group](t)(e.GroupsLike(e.ctx, TenantA, "", 1)); len(got) != 1 || got[0].Object != outer {
				t.Errorf("first is %+v", got)
			}
			if got := at[[]provision.Group](t)(e.GroupsLike(e.ctx, TenantB, "", 10)); len(got) != 0 {
				t.Errorf("another tenant finds %d", len(got))
			}
		})},
		{"the last Global Administrator stays", lastStays},
	}
}

func licencesReach(t *testing.T, e *env, outer, inner string) {
	seats := func(want int) {
		t.Helper()
		if got := at[int](t)(e.SeatsUsed(e.ctx, TenantA, "SPE_E3")); got != want {
			t.Errorf("%d seats, want %d", got, want)
		}
	}
	holds := func(n int, want bool) {
		t.Helper()
		p := person(TenantA, n)
		if got := at[bool](t)(e.HoldsLicence(e.ctx, TenantA, p.ID, p.Object, []string{"EMS", "SPE_E3"})); got != want {
			t.Errorf("person %d holds it: %v", n, got)
		}
	}
	for _, a := range []licence.Assignment{given("SPE_E3", licence.Person, "person003"), given("SPE_E3", licence.Person, "person009"), given("SPE_E3", licence.Group, outer)} {
		ok(t, e.PutLicence(e.ctx, a))
		ok(t, e.PutLicence(e.ctx, a)) // twice is once
	}
	ok(t, e.PutLicence(e.ctx, given("SPB", licence.Person, "person008")))
	seats(5) // 1, 2, 3, 4 and 9
	for n, want := range map[int]bool{0: false, 1: true, 3: true, 4: true, 8: false, 9: true} {
		holds(n, want)
	}
	list := at[[]licence.Assignment](t)(e.LicencesOf(e.ctx, TenantA, 10))
	if len(list) != 4 || list[0].Part != "SPB" || list[1].Name != "GG 100%_Staff" || !list[1].At.Equal(noon()) || list[2].Name != "User 3" {
		t.Errorf("list is %+v", list)
	}
	if had := at[bool](t)(e.DropLicence(e.ctx, given("SPE_E3", licence.Group, outer))); !had {
		t.Error("nothing was taken back")
	}
	if had := at[bool](t)(e.DropLicence(e.ctx, given("SPE_E3", licence.Group, outer))); had {
		t.Error("it was taken back twice")
	}
	seats(2)
	holds(4, false)
	ok(t, e.PutLicence(e.ctx, given("SPE_E3", licence.Group, inner)))
	seats(5) // the groups are in each other
	key := provision.Key{Tenant: TenantA, Domain: "corp.example"}
	ok(t, e.MarkGroupsMissing(e.ctx, key, []string{inner}))
	if n := at[int](t)(e.DeleteMissingGroups(e.ctx, key, noon())); n != 1 {
		t.Errorf("%d groups deleted", n)
	}
	seats(2)
	holds(4, false)
	if got := at[bool](t)(e.HoldsLicence(e.ctx, TenantB, "person009", "x", []string{"SPE_E3"})); got {
		t.Error("another tenant's")
	}
}

func readyCounted(t *testing.T, e *env, outer, _ string) {
	method := func(n int, kind verify.Kind, id string, confirmed time.Time) {
		t.Helper()
		ok(t, e.PutMethod(e.ctx, verify.Method{Tenant: TenantA, ID: id, Person: person(TenantA, n).ID, Kind: kind, Secret: []byte("s"), Created: noon(), Confirmed: confirmed}))
	}
	method(1, verify.App, "m1", noon())
	method(1, verify.App, "m2", noon()) // two of a kind are one kind
	method(2, verify.App, "m3", noon())
	method(2, verify.Passkey, "m4", noon())
	method(3, verify.Text, "m5", time.Time{}) // not confirmed
	method(4, verify.Questions, "m6", noon()) // not allowed below
	kinds := []string{"app", "passkey", "text", "mail"}
	for name, c := range map[string]struct {
		group string
		kinds []string
		mail  bool
		want  provision.Readiness
	}{
		"all":                   {"", kinds, false, provision.Readiness{People: 10, None: 8, One: 1, More: 1}},
		"group":                 {outer, kinds, false, provision.Readiness{People: 4, None: 2, One: 1, More: 1}},
		"directory's mail, too": {outer, kinds, true, provision.Readiness{People: 4, One: 2, More: 2}},
		"nothing allowed":       {"", nil, false, provision.Readiness{People: 10, None: 10}},
		"no such group":         {"nothing", kinds, true, provision.Readiness{}},
	} {
		if diff := cmp.Diff(c.want, at[provision.Readiness](t)(e.ReadyPeople(e.ctx, TenantA, c.group, c.kinds, c.mail))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	ok(t, e.NoteCheck(e.ctx, TenantA, "person001", verify.App))
	ok(t, e.NoteCheck(e.ctx, TenantA, "person002", verify.App))
	if diff := cmp.Diff(map[string]int{"app": 2}, at[map[string]int](t)(e.LastUsed(e.ctx, TenantA))); diff != "" {
		t.Error(diff)
	}
}

// shortListed: in whatever way somebody can't or needn't be reminded, they are neither counted nor listed.
func shortListed(t *testing.T, e *env, outer, _ string) {
	method := func(n int, kind verify.Kind, id string) {
		t.Helper()
		ok(t, e.PutMethod(e.ctx, verify.Method{Tenant: TenantA, ID: id, Person: person(TenantA, n).ID, Kind: kind, Secret: []byte("s"), Created: noon(), Confirmed: noon()}))
	}
	method(1, verify.App, "m1")
	method(1, verify.Passkey, "m2") // enough
	method(2, verify.App, "m3")
	method(2, verify.App, "m4") // two of a kind are one
	change := func(n int, change func(p *provision.Person)) {
		t.Helper()
		p := person(TenantA, n)
		change(&p)
		ok(t, e.UpdatePeople(e.ctx, []provision.Person{p}))
	}
	change(5, func(p *provision.Person) { p.Disabled = true })
	change(6, func(p *provision.Person) { p.Protected = true })
	change(7, func(p *provision.Person) { p.Mail = "" })
	change(8, func(p *provision.Person) { p.Mail = "" })
	method(8, verify.Mail, "m5") // where they can be reached all the same
	change(9, func(p *provision.Person) { p.Missing = true })
	ok(t, e.Stop(e.ctx, nil, objection.Hold{Tenant: TenantA, Person: person(TenantA, 0).ID, At: noon()}))
	day := 24 * time.Hour
	query := func(edit func(*provision.Short)) provision.Short {
		q := provision.Short{Kinds: []string{"app", "passkey", "mail"}, Need: 2, Since: noon().Add(-day)}
		edit(&q)
		return q
	}
	want := func(what string, q provision.Short, people ...string) {
		t.Helper()
		var got []string
		for after := ""; ; {
			page := at[[]provision.Person](t)(e.ShortPeople(e.ctx, TenantA, q, after, 2))
			if len(page) == 0 {
				break
			}
			for _, p := range page {
				got, after = append(got, p.ID), p.ID
			}
		}
		if n := at[int](t)(e.CountShort(e.ctx, TenantA, q)); n != len(people) || !slices.Equal(got, people) {
			t.Errorf("%s: %d, %v, want %v", what, n, got, people)
		}
	}
	want("all", query(func(*provision.Short) {}), "person002", "person003", "person004", "person008")
	want("one check", query(func(q *provision.Short) { q.Need = 1 }), "person003", "person004")
	want("the directory's mail counts", query(func(q *provision.Short) { q.Mail = true }), "person003", "person004", "person008")
	want("a group", query(func(q *provision.Short) { q.Group = outer }), "person002", "person003", "person004")
	want("no kind counts", query(func(q *provision.Short) { q.Kinds, q.Need = nil, 1 }), "person001", "person002", "person003", "person004", "person008")
	want("nobody has a licence", query(func(q *provision.Short) { q.Parts = []string{} }))
	ok(t, e.PutLicence(e.ctx, licence.Assignment{Tenant: TenantA, Part: "SPE_E3", Kind: licence.Person, Subject: "person008", At: noon()}))
	want("a licence", query(func(q *provision.Short) { q.Parts = []string{"SPE_E3"} }), "person008")
	ok(t, e.PutLicence(e.ctx, licence.Assignment{Tenant: TenantA, Part: "SPE_E3", Kind: licence.Group, Subject: outer, At: noon()}))
	want("a group's licence", query(func(q *provision.Short) { q.Parts = []string{"SPE_E3"} }), "person002", "person003", "person004", "person008")

	var won atomic.Int32
	race(6, func(int) {
		fresh, err := e.ClaimRegister(e.ctx, TenantA, "person003", noon(), noon().Add(-day))
		if err != nil {
			t.Error(err)
		}
		if fresh {
			won.Add(1)
		}
	})
	if won.Load() != 1 {
		t.Errorf("%d claims of one reminder", won.Load())
	}
	if at[bool](t)(e.ClaimRegister(e.ctx, TenantA, "person003", noon().Add(time.Hour), noon().Add(time.Hour-day))) {
		t.Error("claimed again within a day")
	}
	if !at[bool](t)(e.ClaimReminder(e.ctx, TenantA, "person003", 1, noon().Add(day), noon())) {
		t.Error("a reminder of an expiry doesn't go beside it")
	}
	want("reminded", query(func(*provision.Short) {}), "person002", "person004", "person008")
	want("a day later", query(func(q *provision.Short) { q.Since = noon() }), "person002", "person003", "person004", "person008")
	if n, other := at[int](t)(e.RegisterReminded(e.ctx, TenantA, noon().Add(-day))), at[int](t)(e.RegisterReminded(e.ctx, TenantB, noon().Add(-day))); n != 1 || other != 0 {
		t.Errorf("reminded: %d, and %d of another tenant", n, other)
	}
	if !at[bool](t)(e.ClaimRegister(e.ctx, TenantA, "person003", noon().Add(day), noon())) {
		t.Error("not claimed after a day")
	}
}

// lastStays: also when two are taken away in the same moment.
func lastStays(t *testing.T, e *env) {
	ready := func(id string, role operator.Role) {
		t.Helper()
		o, l := invited(TenantA, id, id)
		o.Role = role
		ok(t, e.CreateOperator(e.ctx, o, l))
		o.Password, o.Seed, o.Changed = "$argon2id$", []byte("a seed of 20 bytes.."), noon()
		ok(t, e.SetUpOperator(e.ctx, l.Hash, o, nil, noon()))
	}
	ready("one", operator.GlobalAdministrator)
	ready("two", operator.GlobalAdministrator)
	ready("reader", operator.ReportsReader)
	invitedOnly, link := invited(TenantA, "three", "three")
	invitedOnly.Role = operator.GlobalAdministrator
	ok(t, e.CreateOperator(e.ctx, invitedOnly, link))
	ok(t, e.DisableOperator(e.ctx, TenantA, "reader"))
	var last atomic.Int32
	var both sync.WaitGroup
	for _, do := range []func() error{
		func() error { return e.SetOperatorRole(e.ctx, TenantA, "one", operator.ReportsReader) },
		func() error { return e.DisableOperator(e.ctx, TenantA, "two") },
	} {
		both.Go(func() {
			if err := do(); errors.Is(err, operator.ErrLast) {
				last.Add(1)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	if last.Load() != 1 {
		t.Errorf("%d of two were refused", last.Load())
	}
	left := 0
	for _, o := range at[[]operator.Operator](t)(e.Operators(e.ctx, TenantA)) {
		if o.Role == operator.GlobalAdministrator && o.Ready() {
			left++
		}
	}
	if left != 1 {
		t.Errorf("%d Global Administrators can sign in", left)
	}
	for _, err := range []error{
		e.SetOperatorRole(e.ctx, TenantA, "nobody", operator.ReportsReader), e.SetOperatorRole(e.ctx, TenantB, "one", operator.GlobalAdministrator),
		e.DisableOperator(e.ctx, TenantB, "one"),
	} {
		if !errors.Is(err, operator.ErrNotFound) {
			t.Errorf("got %v", err)
		}
	}
}
