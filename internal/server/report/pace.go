package report

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/tenant"
)

// Pace is how long it took lately until passwords were in Active Directory, for the people who were waiting.
type Pace struct {
	N            int // of how many passwords; zero: none was written lately
	Median, Slow time.Duration
	Days         []time.Duration // the median of each day on which one was written, oldest first
	// Write is how long the directory itself took for the last few, the median; zero: that isn't known.
	Write time.Duration
	Last  time.Time // when a password was last written, by whomever and however long ago; zero: never
}

const (
	// paceDays is how far back Pace looks, paceMost at how many passwords at most, the last ones; paceWrites at how many of them hop
	// by hop.
	paceDays, paceMost, paceWrites = 7, 200, 25
	// slowest is the share of passwords that took no longer than Slow, in hundredths.
	slowest = 95
	// hopWritten is the hop of an agent's write, as agents name it.
	hopWritten = "written"
)

// Entries reads the audit log.
type Entries interface {
	SearchAudit(ctx context.Context, tenant string, q audit.Query) ([]audit.Record, error)
	Records(ctx context.Context, tenant, support string) ([]audit.Record, error)
}

// PaceOf looks at the last passwords that people wrote. It costs as much as a few pages of the audit log, however long that is.
func PaceOf(ctx context.Context, log Entries, t tenant.Tenant, now time.Time) (Pace, error) {
	written := []string{string(protocol.Changed)}
	var recent []audit.Record
	for _, activity := range []string{"Reset password (self-service)", "Change password (self-service)"} {
		q := audit.Query{Activity: activity, Results: written, From: now.AddDate(0, 0, -paceDays), Limit: paceMost}
		found, err := log.SearchAudit(ctx, t.ID, q)
		if err != nil {
			return Pace{}, fmt.Errorf("how long passwords took: %w", err)
		}
		recent = append(recent, found...)
	}
	recent = slices.DeleteFunc(recent, func(r audit.Record) bool { return r.Micros <= 0 })
	slices.SortFunc(recent, func(a, b audit.Record) int { return cmp.Compare(b.Seq, a.Seq) })
	recent = recent[:min(len(recent), paceMost)]
	p := Pace{N: len(recent)}
	p.summarise(recent, t.Settings.Location())
	var err error
	if p.Write, err = writes(ctx, log, t.ID, recent[:min(len(recent), paceWrites)]); err != nil {
		return Pace{}, err
	}
	p.Last, err = lastWritten(ctx, log, t.ID)
	return p, err
}

// summarise fills in what the entries, newest first, come to.
func (p *Pace) summarise(recent []audit.Record, zone *time.Location) {
	var all []time.Duration
	days := map[string][]time.Duration{}
	var order []string
	for _, r := range slices.Backward(recent) {
		took, day := time.Duration(r.Micros)*time.Microsecond, r.At.In(zone).Format(time.DateOnly)
		if days[day] == nil {
			order = append(order, day)
		}
		all, days[day] = append(all, took), append(days[day], took)
	}
	p.Median, p.Slow = rank(all, 50), rank(all, slowest)
	for _, day := range order {
		p.Days = append(p.Days, rank(days[day], 50))
	}
}

// rank is the smallest of some times that so many hundredths of them don't exceed; zero of none.
func rank(all []time.Duration, hundredths int) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[max(0, (len(all)*hundredths+99)/100-1)]
}

// writes is how long the directory took, the median of some attempts.
func writes(ctx context.Context, log Entries, tenantID string, of []audit.Record) (time.Duration, error) {
	var took []time.Duration
	for _, r := range of {
		hops, err := log.Records(ctx, tenantID, r.Support)
		if err != nil {
			return 0, fmt.Errorf("how long writes took: %w", err)
		}
		for _, h := range hops {
			if h.Hop == hopWritten && h.Micros > 0 {
				took = append(took, time.Duration(h.Micros)*time.Microsecond)
			}
		}
	}
	return rank(took, 50), nil
}

// lastWritten is when a password was written last. What an operator's reset says last is how its second half went.
func lastWritten(ctx context.Context, log Entries, tenantID string) (last time.Time, err error) {
	results := []string{
		string(protocol.Changed), string(protocol.MustChangeSet), string(protocol.MustChangeNeverExpires), string(protocol.MustChangeCannot),
	}
	for _, activity := range []string{"Reset password (self-service)", "Change password (self-service)", "Reset password (by admin)"} {
		found, err := log.SearchAudit(ctx, tenantID, audit.Query{Activity: activity, Results: results, Limit: 1})
		if err != nil {
			return last, fmt.Errorf("when a password was last written: %w", err)
		}
		if len(found) > 0 && found[0].At.After(last) {
			last = found[0].At
		}
	}
	return last, nil
}
