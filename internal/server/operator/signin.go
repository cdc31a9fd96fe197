package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"homeward/internal/event"
	"homeward/internal/server/audit"
)

// Visit is the browser that asks. Tenant is whose pages it was shown: a failure that belongs to no operator is recorded there.
type Visit struct{ Address, Browser, Tenant string }

// Pending is a set-up link that still works: what its page shows.
type Pending struct {
	Operator Operator
	Secret   string // to be typed into an authenticator app
	Address  string // the same as the picture says it
}

// Pending looks at a set-up link and changes nothing.
func (s *Service) Pending(ctx context.Context, link, issuer string) (Pending, error) {
	o, err := s.Store.LinkedOperator(ctx, hashToken(link), s.Now())
	if errors.Is(err, ErrNotFound) {
		return Pending{}, ErrLink
	}
	if err != nil {
		return Pending{}, fmt.Errorf("set-up link: %w", err)
	}
	seed := seedOf(s.SeedKey, link)
	return Pending{Operator: o, Secret: encode(seed), Address: address(issuer, o.Name, seed)}, nil
}

// SetUp gives an operator their password and second factor, which they prove with a code, and uses the link up. It
// returns the cookie of a new session and the recovery codes, which nobody can show a second time. Errors: ErrLink,
// *PasswordError, ErrCode, *LimitError.
func (s *Service) SetUp(ctx context.Context, link string, password []byte, code string, v Visit) (cookie string, recovery []string, err error) {
	p, err := s.Pending(ctx, link, "")
	if err != nil {
		return "", nil, err
	}
	if err := s.take(ctx, p.Operator.Name, v); err != nil {
		return "", nil, err
	}
	o, now := p.Operator, s.Now()
	if err := checkPassword(o, password); err != nil {
		return "", nil, err
	}
	o.Seed = seedOf(s.SeedKey, link)
	n, ok := step(o.Seed, code, now)
	if !ok {
		s.note(ctx, o, o.Name, audit.Record{Activity: "Set up administrator", Event: int(event.OperatorRefused), Result: "refused", Reason: "wrong_code", Detail: v.Address})
		return "", nil, ErrCode
	}
	if o.Password, err = s.hash(ctx, password); err != nil {
		return "", nil, err
	}
	o.Step, o.Changed = n, now
	recovery, hashes := newRecovery()
	err = s.Store.SetUpOperator(ctx, hashToken(link), o, hashes, now)
	if errors.Is(err, ErrNotFound) { // used by another tab in this moment
		return "", nil, ErrLink
	}
	if err != nil {
		return "", nil, fmt.Errorf("set up operator: %w", err)
	}
	s.note(ctx, o, o.Name, audit.Record{Activity: "Set up administrator", Event: int(event.OperatorSetUp), Detail: v.Address})
	cookie, err = s.open(ctx, o, v)
	return cookie, recovery, err
}

// SignIn takes name, password and a code of the second factor or a recovery code, all at once, so that nobody learns
// which of them was right. It returns the cookie of a new session. Errors: ErrRefused, *LimitError.
func (s *Service) SignIn(ctx context.Context, name string, password []byte, code string, v Visit) (cookie string, err error) {
	if err := s.take(ctx, name, v); err != nil {
		return "", err
	}
	o, err := s.Store.OperatorByName(ctx, name)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return "", fmt.Errorf("sign in: %w", err)
	}
	known := err == nil
	hash := ""
	if known && o.Ready() {
		hash = o.Password
	}
	right, err := s.compare(ctx, hash, password)
	if err != nil {
		return "", fmt.Errorf("sign in: %w", err)
	}
	if !known { // recorded like the others, so that it takes as long; without the name, which may be a mistyped password
		o = Operator{Tenant: v.Tenant}
	}
	reason := "wrong_password"
	if right {
		detail, err := s.second(ctx, o, code)
		if err == nil {
			s.note(ctx, o, o.Name, audit.Record{Activity: "Sign in (administrator)", Event: int(event.OperatorSignedIn), Detail: strings.TrimSpace(v.Address + " " + detail)})
			if err := s.Limits.Passed(ctx, name); err != nil {
				s.Log.Warn("limit couldn't be reset", "error", err)
			}
			return s.open(ctx, o, v)
		}
		if !errors.Is(err, ErrCode) {
			return "", fmt.Errorf("sign in: %w", err)
		}
		reason = "wrong_code"
	}
	if !known {
		reason = "unknown_name"
	}
	s.note(ctx, o, o.Name, audit.Record{Activity: "Sign in (administrator)", Event: int(event.OperatorRefused), Result: "refused", Reason: reason, Detail: v.Address})
	return "", ErrRefused
}

// second uses up a code of the second factor, or a recovery code; ErrCode when it is neither.
func (s *Service) second(ctx context.Context, o Operator, code string) (detail string, err error) {
	if n, ok := step(o.Seed, code, s.Now()); ok {
		err := s.Store.UseStep(ctx, o.Tenant, o.ID, n)
		if errors.Is(err, ErrConflict) {
			return "", ErrCode
		}
		return "", err
	}
	left, err := s.Store.UseRecovery(ctx, o.Tenant, o.ID, hashRecovery(code))
	if errors.Is(err, ErrNotFound) {
		return "", ErrCode
	}
	return fmt.Sprintf("with a recovery code, %d are left", left), err
}

// take counts a try, whoever it is for.
func (s *Service) take(ctx context.Context, name string, v Visit) error {
	until, err := s.Limits.SignIn(ctx, strings.ToLower(strings.TrimSpace(name)), v.Address)
	if err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	if until.IsZero() {
		return nil
	}
	if tell, err := s.Limits.Tell(ctx, v.Address); err == nil && tell {
		if o, err := s.Store.OperatorByName(ctx, name); err == nil {
			s.note(ctx, o, o.Name, audit.Record{Activity: "Sign in (administrator)", Event: int(event.OperatorRefused), Result: "refused", Reason: "too_many", Detail: v.Address})
		}
		s.Log.Warn("too many tries to sign in as an operator", "event", int(event.OperatorRefused), "address", v.Address)
	}
	return &LimitError{Until: until}
}
