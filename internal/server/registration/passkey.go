package registration

import (
	"context"
	"crypto/rand"
	"fmt"

	"homeward/internal/server/reset"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

// Invitation is what the person's browser needs to make a passkey, as JSON. It returns ErrNotAllowed or ErrFull.
func (s *Service) Invitation(ctx context.Context, t tenant.Tenant, a reset.Attempt) ([]byte, error) {
	have, err := s.passkeys(ctx, t, a)
	if err != nil {
		return nil, err
	}
	return s.Passkeys.Invitation(a.ID, a.Person, a.Shown, have)
}

// passkeys are those the person has, if there is room for another.
func (s *Service) passkeys(ctx context.Context, t tenant.Tenant, a reset.Attempt) ([]verify.Method, error) {
	_, strict, err := s.person(ctx, a)
	if err != nil {
		return nil, err
	}
	if !s.allows(t.Settings.Checks, verify.Passkey, strict) {
		return nil, ErrNotAllowed
	}
	have, err := s.confirmed(ctx, a)
	if err != nil {
		return nil, err
	}
	return have, room(have, verify.Method{Kind: verify.Passkey}, "")
}

// AddPasskey registers the passkey that the browser made, and tells whoever could be reached before. It returns
// verify.ErrPasskey, ErrNotAllowed or ErrFull.
func (s *Service) AddPasskey(ctx context.Context, t tenant.Tenant, a reset.Attempt, answer string) error {
	have, err := s.passkeys(ctx, t, a)
	if err != nil {
		return err
	}
	secret, step, err := s.Passkeys.Made(a.ID, a.Person, a.Shown, have, answer)
	if err != nil {
		return err
	}
	known, err := s.reachable(ctx, t, a)
	if err != nil {
		return err
	}
	now := s.Now()
	m := verify.Method{Tenant: a.Tenant, ID: rand.Text(), Person: a.Person, Kind: verify.Passkey, Secret: secret, Step: step, Created: now, Confirmed: now}
	if err := s.Store.PutMethod(ctx, m); err != nil {
		return fmt.Errorf("add a passkey: %w", err)
	}
	s.told(ctx, t, a, Change{What: Added, Kind: m.Kind, At: now}, known)
	return nil
}
