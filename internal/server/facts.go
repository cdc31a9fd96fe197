package server

import (
	"context"
	"sync"
	"time"

	"homeward/internal/server/licence"
	"homeward/internal/server/provision"
	"homeward/internal/server/report"
	"homeward/internal/server/reset"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
)

// gateFacts reads what the gates ask about many people at once. It fits reset.Deps.Crowd.
type gateFacts struct {
	store    *store.Store
	accounts *provision.Engine
	book     *licence.Book
}

func (c gateFacts) facts(ctx context.Context, t tenant.Tenant, people []provision.Person) (map[string]reset.Facts, error) {
	if len(people) == 0 {
		return map[string]reset.Facts{}, nil
	}
	ids, holders := make([]string, len(people)), make([]licence.Holder, len(people))
	for i, p := range people {
		ids[i], holders[i] = p.ID, licence.Holder{Person: p.ID, Object: p.Object}
	}
	within, err := c.accounts.InScopeOf(ctx, t, people)
	if err != nil {
		return nil, err
	}
	licensed, err := c.book.CoversOf(ctx, t, holders)
	if err != nil {
		return nil, err
	}
	held, err := c.store.HeldOf(ctx, t.ID, ids)
	if err != nil {
		return nil, err
	}
	roles, err := c.store.RolesOf(ctx, t.ID, ids)
	if err != nil {
		return nil, err
	}
	methods, err := c.store.MethodsOf(ctx, t.ID, ids)
	if err != nil {
		return nil, err
	}
	out := make(map[string]reset.Facts, len(people))
	for _, id := range ids {
		out[id] = reset.Facts{Within: within[id], Licensed: licensed[id]}
	}
	change := func(id string, change func(*reset.Facts)) {
		f := out[id]
		change(&f)
		out[id] = f
	}
	for _, id := range held {
		change(id, func(f *reset.Facts) { f.Stopped = true })
	}
	for _, r := range roles {
		change(r.Person, func(f *reset.Facts) { f.Administers = true })
	}
	for _, m := range methods {
		change(m.Person, func(f *reset.Facts) { f.Methods = append(f.Methods, m) })
	}
	return out, nil
}

// writes counts what agents have written within a day; what was counted within the last minute is good enough, because pages ask
// every few seconds.
type writes struct {
	store *store.Store
	now   func() time.Time

	mu    sync.Mutex
	known map[string]countedWrites
}

type countedWrites struct {
	all []report.Written
	at  time.Time
}

func newWrites(s *store.Store, now func() time.Time) *writes {
	return &writes{store: s, now: now, known: map[string]countedWrites{}}
}

func (w *writes) day(ctx context.Context, tenantID string) ([]report.Written, error) {
	now := w.now()
	w.mu.Lock()
	have, ok := w.known[tenantID]
	w.mu.Unlock()
	if ok && now.Sub(have.at) < rememberDomains {
		return have.all, nil
	}
	found, err := w.store.CountWrites(ctx, tenantID, now.Add(-24*time.Hour))
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.known[tenantID] = countedWrites{found, now}
	return found, nil
}
