package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"homeward/internal/event"
	"homeward/internal/server/audit"
)

// maxScope bounds how many groups and places one operator has.
const maxScope = 50

// WithinKind says what a part of a scope is.
type WithinKind string

// Kinds of parts. They are stored: never rename one.
const (
	WithinGroup WithinKind = "group" // Value is the group's objectGUID
	WithinUnit  WithinKind = "unit"  // Value is a provision.Place
)

// Within is one part of a scope: the people of a group and of the groups in it, or those below a place of the directory.
type Within struct {
	Kind  WithinKind `json:"kind"`
	Value string     `json:"-"`
	Name  string     `json:"name"` // as it was chosen
}

// Scope is whom an operator may find and help: the people of any of its parts. An empty one is everybody. A part that is
// gone from the directory holds nobody; it never widens the scope.
type Scope []Within

// String lists the parts for a line of text.
func (s Scope) String() string {
	if len(s) == 0 {
		return "everybody"
	}
	names := make([]string, len(s))
	for i, w := range s {
		names[i] = w.Name
	}
	return strings.Join(names, "; ")
}

// What a scope can be wrong with.
var (
	// ErrScopeRole reports a scope for a role whose other pages tell of everybody anyway.
	ErrScopeRole = errors.New("only a Helpdesk Administrator has a scope: every other role sees everybody in the audit log, in reports or in settings")
	// ErrScopeSize reports a scope of too many parts.
	ErrScopeSize = fmt.Errorf("a scope has at most %d groups and units", maxScope)
)

// SetScope replaces whom an operator may find and help. It holds with their next request. It returns ErrNotFound, ErrScopeRole
// or ErrScopeSize.
func (s *Service) SetScope(ctx context.Context, name string, scope Scope, by string) (Operator, error) {
	o, err := s.Store.OperatorByName(ctx, name)
	if err != nil {
		return o, fmt.Errorf("set scope: %w", err)
	}
	switch {
	case len(scope) > 0 && o.Role != HelpdeskAdministrator:
		return o, ErrScopeRole
	case len(scope) > maxScope:
		return o, ErrScopeSize
	}
	if err := s.Store.SetScope(ctx, o.Tenant, o.ID, scope); err != nil {
		return o, fmt.Errorf("set scope: %w", err)
	}
	s.note(ctx, o, by, audit.Record{Activity: "Change administrator scope", Event: int(event.ScopeChanged), Detail: scope.String()})
	return o, nil
}

// ScopeOf returns whom an operator may find and help.
func (s *Service) ScopeOf(ctx context.Context, name string) (Operator, Scope, error) {
	o, err := s.Store.OperatorByName(ctx, name)
	if err != nil {
		return o, nil, fmt.Errorf("scope: %w", err)
	}
	scope, err := s.Store.Scope(ctx, o.Tenant, o.ID)
	return o, scope, err
}
