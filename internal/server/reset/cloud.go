package reset

import (
	"context"
	"errors"
	"fmt"

	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/tenant"
)

// CloudReset makes the password that a person has just signed in with their directory's, under the directory's own rules.
// The server was given that password anyhow: it is sealed here, at once, and wiped. It answers as AdminReset does, and
// nobody has to choose another password afterwards.
// begun is told the attempt's id before anything is sent; its error stops it.
func (s *Service) CloudReset(
	ctx context.Context, t tenant.Tenant, person string, password []byte, begun func(ctx context.Context, attempt string) error,
) (Attempt, error) {
	defer clear(password)
	if len(password) == 0 {
		return Attempt{}, ErrNoPassword
	}
	p, err := s.People.Person(ctx, t.ID, person)
	if err != nil {
		return Attempt{}, fmt.Errorf("cloud password: %w", err)
	}
	now := s.Now()
	a := Attempt{
		Tenant: t.ID, Kind: protocol.Reset, Person: p.ID, Shown: p.UPN, Locale: t.Settings.Locale,
		State: Verified, Created: now, VerifiedAt: now, Expires: now.Add(passwordLife),
	}
	if err := s.allowed(ctx, a); err != nil {
		return a, err
	}
	if _, err := s.create(ctx, &a); err != nil { // nobody has the session's token
		return a, err
	}
	if err := begun(ctx, a.ID); err != nil {
		_, failed := s.fail(ctx, a, protocol.ReasonReplayed, event.RequestReplayed)
		return a, errors.Join(err, failed)
	}
	s.record(ctx, a, audit.Record{Hop: "portal", Event: int(event.FlowStarted), Result: "ok", Actor: p.ID, Detail: "the cloud password becomes the directory's"})
	if a, err = s.write(ctx, a, password); err != nil {
		return a, err
	}
	return s.outcomeOf(ctx, a)
}

// Outcome returns an attempt as it stands.
func (s *Service) Outcome(ctx context.Context, tenantID, attempt string) (Attempt, error) {
	a, err := s.Attempts.Attempt(ctx, tenantID, attempt)
	if err != nil {
		return a, fmt.Errorf("outcome: %w", err)
	}
	return a, nil
}
