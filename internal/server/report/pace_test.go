package report_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"homeward/internal/server/audit"
	"homeward/internal/server/report"
	"homeward/internal/server/tenant"
)

// entries are those of an audit log, newest first, each with two hops.
type entries struct {
	all    []audit.Record
	looked int
}

func (e *entries) SearchAudit(_ context.Context, _ string, q audit.Query) (found []audit.Record, _ error) {
	for _, r := range e.all {
		if r.Activity == q.Activity && slices.Contains(q.Results, r.Result) && !r.At.Before(q.From) && len(found) < q.Limit {
			found = append(found, r)
		}
	}
	return found, nil
}

func (e *entries) Records(_ context.Context, _, support string) ([]audit.Record, error) {
	e.looked++
	return []audit.Record{{Support: support, Hop: "accepted", Micros: 90_000}, {Support: support, Hop: "written", Micros: 26_000}}, nil
}

// TestPace: median and slowest twentieth of the last passwords that people wrote within a week, by the days of the tenant; nothing
// that wasn't written and nobody who didn't wait counts.
func TestPace(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 10, 14, 0, 0, 0, time.UTC)
	e := &entries{}
	add := func(age time.Duration, activity, result string, took time.Duration) {
		e.all = append(e.all, audit.Record{
			Seq: int64(1_000_000 - len(e.all)), At: now.Add(-age), Support: fmt.Sprint(len(e.all)), Activity: activity, Result: result, Micros: took.Microseconds(),
		})
	}
	const reset, change = "Reset password (self-service)", "Change password (self-service)"
	add(time.Minute, "Reset password (by admin)", "set", time.Hour)
	add(2*time.Minute, reset, "refused", time.Hour)
	for n := range 50 {
		add(time.Hour, reset, "changed", time.Duration(n+1)*100*time.Millisecond)
		add(25*time.Hour, change, "changed", time.Duration(n+51)*100*time.Millisecond)
	}
	add(8*24*time.Hour, reset, "changed", time.Hour)
	p, err := report.PaceOf(t.Context(), e, tenant.Tenant{ID: "contoso"}, now)
	if err != nil {
		t.Fatal(err)
	}
	if p.N != 100 || p.Median != 5*time.Second || p.Slow != 9500*time.Millisecond || p.Write != 26*time.Millisecond || !p.Last.Equal(now.Add(-time.Minute)) {
		t.Errorf("%+v", p)
	}
	if want := []time.Duration{7500 * time.Millisecond, 2500 * time.Millisecond}; !slices.Equal(p.Days, want) {
		t.Errorf("by day %v, want %v", p.Days, want)
	}
	if e.looked > 25 {
		t.Errorf("%d attempts were looked at hop by hop", e.looked)
	}
	if p, err = report.PaceOf(t.Context(), &entries{}, tenant.Tenant{ID: "contoso"}, now); err != nil || p.N != 0 || p.Median != 0 || !p.Last.IsZero() || p.Days != nil {
		t.Errorf("of nothing: %+v, %v", p, err)
	}
}
