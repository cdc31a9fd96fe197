package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/server/audit"
)

func auditSearchTests() []test {
	seqs := func(t *testing.T, e *env, tenant string, q audit.Query) []int64 {
		t.Helper()
		if q.Limit == 0 {
			q.Limit = 100
		}
		var out []int64
		for _, r := range at[[]audit.Record](t)(e.SearchAudit(e.ctx, tenant, q)) {
			out = append(out, r.Seq)
		}
		return out
	}
	// Attempt HW-1 has rows 1, 2 and 5 (and the mail, 6); HW-2 has row 3; row 4 and 7 belong to none.
	fill := func(t *testing.T, e *env) {
		row := func(n int, support, activity, result, actor, target string, event int) audit.Record {
			return audit.Record{
				At: noon().Add(time.Duration(n) * time.Hour), Support: support, Activity: activity, Hop: "portal", Event: event,
				Result: result, Actor: actor, Target: target,
			}
		}
		ok(t, e.Append(e.ctx, TenantA,
			row(1, "HW-1", "Reset", "ok", "", "p1", 34001), row(2, "HW-1", "Reset", "ok", "", "p1", 34007),
			row(3, "HW-2", "Unlock", "refused", "", "p2", 33008), row(4, "", "Drain agent", "ok", "karin", "U1", 31037),
			row(5, "HW-1", "Reset", "changed", "U1", "p1", 31002), row(6, "HW-1", "Reset", "ok", "", "p1", audit.Told),
			row(7, "", "Sign in", "refused", "", "", 34041)))
		ok(t, e.Append(e.ctx, TenantB, row(1, "HW-9", "Reset", "ok", "", "p1", 31002)))
	}
	tests := []test{}
	for name, c := range map[string]struct {
		q    audit.Query
		want []int64
	}{
		"everything":                 {audit.Query{}, []int64{7, 5, 4, 3}},
		"a support code":             {audit.Query{Support: "HW-1"}, []int64{5}},
		"another's code":             {audit.Query{Support: "HW-9"}, nil},
		"a person":                   {audit.Query{People: []string{"p1", "p2"}}, []int64{5, 3}},
		"an operator":                {audit.Query{People: []string{"karin"}}, []int64{4}},
		"nobody":                     {audit.Query{People: []string{}}, nil},
		"an activity":                {audit.Query{Activity: "Unlock"}, []int64{3}},
		"a result":                   {audit.Query{Results: []string{"refused"}}, []int64{7, 3}},
		"several results":            {audit.Query{Results: []string{"changed", "ok"}}, []int64{5, 4}},
		"a result and what was done": {audit.Query{Activity: "Reset", Results: []string{"ok"}}, nil},
		"an agent":                   {audit.Query{Agent: "U1"}, []int64{5}},
		"a person by an agent":       {audit.Query{People: []string{"p1"}, Agent: "U1"}, []int64{5}},
		"a person by another":        {audit.Query{People: []string{"p2"}, Agent: "U1"}, nil},
		"what somebody did":          {audit.Query{People: []string{"karin"}, Results: []string{"ok"}, Activity: "Drain agent"}, []int64{4}},
		"what somebody did not":      {audit.Query{People: []string{"karin"}, Results: []string{"failed"}}, nil},
		"newer of a result":          {audit.Query{After: 2, Results: []string{"refused", "changed"}, Limit: 2}, []int64{5, 3}},
		"first page":                 {audit.Query{Limit: 2}, []int64{7, 5}},
		"older":                      {audit.Query{Before: 5, Limit: 2}, []int64{4, 3}},
		"newer":                      {audit.Query{After: 3, Limit: 2}, []int64{5, 4}},
		"from":                       {audit.Query{From: noon().Add(4 * time.Hour)}, []int64{7, 5, 4}},
		"to":                         {audit.Query{To: noon().Add(5 * time.Hour)}, []int64{4, 3}},
		"between":                    {audit.Query{From: noon().Add(3 * time.Hour), To: noon().Add(5 * time.Hour), Results: []string{"refused"}}, []int64{3}},
		"the future":                 {audit.Query{From: noon().Add(99 * time.Hour)}, nil},
		"the past":                   {audit.Query{To: noon().Add(-99 * time.Hour)}, nil},
	} {
		tests = append(tests, test{"search " + name, func(t *testing.T, e *env) {
			fill(t, e)
			if diff := cmp.Diff(c.want, seqs(t, e, TenantA, c.q)); diff != "" {
				t.Error(diff)
			}
		}})
	}
	tests = append(tests, test{"one row", func(t *testing.T, e *env) {
		fill(t, e)
		if r := at[[]audit.Record](t)(e.AuditRow(e.ctx, TenantA, 4)); len(r) != 1 || r[0].Actor != "karin" {
			t.Errorf("got %+v", r)
		}
		for _, tenant := range []string{TenantB, "nobody"} {
			if r := at[[]audit.Record](t)(e.AuditRow(e.ctx, tenant, 4)); len(r) > 0 {
				t.Errorf("%s: %+v", tenant, r)
			}
		}
	}})
	tests = append(tests, test{"search with a clock that was set back", func(t *testing.T, e *env) {
		for _, minute := range []int{0, 90, 40, 50, 170, 115, 300} { // the numbers of the rows grow all the same
			ok(t, e.Append(e.ctx, TenantA, audit.Record{At: noon().Add(time.Duration(minute) * time.Minute), Activity: "Reset", Hop: "portal", Result: "ok"}))
		}
		for from, want := range map[int][]int64{
			30: {7, 6, 5, 4, 3, 2}, 45: {7, 6, 5, 4, 2}, 60: {7, 6, 5, 2}, 91: {7, 6, 5}, 116: {7, 5}, 171: {7}, 299: {7}, 301: nil,
		} {
			for _, q := range []audit.Query{{}, {Results: []string{"ok"}}, {After: 1, Activity: "Reset"}} {
				q.From = noon().Add(time.Duration(from) * time.Minute)
				if diff := cmp.Diff(want, seqs(t, e, TenantA, q)); diff != "" {
					t.Errorf("from minute %d, %+v: %s", from, q, diff)
				}
				if n := at[int](t)(e.CountAudit(e.ctx, TenantA, q, 100)); n != len(want) && q.After == 0 {
					t.Errorf("from minute %d: counted %d", from, n)
				}
			}
		}
	}})
	slices.SortFunc(tests, func(a, b test) int { return len(a.name) - len(b.name) })
	return tests
}
