package reset

import (
	"context"
	"errors"
	"fmt"

	"homeward/internal/event"
	"homeward/internal/server/audit"
)

// Register lets whoever has just reset, changed or unlocked go on to their security info without proving who they are once
// more: the attempt that ended well is worth one such visit, while its outcome can still be looked at, if it took as many checks
// as the security info does. A current password counts for none. It returns ErrState, ErrExpired and ErrConflict.
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
	enough, err := s.provenEnough(ctx, a)
	if err != nil || !enough {
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

// provenEnough reports whether an attempt has passed the checks that the security info asks of its person.
func (s *Service) provenEnough(ctx context.Context, a Attempt) (bool, error) {
	t, err := s.Tenants(ctx, a.Tenant)
	if err != nil {
		return false, fmt.Errorf("checks of the security info: %w", err)
	}
	a.Kind = Register
	need, err := s.need(ctx, t, a)
	return len(a.Checks.Passed) >= need, err
}
