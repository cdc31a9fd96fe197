package operator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"homeward/internal/event"
	"homeward/internal/server/audit"
)

// Identity is an account at an OpenID provider that is an operator's.
type Identity struct {
	Tenant, Operator string
	Issuer, Subject  string
	Mail             string // as the provider gave it when the account became theirs
	Mapped           bool   // the operator was made for it, and its groups say the role
	Created, Used    time.Time
}

// IdentityStore keeps identities. Missing rows are ErrNotFound; ErrConflict: the account is somebody's already, or the operator
// has another one of the same provider.
type IdentityStore interface {
	Identity(ctx context.Context, tenant, issuer, subject string) (Identity, error)
	Identities(ctx context.Context, tenant, operator string) ([]Identity, error)
	AddIdentity(ctx context.Context, i Identity) error
	// AddArrived stores a new operator who has no way in but the identity.
	AddArrived(ctx context.Context, o Operator, i Identity) error
	UseIdentity(ctx context.Context, tenant, issuer, subject string, at time.Time) error
	DeleteIdentity(ctx context.Context, tenant, operator, issuer string) error
}

// Errors of a sign-in through a provider. Pages tell them: whoever gets one has signed in at the provider.
var (
	// ErrStranger reports somebody whom the provider knows and nobody here does.
	ErrStranger = errors.New("nobody here belongs to that account")
	// ErrNoFactor reports a sign-in without a second factor by somebody who has none here.
	ErrNoFactor = errors.New("the provider didn't say that it asked for a second factor")
	// ErrTaken reports an account that is another operator's, or an operator who has another account.
	ErrTaken = errors.New("the account at the provider is somebody else's, or another one is linked already")
)

// Arrival is somebody for whom an OpenID provider vouches.
type Arrival struct {
	Tenant          string
	Issuer, Subject string
	Mail            string // empty unless the provider says that it is verified
	Role            Role   // that their groups give; empty: none
	Strong          bool   // the provider said that it asked for a second factor, as the settings want it said
}

func (a Arrival) identity(now time.Time) Identity {
	return Identity{Tenant: a.Tenant, Issuer: a.Issuer, Subject: a.Subject, Mail: a.Mail, Created: now, Used: now}
}

// Arrive signs somebody in for whom a provider vouches. It returns the cookie of a new session, or a text for the page that
// asks for the operator's own second factor. An account becomes an operator's by its verified address, once; whoever can sign
// in without the provider proves their own second factor before that. Errors: ErrStranger, ErrNoFactor.
func (s *Service) Arrive(ctx context.Context, a Arrival, v Visit) (cookie, pending string, err error) {
	v.Tenant = a.Tenant
	o, link, reason, err := s.recognise(ctx, a)
	if err != nil {
		return "", "", fmt.Errorf("sign in: %w", err)
	}
	if reason != "" {
		if o.ID == "" {
			o = Operator{Tenant: a.Tenant}
		}
		s.refused(ctx, o, v, reason)
		return "", "", ErrStranger
	}
	own := link != nil && !link.Mapped && o.Local()
	switch {
	case a.Strong && !own:
	case o.Factor():
		pending, err = s.seal(forSecond, second{ID: id(), Tenant: o.Tenant, Operator: o.ID, Right: true, Known: true, How: ByProvider, Link: link, At: s.Now()})
		return "", pending, err
	default:
		s.refused(ctx, Operator{Tenant: a.Tenant, Name: o.Name}, v, "no_second_factor")
		return "", "", ErrNoFactor
	}
	switch {
	case link == nil:
		err = s.Store.UseIdentity(ctx, a.Tenant, a.Issuer, a.Subject, s.Now())
	case link.Mapped:
		err = s.arrived(ctx, o, *link)
	default:
		err = s.link(ctx, o, *link, o.Name)
	}
	if err != nil {
		return "", "", err
	}
	cookie, err = s.signedIn(ctx, o, v, ByProvider, "")
	return cookie, "", err
}

// recognise finds whose an account is, or becomes: link is set then. A reason says why nobody's.
func (s *Service) recognise(ctx context.Context, a Arrival) (o Operator, link *Identity, reason string, err error) {
	have, err := s.Store.Identity(ctx, a.Tenant, a.Issuer, a.Subject)
	switch {
	case err == nil:
		return s.returned(ctx, have, a)
	case !errors.Is(err, ErrNotFound):
		return o, nil, "", err
	case a.Mail == "":
		return o, nil, "unverified_mail", nil
	}
	fresh := a.identity(s.Now())
	o, err = s.Store.OperatorByName(ctx, a.Mail)
	switch {
	case errors.Is(err, ErrNotFound) && a.Role == "":
		return Operator{}, nil, "not_invited", nil
	case errors.Is(err, ErrNotFound):
		if CheckName(a.Mail) != nil {
			return Operator{}, nil, "unusable_name", nil //nolint:nilerr // the reason is given instead, and recorded
		}
		fresh.Mapped, fresh.Operator = true, id()
		return Operator{Tenant: a.Tenant, ID: fresh.Operator, Name: a.Mail, Role: a.Role, Created: s.Now()}, &fresh, "", nil
	case err != nil:
		return o, nil, "", err
	case o.Tenant != a.Tenant:
		return Operator{}, nil, "another_tenant", nil
	case o.Disabled:
		return o, nil, "disabled", nil
	}
	all, err := s.Store.Identities(ctx, o.Tenant, o.ID)
	if err != nil {
		return o, nil, "", err
	}
	for _, i := range all {
		if i.Issuer == a.Issuer {
			return o, nil, "another_account", nil
		}
	}
	fresh.Operator = o.ID
	return o, &fresh, "", nil
}

// returned is somebody whose account is known. One whose role comes from groups has the role these give now, or none.
func (s *Service) returned(ctx context.Context, have Identity, a Arrival) (o Operator, link *Identity, reason string, err error) {
	if o, err = s.Store.OperatorByID(ctx, have.Tenant, have.Operator); err != nil {
		return o, nil, "", err
	}
	if o.Disabled {
		return o, nil, "disabled", nil
	}
	if !have.Mapped || a.Role == o.Role {
		return o, nil, "", nil
	}
	if a.Role == "" {
		return o, nil, "no_group", s.Store.EndSessions(ctx, o.Tenant, o.ID, "")
	}
	if err := s.SetRole(ctx, o, a.Role, "provider"); errors.Is(err, ErrLast) {
		return o, nil, "last_administrator", nil
	} else if err != nil {
		return o, nil, "", err
	}
	o.Role = a.Role
	return o, nil, "", nil
}

// arrived stores an operator whom the groups of their account make one.
func (s *Service) arrived(ctx context.Context, o Operator, i Identity) error {
	if err := s.Store.AddArrived(ctx, o, i); err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	s.note(ctx, o, "provider", audit.Record{Activity: "Make administrator from a group", Event: int(event.OperatorLinked), Detail: string(o.Role)})
	return nil
}

// link makes an account an operator's. ErrTaken: somebody was faster.
func (s *Service) link(ctx context.Context, o Operator, i Identity, by string) error {
	i.Operator = o.ID
	err := s.Store.AddIdentity(ctx, i)
	if errors.Is(err, ErrConflict) {
		return ErrTaken
	}
	if err != nil {
		return fmt.Errorf("link: %w", err)
	}
	s.note(ctx, o, by, audit.Record{Activity: "Link provider account (administrator)", Event: int(event.OperatorLinked), Detail: i.Issuer})
	return nil
}

// LinkTo makes the account of an arrival one of the operator whose session is open and fresh. It asks for no address: the
// operator has proved who they are here and there. Errors: ErrNotFresh, ErrTaken, ErrNoSession.
func (s *Service) LinkTo(ctx context.Context, tenantID, operatorID, sessionID string, a Arrival) error {
	o, err := s.Store.OperatorByID(ctx, tenantID, operatorID)
	if err != nil || a.Tenant != tenantID {
		return errors.Join(ErrNoSession, err)
	}
	open, err := s.List(ctx, o)
	if err != nil {
		return err
	}
	for _, in := range open {
		if in.ID == sessionID {
			if !s.Fresh(in) {
				return ErrNotFresh
			}
			return s.link(ctx, o, a.identity(s.Now()), o.Name)
		}
	}
	return ErrNoSession
}

// LinkSubject is LinkTo for whoever has the server's machine.
func (s *Service) LinkSubject(ctx context.Context, o Operator, issuer, subject, by string) error {
	i := Arrival{Tenant: o.Tenant, Issuer: issuer, Subject: subject}.identity(s.Now())
	i.Used = time.Time{} // nobody has signed in with it yet
	return s.link(ctx, o, i, by)
}

// IdentitiesOf lists an operator's accounts at providers.
func (s *Service) IdentitiesOf(ctx context.Context, o Operator) ([]Identity, error) {
	return s.Store.Identities(ctx, o.Tenant, o.ID)
}

// Unlink takes an account of a provider from an operator. Whoever has no other way in can't sign in then: ErrOnly, unless
// somebody else does it.
func (s *Service) Unlink(ctx context.Context, o Operator, issuer, by string) error {
	if by == o.Name && !o.Local() {
		return ErrOnly
	}
	if err := s.Store.DeleteIdentity(ctx, o.Tenant, o.ID, issuer); err != nil {
		return fmt.Errorf("unlink: %w", err)
	}
	s.note(ctx, o, by, audit.Record{Activity: "Unlink provider account (administrator)", Event: int(event.OperatorUnlinked), Detail: issuer})
	return nil
}

// EndProvided ends every session of a tenant that a provider began: it is no longer trusted, or is another one.
func (s *Service) EndProvided(ctx context.Context, tenantID string) error {
	return s.Store.EndSessionsBy(ctx, tenantID, ByProvider)
}

// Admit counts a visit on the way to a provider or back. Errors: *LimitError.
func (s *Service) Admit(ctx context.Context, v Visit) error {
	until, err := s.Gate.Open(ctx, v.Address)
	if err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	return s.limited(ctx, Operator{}, until, v)
}

// Turned records a sign-in through a tenant's provider that ended before it was known whose it is.
func (s *Service) Turned(ctx context.Context, tenantID, reason string, v Visit) {
	s.refused(ctx, Operator{Tenant: tenantID}, v, reason)
}
