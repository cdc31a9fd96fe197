package helpdesk

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"homeward/internal/server/audit"
	"homeward/internal/server/operator"
	"homeward/internal/server/reset"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

// actWait is how long a page waits for an outcome: shorter than the connection of a browser lives.
const actWait = 25 * time.Second

// Act is something an operator has done for somebody.
type Act struct {
	By     operator.Operator
	Person string // id
	Reason string
	Mark   string // of the form that was sent; see Service.Mark
}

func (a Act) order() reset.Order {
	return reset.Order{Operator: a.By.Name, Person: a.Person, Reason: a.Reason, Wait: actWait}
}

// Done is what became of an act. Password is there only when it is, or may be, the person's now: nothing else has a copy, and
// whoever shows it wipes it.
type Done struct {
	Attempt  reset.Attempt
	Password []byte
}

const (
	// policyWithin is how long an act waits for the policy that a password has to satisfy. It may be longer than a page waits:
	// whoever resets waits for the write anyway, and a password that is too short is refused.
	policyWithin = 8 * time.Second
	// unknownLeast is how long a password is whose policy nobody could say in time: longer than policies ask for.
	unknownLeast = 29
)

// Unsure reports that nobody knows yet what became of it; it resolves by itself.
func (d Done) Unsure() bool {
	return d.Attempt.State == reset.NotSure || d.Attempt.State == reset.Submitted
}

// Unlock clears somebody's lockout. Errors are ErrNoPerson, ErrUsed, *BarredError, reset.ErrNoReason and *reset.LimitError.
func (s *Service) Unlock(ctx context.Context, t tenant.Tenant, a Act) (Done, error) {
	if err := s.begin(ctx, t, a, operator.ResetUsers); err != nil {
		return Done{}, err
	}
	attempt, err := s.Resets.UnlockFor(ctx, t, a.order())
	return Done{Attempt: attempt}, err
}

// Reset sets somebody's password to one that is drawn here and that they have to change at the next sign-in. Its errors are
// those of Unlock.
func (s *Service) Reset(ctx context.Context, t tenant.Tenant, a Act) (Done, error) {
	if err := s.begin(ctx, t, a, operator.ResetUsers); err != nil {
		return Done{}, err
	}
	p, err := s.Find(ctx, t, a.By, a.Person)
	if err != nil {
		return Done{}, err
	}
	standing, err := s.Resets.Judge(t).Live(ctx, p, policyWithin)
	if err != nil {
		return Done{}, fmt.Errorf("policy of a person: %w", err)
	}
	least := unknownLeast
	if standing.Live != nil {
		least = standing.Live.MinLength
	}
	password := temporary(p, least)
	attempt, err := s.Resets.ResetFor(ctx, t, a.order(), bytes.Clone(password))
	d := Done{Attempt: attempt}
	if err == nil && (attempt.State == reset.Changed || d.Unsure()) {
		d.Password = password
		return d, nil
	}
	clear(password)
	return d, err
}

// Pass gives out a one-time code that counts as one check. Its errors are those of Unlock, and verify.ErrPassLife.
func (s *Service) Pass(ctx context.Context, t tenant.Tenant, a Act, life time.Duration) (reset.Pass, error) {
	if err := s.begin(ctx, t, a, operator.HelpUsers); err != nil {
		return reset.Pass{}, err
	}
	return s.Resets.PassFor(ctx, t, a.order(), life)
}

// RegisterAgain takes away all that somebody has registered: they have to register again at their next visit. Its errors are
// those of Unlock.
func (s *Service) RegisterAgain(ctx context.Context, t tenant.Tenant, a Act) error {
	if err := s.begin(ctx, t, a, operator.ResetUsers); err != nil {
		return err
	}
	until, err := s.Limits.Operate(ctx, t.ID, a.By.Name)
	if err != nil {
		return fmt.Errorf("register again: %w", err)
	}
	if !until.IsZero() {
		return &reset.LimitError{Until: until}
	}
	reason, _ := audit.Reason(a.Reason) // begin has looked at it
	return s.Again(ctx, t, a.By.Name, a.Person, reason)
}

// begin lets an act begin: the person is found and not barred, the reason is there, and the form is sent for the first time.
func (s *Service) begin(ctx context.Context, t tenant.Tenant, a Act, needs operator.Permission) error {
	if err := s.admit(ctx, t, a.By, a.Person, needs); err != nil {
		return err
	}
	if err := reset.CheckReason(a.Reason); err != nil { // before the mark is used up: the form comes back to be filled in
		return err
	}
	return s.use(ctx, a)
}

// CallerMethods lists how somebody on the telephone can prove to this operator who they are. Errors are ErrNoPerson and
// *BarredError.
func (s *Service) CallerMethods(ctx context.Context, t tenant.Tenant, by operator.Operator, id string) ([]reset.Method, error) {
	if err := s.admit(ctx, t, by, id, operator.HelpUsers); err != nil {
		return nil, err
	}
	return s.Resets.CallerMethods(ctx, t, id)
}

// Ask sends the caller a code. Errors are those of CallerMethods, reset.ErrNoMethod and *reset.LimitError.
func (s *Service) Ask(ctx context.Context, t tenant.Tenant, by operator.Operator, id, method string) (reset.Attempt, error) {
	if err := s.admit(ctx, t, by, id, operator.HelpUsers); err != nil {
		return reset.Attempt{}, err
	}
	return s.Resets.AskCaller(ctx, t, reset.Order{Operator: by.Name, Person: id}, method)
}

// Asked returns a question this operator has put to the caller; see reset.Service.CallerAttempt.
func (s *Service) Asked(ctx context.Context, t tenant.Tenant, by operator.Operator, id, attempt string) (reset.Attempt, reset.Method, error) {
	if err := s.admit(ctx, t, by, id, operator.HelpUsers); err != nil {
		return reset.Attempt{}, reset.Method{}, err
	}
	return s.Resets.CallerAttempt(ctx, t, reset.Order{Operator: by.Name, Person: id}, attempt)
}

// Hear tries what the caller has read out; see reset.Service.HearCaller.
func (s *Service) Hear(ctx context.Context, t tenant.Tenant, by operator.Operator, id, attempt, typed string) (verify.Answer, error) {
	if err := s.admit(ctx, t, by, id, operator.HelpUsers); err != nil {
		return verify.Answer{}, err
	}
	_, answer, err := s.Resets.HearCaller(ctx, t, reset.Order{Operator: by.Name, Person: id}, attempt, typed)
	return answer, err
}
