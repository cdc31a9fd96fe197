package storetest

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/server/audit"
	"homeward/internal/server/store"
)

func auditCountTests() []test {
	return []test{
		{"what is counted for reports is what the log holds", countsAreTheLog},
		{"entries that fit are counted up to a bound", func(t *testing.T, e *env) {
			for n := range 12 {
				r := audit.Record{At: noon().Add(time.Duration(n) * time.Minute), Activity: "Reset", Result: "ok", Actor: "U1", Target: "p" + strconv.Itoa(n%3)}
				if n%4 == 0 {
					r.Result, r.Actor = "failed", "p1"
				}
				ok(t, e.Append(e.ctx, TenantA, r))
			}
			for name, c := range map[string]struct {
				q          audit.Query
				most, want int
			}{
				"everything":            {audit.Query{}, 20, 12},
				"as many as the bound":  {audit.Query{}, 12, 12},
				"more than the bound":   {audit.Query{}, 11, 12},
				"far more":              {audit.Query{}, 3, 4},
				"not only of this page": {audit.Query{Before: 3, Limit: 1}, 20, 12},
				"newer than a page":     {audit.Query{After: 9, Limit: 1}, 20, 3},
				"a result":              {audit.Query{Results: []string{"failed"}}, 20, 3},
				"two results":           {audit.Query{Results: []string{"failed", "ok"}}, 20, 12},
				"somebody, once each":   {audit.Query{People: []string{"p1"}}, 20, 6},
				"somebody, bounded":     {audit.Query{People: []string{"p1"}}, 2, 3},
				"since":                 {audit.Query{From: noon().Add(9 * time.Minute)}, 20, 3},
				"nobody":                {audit.Query{People: []string{"p9"}}, 20, 0},
				"no such activity":      {audit.Query{Activity: "Unlock"}, 20, 0},
			} {
				if got := at[int](t)(e.CountAudit(e.ctx, TenantA, c.q, c.most)); got != c.want {
					t.Errorf("%s: %d, want %d", name, got, c.want)
				}
			}
			if got := at[int](t)(e.CountAudit(e.ctx, TenantB, audit.Query{}, 20)); got != 0 {
				t.Errorf("another tenant has %d", got)
			}
		}},
	}
}

// countsAreTheLog appends attempts that come to this and that over hours, some of it in transactions that are undone.
func countsAreTheLog(t *testing.T, e *env) {
	undone := errors.New("undone")
	for n := range 120 {
		var rows []audit.Record
		for range 1 + rand.IntN(3) { //nolint:gosec // test data
			r := audit.Record{
				At: noon().Add(time.Duration(rand.IntN(5*60)) * time.Minute), Activity: []string{"Reset", "Unlock"}[rand.IntN(2)], //nolint:gosec // test data
				Result: []string{"ok", "changed", "failed"}[rand.IntN(3)], //nolint:gosec // test data
			}
			if rand.IntN(4) > 0 { //nolint:gosec // test data
				r.Support = "HW-" + strconv.Itoa(rand.IntN(12)) //nolint:gosec // test data
			}
			if rand.IntN(4) == 0 { //nolint:gosec // test data
				r.Event = audit.Told
			}
			rows = append(rows, r)
		}
		err := e.WithTx(e.ctx, func(tx *store.Store) error {
			if err := tx.Append(e.ctx, TenantA, rows...); err != nil || n%7 != 0 {
				return err
			}
			return undone
		})
		if err != nil && !errors.Is(err, undone) {
			t.Fatal(err)
		}
	}
	read := func(text string) map[string]int {
		t.Helper()
		rows, err := e.raw(t).QueryContext(e.ctx, text)
		ok(t, err)
		defer func() { ok(t, rows.Close()) }()
		out := map[string]int{}
		for rows.Next() {
			var tenant, activity, slot, result string
			var n int
			ok(t, rows.Scan(&tenant, &activity, &slot, &result, &n))
			out[tenant+" "+activity+" "+slot+" "+result] = n
		}
		ok(t, rows.Err())
		return out
	}
	// The log itself, not its index: the last row of each attempt but the mail, and each row that belongs to none.
	log := read(`SELECT tenant, activity, at / 900000, result, COUNT(*) FROM audit a WHERE event <> 34008 AND (support = '' OR NOT EXISTS (
		SELECT 1 FROM audit later WHERE later.tenant = a.tenant AND later.support = a.support AND later.seq > a.seq AND later.event <> 34008))
		GROUP BY tenant, activity, at / 900000, result`)
	counts := read(`SELECT tenant, activity, slot, result, n FROM audit_counts WHERE n <> 0`)
	if diff := cmp.Diff(log, counts); diff != "" || len(log) == 0 {
		t.Errorf("counts are not those of the log: %s", diff)
	}
}
