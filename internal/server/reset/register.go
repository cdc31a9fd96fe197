package reset

import (
	"context"
	"errors"
	"fmt"

	"homeward/internal/event"
	"homeward/internal/server/audit"
)

// Register lets whoever has just reset, changed or unlocked go on to their security info without proving who they are once
// more: the attempt that ended well is worth one such visit, while its outcome can still be looked at. It returns ErrState,
// ErrExpired and ErrConflict.
func (s *Service) Register(ctx context.Context, a Attempt) (token string, next Attempt, err error) {
	now := s.Now()
	switch {
	case a.State != Changed || a.Kind == Register || a.Operator != "" || a.Person == "":
		return "", a, ErrState
	case !now.Before(a.Expires):
		return "", a, ErrExpired
	}
	if held, err := s.stopped(ctx, a.Tenant, a.Person); err != nil || held {
		return "", a, errors.Join(err, ErrState)
	}
	spent := a
	spent.Expires = now
	if _, err := s.Attempts.Move(ctx, spent, Changed); err != nil {
		return "", a, fmt.Errorf("go on to the security info: %w", err)
	}
	next = Attempt{
		Tenant: a.Tenant, Kind: Register, Person: a.Person, Shown: a.Shown, Locale: a.Locale, Checks: a.Checks,
		State: Verified, Created: now, VerifiedAt: now, Expires: now.Add(registerLife),
	}
	if token, err = s.create(ctx, &next); err != nil {
		return "", a, fmt.Errorf("go on to the security info: %w", err)
	}
	s.record(ctx, next, audit.Record{Hop: "verify", Event: int(event.FlowVerified), Result: "ok", Actor: a.Person, Detail: "after " + a.Support})
	return token, next, nil
}
