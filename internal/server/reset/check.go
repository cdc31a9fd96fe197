package reset

import (
	"context"
	"errors"
	"fmt"
	"time"

	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

// Method is one way to prove who you are, as the page shows it.
type Method struct {
	Kind   string // "mail"
	Masked string
}

// Methods lists the ways open to whoever typed this name. For a name that belongs to nobody, or to somebody
// without an address, it is an invented one.
func (s *Service) Methods(ctx context.Context, a Attempt) ([]Method, error) {
	to, err := s.address(ctx, a)
	if err != nil {
		return nil, err
	}
	if to == "" {
		return []Method{{Kind: "mail", Masked: a.Decoy}}, nil
	}
	return []Method{{Kind: "mail", Masked: verify.MaskMail(to)}}, nil
}

// address is where the attempt's person can be reached, or nothing.
func (s *Service) address(ctx context.Context, a Attempt) (string, error) {
	if a.Person == "" {
		return "", nil
	}
	p, err := s.People.Person(ctx, a.Tenant, a.Person)
	if err != nil {
		return "", fmt.Errorf("person: %w", err)
	}
	return p.Mail, nil
}

// SendCode mails a code to the address the directory holds. Where there is none, the same work is done and
// nobody gets anything. It returns *LimitError, also while the last code is younger than ResendAfter.
func (s *Service) SendCode(ctx context.Context, t tenant.Tenant, a Attempt) error {
	if a.State != Started {
		return ErrState
	}
	now := s.Now()
	if last, err := s.Codes.Sent(ctx, a.Tenant, a.ID); err == nil && now.Before(last.Sent.Add(verify.ResendAfter)) {
		return &LimitError{last.Sent.Add(verify.ResendAfter)}
	}
	to, err := s.address(ctx, a)
	if err != nil {
		return fmt.Errorf("send code: %w", err)
	}
	until, err := s.Limits.Send(ctx, a.Tenant, s.subject(a), to)
	if err != nil {
		return fmt.Errorf("send code: %w", err)
	}
	if !until.IsZero() {
		s.record(ctx, a, audit.Record{Hop: "verify", Event: int(event.FlowLimited), Result: string(protocol.Refused)})
		return &LimitError{until}
	}
	code, sent, err := s.Codes.Issue(ctx, a.Tenant, a.ID)
	if err != nil {
		return fmt.Errorf("send code: %w", err)
	}
	if err := s.Notices.Code(ctx, t, to, a.Locale, code, sent.Expires); err != nil {
		return fmt.Errorf("send code: %w", err)
	}
	result := "ok"
	if to == "" {
		result = "nobody to send to"
	}
	s.record(ctx, a, audit.Record{Hop: "verify", Event: int(event.CodeSent), Result: result})
	return nil
}

// subject is what counters of an attempt are kept under: the person, or a stand-in for the typed name, so
// that a name that belongs to nobody runs into the same limits.
func (s *Service) subject(a Attempt) string {
	if a.Person != "" {
		return a.Person
	}
	return "nobody:" + a.Shown
}

// CheckCode tries what was typed. With verify.OK the attempt it returns is Verified. It returns
// verify.ErrNotSix and *LimitError.
func (s *Service) CheckCode(ctx context.Context, a Attempt, typed string) (Attempt, verify.Answer, error) {
	if a.State != Started {
		return a, verify.Answer{}, ErrState
	}
	until, err := s.Limits.Answer(ctx, a.Tenant, s.subject(a))
	if err != nil {
		return a, verify.Answer{}, fmt.Errorf("check code: %w", err)
	}
	if !until.IsZero() {
		return a, verify.Answer{}, &LimitError{until}
	}
	answer, err := s.Codes.Check(ctx, a.Tenant, a.ID, typed)
	if err != nil {
		return a, answer, fmt.Errorf("check code: %w", err)
	}
	if answer.Result == verify.OK && a.Person == "" {
		answer.Result = verify.Wrong // nobody was ever sent this code
	}
	if answer.Result != verify.OK {
		s.record(ctx, a, audit.Record{Hop: "verify", Event: int(event.CodeWrong), Result: string(protocol.Refused), Reason: string(answer.Result)})
		return a, answer, nil
	}
	next, err := s.verified(ctx, a)
	return next, answer, err
}

func (s *Service) verified(ctx context.Context, a Attempt) (Attempt, error) {
	p, err := s.People.Person(ctx, a.Tenant, a.Person)
	if err != nil {
		return a, fmt.Errorf("person: %w", err)
	}
	now := s.Now()
	a.State, a.VerifiedAt, a.Expires, a.Shown = Verified, now, now.Add(passwordLife), p.UPN
	if a.Shown == "" {
		a.Shown = p.NetBIOS + `\` + p.SAM
	}
	a, err = s.Attempts.Move(ctx, a, Started)
	if err != nil {
		return a, fmt.Errorf("verified: %w", err)
	}
	s.record(ctx, a, audit.Record{Hop: "verify", Event: int(event.FlowVerified), Result: "ok", Actor: a.Person})
	return a, nil
}

// LastCode returns when the attempt's current code was sent and until when it works; the zero Code when
// none was.
func (s *Service) LastCode(ctx context.Context, a Attempt) (verify.Code, error) {
	c, err := s.Codes.Sent(ctx, a.Tenant, a.ID)
	if err != nil && !errors.Is(err, verify.ErrNoCode) {
		return verify.Code{}, fmt.Errorf("last code: %w", err)
	}
	return c, nil
}

// Extend gives the person on the password page the full time again (WCAG 2.2.1).
func (s *Service) Extend(ctx context.Context, a Attempt) (Attempt, error) {
	a.Expires = s.Now().Add(passwordLife)
	return s.Attempts.Move(ctx, a, Verified, Refused)
}

// remaining is the time an attempt has left.
func (a Attempt) remaining(now time.Time) time.Duration { return a.Expires.Sub(now) }
