package control

import (
	"context"
	"errors"
	"time"

	"homeward/internal/server/helpdesk"
	"homeward/internal/server/operator"
	"homeward/internal/server/provision"
	"homeward/internal/server/reset"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

// Callers verifies who is on the telephone; helpdesk.Service is one.
type Callers interface {
	Named(ctx context.Context, t tenant.Tenant, by operator.Operator, typed string) (provision.Person, error)
	CallerMethods(ctx context.Context, t tenant.Tenant, by operator.Operator, id string) ([]reset.Method, error)
	Ask(ctx context.Context, t tenant.Tenant, by operator.Operator, id, method string) (reset.Attempt, error)
	Hear(ctx context.Context, t tenant.Tenant, by operator.Operator, id, attempt, typed string) (verify.Answer, error)
}

// Caller is somebody on the telephone. PathWays answers with Ways, PathAsk with Asked, PathHear with Heard.
type Caller struct {
	Tenant   string `json:"tenant"`
	Operator string `json:"operator"`
	Name     string `json:"name"`
	Way      string `json:"way,omitempty"`     // PathAsk: which of Ways
	Attempt  string `json:"attempt,omitempty"` // PathHear: of Asked
	Code     string `json:"code,omitempty"`    // PathHear: what the caller has read out
}

func (c Caller) by() string { return c.Operator }

// Ways are the ways by which somebody can prove who they are.
type Ways struct {
	Name string `json:"name" about:"Whom it is about."`
	Ways []Way  `json:"ways"`
}

// Way is one of them.
type Way struct {
	Way    string      `json:"way" about:"What caller ask takes."`
	Kind   verify.Kind `json:"kind" about:"mail, text or app."`
	Masked string      `json:"masked,omitempty" about:"Enough of where it goes to know it again; an app has none."`
}

// Asked is a question that was put to a caller.
type Asked struct {
	Attempt string    `json:"attempt" about:"What caller check takes."`
	Support string    `json:"support" about:"Support code: the audit log tells of it by this."`
	Expires time.Time `json:"expires"`
}

// Heard is what a caller's answer was worth.
type Heard struct {
	Right     bool          `json:"right" about:"They are who they say."`
	Result    verify.Result `json:"result" about:"ok, wrong (try again), or expired, too_many, none: only a new code helps."`
	Remaining int           `json:"remaining,omitempty" about:"Tries left, when it is wrong."`
}

// caller finds the person whom a question is about, for whoever asks.
func (s *Service) caller(ctx context.Context, q Caller) (tenant.Tenant, operator.Operator, provision.Person, error) {
	t, err := s.Tenant(ctx, q.Tenant)
	if err != nil {
		return t, operator.Operator{}, provision.Person{}, err
	}
	by := helpdesk.Console(t, q.Operator)
	p, err := s.Callers.Named(ctx, t, by, q.Name)
	return t, by, p, err
}

func (s *Service) ways(ctx context.Context, q Caller) (Ways, error) {
	t, by, p, err := s.caller(ctx, q)
	if err != nil {
		return Ways{}, err
	}
	found, err := s.Callers.CallerMethods(ctx, t, by, p.ID)
	out := Ways{Name: p.DisplayName, Ways: []Way{}}
	for _, m := range found {
		out.Ways = append(out.Ways, Way{m.Value, verify.Kind(m.Kind), m.Masked})
	}
	return out, err
}

func (s *Service) ask(ctx context.Context, q Caller) (Asked, error) {
	t, by, p, err := s.caller(ctx, q)
	if err != nil {
		return Asked{}, err
	}
	a, err := s.Callers.Ask(ctx, t, by, p.ID, q.Way)
	return Asked{a.ID, a.Support, a.Expires.Truncate(time.Second)}, inWords(err)
}

func (s *Service) hear(ctx context.Context, q Caller) (Heard, error) {
	t, by, p, err := s.caller(ctx, q)
	if err != nil {
		return Heard{}, err
	}
	answer, err := s.Callers.Hear(ctx, t, by, p.ID, q.Attempt, q.Code)
	return Heard{answer.Result == verify.OK, answer.Result, answer.Remaining}, inWords(err)
}

// inWords says what an operator can do about a question that can't be put or answered.
func inWords(err error) error {
	switch {
	case errors.Is(err, reset.ErrNoMethod):
		return errors.New("this person has no such way to prove who they are: homeward people caller ways lists those they have")
	case errors.Is(err, reset.ErrNoSession):
		return errors.New("no such question was put to this person: homeward people caller ask puts one")
	case errors.Is(err, reset.ErrExpired), errors.Is(err, reset.ErrState), errors.Is(err, reset.ErrConflict):
		return errors.New("this question is over: put another with homeward people caller ask")
	case errors.Is(err, verify.ErrNotSix):
		return errors.New("a code has six digits")
	}
	return err
}

// bars are why nobody acts on somebody.
func bars() map[helpdesk.Bar]string {
	return map[helpdesk.Bar]string{
		helpdesk.BarRole:          "it isn't allowed",
		helpdesk.BarOwn:           "it is the operator's own account",
		helpdesk.BarProtected:     "the account is protected (adminCount=1): another administrator helps them in Active Directory",
		helpdesk.BarAdministrator: "they are an administrator",
		helpdesk.BarCloud:         "the account lives in the cloud only: there is no directory account to write to",
		helpdesk.BarMatch:         "two directory accounts want the sign-in name: decide whose it is with homeward sync problems",
	}
}
