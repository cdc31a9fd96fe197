package reset

import (
	"context"
	"time"
)

// Anybody can type a name and wrong codes, or ask for code after code, until that person's tries are used up. So a browser in
// which the person has proven who they are before has tries of its own, and after them everybody's like any other.

// Recognise notes in an attempt whether its person has used a browser before, by the cookie it sent.
func (s *Service) Recognise(a Attempt, cookie string) Attempt {
	if s.Devices != nil {
		a.Device = s.Devices.Known(cookie, a.Tenant, a.Person)
	}
	return a
}

// Remember returns the cookie by which a browser is recognised from now on; empty when there is nothing to remember: only
// somebody who has passed all checks is known.
func (s *Service) Remember(a Attempt, cookie string) string {
	if s.Devices == nil || a.State != Verified || a.Person == "" {
		return ""
	}
	return s.Devices.Remember(cookie, a.Tenant, a.Person)
}

func (s *Service) familiar(a Attempt) bool { return s.Familiar != nil && a.Device != "" }

func (s *Service) mayResend(ctx context.Context, a Attempt, w way) (time.Time, error) {
	own := func() (time.Time, error) { return s.Familiar.SendTo(ctx, a.Tenant, a.Person, a.Device) }
	all := func() (time.Time, error) { return s.Limits.Send(ctx, a.Tenant, s.subject(a), w.to) }
	if s.familiar(a) && w.to != "" {
		return either(own, all)
	}
	return all()
}

func (s *Service) mayAnswer(ctx context.Context, a Attempt, w way) (time.Time, error) {
	own := func() (time.Time, error) { return s.Familiar.AnswerFrom(ctx, a.Tenant, a.Person, a.Device, w.Kind) }
	all := func() (time.Time, error) { return s.Limits.Answer(ctx, a.Tenant, s.subject(a), w.Kind) }
	if s.familiar(a) {
		return either(own, all)
	}
	return all()
}

// either takes from the first, or from the second when that has nothing left. Where neither has, it is the sooner moment.
func either(first, second func() (time.Time, error)) (time.Time, error) {
	sooner, err := first()
	if err != nil || sooner.IsZero() {
		return sooner, err
	}
	until, err := second()
	if err == nil && until.After(sooner) {
		until = sooner
	}
	return until, err
}

// right gives the tries of a passed check back: those of the browser it came from. Everybody's stay used up when the browser
// has its own, so that a person who comes and goes doesn't feed whoever is guessing meanwhile.
func (s *Service) right(ctx context.Context, a Attempt, w way) error {
	if s.familiar(a) {
		return s.Familiar.RightFrom(ctx, a.Tenant, a.Person, a.Device, w.Kind)
	}
	return s.Limits.Right(ctx, a.Tenant, s.subject(a), w.Kind)
}
