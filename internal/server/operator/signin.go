package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"homeward/internal/event"
	"homeward/internal/server/audit"
)

// Visit is the browser that asks. Tenant is whose pages it was shown: a failure that belongs to no operator is recorded there.
// Device is the cookie by which it may be known.
type Visit struct{ Address, Browser, Tenant, Device string }

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
	if err := s.take(ctx, p.Operator, p.Operator.Name, v); err != nil {
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
	cookie, err = s.open(ctx, o, v, ByPassword, now)
	return cookie, recovery, err
}

// SignIn takes name, password and a code of the second factor or a recovery code, all at once, so that nobody learns
// which of them was right. It returns the cookie of a new session. Errors: ErrRefused, *LimitError.
func (s *Service) SignIn(ctx context.Context, name string, password []byte, code string, v Visit) (cookie string, err error) {
	o, known, right, err := s.check(ctx, name, password, v)
	if err != nil {
		return "", err
	}
	reason := "wrong_password"
	if right {
		detail, err := s.second(ctx, o, code, v)
		if err == nil {
			return s.signedIn(ctx, o, v, ByPassword, detail)
		}
		if !errors.Is(err, ErrCode) {
			return "", fmt.Errorf("sign in: %w", err)
		}
		reason = reasonOf(err)
	}
	if !right {
		s.idle(ctx, o, id(), Proof{Code: code}, v)
	}
	if !known {
		reason = "unknown_name"
	}
	s.refused(ctx, o, v, reason)
	return "", ErrRefused
}

// check counts a try and compares a password, which takes the same time whoever it is for. An operator who isn't known is one
// of the tenant whose page it is, without a name.
func (s *Service) check(ctx context.Context, name string, password []byte, v Visit) (o Operator, known, right bool, err error) {
	o, err = s.Store.OperatorByName(ctx, name)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return o, false, false, fmt.Errorf("sign in: %w", err)
	}
	known = err == nil
	if err := s.take(ctx, o, name, v); err != nil {
		return o, known, false, err
	}
	hash := ""
	if known && o.Local() && !o.Disabled {
		hash = o.Password
	}
	if right, err = s.compare(ctx, hash, password); err != nil {
		return o, known, false, fmt.Errorf("sign in: %w", err)
	}
	if !known { // recorded like the others, so that it takes as long; without the name, which may be a mistyped password
		o = Operator{Tenant: v.Tenant}
	}
	return o, known, right, nil
}

// signedIn records a sign-in, gives back the tries it took, and opens a session.
func (s *Service) signedIn(ctx context.Context, o Operator, v Visit, how How, detail string) (cookie string, err error) {
	words := map[How]string{ByPasskey: "by passkey", ByProvider: "by provider"}
	text := strings.Join(strings.Fields(v.Address+" "+words[how]+" "+detail), " ")
	s.note(ctx, o, o.Name, audit.Record{Activity: signIn, Event: int(event.OperatorSignedIn), Detail: text})
	if how == ByPassword {
		if err := s.Limits.Passed(ctx, fold(o.Name), key(o), s.device(o, v)); err != nil {
			s.Log.Warn("limit couldn't be reset", "error", err)
		}
	}
	return s.open(ctx, o, v, how, s.Now())
}

const signIn = "Sign in (administrator)"

// refused records a failed sign-in with its reason, which no page tells.
func (s *Service) refused(ctx context.Context, o Operator, v Visit, reason string) {
	s.note(ctx, o, o.Name, audit.Record{Activity: signIn, Event: int(event.OperatorRefused), Result: "refused", Reason: reason, Detail: v.Address})
}

// wrongCode is ErrCode with its reason for the record.
type wrongCode struct{ reason string }

// Error implements error.
func (wrongCode) Error() string { return ErrCode.Error() }

// Is makes it an ErrCode.
func (wrongCode) Is(target error) bool { return target == ErrCode }

func reasonOf(err error) string {
	if w, ok := errors.AsType[wrongCode](err); ok {
		return w.reason
	}
	return "wrong_code"
}

// second uses up a code of the second factor, or a recovery code; ErrCode when it is neither. Codes of an app are counted, so
// that whoever has the password doesn't guess one; a recovery code can't be guessed and always helps.
func (s *Service) second(ctx context.Context, o Operator, code string, v Visit) (detail string, err error) {
	if isCode(code) {
		until, err := s.Limits.Guess(ctx, key(o), s.device(o, v))
		if err != nil {
			return "", err
		}
		if !until.IsZero() {
			return "", wrongCode{"too_many_codes"}
		}
	}
	if n, ok := step(o.Seed, code, s.Now()); ok && o.App() {
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

// device names the browser if it is known to be the operator's.
func (s *Service) device(o Operator, v Visit) string {
	if s.Devices == nil {
		return ""
	}
	return s.Devices.Known(v.Device, o.Tenant, o.ID)
}

// Remember returns the cookie by which a browser in which somebody has just signed in is known later.
func (s *Service) Remember(o Operator, device string) string {
	if s.Devices == nil {
		return ""
	}
	return s.Devices.Remember(device, o.Tenant, o.ID)
}

// key names an operator to the limits.
func key(o Operator) string { return o.Tenant + "\x00" + o.ID }

func fold(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

// take counts a try, whoever it is for. o is empty for a name that nobody has.
func (s *Service) take(ctx context.Context, o Operator, name string, v Visit) error {
	until, err := s.Limits.SignIn(ctx, fold(name), v.Address, s.device(o, v))
	if err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	return s.limited(ctx, o, until, v)
}

// limited is a LimitError, told once in a while, unless until is zero.
func (s *Service) limited(ctx context.Context, o Operator, until time.Time, v Visit) error {
	if until.IsZero() {
		return nil
	}
	if tell, err := s.Limits.Tell(ctx, v.Address); err == nil && tell {
		if o.ID != "" {
			s.refused(ctx, o, v, "too_many")
		}
		s.Log.Warn("too many tries to sign in as an operator", "event", int(event.OperatorRefused), "address", v.Address)
	}
	return &LimitError{Until: until}
}
