package registration

import (
	"context"
	"crypto/rand"
	"fmt"

	"homeward/internal/server/reset"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

// AddQuestions registers questions with their answers, and tells whoever could be reached before. It returns
// verify.ErrFewQuestions, ErrQuestionTwice, ErrAnswerLength, ErrNotAllowed or ErrFull.
func (s *Service) AddQuestions(ctx context.Context, t tenant.Tenant, a reset.Attempt, given []verify.QA) error {
	if err := s.MayAdd(ctx, t, a, verify.Questions); err != nil {
		return err
	}
	secret, err := verify.NewAnswers(given, t.Settings.Checks.SetUp())
	if err != nil {
		return err
	}
	known, err := s.reachable(ctx, t, a)
	if err != nil {
		return err
	}
	now := s.Now()
	m := verify.Method{Tenant: a.Tenant, ID: rand.Text(), Person: a.Person, Kind: verify.Questions, Secret: secret, Created: now, Confirmed: now}
	if err := s.Store.PutMethod(ctx, m); err != nil {
		return fmt.Errorf("add questions: %w", err)
	}
	s.told(ctx, t, a, Change{What: Added, Kind: m.Kind, At: now}, known)
	return nil
}

// MayAdd returns ErrNotAllowed or ErrFull when the person can't add another method of a kind.
func (s *Service) MayAdd(ctx context.Context, t tenant.Tenant, a reset.Attempt, k verify.Kind) error {
	_, strict, err := s.person(ctx, a)
	if err != nil {
		return err
	}
	if !s.allows(t.Settings.Checks, k, strict) {
		return ErrNotAllowed
	}
	have, err := s.confirmed(ctx, a)
	if err != nil {
		return err
	}
	return room(have, verify.Method{Kind: k}, "")
}
