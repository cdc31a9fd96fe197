package reset

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

// ReasonNotRegistered ends an attempt of somebody who has proven who they are as far as they can, but has not
// registered enough for what the organisation asks (SSPR_0014).
const ReasonNotRegistered protocol.Reason = "not_registered"

// Progress says which check comes next and how many there are. Before the first one is passed it says what holds for
// everybody, so that it tells nothing about the name.
func (s *Service) Progress(ctx context.Context, a Attempt) (number, of int, err error) {
	t, err := s.Tenants(ctx, a.Tenant)
	if err != nil {
		return 0, 0, fmt.Errorf("progress: %w", err)
	}
	passed := len(a.Checks.Passed)
	if passed == 0 {
		return 1, t.Settings.Checks.Need(false), nil
	}
	need, err := s.need(ctx, t, a)
	return passed + 1, max(need, passed), err
}

// need is how many checks the attempt's person has to pass.
func (s *Service) need(ctx context.Context, t tenant.Tenant, a Attempt) (int, error) {
	p, err := s.People.Person(ctx, a.Tenant, a.Person)
	if err != nil {
		return 0, fmt.Errorf("person: %w", err)
	}
	strict, err := s.strict(ctx, p)
	if err != nil {
		return 0, err
	}
	need := t.Settings.Checks.Need(strict)
	switch a.Kind {
	case protocol.Change: // the current password, which the directory checks, is one more
		return t.Settings.Checks.Need(false), nil
	case Register:
	default:
		return need, nil
	}
	// Whoever has one method only must be able to add the second.
	own, err := s.own(ctx, t, a.Kind, a.Person)
	if need = max(1, min(need, len(kinds(own)))); slices.Equal(a.Checks.Passed, []verify.Kind{verify.Questions}) {
		need = 2 // never the only check
	}
	return need, err
}

// chosen is the way that is being tried.
func (s *Service) chosen(ctx context.Context, a Attempt) (way, error) {
	ways, err := s.ways(ctx, a)
	if err != nil {
		return way{}, err
	}
	choice := a.Checks.Choice
	if choice == "" {
		choice = string(verify.Mail)
	}
	t, err := s.Tenants(ctx, a.Tenant)
	if err != nil {
		return way{}, fmt.Errorf("chosen: %w", err)
	}
	if choice == string(verify.Pass) && !slices.Contains(a.Checks.Passed, verify.Pass) && !t.Settings.Checks.PassOff {
		return way{kind: verify.Pass, invented: a.Person == "", Method: Method{Kind: choice, Value: choice}}, nil
	}
	i := slices.IndexFunc(ways, func(w way) bool { return w.Value == choice })
	if i < 0 {
		return way{}, ErrNoMethod
	}
	return ways[i], nil
}

// Chosen returns the way that is being tried, or ErrNoMethod.
func (s *Service) Chosen(ctx context.Context, a Attempt) (Method, error) {
	w, err := s.chosen(ctx, a)
	return w.Method, err
}

// Choose takes up one of the ways that Methods lists, by its Value, and sends its code if it has one. Its errors are those of
// SendCode, and ErrNoMethod.
func (s *Service) Choose(ctx context.Context, t tenant.Tenant, a Attempt, value string) (Attempt, error) {
	if a.State != Started {
		return a, ErrState
	}
	before := a
	a.Checks.Choice = value
	w, err := s.chosen(ctx, a)
	if err != nil {
		return before, err
	}
	if value != before.Checks.Choice && (value != string(verify.Mail) || before.Checks.Choice != "") {
		if a, err = s.Attempts.Move(ctx, a, Started); err != nil {
			return before, fmt.Errorf("choose: %w", err)
		}
	} else {
		a = before
	}
	if !w.sends() {
		return a, nil
	}
	return a, s.SendCode(ctx, t, a)
}

// addresses are where the attempt's person is told what happened: what the directory holds and what they registered, each
// once.
func (s *Service) addresses(ctx context.Context, a Attempt) ([]string, error) {
	if a.Person == "" {
		return nil, nil
	}
	p, err := s.People.Person(ctx, a.Tenant, a.Person)
	if err != nil {
		return nil, fmt.Errorf("person: %w", err)
	}
	methods, err := s.Ways.Methods(ctx, a.Tenant, a.Person)
	if err != nil {
		return nil, fmt.Errorf("methods: %w", err)
	}
	var to []string
	if p.Mail != "" {
		to = append(to, p.Mail)
	}
	for _, m := range methods {
		address := string(m.Secret)
		known := func(t string) bool { return fold(t) == fold(address) }
		if m.Kind == verify.Mail && !m.Confirmed.IsZero() && !slices.ContainsFunc(to, known) {
			to = append(to, address)
		}
	}
	return to, nil
}

// SendCode sends a code to where the chosen way leads. Where there is nobody, the same work is done and
// nobody gets anything. It returns *LimitError, also while the last code is younger than ResendAfter, and ErrNoMethod.
func (s *Service) SendCode(ctx context.Context, t tenant.Tenant, a Attempt) error {
	if a.State != Started {
		return ErrState
	}
	w, err := s.chosen(ctx, a)
	if err == nil && !w.sends() {
		err = ErrNoMethod
	}
	if err != nil {
		return fmt.Errorf("send code: %w", err)
	}
	now := s.Now()
	last, err := s.Codes.Sent(ctx, a.Tenant, a.ID)
	if err == nil && last.Purpose == w.purpose() && !last.Used && now.Before(last.Sent.Add(verify.ResendAfter)) {
		return &LimitError{last.Sent.Add(verify.ResendAfter)}
	}
	until, err := s.mayResend(ctx, a, w)
	if err != nil {
		return fmt.Errorf("send code: %w", err)
	}
	if !until.IsZero() {
		s.limited(ctx, a, "verify", w.Kind)
		return &LimitError{until}
	}
	code, sent, err := s.Codes.Issue(ctx, a.Tenant, a.ID, w.purpose())
	if err != nil {
		return fmt.Errorf("send code: %w", err)
	}
	if err := s.Notices.Code(ctx, t.In(a.Zone), w.kind, w.to, a.Locale, code, sent.Expires); err != nil {
		return fmt.Errorf("send code: %w", err)
	}
	r := audit.Record{Hop: "verify", Event: int(event.CodeSent), Result: "ok", Detail: w.Kind}
	if w.to == "" {
		r.Result = "nobody to send to"
	}
	s.record(ctx, a, unregistered(a, w, r))
	return nil
}

// unregistered is a record about a way as it is told of somebody who hasn't registered that way: the visitor reads what
// unknown names read, so only the record can say why nothing helps them.
func unregistered(a Attempt, w way, r audit.Record) audit.Record {
	if w.invented && a.Person != "" {
		r.Reason = string(ReasonNotRegistered)
	}
	return r
}

// subject is what counters of an attempt are kept under: the person, or a stand-in for the typed name, so
// that a name that belongs to nobody runs into the same limits.
func (s *Service) subject(a Attempt) string {
	if a.Person != "" {
		return a.Person
	}
	return "nobody:" + a.Shown
}

// CheckCode tries what was typed for the chosen way. With verify.OK the attempt it returns is Verified, or Started with one
// check more, or Failed with ReasonNotRegistered, or ReasonProtected, when there is no way left for the next one. It returns
// verify.ErrNotSix, verify.ErrNotPass, ErrNoMethod and *LimitError.
func (s *Service) CheckCode(ctx context.Context, a Attempt, typed string) (Attempt, verify.Answer, error) {
	return s.check(ctx, a, []string{typed})
}

// Questions are what is asked when security questions were chosen: ids, which stay the same until an answer was wrong.
func (s *Service) Questions(ctx context.Context, a Attempt) ([]string, error) {
	w, err := s.chosen(ctx, a)
	if err == nil && w.kind != verify.Questions {
		err = ErrNoMethod
	}
	if err != nil {
		return nil, fmt.Errorf("questions: %w", err)
	}
	return s.draw(a, w)
}

func (s *Service) draw(a Attempt, w way) ([]string, error) {
	return verify.Draw(s.DecoyKey, w.method.Secret, a.Tenant+a.Decoy+a.Shown, a.ID, verify.Round{Number: a.Checks.Round, Ask: w.Count, Of: w.from})
}

// CheckAnswers is CheckCode for the answers to Questions, in their order. After a wrong one, which is never named, others
// are asked.
func (s *Service) CheckAnswers(ctx context.Context, a Attempt, answers []string) (Attempt, verify.Answer, error) {
	a, answer, err := s.check(ctx, a, answers)
	if err != nil || answer.Result == verify.OK {
		return a, answer, err
	}
	a.Checks.Round++
	a, err = s.Attempts.Move(ctx, a, Started)
	return a, answer, err
}

func (s *Service) check(ctx context.Context, a Attempt, typed []string) (Attempt, verify.Answer, error) {
	if a.State != Started {
		return a, verify.Answer{}, ErrState
	}
	w, err := s.chosen(ctx, a)
	if err != nil {
		return a, verify.Answer{}, fmt.Errorf("check code: %w", err)
	}
	until, err := s.mayAnswer(ctx, a, w)
	if err != nil {
		return a, verify.Answer{}, fmt.Errorf("check code: %w", err)
	}
	if !until.IsZero() {
		s.limited(ctx, a, "verify", w.Kind)
		return a, verify.Answer{}, &LimitError{until}
	}
	answer, err := s.answer(ctx, a, w, typed)
	if err != nil {
		return a, answer, fmt.Errorf("check code: %w", err)
	}
	if answer.Result == verify.OK && (a.Person == "" || w.invented) {
		answer.Result = verify.Wrong // nobody was ever sent this code
	}
	if answer.Result != verify.OK {
		s.record(ctx, a, unregistered(a, w, audit.Record{
			Hop: "verify", Event: int(event.CodeWrong), Result: string(protocol.Refused), Reason: string(answer.Result), Detail: w.Kind,
		}))
		return a, answer, nil
	}
	next, err := s.pass(ctx, a, w)
	return next, answer, err
}

// answer asks what stands behind a way whether this is right.
func (s *Service) answer(ctx context.Context, a Attempt, w way, given []string) (verify.Answer, error) {
	if w.kind == verify.Questions {
		return s.answers(a, w, given)
	}
	typed := strings.Join(given, " ")
	switch w.kind {
	case verify.Mail, verify.Text:
		return s.Codes.Check(ctx, a.Tenant, a.ID, w.purpose(), typed)
	case verify.App:
		return s.app(ctx, a, w, typed)
	case verify.Passkey:
		return s.passkey(ctx, a, typed)
	case verify.Pass: // nobody has none: the same statement finds nothing
		return s.Passes.Check(ctx, a.Tenant, a.Person, typed)
	default:
		return verify.Answer{}, ErrNoMethod
	}
}

// answers compares with what the person has registered. Invented questions cost the same.
func (s *Service) answers(a Attempt, w way, given []string) (verify.Answer, error) {
	drawn, err := s.draw(a, w)
	if err != nil {
		return verify.Answer{}, err
	}
	right, err := verify.MatchAnswers(w.method.Secret, drawn, given)
	if err != nil || !right {
		return verify.Answer{Result: verify.Wrong}, err
	}
	return verify.Answer{Result: verify.OK}, nil
}

// PasskeyQuestion is what the browser of an attempt is asked when a passkey was chosen, as JSON.
func (s *Service) PasskeyQuestion(a Attempt) ([]byte, error) {
	if s.Passkeys == nil {
		return nil, ErrNoMethod
	}
	return s.Passkeys.Question(a.ID)
}

// passkey checks a browser's answer against all of the person's passkeys.
func (s *Service) passkey(ctx context.Context, a Attempt, answer string) (verify.Answer, error) {
	wrong := verify.Answer{Result: verify.Wrong}
	methods, err := s.Ways.Methods(ctx, a.Tenant, a.Person)
	if err != nil {
		return wrong, fmt.Errorf("methods: %w", err)
	}
	id, step, err := s.Passkeys.Match(a.ID, a.Person, methods, answer)
	if err == nil {
		err = s.Ways.UseMethod(ctx, a.Tenant, id, step, s.Now())
	}
	if errors.Is(err, verify.ErrPasskey) || errors.Is(err, verify.ErrReplayed) {
		return wrong, nil
	}
	return verify.Answer{Result: verify.OK}, err
}

// app compares with what the person's app shows. An invented app costs the same.
func (s *Service) app(ctx context.Context, a Attempt, w way, typed string) (verify.Answer, error) {
	seed := w.method.Secret
	if w.invented {
		seed = s.DecoyKey
	}
	step, ok, err := verify.MatchApp(seed, typed, w.method.Step, s.Now())
	if err != nil {
		return verify.Answer{}, err
	}
	if !ok || w.invented {
		return verify.Answer{Result: verify.Wrong}, nil
	}
	err = s.Ways.UseMethod(ctx, a.Tenant, w.method.ID, step, s.Now())
	if errors.Is(err, verify.ErrReplayed) {
		return verify.Answer{Result: verify.Wrong}, nil
	}
	return verify.Answer{Result: verify.OK}, err
}

// pass notes that the attempt has passed a check, and moves it on when that was the last.
func (s *Service) pass(ctx context.Context, a Attempt, w way) (Attempt, error) {
	t, err := s.Tenants(ctx, a.Tenant)
	if err != nil {
		return a, fmt.Errorf("passed: %w", err)
	}
	a.Checks.Passed, a.Checks.Choice = append(slices.Clone(a.Checks.Passed), w.kind), ""
	a.Token, a.Session = newSession() // whoever knew the session before has proven nothing
	need, err := s.need(ctx, t, a)
	if err != nil {
		return a, err
	}
	next, more, err := s.advance(ctx, a, need)
	if err != nil {
		return a, fmt.Errorf("passed: %w", err)
	}
	s.afterPass(ctx, next, w)
	switch {
	case next.State == Failed:
		s.record(ctx, next, audit.Record{
			Hop: "verify", Event: next.Event, Result: string(protocol.Refused), Reason: string(next.Reason), Actor: a.Person, Detail: w.Kind,
		})
	case more:
		s.record(ctx, next, audit.Record{Hop: "verify", Event: int(event.CheckPassed), Result: "ok", Actor: a.Person, Detail: w.Kind})
	default:
		s.record(ctx, next, audit.Record{Hop: "verify", Event: int(event.FlowVerified), Result: "ok", Actor: a.Person, Detail: w.Kind})
	}
	return next, nil
}

// advance moves an attempt that has just passed a check. more: another one is to come.
func (s *Service) advance(ctx context.Context, a Attempt, need int) (next Attempt, more bool, err error) {
	if len(a.Checks.Passed) >= need {
		next, err = s.verified(ctx, a)
		return next, false, err
	}
	left, err := s.ways(ctx, a)
	if err != nil {
		return a, false, err
	}
	pass := false
	t, err := s.Tenants(ctx, a.Tenant)
	if err != nil {
		return a, false, fmt.Errorf("passed: %w", err)
	}
	if len(left) == 0 && !t.Settings.Checks.PassOff && !slices.Contains(a.Checks.Passed, verify.Pass) {
		if pass, err = s.Passes.Has(ctx, a.Tenant, a.Person); err != nil {
			return a, false, err
		}
	}
	if len(left) == 0 && !pass {
		now := s.Now()
		a.State, a.Reason, a.Event = Failed, ReasonNotRegistered, int(event.NotRegistered)
		if p, err := s.People.Person(ctx, a.Tenant, a.Person); err == nil && a.Kind != Register {
			if g := protectedGate(p); g.State == Shut {
				a.Reason, a.Event = g.Reason, int(g.Event) // a second check wouldn't help either
			}
		}
		a.Finished, a.Expires = now, now.Add(outcomeLife)
	}
	next, err = s.Attempts.Move(ctx, a, Started)
	return next, next.State == Started, err
}

// afterPass remembers what helps next time. None of it may keep somebody out who has passed.
func (s *Service) afterPass(ctx context.Context, a Attempt, w way) {
	var err error
	if w.kind != verify.Pass {
		err = s.Ways.NoteCheck(ctx, a.Tenant, a.Person, w.kind)
	}
	if w.method.ID != "" && w.kind != verify.App && w.kind != verify.Passkey {
		err = errors.Join(err, s.Ways.UseMethod(ctx, a.Tenant, w.method.ID, -1, s.Now()))
	}
	if err = errors.Join(err, s.right(ctx, a, w)); err != nil {
		s.Log.Warn("a passed check couldn't be noted", "support", a.Support, "error", err)
	}
}

func (s *Service) verified(ctx context.Context, a Attempt) (Attempt, error) {
	// Whoever came in a moment before they were stopped goes no further.
	if held, err := s.stopped(ctx, a.Tenant, a.Person); err != nil || held {
		s.sentAway(ctx, a, held)
		return a, errors.Join(err, ErrState)
	}
	p, err := s.People.Person(ctx, a.Tenant, a.Person)
	if err != nil {
		return a, fmt.Errorf("person: %w", err)
	}
	now := s.Now()
	a.State, a.VerifiedAt, a.Expires, a.Shown = Verified, now, now.Add(passwordLife), p.UPN
	if a.Kind == Register {
		a.Expires = now.Add(registerLife)
	}
	if a.Shown == "" {
		a.Shown = p.NetBIOS + `\` + p.SAM
	}
	return s.Attempts.Move(ctx, a, Started)
}

// LastCode returns when the current code of the chosen way was sent and until when it works; the zero Code when
// none was.
func (s *Service) LastCode(ctx context.Context, a Attempt) (verify.Code, error) {
	c, err := s.Codes.Sent(ctx, a.Tenant, a.ID)
	if errors.Is(err, verify.ErrNoCode) {
		return verify.Code{}, nil
	}
	w, chosenErr := s.chosen(ctx, a)
	if err = errors.Join(err, chosenErr); err != nil {
		return verify.Code{}, fmt.Errorf("last code: %w", err)
	}
	if c.Purpose != w.purpose() {
		return verify.Code{}, nil
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

// End ends a visit to the security info: the session's token opens nothing any more.
func (s *Service) End(ctx context.Context, a Attempt) error {
	a.Expires = s.Now()
	_, err := s.Attempts.Move(ctx, a, Started, Verified)
	return err
}
