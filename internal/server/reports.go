package server

import (
	"context"
	"sync"
	"time"

	"homeward/internal/server/report"
	"homeward/internal/server/tenant"
)

// reports fits admin.Reports.
type reports struct {
	*report.Registration

	log     report.Log
	entries report.Entries
	now     func() time.Time

	mu     sync.Mutex
	recent map[spanOf]usageAt
	paces  map[string]paceAt
}

type paceAt struct {
	report.Pace
	at time.Time
}

type spanOf struct {
	tenant string
	days   int
}

type usageAt struct {
	report.Usage
	at time.Time
}

// usageFresh is how long a count of usage is shown: ninety busy days take a second to count.
const usageFresh = time.Minute

// paceFresh is how long it is shown how long passwords took.
const paceFresh = 15 * time.Second

func (s *Server) reports() *reports {
	return &reports{
		Registration: &report.Registration{Store: s.store, Judge: s.resets.Judge, Now: s.now},
		log:          s.store, entries: s.store, now: s.now, recent: map[spanOf]usageAt{}, paces: map[string]paceAt{},
	}
}

// Usage counts what was done within the last days; a count that is at most a minute old is good enough.
func (r *reports) Usage(ctx context.Context, t tenant.Tenant, days int) (report.Usage, error) {
	key := spanOf{t.ID, days}
	r.mu.Lock()
	have, ok := r.recent[key]
	r.mu.Unlock()
	if ok && r.now().Sub(have.at) < usageFresh {
		return have.Usage, nil
	}
	u, err := report.UsageOf(ctx, r.log, t, days, r.now())
	if err != nil {
		return report.Usage{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.recent[key] = usageAt{u, r.now()}
	return u, nil
}

// Pace says how long passwords took; what was found a moment ago is good enough.
func (r *reports) Pace(ctx context.Context, t tenant.Tenant) (report.Pace, error) {
	r.mu.Lock()
	have, ok := r.paces[t.ID]
	r.mu.Unlock()
	if ok && r.now().Sub(have.at).Abs() < paceFresh {
		return have.Pace, nil
	}
	p, err := report.PaceOf(ctx, r.entries, t, r.now())
	if err != nil {
		return report.Pace{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.paces[t.ID] = paceAt{p, r.now()}
	return p, nil
}
