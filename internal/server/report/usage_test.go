package report_test

import (
	"context"
	"testing"
	"time"

	"homeward/internal/server/audit"
	"homeward/internal/server/report"
	"homeward/internal/server/tenant"
)

// log counts one entry in each span, and keeps where spans begin and end.
type log struct{ edges []time.Time }

func (l *log) CountEntries(_ context.Context, _ string, _ []string, edges []time.Time) (out []audit.Count, _ error) {
	l.edges = edges
	for i := range len(edges) - 1 {
		out = append(out, audit.Count{Activity: report.Activities()[0], Result: "changed", Span: i, N: 1})
	}
	return out, nil
}

// TestDaysAreTheTenants: a day begins and ends at midnight where the tenant's people are. That on which the clock is changed has an
// hour less or more, none is missing and none is there twice.
func TestDaysAreTheTenants(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		zone, now   string
		first, last string
		hours       []int
	}{
		{"Europe/Stockholm", "2026-03-30T08:00:00Z", "2026-03-28", "2026-03-30", []int{24, 23, 24}},
		{"Europe/Stockholm", "2026-10-25T23:30:00Z", "2026-10-24", "2026-10-26", []int{24, 25, 24}}, // past midnight there
		{"America/New_York", "2026-03-09T03:30:00Z", "2026-03-06", "2026-03-08", []int{24, 24, 23}},
		{"Asia/Kathmandu", "2026-03-29T18:30:00Z", "2026-03-28", "2026-03-30", []int{24, 24, 24}},
		{"", "2026-03-29T18:30:00Z", "2026-03-27", "2026-03-29", []int{24, 24, 24}},
	} {
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		var l log
		u, err := report.UsageOf(t.Context(), &l, tenant.Tenant{ID: "contoso", Settings: tenant.Settings{TimeZone: c.zone}}, len(c.hours), now)
		if err != nil || len(u.Days) != len(c.hours) {
			t.Fatalf("%s: %d days, %v", c.zone, len(u.Days), err)
		}
		if got := u.Days[0].Cells()[0]; got != c.first {
			t.Errorf("%s: the first day is %s", c.zone, got)
		}
		if got := u.Days[len(u.Days)-1].Cells()[0]; got != c.last {
			t.Errorf("%s: today is %s", c.zone, got)
		}
		for i, hours := range c.hours {
			if got := l.edges[i+1].Sub(l.edges[i]); got != time.Duration(hours)*time.Hour {
				t.Errorf("%s: day %d has %s", c.zone, i, got)
			}
			if u.Days[i].Of[report.Done] != 1 {
				t.Errorf("%s: day %d: %v", c.zone, i, u.Days[i].Of)
			}
		}
	}
}
