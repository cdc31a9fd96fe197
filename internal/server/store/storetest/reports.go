package storetest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/server/audit"
	"homeward/internal/server/report"
	"homeward/internal/server/verify"
)

func reportTests() []test {
	return []test{
		{"entries are counted by day, activity and result", func(t *testing.T, e *env) {
			add := func(hours int, support, activity, result string) {
				ok(t, e.Append(e.ctx, TenantA, audit.Record{At: noon().Add(time.Duration(hours) * time.Hour), Support: support, Activity: activity, Result: result}))
			}
			add(0, "", "A", "ok")
			add(24, "HW-1", "A", "ok")
			add(25, "HW-1", "A", "changed")
			add(26, "HW-2", "A", "changed")
			add(27, "", "B", "failed")
			add(72, "", "A", "failed")
			add(73, "", "C", "ok")
			add(96, "", "A", "failed")
			ok(t, e.Append(e.ctx, TenantB, audit.Record{At: noon().Add(25 * time.Hour), Activity: "A", Result: "changed"}))
			var edges []time.Time
			for n := 1; n < 5; n++ {
				edges = append(edges, noon().Add(time.Duration(n)*24*time.Hour))
			}
			got := at[[]audit.Count](t)(e.CountEntries(e.ctx, TenantA, []string{"A", "B"}, edges))
			slices.SortFunc(got, func(a, b audit.Count) int {
				return a.Span*100 - b.Span*100 + strings.Compare(a.Activity+a.Result, b.Activity+b.Result)
			})
			want := []audit.Count{
				{Activity: "A", Result: "changed", N: 2}, {Activity: "B", Result: "failed", N: 1}, {Activity: "A", Result: "failed", Span: 2, N: 1},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if got := at[[]audit.Count](t)(e.CountEntries(e.ctx, "nobody", []string{"A"}, edges)); len(got) > 0 {
				t.Errorf("%v", got)
			}
		}},
		{"what people have registered", func(t *testing.T, e *env) {
			put := func(tenant, person, id string, k verify.Kind, confirmed time.Time) {
				ok(t, e.PutMethod(e.ctx, verify.Method{Tenant: tenant, ID: id, Person: person, Kind: k, Secret: []byte("s"), Created: noon(), Confirmed: confirmed}))
			}
			put(TenantA, "p1", "m1", verify.App, noon())
			put(TenantA, "p1", "m2", verify.Passkey, noon())
			put(TenantA, "p1", "m3", verify.Passkey, noon())
			put(TenantA, "p2", "m4", verify.App, time.Time{})
			put(TenantB, "p1", "m5", verify.Text, noon())
			ok(t, e.NoteReview(e.ctx, TenantA, "p2", noon()))
			got := at[[]report.Registered](t)(e.Registered(e.ctx, TenantA, []string{"p1", "p2", "p3"}))
			for _, r := range got {
				slices.Sort(r.Kinds)
			}
			slices.SortFunc(got, func(a, b report.Registered) int { return strings.Compare(a.Person, b.Person) })
			want := []report.Registered{{Person: "p1", Kinds: []verify.Kind{verify.App, verify.Passkey}}, {Person: "p2", Reviewed: noon()}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		}},
	}
}
