package store_test

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"homeward/internal/server/audit"
	"homeward/internal/server/report"
	"homeward/internal/server/store"
	"homeward/internal/server/store/storetest"
	"homeward/internal/server/tenant"
	"homeward/test/pgtest"
)

const (
	resets  = "Reset password (self-service)"
	unlocks = "Unlock user account (self-service)"
	shown   = 51 // a page of the audit log, and one more to know whether there is another
)

// auditFilters is every filter of the audit page by itself, and the combinations that are hardest: common values that
// never come together, and rare ones. n is how many rows there are.
func auditFilters(n int) map[string]audit.Query {
	end := storetest.FilledFrom().Add(time.Duration(n) * time.Second)
	hot, person := []string{"p-often"}, []string{"p77"}
	q := map[string]audit.Query{
		"nothing": {}, "deep page": {Before: int64(n / 2)}, "newer": {After: int64(n / 3)},
		"support code": {Support: "HW-00000010"}, "no such code": {Support: "HW-ZZZZ-ZZZZ"},
		"last hour": {From: end.Add(-time.Hour)}, "last 30 days": {From: end.Add(-30 * 24 * time.Hour)},
		"person": {People: person}, "person with many": {People: hot}, "nobody": {People: []string{"nobody"}}, "operator": {People: []string{"karin"}},
		"agent by name": {People: []string{"SRV1", "U1"}}, "agent": {Agent: "U1"},
		"activity": {Activity: resets}, "rare activity": {Activity: "Revoke agent"}, "no such activity": {Activity: "Nothing"},
		"ok": {Results: []string{"ok"}}, "changed": {Results: []string{"changed"}}, "refused": {Results: []string{"refused"}},
		"failed": {Results: []string{"failed"}}, "unknown": {Results: []string{"unknown"}}, "failed, refused": {Results: []string{"failed", "refused"}},
		"activity + ok": {Activity: resets, Results: []string{"ok"}}, "activity + unknown": {Activity: unlocks, Results: []string{"unknown"}},
		"agent + activity": {Agent: "U1", Activity: "Agent connection"}, "agent + unknown": {Agent: "U2", Results: []string{"unknown"}},
		"agent + activity + unknown": {Agent: "U2", Activity: resets, Results: []string{"unknown"}},
		"operator + activity":        {People: []string{"karin"}, Activity: resets}, "operator + failed": {People: []string{"karin"}, Results: []string{"failed"}},
		"person with many + unknown": {People: hot, Results: []string{"unknown"}},
		"person with many + agent":   {People: hot, Agent: "karin"},
		"month + activity + result + agent": {
			From: end.Add(-30 * 24 * time.Hour), Activity: resets, Results: []string{"failed", "refused"}, Agent: "U1",
		},
		"everything at once": {
			From: end.Add(-30 * 24 * time.Hour), Activity: resets, Results: []string{"failed", "refused"}, Agent: "U1", People: hot, Before: int64(n),
		},
	}
	for name, one := range q {
		one.Limit = shown
		q[name] = one
	}
	return q
}

// filled returns a store whose audit record has n rows.
func filled(tb testing.TB, dsn string, n int) *store.Store {
	tb.Helper()
	s := storetest.Open(tb, dsn)
	if err := s.CreateTenant(tb.Context(), tenant.Tenant{ID: storetest.TenantA, Account: "A"}); err != nil && !errors.Is(err, store.ErrConflict) {
		tb.Fatal(err)
	}
	start := time.Now()
	storetest.FillAudit(tb, dsn, n)
	tb.Logf("%d rows in %s", n, time.Since(start).Round(time.Second))
	return s
}

func TestAuditFiltersUseIndexesSQLite(t *testing.T) {
	t.Parallel()
	auditPlans(t, storetest.SQLite(t))
}

func TestAuditFiltersUseIndexesPostgreSQL(t *testing.T) {
	t.Parallel()
	auditPlans(t, pgtest.Start(t))
}

// auditPlans: no filter reads the table, sorts, or walks entries that it then leaves out, but those of one person.
func auditPlans(t *testing.T, dsn string) {
	const n = 30_000
	s := filled(t, dsn, n)
	for name, q := range auditFilters(n) {
		plans, err := s.AuditPlans(t.Context(), storetest.TenantA, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, plan := range plans {
			for _, bad := range []string{"SCAN audit_entries", "USE TEMP B-TREE", "Seq Scan", "Bitmap"} {
				if strings.Contains(plan, bad) {
					t.Errorf("%s: %s", name, plan)
				}
			}
			if !strings.Contains(plan, "SEARCH audit_entries USING") && !strings.Contains(plan, "Index Scan") && !strings.Contains(plan, "Index Only Scan") {
				t.Errorf("%s uses no index: %s", name, plan)
			}
		}
		if _, err := s.SearchAudit(t.Context(), storetest.TenantA, q); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Benchmarks of the audit page with HOMEWARD_AUDIT_ROWS rows. HOMEWARD_AUDIT_SQLITE and HOMEWARD_AUDIT_POSTGRES name
// databases that stay, for sizes that take minutes to make and don't fit into memory.
func BenchmarkAuditPageSQLite(b *testing.B) {
	dsn := os.Getenv("HOMEWARD_AUDIT_SQLITE")
	if dsn == "" {
		dsn = storetest.SQLite(b)
	}
	auditPage(b, dsn)
}

func BenchmarkAuditPagePostgreSQL(b *testing.B) {
	dsn := os.Getenv("HOMEWARD_AUDIT_POSTGRES")
	if dsn == "" {
		dsn = pgtest.Start(b)
	}
	auditPage(b, dsn)
}

func auditPage(b *testing.B, dsn string) {
	n := 100_000
	if text := os.Getenv("HOMEWARD_AUDIT_ROWS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	s := filled(b, dsn, n)
	filters := auditFilters(n)
	var names []string
	for name := range filters {
		names = append(names, name)
	}
	slices.Sort(names)
	b.Run("usage of 90 days", func(b *testing.B) { usage90(b, s, n) })
	b.Run("pace", func(b *testing.B) { pace(b, s, n) })
	for _, name := range names {
		b.Run(name, func(b *testing.B) {
			var worst time.Duration
			var found int
			for b.Loop() {
				start := time.Now()
				rows, err := s.SearchAudit(b.Context(), storetest.TenantA, filters[name])
				if err != nil {
					b.Fatal(err)
				}
				worst, found = max(worst, time.Since(start)), len(rows)
			}
			b.ReportMetric(float64(worst.Microseconds())/1000, "worst-ms")
			b.ReportMetric(float64(found), "rows")
		})
	}
}

// pace is how long the last passwords took, as the overview says.
func pace(b *testing.B, s *store.Store, n int) {
	end := storetest.FilledFrom().Add(time.Duration(n) * time.Second)
	for b.Loop() {
		if _, err := report.PaceOf(b.Context(), s, tenant.Tenant{ID: storetest.TenantA}, end); err != nil {
			b.Fatal(err)
		}
	}
}

// usage90 is the report of 90 days.
func usage90(b *testing.B, s *store.Store, n int) {
	end := storetest.FilledFrom().Add(time.Duration(n) * time.Second)
	for b.Loop() {
		if _, err := report.UsageOf(b.Context(), s, tenant.Tenant{ID: storetest.TenantA}, report.MostDays, end); err != nil {
			b.Fatal(err)
		}
	}
}
