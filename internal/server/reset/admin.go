package reset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/provision"
	"homeward/internal/server/tenant"
)

// What an operator's name for somebody can be wrong with.
var (
	ErrNoPerson  = errors.New("nobody has this name")
	ErrAmbiguous = errors.New("several people have this name: use the user principal name or DOMAIN\\name")
	// ErrHeld reports somebody whose sign-in name two directory accounts want: whoever is meant isn't certain.
	ErrHeld = errors.New("two directory accounts want this person's sign-in name: decide whose it is first, with homeward sync problems")
	// ErrNoOperator reports a call that does not say who makes it.
	ErrNoOperator = errors.New("no operator named")
	// ErrNoPassword reports an empty password.
	ErrNoPassword = errors.New("password is empty")
)

// Order is what an operator has done for one person, and why.
type Order struct {
	Operator string
	Person   string        // its id
	Reason   string        // for the audit log: one line
	Wait     time.Duration // how long the outcome is waited for; zero: a minute
}

// adminWait is how long an operator waits for an outcome. It is longer than a person's page says "writing", so that
// most of what is unsure at first is known.
const (
	adminWait = time.Minute
	adminLook = 250 * time.Millisecond
)

// AdminReset sets somebody's password for an operator and makes them choose another at the next sign-in. It seals the
// password at once and wipes it. It returns the attempt with its outcome, which is Failed with ReasonNoAgent or
// ReasonAgentOutdated when nobody could write, and NotSure when it isn't known within a minute: it resolves by itself.
// Errors are ErrNoPerson, ErrAmbiguous, ErrNoOperator, ErrNoPassword, *LimitError and what the server itself met.
func (s *Service) AdminReset(ctx context.Context, t tenant.Tenant, operator, name string, password []byte) (Attempt, error) {
	defer clear(password)
	if len(password) == 0 {
		return Attempt{}, ErrNoPassword
	}
	return s.operate(ctx, t, protocol.AdminReset, Order{Operator: operator}, s.called(t.ID, name), password)
}

// ResetFor is AdminReset for a person who has been found already. Its errors are those, and ErrNoReason.
func (s *Service) ResetFor(ctx context.Context, t tenant.Tenant, o Order, password []byte) (Attempt, error) {
	defer clear(password)
	if len(password) == 0 {
		return Attempt{}, ErrNoPassword
	}
	return s.order(ctx, t, protocol.AdminReset, o, password)
}

// UnlockFor is AdminUnlock for a person who has been found already. Its errors are those, and ErrNoReason.
func (s *Service) UnlockFor(ctx context.Context, t tenant.Tenant, o Order) (Attempt, error) {
	return s.order(ctx, t, protocol.Unlock, o, nil)
}

func (s *Service) order(ctx context.Context, t tenant.Tenant, kind protocol.Operation, o Order, password []byte) (Attempt, error) {
	var err error
	if o.Reason, err = reasonOf(o.Reason); err != nil {
		return Attempt{}, err
	}
	return s.operate(ctx, t, kind, o, s.known(t.ID, o.Person), password)
}

// finding finds the person an operator means.
type finding func(ctx context.Context) (provision.Person, error)

func (s *Service) called(tenantID, name string) finding {
	return func(ctx context.Context) (provision.Person, error) { return s.one(ctx, tenantID, name) }
}

func (s *Service) known(tenantID, id string) finding {
	return func(ctx context.Context) (provision.Person, error) {
		p, err := s.People.Person(ctx, tenantID, id)
		switch {
		case err != nil:
			return p, fmt.Errorf("find person: %w", err)
		case p.Cloud():
			return p, ErrNoPerson // there is nothing to write to
		case matchGate(p).State == Shut:
			return p, ErrHeld
		}
		return p, nil
	}
}

// AdminUnlock clears somebody's lockout for an operator. It answers as AdminReset does.
func (s *Service) AdminUnlock(ctx context.Context, t tenant.Tenant, operator, name string) (Attempt, error) {
	return s.operate(ctx, t, protocol.Unlock, Order{Operator: operator}, s.called(t.ID, name), nil)
}

// Probe asks an agent for an operator whether somebody can be written right now, and what policy holds for them. It
// returns ErrNoOperator, *LimitError, ErrNoPerson, ErrAmbiguous or ErrNoAgent. That it was asked is recorded.
func (s *Service) Probe(ctx context.Context, t tenant.Tenant, operator, name string) (protocol.PersonPolicy, error) {
	p, err := s.lookUp(ctx, t, operator, func(ctx context.Context) (provision.Person, error) { return s.one(ctx, t.ID, name) })
	if err != nil {
		return protocol.PersonPolicy{}, err
	}
	a := Attempt{Tenant: t.ID, Kind: protocol.Reset}
	writers, err := s.writers(ctx, a, p)
	if err != nil {
		return protocol.PersonPolicy{}, err
	}
	return s.ask(ctx, a, p, writers, protocol.Probe)
}

// CanReset answers for an operator whether somebody can reset their own password now, gate by gate. It returns ErrNoOperator,
// *LimitError and what find returns; that no agent is there is a gate. That it was asked is recorded.
func (s *Service) CanReset(
	ctx context.Context, t tenant.Tenant, operator string, find func(ctx context.Context) (provision.Person, error),
) (provision.Person, Standing, error) {
	p, err := s.lookUp(ctx, t, operator, find)
	if err != nil {
		return p, Standing{}, err
	}
	const within = 10 * time.Second
	standing, err := s.Judge(t).Live(ctx, p, within)
	return p, standing, err
}

// lookUp finds somebody for an operator. It is counted and recorded.
func (s *Service) lookUp(ctx context.Context, t tenant.Tenant, operator string, find finding) (provision.Person, error) {
	if operator == "" {
		return provision.Person{}, ErrNoOperator
	}
	until, err := s.Limits.Probe(ctx, t.ID, operator)
	if err != nil {
		return provision.Person{}, fmt.Errorf("limit of an operator: %w", err)
	}
	if !until.IsZero() {
		return provision.Person{}, &LimitError{until}
	}
	p, err := find(ctx)
	if err == nil {
		s.log(ctx, t.ID, audit.Record{Activity: "Look up user account (by admin)", Hop: "operator", Result: "ok", Actor: operator, Target: p.ID})
	}
	return p, err
}

func (s *Service) operate(ctx context.Context, t tenant.Tenant, kind protocol.Operation, o Order, find finding, password []byte) (Attempt, error) {
	if o.Operator == "" {
		return Attempt{}, ErrNoOperator
	}
	p, err := s.admit(ctx, t.ID, kind, o.Operator, find)
	if err != nil {
		return Attempt{}, err
	}
	now := s.Now()
	a := Attempt{
		Tenant: t.ID, Kind: kind, Operator: o.Operator, Person: p.ID, Shown: p.UPN, Locale: t.Settings.Locale,
		State: Verified, Created: now, VerifiedAt: now, Expires: now.Add(passwordLife),
	}
	if _, err := s.create(ctx, &a); err != nil { // nobody has the session's token
		return a, err
	}
	s.record(ctx, a, audit.Record{Hop: "operator", Event: int(event.FlowStarted), Result: "ok", Actor: o.Operator, Detail: o.Reason})
	if a, err = s.write(ctx, a, password); err != nil {
		return a, err
	}
	return s.outcomeWithin(ctx, a, cmp.Or(o.Wait, adminWait))
}

// admit finds the person and counts the try, for the operator and for the person. What is refused is recorded too.
func (s *Service) admit(ctx context.Context, tenantID string, kind protocol.Operation, operator string, find finding) (provision.Person, error) {
	none := provision.Person{}
	refuse := func(code event.Code, reason protocol.Reason, target string) {
		s.log(ctx, tenantID, audit.Record{
			Activity: activity(kind, operator), Hop: "operator", Event: int(code), Result: string(protocol.Refused),
			Reason: string(reason), Actor: operator, Target: target,
		})
	}
	until, err := s.Limits.Operate(ctx, tenantID, operator)
	if err != nil {
		return none, fmt.Errorf("limit of an operator: %w", err)
	}
	if !until.IsZero() {
		refuse(event.FlowLimited, "", "")
		return none, &LimitError{until}
	}
	p, err := find(ctx)
	switch {
	case errors.Is(err, ErrNoPerson):
		refuse(event.UserNotFound, protocol.ReasonNotFound, "")
	case errors.Is(err, ErrAmbiguous):
		refuse(event.UserAmbiguous, protocol.ReasonAmbiguous, "")
	case errors.Is(err, ErrHeld):
		refuse(event.FlowHeld, protocol.ReasonAmbiguous, "")
	}
	if err != nil {
		return none, err
	}
	var limited *LimitError
	if err := s.allowed(ctx, Attempt{Tenant: tenantID, Person: p.ID}); errors.As(err, &limited) {
		refuse(event.FlowLimited, "", p.ID)
		return none, err
	} else if err != nil {
		return none, err
	}
	return p, nil
}

// log records what an operator did that no attempt stands for.
func (s *Service) log(ctx context.Context, tenantID string, r audit.Record) {
	r.Tenant, r.At = tenantID, s.Now()
	if err := s.Audit.Append(context.WithoutCancel(ctx), tenantID, r); err != nil {
		s.Log.Error("audit record couldn't be written", "error", err)
	}
}

// one returns the person an operator names, if it is certain who is meant.
func (s *Service) one(ctx context.Context, tenantID, name string) (provision.Person, error) {
	p, err := s.named(ctx, tenantID, name)
	if err == nil && matchGate(p).State == Shut {
		return provision.Person{}, ErrHeld
	}
	return p, err
}

// named returns the person an operator names. Of several, those turned off don't count.
func (s *Service) named(ctx context.Context, tenantID, name string) (provision.Person, error) {
	people, err := s.People.FindPeople(ctx, tenantID, name)
	if err != nil {
		return provision.Person{}, fmt.Errorf("find person: %w", err)
	}
	if len(people) < 2 {
		if len(people) == 0 {
			return provision.Person{}, ErrNoPerson
		}
		return people[0], nil
	}
	var found provision.Person
	enabled := 0
	for _, p := range people {
		if !p.Disabled {
			found, enabled = p, enabled+1
		}
	}
	if enabled != 1 {
		return provision.Person{}, ErrAmbiguous
	}
	return found, nil
}

// outcomeOf waits for an attempt's outcome. What is not known when the wait ends, because it was long enough or the
// server stops, is no error: the attempt is then Submitted or NotSure, and resolves by itself.
func (s *Service) outcomeOf(ctx context.Context, a Attempt) (Attempt, error) {
	return s.outcomeWithin(ctx, a, adminWait)
}

func (s *Service) outcomeWithin(ctx context.Context, a Attempt, wait time.Duration) (Attempt, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	tick := time.NewTicker(adminLook)
	defer tick.Stop()
	for {
		next, err := s.Attempts.Attempt(context.WithoutCancel(ctx), a.Tenant, a.ID)
		if err != nil {
			return a, fmt.Errorf("outcome: %w", err)
		}
		if a = next; a.State != Submitted && a.State != NotSure {
			return a, nil
		}
		finished := s.waiters.finish(a.Request)
		if a.State == NotSure {
			finished = nil // it is closed already: what is unsure is looked at again and again
		}
		select {
		case <-ctx.Done():
			return a, nil
		case <-finished:
		case <-tick.C:
		}
	}
}
