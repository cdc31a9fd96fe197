package operator

import (
	"context"
	"errors"
	"fmt"

	"homeward/internal/event"
	"homeward/internal/server/audit"
	"homeward/internal/server/verify"
)

// Proof is what somebody shows as a second factor: a code of their app or a recovery code, or a passkey's answer.
type Proof struct{ Code, Answer string }

// Begin takes the first of two steps, name and password, from somebody who will show a passkey or type a code on the next
// page. That page comes whatever was typed, so that nobody learns whether it was right. It returns a text that the browser
// carries there. Errors: *LimitError.
func (s *Service) Begin(ctx context.Context, name string, password []byte, v Visit) (pending string, err error) {
	o, known, right, err := s.check(ctx, name, password, v)
	if err != nil {
		return "", err
	}
	return s.seal(forSecond, second{ID: id(), Tenant: o.Tenant, Operator: o.ID, Right: right, Known: known, How: ByPassword, At: s.Now()})
}

// Asked is the second step's question for a passkey; empty where passkeys can't work. ErrStale: the first step must be taken anew.
func (s *Service) Asked(pending string) (options []byte, err error) {
	p, err := s.waiting(pending)
	if err != nil || s.Passkeys == nil {
		return nil, err
	}
	return s.Passkeys.Question(p.ID)
}

func (s *Service) waiting(pending string) (second, error) {
	var p second
	if err := s.unseal(forSecond, pending, &p); err != nil {
		return p, err
	}
	if s.over(p.At) {
		return p, ErrStale
	}
	return p, nil
}

// Finish takes the second step. It returns the cookie of a new session. Errors: ErrRefused, which may be due to the first
// step; ErrStale, *LimitError.
func (s *Service) Finish(ctx context.Context, pending string, proof Proof, v Visit) (cookie string, err error) {
	p, err := s.waiting(pending)
	if err != nil {
		return "", err
	}
	o := Operator{Tenant: p.Tenant}
	if p.Operator != "" {
		if o, err = s.Store.OperatorByID(ctx, p.Tenant, p.Operator); err != nil {
			return "", fmt.Errorf("sign in: %w", err)
		}
	}
	until, err := s.Gate.Open(ctx, v.Address)
	if err != nil {
		return "", fmt.Errorf("sign in: %w", err)
	}
	if err := s.limited(ctx, o, until, v); err != nil {
		return "", err
	}
	if !p.Right || o.Disabled || p.How == ByPassword && !o.Local() {
		s.idle(ctx, o, p.ID, proof, v)
		reason := "wrong_password"
		if !p.Known {
			reason = "unknown_name"
		}
		s.refused(ctx, o, v, reason)
		return "", ErrRefused
	}
	detail, err := s.prove(ctx, o, p.ID, proof, v)
	switch {
	case errors.Is(err, ErrCode), errors.Is(err, verify.ErrPasskey):
		s.refused(ctx, o, v, proofReason(err))
		return "", ErrRefused
	case err != nil:
		return "", err
	}
	first, err := s.Gate.Once(ctx, "second "+p.ID)
	if err != nil {
		return "", fmt.Errorf("sign in: %w", err)
	}
	if !first {
		return "", ErrStale
	}
	if p.Link != nil {
		if err := s.link(ctx, o, *p.Link, o.Name); err != nil {
			return "", err
		}
	}
	return s.signedIn(ctx, o, v, p.How, detail)
}

// idle does what judging a second factor takes, for nobody: so that how long it takes doesn't tell whether there was anything
// to judge.
func (s *Service) idle(ctx context.Context, o Operator, challenge string, proof Proof, v Visit) {
	if _, err := s.prove(ctx, Operator{Tenant: o.Tenant, ID: "nobody " + challenge}, challenge, proof, v); err == nil {
		s.Log.Error("nobody has a second factor", "event", int(event.OperatorRefused))
	}
}

func proofReason(err error) string {
	if errors.Is(err, verify.ErrPasskey) {
		return passkeyReason(err)
	}
	return reasonOf(err)
}

// prove uses up a second factor of an operator. Errors: ErrCode, verify.ErrPasskey, ErrStale.
func (s *Service) prove(ctx context.Context, o Operator, challenge string, proof Proof, v Visit) (detail string, err error) {
	if proof.Answer == "" {
		return s.second(ctx, o, proof.Code, v)
	}
	if s.Passkeys == nil {
		return "", verify.ErrPasskey
	}
	_, err = s.match(ctx, challenge, proof.Answer, key(o))
	return "with a passkey", err
}

// Fresh reports whether the session's owner proved who they are a short while ago.
func (s *Service) Fresh(in Session) bool {
	return !in.Proven.IsZero() && s.Now().Sub(in.Proven) < freshFor
}

// Confirm takes a fresh proof of who uses a session: a code, or a passkey's answer to the question of token. Errors: ErrCode,
// ErrStale, verify.ErrPasskey, *LimitError.
func (s *Service) Confirm(ctx context.Context, o Operator, in Session, token string, proof Proof, v Visit) error {
	until, err := s.Gate.Open(ctx, v.Address)
	if err != nil {
		return fmt.Errorf("confirm: %w", err)
	}
	if err := s.limited(ctx, o, until, v); err != nil {
		return err
	}
	if proof.Answer != "" {
		_, err = s.answered(ctx, token, proof.Answer, key(o))
	} else {
		_, err = s.second(ctx, o, proof.Code, v)
	}
	if errors.Is(err, ErrCode) || errors.Is(err, verify.ErrPasskey) {
		s.note(ctx, o, o.Name, audit.Record{Activity: "Confirm (administrator)", Event: int(event.OperatorRefused), Result: "refused", Reason: proofReason(err), Detail: v.Address})
	}
	if err != nil {
		return err
	}
	if err := s.Store.ProveSession(ctx, in.Hash, s.Now()); err != nil {
		return fmt.Errorf("confirm: %w", err)
	}
	s.note(ctx, o, o.Name, audit.Record{Activity: "Confirm (administrator)", Event: int(event.OperatorConfirmed), Detail: v.Address})
	return nil
}
