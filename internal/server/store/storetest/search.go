package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"homeward/internal/server/audit"
	"homeward/internal/server/operator"
	"homeward/internal/server/provision"
)

func searchTests() []test {
	ids := func(t *testing.T, e *env, q provision.Search) (out []string) {
		t.Helper()
		for _, p := range at[[]provision.Person](t)(e.SearchPeople(e.ctx, TenantA, q)) {
			out = append(out, p.ID)
		}
		if n := at[int](t)(e.CountFound(e.ctx, TenantA, q)); q.Limit == 0 && len(out) < 50 && n != len(out) {
			t.Errorf("%+v finds %d people and counts %d", q, len(out), n)
		}
		return out
	}
	return []test{
		{"by how any name begins", func(t *testing.T, e *env) {
			one, two := person(TenantA, 1), person(TenantA, 2)
			one.DisplayName, one.ADUPN, one.Surname = "Åsa Öberg", "other@corp.example", "Öberg"
			two.DisplayName, two.Mail = "50%_off Jonas Lindqvist", "jonas@mail.example"
			ok(t, e.InsertPeople(e.ctx, []provision.Person{one, two, person(TenantB, 1), cloudPerson(3)}))
			ok(t, e.PutClaims(e.ctx, TenantA, []provision.Claim{{Address: "alias@mail.example", Person: one.ID}}))
			for find, want := range map[string][]string{
				"åSA": {one.ID}, "ÖBERG": {one.ID}, "OTHER@": {one.ID}, "alias@": {one.ID}, `corp\USER`: {two.ID, one.ID}, "user1@corp.example": {one.ID},
				"lindqvist": {two.ID}, "jonas@mail": {two.ID}, "50%_o": {two.ID}, "%": nil, "_": nil, "sa": nil, "cloud3": {"cloud003"}, "": {two.ID, "cloud003", one.ID},
			} {
				if got := ids(t, e, provision.Search{Find: find}); !slices.Equal(got, want) {
					t.Errorf("%q finds %v, want %v", find, got, want)
				}
			}
			ok(t, e.DeletePeople(e.ctx, TenantA, []string{one.ID}, noon()))
			if got := ids(t, e, provision.Search{Find: "åsa"}); len(got) != 0 {
				t.Errorf("a deleted person is found: %v", got)
			}
		}},
		{"by their accounts", func(t *testing.T, e *env) {
			one, two, other := person(TenantA, 1), person(TenantA, 2), person(TenantB, 3)
			ok(t, e.InsertPeople(e.ctx, []provision.Person{one, two, other, cloudPerson(4)}))
			unknown := strings.Repeat("ab", 16)
			for name, c := range map[string]struct {
				q    provision.Search
				want []string
			}{
				"one":                {provision.Search{Objects: []string{one.Object, other.Object, unknown}}, []string{one.ID}},
				"both":               {provision.Search{Objects: []string{two.Object, one.Object, one.Object}}, []string{one.ID, two.ID}},
				"none":               {provision.Search{Objects: []string{}}, nil},
				"those in the cloud": {provision.Search{Objects: []string{""}}, nil},
				"one by name":        {provision.Search{Objects: []string{one.Object, two.Object}, Find: two.UPN}, []string{two.ID}},
				"out of reach":       {provision.Search{Objects: []string{one.Object}, Reach: &provision.Reach{}}, nil},
			} {
				if got := ids(t, e, c.q); !slices.Equal(got, c.want) {
					t.Errorf("%s: %v, want %v", name, got, c.want)
				}
			}
			many := make([]string, 1500) // more than are read one by one
			for n := range many {
				many[n] = fmt.Sprintf("%032x", n+1_000_000)
			}
			if got := ids(t, e, provision.Search{Objects: append(many, two.Object)}); !slices.Equal(got, []string{two.ID}) {
				t.Errorf("of many: %v", got)
			}
		}},
		{"page by page, few and many", func(t *testing.T, e *env) {
			const people = 1203 // more than are read one by one
			var all []provision.Person
			var want []string
			for n := range people {
				p := person(TenantA, n)
				p.ID, p.DisplayName, p.Disabled = fmt.Sprintf("id%04d", (n*7)%people), fmt.Sprintf("Name %d", n%100), n%2 == 0
				all = append(all, p)
			}
			ok(t, e.InsertPeople(e.ctx, all))
			slices.SortFunc(all, func(a, b provision.Person) int {
				if c := strings.Compare(a.DisplayName, b.DisplayName); c != 0 {
					return c
				}
				return strings.Compare(a.ID, b.ID)
			})
			for _, p := range all {
				want = append(want, p.ID)
			}
			for name, q := range map[string]provision.Search{
				"everybody": {}, "by a common name": {Find: "name"}, "by account": {Find: "user"}, "in reach": {Reach: &provision.Reach{Places: []string{provision.Place("DC=corp,DC=example")}}},
				"both": {Find: "name", Reach: &provision.Reach{Places: []string{provision.Place("DC=example")}}},
			} {
				var got []string
				for q.Limit = 100; ; {
					page := ids(t, e, q)
					got = append(got, page...)
					if len(page) < q.Limit {
						break
					}
					q.After = page[len(page)-1]
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s: %d in order, want %d", name, len(got), len(want))
				}
				q.After, q.Before, q.Limit = "", want[150], 20
				if back := ids(t, e, q); !slices.Equal(back, want[130:150]) {
					t.Errorf("%s: backwards %v", name, back)
				}
			}
			if got := ids(t, e, provision.Search{Account: provision.Disabled, Source: provision.FromDirectories, Limit: 2000}); len(got) != people/2+1 {
				t.Errorf("%d are turned off", len(got))
			}
			if got := ids(t, e, provision.Search{Source: provision.InCloud}); len(got) != 0 {
				t.Errorf("%d in the cloud", len(got))
			}
		}},
		{"nobody is found out of reach", func(t *testing.T, e *env) {
			sales, north, below := person(TenantA, 1), person(TenantA, 2), person(TenantA, 3)
			sales.DN, north.DN = "CN=a,OU=Sales,DC=corp,DC=example", "CN=b,OU=Salesforce,DC=corp,DC=example"
			outer, inner := strings.Repeat("a", 32), strings.Repeat("b", 32)
			ok(t, e.InsertPeople(e.ctx, []provision.Person{sales, north, below, cloudPerson(4)}))
			ok(t, e.PutGroups(e.ctx, []provision.Group{{Tenant: TenantA, Object: outer, Name: "o", Updated: noon()}, {Tenant: TenantA, Object: inner, Name: "i", Updated: noon()}}))
			ok(t, e.PutMembers(e.ctx, TenantA, outer, "t", []string{inner, outer}))
			ok(t, e.PutMembers(e.ctx, TenantA, inner, "t", []string{below.Object, outer}))
			place := provision.Place("ou=sales,DC=corp,DC=example")
			for name, c := range map[string]struct {
				reach provision.Reach
				want  []string
			}{
				"nobody": {provision.Reach{}, nil}, "a place": {provision.Reach{Places: []string{place}}, []string{sales.ID}},
				"a nested group": {provision.Reach{Groups: []string{outer}}, []string{below.ID}}, "a group that is gone": {provision.Reach{Groups: []string{strings.Repeat("c", 32)}}, nil},
				"either": {provision.Reach{Groups: []string{inner}, Places: []string{place}}, []string{sales.ID, below.ID}},
			} {
				if got := ids(t, e, provision.Search{Reach: &c.reach}); !slices.Equal(got, c.want) {
					t.Errorf("%s reaches %v, want %v", name, got, c.want)
				}
				for _, p := range []provision.Person{sales, north, below, cloudPerson(4)} {
					if got := ids(t, e, provision.Search{ID: p.ID, Reach: &c.reach}); (len(got) == 1) != slices.Contains(c.want, p.ID) {
						t.Errorf("%s reaches %s by its id: %v", name, p.ID, got)
					}
					if got := ids(t, e, provision.Search{Find: p.UPN, Reach: &c.reach}); (len(got) == 1) != slices.Contains(c.want, p.ID) {
						t.Errorf("%s reaches %s by its name: %v", name, p.ID, got)
					}
				}
			}
			if got := at[[]provision.Group](t)(e.GroupsOf(e.ctx, TenantA, below.Object, 5)); len(got) != 1 || got[0].Object != inner {
				t.Errorf("groups %+v", got)
			}
		}},
		{"a scope is replaced whole", withOperator(func(t *testing.T, e *env, o operator.Operator) {
			unit := operator.Within{Kind: operator.WithinUnit, Value: provision.Place("OU=Sales,DC=x"), Name: "OU=Sales,DC=x"}
			group := operator.Within{Kind: operator.WithinGroup, Value: "g", Name: "Helped"}
			ok(t, e.SetScope(e.ctx, TenantA, o.ID, operator.Scope{unit, group, unit}))
			if got := at[operator.Scope](t)(e.Scope(e.ctx, TenantA, o.ID)); !slices.Equal(got, operator.Scope{group, unit}) {
				t.Errorf("%+v", got)
			}
			if got := at[operator.Scope](t)(e.Scope(e.ctx, TenantB, o.ID)); len(got) != 0 {
				t.Errorf("another tenant's: %+v", got)
			}
			if err := e.SetScope(e.ctx, TenantA, "nobody", operator.Scope{unit}); !errors.Is(err, operator.ErrNotFound) {
				t.Errorf("of nobody: %v", err)
			}
			ok(t, e.SetScope(e.ctx, TenantA, o.ID, nil))
			if got := at[operator.Scope](t)(e.Scope(e.ctx, TenantA, o.ID)); len(got) != 0 {
				t.Errorf("%+v", got)
			}
		})},
		{"the last write of somebody", func(t *testing.T, e *env) {
			row := func(target, activity, result string) audit.Record {
				return audit.Record{Target: target, Activity: activity, Result: result, Hop: "directory"}
			}
			ok(t, e.Append(e.ctx, TenantA, row("p1", "Reset password (self-service)", "changed"), row("p1", "Reset password (by admin)", "refused"),
				row("p1", "Reset password (self-service)", "ok"), row("p1", "Unlock user account (by admin)", "changed"), row("p2", "Change password (self-service)", "changed")))
			if got := at[[]audit.Record](t)(e.LastWrite(e.ctx, TenantA, "p1")); len(got) != 1 || got[0].Seq != 2 {
				t.Errorf("%+v", got)
			}
			if got := at[[]audit.Record](t)(e.LastWrite(e.ctx, TenantB, "p1")); len(got) != 0 {
				t.Errorf("another tenant's: %+v", got)
			}
		}},
	}
}
