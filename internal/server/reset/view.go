package reset

import "context"

// Reachable reports whether the attempt's person has a mail address, so that a confirmation was queued.
func (s *Service) Reachable(ctx context.Context, a Attempt) (bool, error) {
	t, err := s.Tenants(ctx, a.Tenant)
	if err != nil || t.Settings.PeopleUntold {
		return false, err
	}
	to, err := s.addresses(ctx, a)
	return len(to) > 0, err
}
