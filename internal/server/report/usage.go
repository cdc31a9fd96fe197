package report

import (
	"context"
	"fmt"
	"time"

	"homeward/internal/server/audit"
	"homeward/internal/server/tenant"
)

// Activities are those that usage counts, as the audit log names them.
func Activities() []string {
	return []string{
		"Reset password (self-service)", "Change password (self-service)", "Unlock user account (self-service)",
		"Reset password (by admin)", "Unlock user account (by admin)",
	}
}

// Outcome is what became of an attempt.
type Outcome string

// Outcomes.
const (
	Done       Outcome = "done"
	Refused    Outcome = "refused"
	Failed     Outcome = "failed"
	Unsure     Outcome = "unknown"
	Unfinished Outcome = "unfinished" // nothing was sent to the directory: somebody gave up, or is still at it
)

// Outcomes lists them, the best first.
func Outcomes() []Outcome { return []Outcome{Done, Refused, Failed, Unsure, Unfinished} }

// outcome is what an entry's result says of its attempt. What an operator's reset says last is how its second half went:
// the password was written then.
func outcome(result string) Outcome {
	switch result {
	case "refused":
		return Refused
	case "failed":
		return Failed
	case "unknown":
		return Unsure
	case "ok":
		return Unfinished
	}
	return Done
}

// Day is one day of the tenant's people, from midnight to midnight where they are.
type Day struct {
	Date time.Time
	// Done is by activity; the rest are by outcome, over all activities.
	Done map[string]int
	Of   map[Outcome]int
}

// Usage is what was done within some days.
type Usage struct {
	Days   []Day // oldest first, without a gap
	Totals map[string]map[Outcome]int
}

// Sum is how many attempts of a day ended somehow.
func (d Day) Sum() (n int) {
	for _, v := range d.Of {
		n += v
	}
	return n
}

// MostDays is how far back usage is counted.
const MostDays = 90

// Log counts entries of the audit log.
type Log interface {
	CountEntries(ctx context.Context, tenant string, activities []string, edges []time.Time) ([]audit.Count, error)
}

// UsageOf counts the attempts of the last days, today included.
func UsageOf(ctx context.Context, log Log, t tenant.Tenant, days int, now time.Time) (Usage, error) {
	if days < 1 || days > MostDays {
		return Usage{}, fmt.Errorf("usage of %d days: use 1 to %d", days, MostDays)
	}
	zone := t.Settings.Location()
	now = now.In(zone)
	u := Usage{Totals: map[string]map[Outcome]int{}}
	var edges []time.Time
	for n := days - 1; n >= -1; n-- { // the last edge is the coming midnight
		edges = append(edges, time.Date(now.Year(), now.Month(), now.Day()-n, 0, 0, 0, 0, zone))
	}
	for _, date := range edges[:days] {
		u.Days = append(u.Days, Day{Date: date, Done: map[string]int{}, Of: map[Outcome]int{}})
	}
	for _, a := range Activities() {
		u.Totals[a] = map[Outcome]int{}
	}
	counts, err := log.CountEntries(ctx, t.ID, Activities(), edges)
	if err != nil {
		return Usage{}, fmt.Errorf("usage: %w", err)
	}
	for _, c := range counts {
		o := outcome(c.Result)
		u.Days[c.Span].Of[o] += c.N
		u.Totals[c.Activity][o] += c.N
		if o == Done {
			u.Days[c.Span].Done[c.Activity] += c.N
		}
	}
	return u, nil
}
