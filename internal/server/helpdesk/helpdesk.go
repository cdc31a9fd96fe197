// Package helpdesk is the one door through which administrators find people and do something for them.
//
// It guarantees that an operator finds nobody outside their scope or of another tenant, that nobody but a Global
// Administrator acts on an administrator, that nobody acts on themselves or on a protected account, and that whatever is done
// has a reason and is recorded. Whoever may not be found is as unknown as somebody who isn't there. It judges nobody itself:
// whether somebody can reset is said by reset, which decides in the portal.
package helpdesk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"homeward/internal/server/audit"
	"homeward/internal/server/operator"
	"homeward/internal/server/provision"
	"homeward/internal/server/reset"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

// People finds people. SearchPeople leaves out whom a search's Reach doesn't reach.
type People interface {
	SearchPeople(ctx context.Context, tenant string, q provision.Search) ([]provision.Person, error)
	FindPeople(ctx context.Context, tenant, typed string) ([]provision.Person, error)
	CountPeople(ctx context.Context, tenant string) (int, error)
	// CountFound counts those whom SearchPeople finds on all its pages.
	CountFound(ctx context.Context, tenant string, q provision.Search) (int, error)
}

// Around is what belongs to a person.
type Around interface {
	Groups(ctx context.Context, tenant string, objects []string) ([]provision.Group, error)
	GroupsOf(ctx context.Context, tenant, object string, limit int) ([]provision.Group, error)
	ProblemsOf(ctx context.Context, tenant string, objects []string) ([]provision.Problem, error)
	RolesOf(ctx context.Context, tenant string, people []string) ([]provision.Role, error)
}

// Records reads the audit log.
type Records interface {
	SearchAudit(ctx context.Context, tenant string, q audit.Query) ([]audit.Record, error)
	Records(ctx context.Context, tenant, support string) ([]audit.Record, error)
	// LastWrite returns the newest row that says what became of a password write of somebody; none when there is none.
	LastWrite(ctx context.Context, tenant, person string) ([]audit.Record, error)
}

// Operators knows the tenant's administrators and their scopes.
type Operators interface {
	Operators(ctx context.Context, tenant string) ([]operator.Operator, error)
	Scope(ctx context.Context, tenant, operator string) (operator.Scope, error)
}

// Ways are people's registered methods.
type Ways interface {
	Methods(ctx context.Context, tenant, person string) ([]verify.Method, error)
	Registration(ctx context.Context, tenant, person string) (verify.Registration, error)
}

// Limits refuses more than a fair number of tries. A zero time means go on.
type Limits interface {
	Probe(ctx context.Context, tenant, operator string) (until time.Time, err error)
	Operate(ctx context.Context, tenant, operator string) (until time.Time, err error)
	// Once reports whether a form's mark is used for the first time.
	Once(ctx context.Context, mark string) (bool, error)
}

// Deps is what a Service stands on.
type Deps struct {
	People    People
	Around    Around
	Records   Records
	Operators Operators
	Ways      Ways
	Limits    Limits
	Resets    *reset.Service
	// Again has somebody register again, for an operator and a reason, and tells them.
	Again func(ctx context.Context, t tenant.Tenant, operator, person, reason string) error
	// Record appends to a tenant's audit log.
	Record  func(ctx context.Context, tenantID string, r audit.Record)
	FormKey []byte // signs the marks of forms
	Now     func() time.Time
	Log     *slog.Logger
}

// Service finds people for operators and acts on them. It is safe for concurrent use.
type Service struct{ Deps }

// New returns a Service.
func New(d Deps) *Service { return &Service{d} }

// Errors a page turns into a sentence.
var (
	// ErrNoPerson reports somebody who isn't there, or whom this operator may not find.
	ErrNoPerson = errors.New("no such person")
	// ErrUsed reports a form that was sent before, or that is too old.
	ErrUsed = errors.New("this form was sent before")
)

// Bar is why an operator may not act on somebody they may see. The empty one: they may.
type Bar string

// Bars, in the order in which they are looked at.
const (
	BarRole          Bar = "role"          // the operator's role acts on nobody
	BarOwn           Bar = "own"           // it is their own account
	BarProtected     Bar = "protected"     // an administrator of the directory: no agent writes it
	BarAdministrator Bar = "administrator" // an administrator of the tenant
	BarCloud         Bar = "cloud"         // there is no directory account to write to
	BarMatch         Bar = "match"         // two directory accounts want the sign-in name
)

// BarredError says why something isn't done.
type BarredError struct{ Bar Bar }

// Error implements error.
func (e *BarredError) Error() string {
	return "this operator may not act on this person: " + string(e.Bar)
}

// reach is whom an operator may find; nil: everybody of their tenant. It is asked anew each time, so that a change holds at once.
func (s *Service) reach(ctx context.Context, t tenant.Tenant, by operator.Operator) (*provision.Reach, error) {
	if by.Tenant != t.ID || by.ID == "" || !by.Role.May(operator.ReadUsers) {
		return &provision.Reach{}, nil // nobody
	}
	scope, err := s.Operators.Scope(ctx, t.ID, by.ID)
	if err != nil {
		return nil, fmt.Errorf("scope of an operator: %w", err)
	}
	if len(scope) == 0 {
		return nil, nil
	}
	return ReachOf(scope), nil
}

// ReachOf is a scope as a search takes it.
func ReachOf(scope operator.Scope) *provision.Reach {
	r := &provision.Reach{}
	for _, w := range scope {
		switch w.Kind {
		case operator.WithinGroup:
			r.Groups = append(r.Groups, w.Value)
		case operator.WithinUnit:
			r.Places = append(r.Places, w.Value)
		}
	}
	return r
}

// Find returns one person whom the operator may see, or ErrNoPerson.
func (s *Service) Find(ctx context.Context, t tenant.Tenant, by operator.Operator, id string) (provision.Person, error) {
	reach, err := s.reach(ctx, t, by)
	if err != nil {
		return provision.Person{}, err
	}
	found, err := s.People.SearchPeople(ctx, t.ID, provision.Search{ID: id, Reach: reach, Limit: 1})
	if err != nil {
		return provision.Person{}, fmt.Errorf("find a person: %w", err)
	}
	if id == "" || len(found) != 1 {
		return provision.Person{}, ErrNoPerson
	}
	return found[0], nil
}

// Bar says whether an operator may act on somebody. It doesn't look at their scope: Find has.
func (s *Service) Bar(ctx context.Context, t tenant.Tenant, by operator.Operator, p provision.Person, needs operator.Permission) (Bar, error) {
	own, administers, err := s.administers(ctx, t, by, p)
	if err != nil {
		return BarRole, err
	}
	switch {
	case by.Tenant != t.ID || p.Tenant != t.ID || !by.Role.May(needs):
		return BarRole, nil
	case own:
		return BarOwn, nil
	case p.Protected:
		return BarProtected, nil
	case administers && !by.Role.May(operator.HelpAdministrators):
		return BarAdministrator, nil
	case p.Cloud():
		return BarCloud, nil
	case p.Held != "":
		return BarMatch, nil
	}
	return "", nil
}

// administers reports whether a person is the operator themselves, and whether they are an administrator: they hold a role,
// or somebody signs in to administration under any of their names.
func (s *Service) administers(ctx context.Context, t tenant.Tenant, by operator.Operator, p provision.Person) (own, yes bool, err error) {
	held, err := s.Around.RolesOf(ctx, t.ID, []string{p.ID})
	if err != nil {
		return false, true, fmt.Errorf("roles: %w", err)
	}
	all, err := s.Operators.Operators(ctx, t.ID)
	if err != nil {
		return false, true, fmt.Errorf("operators: %w", err)
	}
	yes = len(held) > 0
	for _, o := range all {
		if o.Disabled {
			continue
		}
		named, err := s.People.FindPeople(ctx, t.ID, o.Name)
		if err != nil {
			return false, true, fmt.Errorf("operators: %w", err)
		}
		if slices.ContainsFunc(named, func(q provision.Person) bool { return q.ID == p.ID }) {
			own, yes = own || o.ID == by.ID, true
		}
	}
	return own, yes, nil
}

// admit lets an operator act on somebody: they are found, and not barred. Every action begins here.
func (s *Service) admit(ctx context.Context, t tenant.Tenant, by operator.Operator, id string, needs operator.Permission) error {
	p, err := s.Find(ctx, t, by, id)
	if err != nil {
		return err
	}
	bar, err := s.Bar(ctx, t, by, p, needs)
	if err != nil {
		return err
	}
	if bar != "" {
		s.Record(ctx, t.ID, audit.Record{Activity: "Help somebody", Hop: "operator", Result: "refused", Reason: string(bar), Actor: by.Name, Target: p.ID, Detail: string(needs)})
		return &BarredError{bar}
	}
	return nil
}
