package server

import (
	"context"

	"homeward/internal/server/helpdesk"
	"homeward/internal/server/masterkey"
	"homeward/internal/server/registration"
	"homeward/internal/server/tenant"
)

// openHelpdesk composes what operators do for people.
func (s *Server) openHelpdesk(key masterkey.Key, registered ways) (*helpdesk.Service, error) {
	forms, err := key.Derive("helpdesk forms")
	if err != nil {
		return nil, err
	}
	return helpdesk.New(helpdesk.Deps{
		People: s.store, Around: s.store, Records: s.store, Operators: s.store, Ways: registered, Limits: s.limits, Resets: s.resets,
		Again: func(ctx context.Context, t tenant.Tenant, operator, person, reason string) error {
			defer s.mails.Wake()
			return s.infos.RequireAgain(ctx, t, s.store, registration.Order{Operator: operator, Person: person, Reason: reason})
		},
		Record: s.record, FormKey: forms, Now: s.now, Log: s.log,
	}), nil
}
