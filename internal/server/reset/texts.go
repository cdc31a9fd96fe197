package reset

import (
	"context"
	"fmt"
	"slices"

	"homeward/internal/server/provision"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

// mostNumbers bounds the telephones of one person that are told of one change.
const mostNumbers = 3

// numbers are the telephones on which the attempt's person is told what happened, where the tenant wants that: what the
// directory holds and what they had registered when the attempt began, so that who has got in can't have a telephone of their own
// told instead. A telephone that was told too often of late is left out: mail isn't.
func (s *Service) numbers(ctx context.Context, t tenant.Tenant, a Attempt) ([]string, error) {
	if !t.Settings.PeopleTexted || t.Settings.PeopleUntold || !s.Texts || a.Person == "" {
		return nil, nil
	}
	p, err := s.People.Person(ctx, a.Tenant, a.Person)
	if err != nil {
		return nil, fmt.Errorf("person: %w", err)
	}
	methods, err := s.Ways.Methods(ctx, a.Tenant, a.Person)
	if err != nil {
		return nil, fmt.Errorf("methods: %w", err)
	}
	var out []string
	for _, number := range known(p, methods, a) {
		if s.MayTell != nil {
			until, err := s.MayTell(ctx, a.Tenant, a.Person, number)
			if err != nil {
				return nil, fmt.Errorf("count text messages: %w", err)
			}
			if !until.IsZero() {
				s.Log.Info("a telephone isn't told of a change: it was told too often", "support", a.Support, "until", until)
				continue
			}
		}
		out = append(out, number)
	}
	return out, nil
}

// known are the telephones that were somebody's before the attempt, each once.
func known(p provision.Person, methods []verify.Method, a Attempt) []string {
	var out []string
	if number, err := verify.Phone(p.Mobile); err == nil {
		out = append(out, number)
	}
	for _, m := range methods {
		number := string(m.Secret)
		if m.Kind == verify.Text && !m.Confirmed.IsZero() && !m.Confirmed.After(a.Created) && !slices.Contains(out, number) {
			out = append(out, number)
		}
	}
	return out[:min(len(out), mostNumbers)]
}
