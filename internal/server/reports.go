package server

import (
	"context"
	"sync"
	"time"

	"homeward/internal/config"
	"homeward/internal/server/provision"
	"homeward/internal/server/report"
	"homeward/internal/server/reset"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
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

// Reports counts for the command line what the admin portal's reports show.
func Reports(c config.Server, st *store.Store, now func() time.Time) *report.Registration {
	passkeys, err := verify.NewPasskeys(c.BaseURL, "Homeward", nil) // only whether they can work matters here
	if err != nil {
		passkeys = nil
	}
	works := reset.New(reset.Deps{Texts: c.Text.On(), Passkeys: passkeys}).Works
	book := Licences(st, now, func(error) {})
	return &report.Registration{
		Store: st, InScope: Accounts(st, now).InScope, Works: works, Licensed: licensed, Stopped: Objections(st, nil, now).Held, Now: now,
		HoldsLicence: func(ctx context.Context, t tenant.Tenant, p provision.Person) (bool, error) {
			return book.Covers(ctx, t, p.ID, p.Object)
		},
	}
}

// usageFresh is how long a count of usage is shown: ninety busy days take a second to count.
const usageFresh = time.Minute

func (s *Server) reports() *reports {
	return &reports{
		Registration: &report.Registration{
			Store: s.store, InScope: s.accounts.InScope, Works: s.resets.Works, Licensed: licensed, HoldsLicence: s.holdsLicence, Stopped: s.objections.Held,
			Now: s.now,
		},
		log: s.store, now: s.now, recent: map[spanOf]usageAt{},
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
