// Package reminder tells people that their password is about to expire, at the days before that their organisation chose.
//
// When a password expires is what the directory computes (fine-grained policies considered): an agent asks it, once a day for
// everybody. Each reminder of one expiry is sent once, however often the server starts and however many servers there are. Nobody
// is written to in the quiet hours, in the tenant's time zone, nor who couldn't follow the link.
package reminder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/provision"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

const (
	look = 20 * time.Second
	// A domain that couldn't be read is asked again after pauses that grow between these.
	first, most = look, 10 * time.Minute
)

// Reminder is one message.
type Reminder struct {
	Tenant  tenant.Tenant
	Person  provision.Person
	To      string
	Expires time.Time
	Days    int   // the threshold
	Passed  []int // the thresholds that count as sent with it
	Now     time.Time
}

// Store keeps what was sent, and knows whom to ask about.
type Store interface {
	// ExpiryDomains lists the domains of a tenant's people.
	ExpiryDomains(ctx context.Context, tenant string) ([]string, error)
	// ExpiryPeople pages through the people of a domain who may have a password that expires, by id.
	ExpiryPeople(ctx context.Context, tenant, domain, after string, limit int) ([]provision.Person, error)
	// Swept tells on which day a domain was last gone through; SetSwept notes it.
	Swept(ctx context.Context, tenant, domain string) (day string, err error)
	SetSwept(ctx context.Context, tenant, domain, day string) error
}

// Deps is what a Service stands on.
type Deps struct {
	Store Store
	// Expiries asks the directory about up to protocol.MaxExpiry objects.
	Expiries func(ctx context.Context, tenant, domain string, objects []string) (map[string]time.Time, error)
	// Methods are somebody's registered ways: whom the directory gives no address may have registered one.
	Methods func(ctx context.Context, tenant, person string) ([]verify.Method, error)
	// InScope reports whether somebody may help themselves by the tenant's choice; Stopped, whether they were stopped.
	InScope func(ctx context.Context, t tenant.Tenant, p provision.Person) (bool, error)
	Stopped func(ctx context.Context, tenant, person string) (bool, error)
	// Licensed reports whether the tenant, and the person where each needs one, has the licence that a change asks for.
	Licensed func(ctx context.Context, t tenant.Tenant, p provision.Person) (bool, error)
	// Send claims a reminder, queues its message and records it, all or nothing. false: it was sent before.
	Send func(ctx context.Context, r Reminder, record audit.Record) (sent bool, err error)
	Now  func() time.Time
	Log  *slog.Logger
}

// Service sends reminders.
type Service struct {
	Deps
	retry map[string]pause // of tenant and domain; only Run touches it
}

// pause is how long a domain isn't asked.
type pause struct {
	length time.Duration
	until  time.Time
}

// next is the pause after another failure at now.
func (p pause) next(now time.Time) pause {
	length := min(max(first, 2*p.length), most)
	return pause{length, now.Add(length)}
}

// New returns a Service.
func New(d Deps) *Service { return &Service{Deps: d, retry: map[string]pause{}} }

// Run sends what is due until ctx ends.
func (s *Service) Run(ctx context.Context, tenants func(ctx context.Context) ([]tenant.Tenant, error)) error {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		all, err := tenants(ctx)
		if err != nil && ctx.Err() == nil {
			s.Log.Error("tenants can't be read", "error", err)
		}
		for _, t := range all {
			if _, err := s.Look(ctx, t); err != nil && ctx.Err() == nil {
				s.Log.Warn("some people couldn't be reminded that their password expires; it is tried again", "tenant", t.ID, "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// Look goes through those domains of a tenant that are due today, and returns how many people were reminded.
func (s *Service) Look(ctx context.Context, t tenant.Tenant) (sent int, err error) {
	expiry, zone := t.Settings.Expiry, t.Settings.Location()
	if expiry.Longest() == 0 || t.Settings.WritebackOff || expiry.Quiet(s.Now(), zone) {
		return 0, nil
	}
	domains, err := s.Store.ExpiryDomains(ctx, t.ID)
	if err != nil {
		return 0, fmt.Errorf("domains: %w", err)
	}
	today := s.Now().In(zone).Format(time.DateOnly)
	var failed []error
	for _, domain := range domains {
		key := t.ID + "\x00" + domain
		if s.Now().Before(s.retry[key].until) {
			continue
		}
		day, err := s.Store.Swept(ctx, t.ID, domain)
		if err == nil && day == today {
			continue
		}
		var n int
		if err == nil {
			n, err = s.sweep(ctx, t, domain)
			sent += n
		}
		if err == nil {
			err = s.Store.SetSwept(ctx, t.ID, domain, today)
		}
		if err != nil {
			s.retry[key] = s.retry[key].next(s.Now())
			failed = append(failed, fmt.Errorf("domain %s: %w", domain, err))
			continue
		}
		delete(s.retry, key)
	}
	return sent, errors.Join(failed...)
}

// errQuiet ends a sweep that the quiet hours caught; it goes on after them.
var errQuiet = errors.New("quiet hours have begun")

func (s *Service) sweep(ctx context.Context, t tenant.Tenant, domain string) (sent int, err error) {
	after := ""
	for {
		if t.Settings.Expiry.Quiet(s.Now(), t.Settings.Location()) {
			return sent, errQuiet
		}
		people, err := s.Store.ExpiryPeople(ctx, t.ID, domain, after, protocol.MaxExpiry)
		if err != nil || len(people) == 0 {
			return sent, err
		}
		after = people[len(people)-1].ID
		objects := make([]string, len(people))
		for i, p := range people {
			objects[i] = p.Object
		}
		expires, err := s.Expiries(ctx, t.ID, domain, objects)
		if err != nil {
			return sent, err
		}
		for _, p := range people {
			one, err := s.remind(ctx, t, p, expires[p.Object])
			if err != nil {
				return sent, err
			}
			if one {
				sent++
			}
		}
	}
}

// remind tells one person, if something is due and they could do something about it.
func (s *Service) remind(ctx context.Context, t tenant.Tenant, p provision.Person, expires time.Time) (bool, error) {
	now := s.Now()
	days, passed := t.Settings.Expiry.Due(expires.Sub(now))
	if expires.IsZero() || days == 0 || p.Held != "" {
		return false, nil
	}
	within, err := s.InScope(ctx, t, p)
	if err != nil || !within {
		return false, err
	}
	licensed, err := s.Licensed(ctx, t, p)
	if err != nil || !licensed {
		return false, err
	}
	stopped, err := s.Stopped(ctx, t.ID, p.ID)
	if err != nil || stopped {
		return false, err
	}
	to, err := address(ctx, s.Methods, p)
	if err != nil || to == "" {
		return false, err
	}
	return s.Send(ctx, Reminder{Tenant: t, Person: p, To: to, Expires: expires, Days: days, Passed: passed, Now: now}, audit.Record{
		Tenant: t.ID, Activity: "Remind of password expiry", Hop: "notify", Event: int(event.ExpiryReminded), Result: "ok", Target: p.ID, At: now,
		Detail: fmt.Sprintf("%d days before %s", days, expires.UTC().Format(time.RFC3339)),
	})
}

// address is where somebody is written to: what the directory holds, or else the first address they registered.
func address(ctx context.Context, registered func(ctx context.Context, tenant, person string) ([]verify.Method, error), p provision.Person) (string, error) {
	if p.Mail != "" {
		return p.Mail, nil
	}
	methods, err := registered(ctx, p.Tenant, p.ID)
	if err != nil {
		return "", fmt.Errorf("methods: %w", err)
	}
	for _, m := range methods {
		if m.Kind == verify.Mail && !m.Confirmed.IsZero() {
			return string(m.Secret), nil
		}
	}
	return "", nil
}

// Language is the one somebody is written to in.
func (r Reminder) Language() string { return cmp.Or(r.Person.Language, r.Tenant.Settings.Locale) }
