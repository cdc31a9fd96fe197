package reset

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

// Caller is the kind of an attempt in which somebody on the telephone proves to an operator who they are: they read out a
// code that was sent to them, or that their authenticator app shows. Nothing is written for it, and it opens no page.
const Caller protocol.Operation = "caller"

// callerKind names the counter of wrong answers: it is apart from the portal's, so that neither uses the other up.
const callerKind = "caller"

// CallerMethods lists the ways by which a caller can prove who they are: those whose code can be read out, and that the
// tenant allows. Nothing is invented here: the operator sees who it is.
func (s *Service) CallerMethods(ctx context.Context, t tenant.Tenant, person string) ([]Method, error) {
	ways, err := s.callerWays(ctx, t, person)
	out := make([]Method, len(ways))
	for i, w := range ways {
		out[i] = w.Method
	}
	return out, err
}

func (s *Service) callerWays(ctx context.Context, t tenant.Tenant, person string) ([]way, error) {
	own, err := s.own(ctx, t, protocol.Reset, person)
	return slices.DeleteFunc(own, func(w way) bool { return !w.sends() && w.kind != verify.App }), err
}

// AskCaller sends a code to one of the person's own ways, by its Value; an app shows one by itself. It returns ErrNoOperator,
// ErrNoPerson, ErrNoMethod or *LimitError.
func (s *Service) AskCaller(ctx context.Context, t tenant.Tenant, o Order, method string) (Attempt, error) {
	if o.Operator == "" {
		return Attempt{}, ErrNoOperator
	}
	if err := s.takeOperate(ctx, t.ID, o.Operator); err != nil {
		return Attempt{}, err
	}
	p, err := s.known(t.ID, o.Person)(ctx)
	if err != nil {
		return Attempt{}, err
	}
	w, err := s.callerWay(ctx, t, p.ID, method)
	if err != nil {
		return Attempt{}, err
	}
	now := s.Now()
	a := Attempt{
		Tenant: t.ID, Kind: Caller, Operator: o.Operator, Person: p.ID, Shown: p.UPN, Locale: t.Settings.Locale, State: Started,
		Created: now, Expires: now.Add(startLife), Checks: Checks{Choice: method},
	}
	if w.sends() {
		until, err := s.Limits.Send(ctx, t.ID, p.ID, w.to)
		if err != nil {
			return a, fmt.Errorf("send code: %w", err)
		}
		if !until.IsZero() {
			return a, &LimitError{until}
		}
	}
	if _, err := s.create(ctx, &a); err != nil { // nobody has the session's token
		return a, err
	}
	if !w.sends() {
		s.record(ctx, a, audit.Record{Hop: "operator", Event: int(event.FlowStarted), Result: "ok", Actor: o.Operator, Detail: w.Kind})
		return a, nil
	}
	code, sent, err := s.Codes.Issue(ctx, t.ID, a.ID, callerPurpose(w))
	if err != nil {
		return a, fmt.Errorf("send code: %w", err)
	}
	if err := s.Notices.Call(ctx, t, w.kind, w.to, a.Locale, code, sent.Expires); err != nil {
		return a, fmt.Errorf("send code: %w", err)
	}
	s.record(ctx, a, audit.Record{Hop: "operator", Event: int(event.CodeSent), Result: "ok", Actor: o.Operator, Detail: w.Kind + " " + w.Masked})
	return a, nil
}

// callerPurpose is what a code proves: nothing but this, not even in the same attempt.
func callerPurpose(w way) string { return callerKind + ":" + w.purpose() }

func (s *Service) callerWay(ctx context.Context, t tenant.Tenant, person, value string) (way, error) {
	ways, err := s.callerWays(ctx, t, person)
	if err != nil {
		return way{}, err
	}
	i := slices.IndexFunc(ways, func(w way) bool { return w.Value == value })
	if i < 0 {
		return way{}, ErrNoMethod
	}
	return ways[i], nil
}

// CallerAttempt returns an operator's own question to a person, with the way that was chosen. It returns ErrNoSession for any
// other attempt, ErrExpired and ErrNoMethod.
func (s *Service) CallerAttempt(ctx context.Context, t tenant.Tenant, o Order, id string) (Attempt, Method, error) {
	a, err := s.Attempts.Attempt(ctx, t.ID, id)
	switch {
	case err != nil:
		return a, Method{}, fmt.Errorf("caller: %w", err)
	case a.Kind != Caller || a.Operator != o.Operator || a.Person != o.Person || o.Person == "":
		return Attempt{}, Method{}, ErrNoSession
	case a.State == Started && s.Now().After(a.Expires):
		return a, Method{}, ErrExpired
	}
	w, err := s.callerWay(ctx, t, a.Person, a.Checks.Choice)
	return a, w.Method, err
}

// HearCaller tries what the caller has read out. With verify.OK the attempt is Verified. It returns what CallerAttempt does,
// ErrState, verify.ErrNotSix and *LimitError.
func (s *Service) HearCaller(ctx context.Context, t tenant.Tenant, o Order, id, typed string) (Attempt, verify.Answer, error) {
	a, m, err := s.CallerAttempt(ctx, t, o, id)
	if err != nil {
		return a, verify.Answer{}, err
	}
	if a.State != Started {
		return a, verify.Answer{}, ErrState
	}
	until, err := s.Limits.Answer(ctx, a.Tenant, a.Person, callerKind)
	if err != nil {
		return a, verify.Answer{}, fmt.Errorf("caller: %w", err)
	}
	if !until.IsZero() {
		return a, verify.Answer{}, &LimitError{until}
	}
	w, err := s.callerWay(ctx, t, a.Person, m.Value)
	if err != nil {
		return a, verify.Answer{}, err
	}
	answer, err := s.heard(ctx, a, w, typed)
	if err != nil {
		return a, answer, fmt.Errorf("caller: %w", err)
	}
	if answer.Result != verify.OK {
		s.record(ctx, a, audit.Record{
			Hop: "operator", Event: int(event.CodeWrong), Result: string(protocol.Refused), Reason: string(answer.Result), Actor: a.Operator, Detail: w.Kind,
		})
		return a, answer, nil
	}
	now := s.Now()
	a.State, a.VerifiedAt, a.Finished, a.Expires = Verified, now, now, now
	if a, err = s.Attempts.Move(ctx, a, Started); err != nil {
		return a, verify.Answer{}, fmt.Errorf("caller: %w", err)
	}
	if err := s.Limits.Right(ctx, a.Tenant, a.Person, callerKind); err != nil {
		s.Log.Warn("a passed check couldn't be noted", "support", a.Support, "error", err)
	}
	s.record(ctx, a, audit.Record{Hop: "operator", Event: int(event.CallerVerified), Result: "ok", Actor: a.Operator, Detail: w.Kind + " " + w.Masked})
	return a, answer, nil
}

func (s *Service) heard(ctx context.Context, a Attempt, w way, typed string) (verify.Answer, error) {
	if w.kind == verify.App {
		return s.app(ctx, a, w, typed)
	}
	answer, err := s.Codes.Check(ctx, a.Tenant, a.ID, callerPurpose(w), typed)
	if errors.Is(err, verify.ErrNoCode) {
		return verify.Answer{Result: verify.None}, nil
	}
	return answer, err
}
