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

const (
	// answerWithin is how long a person is shown "writing" before "not sure".
	answerWithin = 30 * time.Second
	// markAfter is how long a result may take before the mark of its request is stored.
	markAfter = 100 * time.Millisecond
	// recordWithin is how long recording an outcome may take before it counts as forgotten.
	recordWithin = 10 * time.Second
)

const (
	// hopResult names the record that holds an outcome; each submission has one in the end.
	hopResult = "result"
	// hopContradiction names the record of a result that came after a proof and denies it.
	hopContradiction = "contradiction"
)

// Result takes an agent's result. It is idempotent: results are repeated until acknowledged, also across
// restarts, so one that is stored already, or belongs to a request replaced since, is fine.
func (s *Service) Result(ctx context.Context, tenantID, agent string, r protocol.Result) error {
	r = understood(r)
	a, err := s.Requests.AttemptByRequest(ctx, tenantID, r.Request)
	if errors.Is(err, ErrNoSession) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("result: %w", err)
	}
	if a.Agent != agent || r.Agent != agent {
		return fmt.Errorf("result of request %s from an agent that was not asked: %w", r.Request, ErrState)
	}
	if a.State != Submitted && a.State != NotSure {
		if contradicts(a, r) {
			return s.contradicted(ctx, a, r)
		}
		return s.catchUp(ctx, a, r)
	}
	return s.settle(ctx, a, r)
}

// understood makes an outcome that this version doesn't know an unknown one: nothing may be said of it.
func understood(r protocol.Result) protocol.Result {
	switch r.Outcome {
	case protocol.Changed, protocol.Refused, protocol.Failed:
	default:
		r.Outcome = protocol.Unknown
	}
	return r
}

// contradicts reports whether a late result denies what has been said already.
func contradicts(a Attempt, r protocol.Result) bool {
	said := a.State == Changed || a.State == Failed || a.State == Refused
	return said && r.Outcome != protocol.Unknown && (a.State == Changed) != (r.Outcome == protocol.Changed)
}

// contradicted records that an agent denies the outcome that was proven without it. What was said stays: nobody can
// know that the second word is truer. But it is said loudly, and once.
func (s *Service) contradicted(ctx context.Context, a Attempt, r protocol.Result) error {
	records, err := s.Audit.Records(ctx, a.Tenant, a.Support)
	if err != nil {
		return fmt.Errorf("records of an outcome: %w", err)
	}
	if slices.ContainsFunc(records, func(r audit.Record) bool { return r.Hop == hopContradiction }) {
		return nil
	}
	s.Log.Error("an agent contradicts a proven outcome: look at this support code's audit record",
		"support", a.Support, "agent", r.Agent, "said", string(a.State), "result", string(r.Outcome))
	s.record(ctx, a, audit.Record{
		Hop: hopContradiction, Event: r.Event, Result: string(r.Outcome), Reason: string(r.Reason), Actor: r.Agent,
		Detail: strings.TrimSpace("contradicts the outcome " + string(a.State) + " that was recorded before; " + r.Detail),
	})
	if r.Outcome == protocol.Changed { // the page has said that nothing has changed
		a.State, a.Finished = Changed, r.At.Time()
		s.tell(ctx, a)
	}
	return nil
}

// catchUp writes what a server that died between storing an outcome and recording it left out. The agent never
// got its acknowledgement then, and so repeats the result.
func (s *Service) catchUp(ctx context.Context, a Attempt, r protocol.Result) error {
	records, err := s.Audit.Records(ctx, a.Tenant, a.Support)
	if err != nil {
		return fmt.Errorf("records of an outcome: %w", err)
	}
	outcomes := 0
	for _, record := range records {
		if record.Hop == hopResult {
			outcomes++
		}
	}
	if outcomes >= a.Tries {
		return nil
	}
	if s.Now().Sub(a.Finished) < recordWithin {
		return errors.New("outcome is still being recorded")
	}
	s.finished(ctx, a, r)
	return nil
}

// settle moves an open attempt to the outcome. A conflict is looked at again: the row may only have become
// NotSure in between.
func (s *Service) settle(ctx context.Context, a Attempt, r protocol.Result) error {
	for range 5 {
		if a.Request != r.Request || (a.State != Submitted && a.State != NotSure) {
			return nil
		}
		err := s.conclude(ctx, outcome(a, r, s.Now(), s.waiters.accepted(r.Request)), r)
		if err == nil {
			return nil
		}
		if !errors.Is(err, ErrConflict) {
			return fmt.Errorf("store outcome: %w", err)
		}
		if a, err = s.Attempts.Attempt(ctx, a.Tenant, a.ID); err != nil {
			return fmt.Errorf("store outcome: %w", err)
		}
	}
	return fmt.Errorf("store outcome: %w", ErrConflict)
}

func outcome(a Attempt, r protocol.Result, now, accepted time.Time) Attempt {
	switch r.Outcome {
	case protocol.Changed:
		a.State = Changed
	case protocol.Refused:
		a.State = Failed
		if again(a, r.Reason) {
			a.State = Refused
		}
	case protocol.Failed:
		a.State = Failed
	default:
		a.State = NotSure
	}
	a.Reason, a.Rule, a.Detail, a.Event, a.Hops = r.Reason, r.Rule, r.Detail, r.Event, r.Hops
	a.MustChange, a.Finished = r.MustChange, now
	if a.Accepted.IsZero() {
		a.Accepted = accepted
	}
	a.Expires = now.Add(outcomeLife)
	if a.State == Refused {
		a.Expires = now.Add(passwordLife)
	}
	return a
}

// again reports whether the person can mend a refusal on the password page, with another password.
func again(a Attempt, r protocol.Reason) bool {
	if a.Kind == protocol.Unlock || a.Operator != "" {
		return false
	}
	switch r {
	case protocol.ReasonLocked, protocol.ReasonLastTry, protocol.ReasonCannotChange, protocol.ReasonDisabled, protocol.ReasonProtected,
		protocol.ReasonNotFound, protocol.ReasonAccountExpired, protocol.ReasonAmbiguous:
		return false
	}
	return true
}

// conclude stores an outcome, its records and the letter about it in one transaction. If the records or the letter
// cannot be stored, that must not keep a person from the outcome: it is then stored alone.
func (s *Service) conclude(ctx context.Context, next Attempt, r protocol.Result) error {
	if s.Atomic == nil {
		return s.concludeInSteps(ctx, next, r)
	}
	l, err := s.letter(ctx, next)
	if err != nil {
		s.Log.Error("confirmation couldn't be addressed", "support", next.Support, "error", err)
	}
	records := s.complete(next, outcomeRecords(next, r, l)...)
	err = s.Atomic(ctx, func(tx Stores) error {
		if _, err := tx.Attempts.Move(ctx, next, Submitted, NotSure); err != nil {
			return err
		}
		if l != nil {
			if err := l.send(ctx, tx.Notices); err != nil {
				return err
			}
		}
		return tx.Audit.Append(ctx, next.Tenant, records...)
	})
	if err == nil {
		s.waiters.done(r.Request)
		return nil
	}
	if errors.Is(err, ErrConflict) {
		return err
	}
	s.Log.Error("outcome couldn't be stored with its records; storing it alone", "support", next.Support, "error", err)
	return s.concludeInSteps(ctx, next, r)
}

// concludeInSteps stores an outcome first, and then what goes with it.
func (s *Service) concludeInSteps(ctx context.Context, next Attempt, r protocol.Result) error {
	next, err := s.Attempts.Move(ctx, next, Submitted, NotSure)
	if err != nil {
		return err
	}
	s.waiters.done(r.Request)
	s.finished(ctx, next, r)
	return nil
}

// finished tells the person and records the hops of an outcome that is stored already.
func (s *Service) finished(ctx context.Context, a Attempt, r protocol.Result) {
	told := s.tell(ctx, a)
	s.record(ctx, a, outcomeRecords(a, r, told)...)
}

// outcomeRecords are an outcome's: the hops, what became of the second half of an operator's reset, and the letter.
func outcomeRecords(a Attempt, r protocol.Result, told *letter) []audit.Record {
	records := make([]audit.Record, 0, len(r.Hops)+4)
	for _, h := range r.Hops {
		records = append(records, audit.Record{Hop: h.Name, At: h.At.Time(), Result: "ok", Actor: r.Agent, Micros: h.Micros, Detail: h.Detail})
	}
	records = append(records, audit.Record{
		Hop: hopResult, Event: r.Event, Result: string(r.Outcome), Reason: string(r.Reason),
		Actor: r.Agent, Detail: r.Detail, Micros: a.Finished.Sub(a.SubmittedAt).Microseconds(),
	})
	if record, ok := mustChange(r); ok {
		records = append(records, record)
	}
	if told != nil && len(told.to)+len(told.admins) > 0 {
		records = append(records, audit.Record{Hop: "notify", Event: int(event.FlowNotified), Result: "ok"})
	}
	if told != nil && len(told.numbers) > 0 {
		records = append(records, audit.Record{Hop: "notify", Event: int(event.FlowNotified), Result: "ok", Detail: string(verify.Text)})
	}
	return records
}

// mustChange is the record of an operator's reset's second half.
func mustChange(r protocol.Result) (audit.Record, bool) {
	code := event.MustChangeFail
	switch r.MustChange {
	case "":
		return audit.Record{}, false
	case protocol.MustChangeSet:
		code = event.AdminResetSuccess
	case protocol.MustChangeNeverExpires, protocol.MustChangeCannot:
		code = event.MustChangeVoid
	default:
	}
	return audit.Record{Hop: "must change at next sign-in", Event: int(code), Result: string(r.MustChange), Actor: r.Agent, Detail: r.Detail}, true
}

// letter is a confirmation with its addresses: the person's, their telephones, and the addresses of the administrators who hear of
// it too.
type letter struct {
	tenant  tenant.Tenant
	to      []string
	numbers []string
	admins  []string
	lang    string
	of      string
	done    Done
}

func (l *letter) send(ctx context.Context, n Notices) error {
	for _, to := range l.to {
		if err := n.Done(ctx, l.tenant, to, l.lang, l.done); err != nil {
			return err
		}
	}
	text := l.done
	text.Text = true
	for _, to := range l.numbers {
		if err := n.Done(ctx, l.tenant, to, l.lang, text); err != nil {
			return err
		}
	}
	about := l.done
	about.Of = l.of
	for _, to := range l.admins {
		if err := n.Done(ctx, l.tenant, to, l.tenant.Settings.Locale, about); err != nil {
			return err
		}
	}
	return nil
}

// letter writes the confirmation of an outcome; nil: there is nothing to confirm, or no address to send it to.
func (s *Service) letter(ctx context.Context, a Attempt) (*letter, error) {
	if a.State != Changed {
		return nil, nil
	}
	t, err := s.Tenants(ctx, a.Tenant)
	if err != nil {
		return nil, err
	}
	to, err := s.addresses(ctx, a)
	if err != nil {
		return nil, err
	}
	admins, err := s.administrators(ctx, t, a, to)
	if err != nil {
		return nil, err
	}
	if t.Settings.PeopleUntold {
		to = nil
	}
	numbers, err := s.numbers(ctx, t, a)
	if err != nil { // the mail is on its way all the same
		s.Log.Error("telephones to be told couldn't be found", "support", a.Support, "error", err)
	}
	if len(to)+len(admins)+len(numbers) == 0 {
		return nil, nil
	}
	return &letter{tenant: t, to: to, numbers: numbers, admins: admins, lang: a.Locale, of: a.Shown, done: Done{
		Kind: a.Kind, ByAdmin: a.Operator != "", MustChange: a.MustChange == protocol.MustChangeSet, At: a.Finished,
		Person: a.Person, Support: a.Support,
	}}, nil
}

// administrators are who hears that somebody who holds a role got a new password, apart from themselves.
func (s *Service) administrators(ctx context.Context, t tenant.Tenant, a Attempt, own []string) ([]string, error) {
	if !t.Settings.TellAdministrators || a.Kind == protocol.Unlock || s.Administrators == nil || s.HoldsRole == nil {
		return nil, nil
	}
	holds, err := s.HoldsRole(ctx, a.Tenant, a.Person)
	if err != nil || !holds {
		return nil, err
	}
	all, err := s.Administrators(ctx, a.Tenant)
	return slices.DeleteFunc(all, func(to string) bool {
		return slices.ContainsFunc(own, func(mine string) bool { return fold(mine) == fold(to) })
	}), err
}

// tell queues the confirmation and returns it; nil: there was none, or it couldn't be queued.
func (s *Service) tell(ctx context.Context, a Attempt) *letter {
	l, err := s.letter(ctx, a)
	if err == nil && l != nil {
		err = l.send(ctx, s.Notices)
	}
	if err != nil {
		s.Log.Error("confirmation couldn't be queued", "support", a.Support, "error", err)
		return nil
	}
	return l
}

// await watches one accepted request until its result is stored, its agent is lost, or thirty seconds pass.
func (s *Service) await(ctx context.Context, a Attempt, w *waiter, lost <-chan struct{}) {
	defer s.waiters.forget(a.Request)
	t := time.NewTimer(answerWithin)
	defer t.Stop()
	if !s.keepMark(ctx, a, w, lost) {
		return
	}
	reason := protocol.ReasonTimeout
	select {
	case <-w.finished:
		return
	case <-s.waiters.stopping:
		return
	case <-lost:
		reason = protocol.ReasonAgentLost
	case <-t.C:
	}
	s.doubt(ctx, a, reason)
}

// doubt says "not sure" for a request that was sent and not answered. A result that came in between wins.
func (s *Service) doubt(ctx context.Context, a Attempt, reason protocol.Reason) {
	a.State, a.Reason, a.Event = NotSure, reason, int(event.OutcomeUnknown)
	a.Expires = s.Now().Add(outcomeLife)
	a.Accepted = s.waiters.accepted(a.Request)
	_, err := s.Attempts.Move(ctx, a, Submitted)
	if errors.Is(err, ErrConflict) {
		return
	}
	if err != nil {
		s.Log.Error("outcome couldn't be marked as unknown", "support", a.Support, "error", err)
		return
	}
	s.waiters.done(a.Request)
	s.record(ctx, a, audit.Record{Hop: "relay", Event: a.Event, Result: string(protocol.Unknown), Reason: string(reason), Actor: a.Agent})
}

// keepMark stores what the directory held before the write, for the case that its agent is never heard again. The
// result is usually there sooner than a commit, so that is waited for first. false: nothing is left to watch.
func (s *Service) keepMark(ctx context.Context, a Attempt, w *waiter, lost <-chan struct{}) bool {
	if w.mark == nil {
		return true
	}
	t := time.NewTimer(markAfter)
	defer t.Stop()
	select {
	case <-w.finished:
		return false
	case <-s.waiters.stopping:
	case <-lost:
	case <-t.C:
	}
	if err := s.Attempts.KeepMark(ctx, a.Tenant, a.ID, Mark{Request: a.Request, Mark: *w.mark}); err != nil {
		s.Log.Error("mark of a request couldn't be stored: only its own agent can prove the outcome", "support", a.Support, "error", err)
	}
	return true
}

// Status returns an attempt as it is now, waiting up to wait for it to leave the state the page shows.
func (s *Service) Status(ctx context.Context, tenantID, id string, shown State, wait time.Duration) (Attempt, error) {
	a, err := s.Attempts.Attempt(ctx, tenantID, id)
	if err != nil {
		return a, fmt.Errorf("status: %w", err)
	}
	if a.State != shown || wait <= 0 || a.State != Submitted {
		return a, nil
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return a, ctx.Err()
	case <-s.waiters.finish(a.Request):
	case <-t.C:
	}
	return s.Attempts.Attempt(ctx, tenantID, id)
}

// Accepted reports whether an agent has taken the attempt's request.
func (s *Service) Accepted(a Attempt) bool {
	return !a.Accepted.IsZero() || !s.waiters.accepted(a.Request).IsZero()
}
