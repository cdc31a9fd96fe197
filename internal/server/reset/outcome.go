package reset

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/seal"
	"homeward/internal/server/audit"
	"homeward/internal/server/provision"
)

const (
	// answerWithin is how long a person is shown "writing" before "not sure".
	answerWithin = 30 * time.Second
	// resolveEvery is how often an open outcome is asked about.
	resolveEvery  = 2 * time.Second
	resolveFast   = 3 * time.Minute // after that only each resolveSlowly-th round
	resolveSlowly = 15
	// recordWithin is how long recording an outcome may take before it counts as forgotten.
	recordWithin = 10 * time.Second
	resolveFor   = 25 * time.Hour // agents try to prove an outcome for a day
)

// hopResult names the record that holds an outcome; each submission has one in the end.
const hopResult = "result"

// Result takes an agent's result. It is idempotent: results are repeated until acknowledged, also across
// restarts, so one that is stored already, or belongs to a request replaced since, is fine.
func (s *Service) Result(ctx context.Context, tenantID, agent string, r protocol.Result) error {
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
		return s.catchUp(ctx, a, r)
	}
	return s.settle(ctx, a, r)
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
		next, err := s.Attempts.Move(ctx, outcome(a, r, s.Now(), s.waiters.accepted(r.Request)), Submitted, NotSure)
		if err == nil {
			s.waiters.done(r.Request)
			s.finished(ctx, next, r)
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
		a.State = Refused
		if a.Kind == protocol.Unlock {
			a.State = Failed
		}
	case protocol.Unknown:
		a.State = NotSure
	default:
		a.State = Failed
	}
	a.Reason, a.Rule, a.Detail, a.Event, a.Hops = r.Reason, r.Rule, r.Detail, r.Event, r.Hops
	a.Finished = now
	if a.Accepted.IsZero() {
		a.Accepted = accepted
	}
	a.Expires = now.Add(outcomeLife)
	if a.State == Refused {
		a.Expires = now.Add(passwordLife)
	}
	return a
}

// finished tells the person and records the hops. Both follow the stored outcome, never precede it.
func (s *Service) finished(ctx context.Context, a Attempt, r protocol.Result) {
	records := make([]audit.Record, 0, len(r.Hops)+1)
	for _, h := range r.Hops {
		records = append(records, audit.Record{Hop: h.Name, At: h.At.Time(), Result: "ok", Actor: r.Agent, Micros: h.Micros, Detail: h.Detail})
	}
	records = append(records, audit.Record{
		Hop: hopResult, Event: r.Event, Result: string(r.Outcome), Reason: string(r.Reason),
		Actor: r.Agent, Detail: r.Detail, Micros: a.Finished.Sub(a.SubmittedAt).Microseconds(),
	})
	if a.State == Changed {
		told, err := s.tell(ctx, a)
		if err != nil {
			s.Log.Error("confirmation couldn't be queued", "support", a.Support, "error", err)
		}
		if told {
			records = append(records, audit.Record{Hop: "notify", Event: int(event.FlowNotified), Result: "ok"})
		}
	}
	s.record(ctx, a, records...)
}

// tell queues the confirmation. false: there is no address to send it to.
func (s *Service) tell(ctx context.Context, a Attempt) (bool, error) {
	t, err := s.Tenants(ctx, a.Tenant)
	if err != nil {
		return false, err
	}
	to, err := s.address(ctx, a)
	if err != nil || to == "" {
		return false, err
	}
	err = s.Notices.Done(ctx, t, to, a.Locale, a.Kind, a.Finished)
	return err == nil, err
}

// await watches one accepted request until its result is stored, its agent is lost, or thirty seconds pass.
func (s *Service) await(ctx context.Context, a Attempt, w *waiter, lost <-chan struct{}) {
	defer s.waiters.forget(a.Request)
	t := time.NewTimer(answerWithin)
	defer t.Stop()
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

// Run resolves open outcomes until ctx ends, beginning with those that a stopped server left.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(resolveEvery)
	defer tick.Stop()
	for round := 0; ; round++ {
		if err := s.resolve(ctx, round%resolveSlowly == 0); err != nil && ctx.Err() == nil {
			s.Log.Error("open outcomes can't be read", "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// Close ends the watchers of requests in flight and waits for them. Call it once, when no page is being served
// any more: a page that submits begins a watcher. What they leave open, the next start resolves.
func (s *Service) Close() { s.waiters.stop() }

// resolve asks about open outcomes: often while a person may be waiting, in slow rounds about older ones, and
// no more about those that even the agent has given up on.
func (s *Service) resolve(ctx context.Context, slow bool) error {
	open, err := s.Requests.OpenAttempts(ctx)
	if err != nil {
		return err
	}
	for _, a := range open {
		age := s.Now().Sub(a.SubmittedAt)
		if a.State == Submitted && s.waiters.watched(a.Request) || age > resolveFast && !slow || age > resolveFor {
			continue
		}
		s.resolveOne(ctx, a)
	}
	return nil
}

// resolveOne asks the agent that got the request what became of it.
func (s *Service) resolveOne(ctx context.Context, a Attempt) {
	r, err := s.prove(ctx, a)
	switch {
	case err == nil && r.Outcome != protocol.Unknown:
		if r.Reason == protocol.ReasonNeverArrived && s.Now().Before(a.SubmittedAt.Add(acceptWithin+skew)) {
			return // it may still be on its way
		}
		if err := s.settle(ctx, a, r); err != nil {
			s.Log.Error("outcome couldn't be stored", "support", a.Support, "error", err)
		}
	case a.State == Submitted && s.Now().After(a.SubmittedAt.Add(answerWithin)):
		s.doubt(ctx, a, protocol.ReasonTimeout)
	}
}

// prove asks for the outcome of the attempt's request. The request asked about travels as the anchor.
func (s *Service) prove(ctx context.Context, a Attempt) (protocol.Result, error) {
	var r protocol.Result
	asked, err := hex.DecodeString(a.Request)
	if err != nil || len(asked) != seal.RequestIDSize {
		return r, fmt.Errorf("request id of an attempt: %w", seal.ErrMalformed)
	}
	envelope, err := s.command(ctx, a.Agent, a, provision.Person{}, seal.KeyID{}, protocol.Prove, asked)
	if err != nil {
		return r, err
	}
	if err := s.Fleet.Ask(ctx, a.Tenant, a.Agent, protocol.Prove, envelope, &r); err != nil {
		return r, err
	}
	if r.Request != a.Request || r.Agent != a.Agent {
		return r, fmt.Errorf("proof is about another request: %w", seal.ErrMalformed)
	}
	return r, nil
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
