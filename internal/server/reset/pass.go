package reset

import (
	"context"
	"errors"
	"time"

	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/provision"
	"homeward/internal/server/tenant"
)

// PassGiven is the kind of the letter that tells somebody of a helpdesk pass. Nothing is written for it.
const PassGiven protocol.Operation = "pass"

// ErrNoReason reports something done for somebody that nobody says what for.
var ErrNoReason = errors.New("say why, for the audit log: one line of up to 200 characters")

// ErrPassOff reports that the organisation doesn't use helpdesk passes.
var ErrPassOff = errors.New("helpdesk passes are turned off: an administrator can turn them on under Authentication methods")

// reasonOf returns a reason as it is recorded, or ErrNoReason.
func reasonOf(text string) (string, error) {
	reason, ok := audit.Reason(text)
	if !ok {
		return "", ErrNoReason
	}
	return reason, nil
}

// CheckReason returns ErrNoReason for what can't be recorded as a reason.
func CheckReason(text string) error {
	_, err := reasonOf(text)
	return err
}

// Pass is a one-time code that was given out; nothing else has a copy of it.
type Pass struct {
	Code    string
	Expires time.Time
	Support string
}

// IssuePass gives out a one-time code that counts as one check for somebody, and tells them so. The operator has made sure who
// they are; why, and who did it, is recorded. It returns ErrNoOperator, ErrPassOff, ErrNoReason, ErrNoPerson, ErrAmbiguous,
// verify.ErrPassLife or *LimitError.
func (s *Service) IssuePass(ctx context.Context, t tenant.Tenant, operator, name, reason string, life time.Duration) (code string, expires time.Time, err error) {
	p, err := s.givePass(ctx, t, Order{Operator: operator, Reason: reason}, s.called(t.ID, name), life)
	return p.Code, p.Expires, err
}

// PassFor is IssuePass for a person who has been found already.
func (s *Service) PassFor(ctx context.Context, t tenant.Tenant, o Order, life time.Duration) (Pass, error) {
	return s.givePass(ctx, t, o, s.known(t.ID, o.Person), life)
}

func (s *Service) givePass(ctx context.Context, t tenant.Tenant, o Order, find finding, life time.Duration) (Pass, error) {
	reason, err := reasonOf(o.Reason)
	switch {
	case o.Operator == "":
		return Pass{}, ErrNoOperator
	case t.Settings.Checks.PassOff:
		return Pass{}, ErrPassOff
	case err != nil:
		return Pass{}, err
	}
	if err := s.takeOperate(ctx, t.ID, o.Operator); err != nil {
		return Pass{}, err
	}
	p, err := find(ctx)
	if err != nil {
		return Pass{}, err
	}
	given := Pass{Support: supportCode()}
	if given.Code, given.Expires, err = s.Passes.Issue(ctx, t.ID, p.ID, life); err != nil {
		return Pass{}, err
	}
	s.log(ctx, t.ID, audit.Record{
		Activity: "Issue helpdesk pass", Hop: "operator", Event: int(event.PassIssued), Result: "ok", Actor: o.Operator, Target: p.ID,
		Support: given.Support, Detail: "until " + given.Expires.UTC().Format(time.RFC3339) + ": " + reason,
	})
	s.tellOfPass(ctx, t, p, given)
	return given, nil
}

// tellOfPass writes to everywhere the person can be reached: somebody who didn't ask for it must hear of it.
func (s *Service) tellOfPass(ctx context.Context, t tenant.Tenant, p provision.Person, given Pass) {
	ctx = context.WithoutCancel(ctx)
	to, err := s.addresses(ctx, Attempt{Tenant: t.ID, Person: p.ID})
	l := letter{tenant: t, to: to, lang: t.Settings.Locale, done: Done{Kind: PassGiven, ByAdmin: true, At: s.Now(), Person: p.ID, Support: given.Support}}
	if err == nil {
		l.numbers, err = s.numbers(ctx, t, Attempt{Tenant: t.ID, Person: p.ID, Support: given.Support, Created: s.Now()})
	}
	err = errors.Join(err, l.send(ctx, s.Notices))
	if err != nil {
		s.Log.Error("person couldn't be told of a helpdesk pass", "support", given.Support, "error", err)
		return
	}
	if len(l.to)+len(l.numbers) > 0 {
		s.log(ctx, t.ID, audit.Record{
			Activity: "Issue helpdesk pass", Hop: "notify", Event: int(event.FlowNotified), Result: "ok", Target: p.ID, Support: given.Support,
		})
	}
}

// takeOperate counts something an operator does. It returns *LimitError.
func (s *Service) takeOperate(ctx context.Context, tenantID, operator string) error {
	until, err := s.Limits.Operate(ctx, tenantID, operator)
	if err == nil && !until.IsZero() {
		err = &LimitError{until}
	}
	return err
}
