package reset

import (
	"context"
	"fmt"

	"homeward/internal/server/provision"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

// Facts are what the gates of one person rest on, beside the tenant and what the last sync said of them.
type Facts struct {
	Within      bool            // the tenant's choice lets them
	Stopped     bool            // their self-service
	Licensed    bool            // themselves, where the tenant asks for that
	Administers bool            // the tenant
	Methods     []verify.Method // with their secrets; those still being registered too
}

// facts are those of one person.
func (s *Service) facts(ctx context.Context, t tenant.Tenant, p provision.Person) (f Facts, err error) {
	if f.Within, err = s.within(ctx, t, p); err != nil {
		return f, err
	}
	if f.Stopped, err = s.held(ctx, t.ID, p.ID); err != nil {
		return f, err
	}
	if f.Licensed, err = s.holds(ctx, t, p); err != nil {
		return f, err
	}
	if f.Administers, err = s.administers(ctx, p); err != nil {
		return f, err
	}
	if f.Methods, err = s.Ways.Methods(ctx, t.ID, p.ID); err != nil {
		return f, fmt.Errorf("methods: %w", err)
	}
	return f, nil
}

// crowd are the facts of many people of one tenant, by id.
func (s *Service) crowd(ctx context.Context, t tenant.Tenant, people []provision.Person) (map[string]Facts, error) {
	if s.Crowd != nil && len(people) > 1 {
		found, err := s.Crowd(ctx, t, people)
		if err != nil {
			return nil, fmt.Errorf("facts about people: %w", err)
		}
		return found, nil
	}
	out := make(map[string]Facts, len(people))
	for _, p := range people {
		f, err := s.facts(ctx, t, p)
		if err != nil {
			return nil, err
		}
		out[p.ID] = f
	}
	return out, nil
}

// The questions below take the same time for nobody, whose ID is empty.

func (s *Service) within(ctx context.Context, t tenant.Tenant, p provision.Person) (bool, error) {
	if s.InScope == nil {
		return true, nil
	}
	if p.ID == "" {
		p.Object = nobody
	}
	within, err := s.InScope(ctx, t, p)
	if err != nil {
		return false, fmt.Errorf("scope: %w", err)
	}
	return within, nil
}

func (s *Service) held(ctx context.Context, tenantID, person string) (bool, error) {
	if s.Stopped == nil {
		return false, nil
	}
	if person == "" {
		person = nobody
	}
	held, err := s.Stopped(ctx, tenantID, person)
	if err != nil {
		return false, fmt.Errorf("hold: %w", err)
	}
	return held, nil
}

func (s *Service) holds(ctx context.Context, t tenant.Tenant, p provision.Person) (bool, error) {
	if s.HoldsLicence == nil {
		return true, nil
	}
	if p.ID == "" {
		p.ID, p.Object = nobody, nobody
	}
	holds, err := s.HoldsLicence(ctx, t, p)
	if err != nil {
		return false, fmt.Errorf("licence: %w", err)
	}
	return holds, nil
}

func (s *Service) administers(ctx context.Context, p provision.Person) (bool, error) {
	if s.HoldsRole == nil {
		return false, nil
	}
	held, err := s.HoldsRole(ctx, p.Tenant, p.ID) // looked up for protected people too: time must not tell who they are
	if err != nil {
		return true, fmt.Errorf("roles: %w", err)
	}
	return held, nil
}

// subscribed reports whether the tenant's licences include writeback.
func (s *Service) subscribed(t tenant.Tenant) bool { return s.Licensed == nil || s.Licensed(t) }

// stopped is held where what can't be found out counts as stopped.
func (s *Service) stopped(ctx context.Context, tenantID, person string) (bool, error) {
	held, err := s.held(ctx, tenantID, person)
	return err != nil || held, err
}
