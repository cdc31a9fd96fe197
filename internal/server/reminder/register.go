package reminder

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"homeward/internal/event"
	"homeward/internal/server/audit"
	"homeward/internal/server/licence"
	"homeward/internal/server/provision"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

const (
	// RegisterAgain is how long nobody is reminded to register a second time.
	RegisterAgain = 24 * time.Hour
	// MostRegister is how many are reminded at once, batch how many of them in one transaction.
	MostRegister = 1000
	batch        = 100
	// spread is the time between two of those messages, so that the codes of people who wait don't stand behind them.
	spread = 200 * time.Millisecond
)

// Call asks somebody to register.
type Call struct {
	Person provision.Person
	To     string
	Due    time.Time
}

// RegisterStore knows who has registered too little.
type RegisterStore interface {
	CountShort(ctx context.Context, tenant string, q provision.Short) (int, error)
	ShortPeople(ctx context.Context, tenant string, q provision.Short, after string, limit int) ([]provision.Person, error)
	RegisterReminded(ctx context.Context, tenant string, since time.Time) (int, error)
}

// Registers reminds people to register, when an operator says so.
type Registers struct {
	Store   RegisterStore
	Methods func(ctx context.Context, tenant, person string) ([]verify.Method, error)
	// Works reports whether this server can use a kind of method.
	Works func(verify.Kind) bool
	// Send claims each call, queues its message and appends its record, all of them or none, and says how many were new.
	Send func(ctx context.Context, t tenant.Tenant, calls []Call, since time.Time, record audit.Record) (sent int, err error)
	// Record appends to a tenant's audit log.
	Record func(ctx context.Context, tenantID string, r audit.Record)
	Now    func() time.Time
	Log    *slog.Logger
}

// query is whom a tenant would remind now. false: nobody may reset.
func (r *Registers) query(t tenant.Tenant) (provision.Short, bool) {
	checks := t.Settings.Checks
	q := provision.Short{
		Kinds: checks.Kinds(func(kind string) bool { return r.Works(verify.Kind(kind)) }), Need: checks.Need(false),
		Mail: checks.Allows("mail", false) && !checks.RegisteredOnly, Parts: licence.Parts(t.Settings), Since: r.Now().Add(-RegisterAgain),
	}
	switch t.Settings.ResetScope {
	case tenant.ScopeAll:
		return q, true
	case tenant.ScopeSelected:
		q.Group = t.Settings.ResetGroup
		return q, q.Group != ""
	}
	return q, false
}

// Due is how many people Remind would remind now, and how many more wait for the time after.
func (r *Registers) Due(ctx context.Context, t tenant.Tenant) (now, later int, err error) {
	q, some := r.query(t)
	if !some {
		return 0, 0, nil
	}
	n, err := r.Store.CountShort(ctx, t.ID, q)
	return min(n, MostRegister), max(0, n-MostRegister), err
}

// Reminded is how many were reminded lately, so that they aren't again.
func (r *Registers) Reminded(ctx context.Context, t tenant.Tenant) (int, error) {
	return r.Store.RegisterReminded(ctx, t.ID, r.Now().Add(-RegisterAgain))
}

// Remind reminds, for an operator, everybody whom Due counts, and returns how many that were: of those who are reminded by
// somebody else meanwhile, nobody is reminded twice. After an error some batches may be on their way; they are counted.
func (r *Registers) Remind(ctx context.Context, t tenant.Tenant, operator string) (sent int, err error) {
	q, some := r.query(t)
	if !some {
		return 0, nil
	}
	now, after := r.Now(), ""
	record := audit.Record{
		Tenant: t.ID, Activity: "Remind to register", Hop: "notify", Event: int(event.RegisterReminded), Result: "ok", Actor: operator, At: now,
	}
	for looked := 0; looked < MostRegister && err == nil; {
		var people []provision.Person
		if people, err = r.Store.ShortPeople(ctx, t.ID, q, after, min(batch, MostRegister-looked)); err != nil || len(people) == 0 {
			break
		}
		after = people[len(people)-1].ID
		calls := make([]Call, 0, len(people))
		for i, p := range people {
			to, oops := address(ctx, r.Methods, p)
			if oops != nil {
				err = oops
				break
			}
			if to != "" {
				calls = append(calls, Call{p, to, now.Add(time.Duration(looked+i) * spread)})
			}
		}
		if err == nil {
			var n int
			n, err = r.Send(ctx, t, calls, q.Since, record)
			sent += n
		}
		looked += len(people)
	}
	if sent > 0 || err != nil {
		summary := record
		summary.Hop, summary.Detail = "operator", "people: "+strconv.Itoa(sent)
		if err != nil {
			summary.Result = "failed"
		}
		r.Record(context.WithoutCancel(ctx), t.ID, summary)
	}
	if err != nil {
		err = fmt.Errorf("remind to register: %w", err)
	}
	return sent, err
}
