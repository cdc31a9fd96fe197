package operator

import (
	"context"
	"fmt"

	"homeward/internal/event"
	"homeward/internal/server/audit"
)

// ByID returns one of a tenant's operators, or ErrNotFound.
func (s *Service) ByID(ctx context.Context, tenantID, id string) (Operator, error) {
	return s.Store.OperatorByID(ctx, tenantID, id)
}

// ByName returns the operator of a name, of whatever tenant, or ErrNotFound.
func (s *Service) ByName(ctx context.Context, name string) (Operator, error) {
	return s.Store.OperatorByName(ctx, name)
}

// All lists a tenant's operators by name.
func (s *Service) All(ctx context.Context, tenantID string) ([]Operator, error) {
	return s.Store.Operators(ctx, tenantID)
}

// SetRole gives an operator another role, which holds from their next page on. ErrLast: they are the last Global
// Administrator who can sign in.
func (s *Service) SetRole(ctx context.Context, o Operator, role Role, by string) error {
	role, err := ParseRole(string(role))
	if err != nil || role == o.Role {
		return err
	}
	if err := s.Store.SetOperatorRole(ctx, o.Tenant, o.ID, role); err != nil {
		return fmt.Errorf("set role: %w", err)
	}
	s.note(ctx, o, by, audit.Record{Activity: "Change administrator role", Event: int(event.SettingChanged), Detail: string(o.Role) + " → " + string(role)})
	return nil
}

// EndAll ends every session of an operator.
func (s *Service) EndAll(ctx context.Context, o Operator, by string) error {
	if err := s.Store.EndSessions(ctx, o.Tenant, o.ID, ""); err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	s.note(ctx, o, by, audit.Record{Activity: "Sign out (administrator)", Event: int(event.OperatorSignedOut), Detail: "every session"})
	return nil
}
