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

	log report.Log
	now func() time.Time

	mu     sync.Mutex
	recent map[spanOf]usageAt
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

func (s *Server) reports() *reports {
	return &reports{
		Registration: &report.Registration{Store: s.store, Judge: s.resets.Judge, Now: s.now},
		log:          s.store, now: s.now, recent: map[spanOf]usageAt{},
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
