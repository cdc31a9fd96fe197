package registration

import (
	"context"
	"fmt"

	"homeward/internal/event"
	"homeward/internal/server/audit"
	"homeward/internal/server/reset"
	"homeward/internal/server/tenant"
)

// All is the change that takes every method away.
const All = "all"

// Again forgets what people have registered.
type Again interface {
	// DropMethods removes all methods of a person, forgets their last review, ends what they have open in the portal and
	// appends the records, all or nothing.
	DropMethods(ctx context.Context, tenant, person string, records ...audit.Record) error
}

// Order is an operator's.
type Order struct{ Operator, Person, Reason string }

// RequireAgain has somebody register again: whatever they have registered stops working at once, and at their next visit they
// begin as on the first day. They are told wherever they could be reached before. What can't be told is logged and recorded
// as any letter's failure is: the methods are gone.
func (s *Service) RequireAgain(ctx context.Context, t tenant.Tenant, store Again, o Order) error {
	a := reset.Attempt{Tenant: t.ID, Person: o.Person, Locale: t.Settings.Locale}
	known, err := s.reachable(ctx, t, a)
	if err != nil {
		return fmt.Errorf("register again: %w", err)
	}
	now := s.Now()
	record := audit.Record{
		Tenant: t.ID, At: now, Activity: "Require to register again", Hop: "operator", Event: int(event.InfoRemoved), Result: "ok",
		Actor: o.Operator, Target: o.Person, Detail: o.Reason,
	}
	if err := store.DropMethods(ctx, t.ID, o.Person, record); err != nil {
		return fmt.Errorf("register again: %w", err)
	}
	ctx = context.WithoutCancel(ctx) // it is done, whether or not the browser waits
	for _, p := range known {
		told := audit.Record{
			Tenant: t.ID, At: now, Activity: record.Activity, Hop: "notify", Event: int(event.FlowNotified), Result: "ok", Actor: o.Operator, Target: o.Person, Detail: string(p.kind),
		}
		if err := s.Notices.Info(ctx, t, p.kind, p.to, a.Locale, Change{What: All, At: now, Person: o.Person}); err != nil {
			s.Log.Error("person couldn't be told that they have to register again", "error", err)
			continue
		}
		if err := s.Audit.Append(ctx, t.ID, told); err != nil {
			s.Log.Error("audit record couldn't be written", "error", err)
		}
	}
	return nil
}
