package helpdesk

import (
	"context"
	"errors"
	"fmt"

	"homeward/internal/server/operator"
	"homeward/internal/server/provision"
	"homeward/internal/server/reset"
	"homeward/internal/server/tenant"
)

// consoleID is no administrator's id: those are drawn.
const consoleID = "console"

// Console is whoever uses the command line on the server's own machine. They can read the master key too, so they may do what a
// Global Administrator may, and no more: what bars one bars them. name is their account there, for the audit log and the limits.
func Console(t tenant.Tenant, name string) operator.Operator {
	return operator.Operator{Tenant: t.ID, ID: consoleID, Name: name, Role: operator.GlobalAdministrator}
}

// Named returns the one person whom an operator may see and who has this name: a sign-in name, a mail address or DOMAIN\name. Of
// several, those turned off don't count. It returns ErrNoPerson or reset.ErrAmbiguous.
func (s *Service) Named(ctx context.Context, t tenant.Tenant, by operator.Operator, typed string) (provision.Person, error) {
	named, err := s.People.FindPeople(ctx, t.ID, typed)
	if err != nil {
		return provision.Person{}, fmt.Errorf("find a person: %w", err)
	}
	var seen, enabled []provision.Person
	for _, one := range named {
		p, err := s.Find(ctx, t, by, one.ID)
		if errors.Is(err, ErrNoPerson) {
			continue
		}
		if err != nil {
			return provision.Person{}, err
		}
		if seen = append(seen, p); !p.Disabled {
			enabled = append(enabled, p)
		}
	}
	switch {
	case len(seen) == 1:
		return seen[0], nil
	case len(enabled) == 1:
		return enabled[0], nil
	case len(seen) == 0:
		return provision.Person{}, ErrNoPerson
	}
	return provision.Person{}, reset.ErrAmbiguous
}
