package reset

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/seal"
	"homeward/internal/server/audit"
	"homeward/internal/server/provision"
)

const (
	// acceptWithin is how long a request may take from the ticket to an agent's acceptance: time to seal
	// in a slow browser and to cross a slow network. An agent does not start later than that.
	acceptWithin = 8 * time.Second
	// requestLife is when a request is dead, whatever happened to it: no agent begins to write later. Eight seconds
	// to arrive, a few to queue (64 requests at thirty a second) and the rest for a slow directory to be read from.
	// Not longer, because "not written" can only be proven once nobody can begin any more: with the ten seconds in
	// which a dead agent's packets may still arrive and the fifteen that a write may take to settle, that is 45 seconds
	// after the request was made, and a round of asking. Every outcome is to be known within a minute.
	requestLife = 20 * time.Second
	// skew is how far server and agent clocks may differ after the agent took the server's time.
	skew = 2 * time.Second

	// changeApart is how long a change without an outcome keeps the person's next one back, so that two agents never
	// try a current password at once: until its request is dead and whatever its agent sent has arrived and settled.
	changeApart = requestLife + 25*time.Second

	sealedSize = seal.EncSize + seal.PlaintextSize + 16
)

// Ticket is what a browser seals to.
type Ticket struct {
	Request string // hex
	Header  []byte // canonical: the seal's additional data
	SealKey []byte
}

// Ticket picks the agent and fixes the request that the browser may seal a password for. It replaces the
// ticket before, in this tab or any other. It returns ErrNoAgent, ErrOutdated, ErrTurnedOff, ErrState, ErrTooMany or ErrExpired.
func (s *Service) Ticket(ctx context.Context, a Attempt) (Ticket, error) {
	w, p, err := s.writer(ctx, a)
	if err == nil { // what nobody can write now isn't counted: people are told to try again, and do
		err = s.allowed(ctx, a)
	}
	if err != nil {
		return Ticket{}, err
	}
	header, request, err := s.header(a, p, w.KeyID)
	if err != nil {
		return Ticket{}, err
	}
	a.Request, a.Agent, a.Header = request, w.Agent, header
	a.Hops, a.Accepted = nil, time.Time{}
	if _, err := s.Attempts.Move(ctx, a, Verified, Refused); err != nil {
		return Ticket{}, fmt.Errorf("ticket: %w", err)
	}
	return Ticket{Request: request, Header: header, SealKey: w.SealKey}, nil
}

// allowed counts one try to write for the attempt's person. It returns *LimitError.
func (s *Service) allowed(ctx context.Context, a Attempt) error {
	until, err := s.Limits.Submit(ctx, a.Tenant, a.Person)
	if err != nil {
		return fmt.Errorf("limit of submissions: %w", err)
	}
	if !until.IsZero() {
		s.limited(ctx, a, "portal", "")
		return &LimitError{until}
	}
	return nil
}

func (s *Service) writer(ctx context.Context, a Attempt) (Writer, provision.Person, error) {
	var none Writer
	switch {
	case a.State != Verified && a.State != Refused, a.Kind == Register:
		return none, provision.Person{}, ErrState
	case a.Tries >= maxTries:
		s.limited(ctx, a, "portal", "")
		return none, provision.Person{}, ErrTooMany
	case a.remaining(s.Now()) <= 0:
		return none, provision.Person{}, ErrExpired
	}
	// A refusal that came back after the hold would open the page once more.
	if held, err := s.stopped(ctx, a.Tenant, a.Person); a.Operator == "" && (err != nil || held) {
		s.sentAway(ctx, a, held)
		return none, provision.Person{}, errors.Join(err, ErrState)
	}
	p, err := s.People.Person(ctx, a.Tenant, a.Person)
	if err != nil {
		return none, p, fmt.Errorf("writer: %w", err)
	}
	writers, err := s.writers(ctx, a, p)
	if err != nil {
		return none, p, err
	}
	for _, w := range writers {
		if _, err = s.Command(ctx, w.Agent); err == nil {
			return w, p, nil
		}
		s.Log.Warn("an agent obeys no command key that is left", "agent", w.Agent, "error", err)
	}
	return none, p, fmt.Errorf("writer: %w: %w", ErrNoAgent, err)
}

// Submit sends sealed passwords on their way: the new one, and for a change the current one with it. again asks the
// browser for a fresh ticket: the agent it was sealed to is gone, or doesn't take it while another one could, and
// nothing was carried out. Of several submissions of one attempt one wins; the
// others get ErrState or ErrConflict and belong on the status page. ErrUnderWay: another attempt changes the password
// of the same person at this moment; nothing was sent, and this attempt stands where it stood.
func (s *Service) Submit(ctx context.Context, a Attempt, request string, sealed []byte) (next Attempt, again bool, err error) {
	switch {
	case a.State != Verified && a.State != Refused:
		return a, false, ErrState
	case request == "" || request != a.Request:
		return a, true, nil
	case len(sealed) != sealedSize:
		return a, false, fmt.Errorf("submit: %d sealed bytes, not %d: %w", len(sealed), sealedSize, seal.ErrMalformed)
	}
	next, again, err = s.dispatch(ctx, a, sealed, true)
	if errors.Is(err, ErrUnderWay) {
		s.Refusal(ctx, a, ReasonUnderWay)
	}
	return next, again, err
}

// Unlock clears the person's lockout. It carries no secret, so it needs no ticket.
func (s *Service) Unlock(ctx context.Context, a Attempt) (Attempt, error) {
	if err := s.allowed(ctx, a); err != nil {
		return a, err
	}
	return s.write(ctx, a, nil)
}

// write carries an attempt out that needs no browser: password is what the server itself seals, nil for an unlock.
// It is repeated with another agent while the one that was chosen turns out to be gone.
func (s *Service) write(ctx context.Context, a Attempt, password []byte) (Attempt, error) {
	const rounds = 3
	for round := range rounds {
		w, p, err := s.writer(ctx, a)
		if unable(err) {
			return s.fail(ctx, a, agentReason(err), eventOf(agentReason(err)))
		}
		if err != nil {
			return a, err
		}
		key := seal.KeyID{}
		if password != nil {
			key = w.KeyID
		}
		// What the directory holds, for a proof; that nobody answers shows when it is written.
		if looked, err := s.ask(ctx, a, p, []Writer{w}, protocol.Policy); err == nil && looked.Mark != nil {
			s.keepEarly(ctx, a, *looked.Mark)
		}
		header, request, err := s.header(a, p, key)
		if err != nil {
			return a, err
		}
		sealed, err := sealFor(w, header, password)
		if err != nil {
			return a, err
		}
		a.Request, a.Agent, a.Header = request, w.Agent, header
		next, again, err := s.dispatch(ctx, a, sealed, round < rounds-1)
		if err != nil || !again {
			return next, err
		}
		a = next
	}
	return s.fail(ctx, a, protocol.ReasonNoAgent, event.FlowNoAgent)
}

// sealFor seals an operator's password to an agent; nothing when there is none.
func sealFor(w Writer, header, password []byte) ([]byte, error) {
	if password == nil {
		return nil, nil
	}
	key, err := seal.NewPublicKey(w.SealKey)
	if err != nil {
		return nil, fmt.Errorf("sealing key of agent %s: %w", w.Agent, err)
	}
	return seal.Seal(key, header, password)
}

// dispatch moves the attempt to Submitted, and only who moved it sends. again: it is back where it was, because no
// agent took the command; with more to come, also because this agent did not and another could.
func (s *Service) dispatch(ctx context.Context, a Attempt, sealed []byte, more bool) (next Attempt, again bool, err error) {
	key, err := s.Command(ctx, a.Agent)
	if err != nil {
		return a, false, fmt.Errorf("submit: %w", err)
	}
	before := a
	a.State, a.SubmittedAt, a.Tries = Submitted, s.Now(), a.Tries+1
	a.Reason, a.Rule, a.Detail, a.Event = protocol.ReasonNone, protocol.Rule{}, "", 0
	a, err = s.Attempts.Move(ctx, a, Verified, Refused)
	if err != nil {
		return before, false, fmt.Errorf("submit: %w", s.conflict(ctx, before, err))
	}
	// From here on the outcome must not depend on the visitor's connection.
	ctx = context.WithoutCancel(ctx)
	if err := s.alone(ctx, a); err != nil {
		a, backErr := s.takeBack(ctx, a, before)
		return a, false, errors.Join(err, backErr)
	}
	envelope, err := seal.Sign(key, a.Header, sealed)
	if err != nil {
		return a, false, fmt.Errorf("submit: %w", err)
	}
	w := s.waiters.expect(a.Request)
	lost := s.Fleet.Lost(ctx, a.Tenant, a.Agent)
	accepted, err := s.Fleet.Call(ctx, a.Tenant, a.Agent, a.Kind, envelope.Marshal())
	if errors.Is(err, ErrNoAgent) || err == nil && more && s.another(ctx, a, accepted) {
		s.waiters.forget(a.Request)
		a, err = s.takeBack(ctx, a, before)
		return a, err == nil, err
	}
	s.afterCall(ctx, a, accepted, err, w, lost)
	return a, false, nil
}

// conflict tells the two reasons apart for which an attempt could not become Submitted: somebody else moved it, or
// another change of the same person is.
func (s *Service) conflict(ctx context.Context, a Attempt, err error) error {
	if a.Kind != protocol.Change || !errors.Is(err, ErrConflict) {
		return err
	}
	now, readErr := s.Attempts.Attempt(ctx, a.Tenant, a.ID)
	if readErr != nil {
		return errors.Join(err, readErr)
	}
	if now.Revision == a.Revision {
		return ErrUnderWay
	}
	return err
}

// alone returns ErrUnderWay while an earlier change of the same person, of which nothing is known, may still be tried.
// It is asked once this one is Submitted: no other can become so then, and any that was before is seen.
func (s *Service) alone(ctx context.Context, a Attempt) error {
	if a.Kind != protocol.Change {
		return nil
	}
	open, err := s.Requests.OpenChanges(ctx, a.Tenant, a.Person, a.SubmittedAt.Add(-changeApart))
	if err != nil {
		return fmt.Errorf("submit: %w", err)
	}
	if slices.ContainsFunc(open, func(b Attempt) bool { return b.ID != a.ID }) {
		return ErrUnderWay
	}
	return nil
}

// another reports whether the agent refused the command as it came, so that nothing was or will be carried out, for a
// reason of its own, and another one could take it. That is recorded.
func (s *Service) another(ctx context.Context, a Attempt, accepted protocol.Accepted) bool {
	if accepted.Accepted {
		return false
	}
	switch accepted.Reason {
	case protocol.ReasonAgentState, protocol.ReasonOverloaded, protocol.ReasonUnknownKey, protocol.ReasonBadSignature, protocol.ReasonExpired:
	default:
		return false
	}
	p, err := s.People.Person(ctx, a.Tenant, a.Person)
	if err != nil {
		return false
	}
	writers, err := s.writers(ctx, a, p)
	if err != nil || !slices.ContainsFunc(writers, func(w Writer) bool { return w.Agent != a.Agent }) {
		return false
	}
	s.record(ctx, a, audit.Record{
		Hop: "agent", Event: int(event.RequestRefused), Result: string(protocol.Failed), Reason: string(accepted.Reason), Actor: a.Agent,
	})
	return true
}

// takeBack undoes Submitted when the command certainly went nowhere: the attempt stands where it stood, and needs a
// fresh ticket.
func (s *Service) takeBack(ctx context.Context, a, before Attempt) (Attempt, error) {
	before.Revision, before.Request = a.Revision, ""
	back, err := s.Attempts.Move(ctx, before, Submitted)
	if err != nil {
		return a, fmt.Errorf("take back: %w", err)
	}
	return back, nil
}

// afterCall hands over to the outcome's watcher, or takes an answer that settles it at once.
func (s *Service) afterCall(ctx context.Context, a Attempt, accepted protocol.Accepted, err error, w *waiter, lost <-chan struct{}) {
	s.waiters.owner.Go(func() { s.record(ctx, a, submission(a, accepted)...) })
	switch {
	case err != nil:
		// It may have arrived. Run asks the agent what became of it.
		s.Log.Warn("agent didn't accept; the outcome is being found out", "support", a.Support, "error", err)
		s.waiters.forget(a.Request)
		return
	case !accepted.Accepted:
		s.answered(ctx, a, protocol.Result{
			Version: protocol.Version, Request: a.Request, Agent: a.Agent, Operation: a.Kind,
			Outcome: protocol.Failed, Reason: accepted.Reason, Event: int(event.RequestRefused), At: accepted.At,
		})
		return
	case accepted.Result != nil:
		s.answered(ctx, a, understood(*accepted.Result))
		return
	default:
		w.accept(accepted, s.Now())
	}
	s.waiters.owner.Go(func() { s.await(ctx, a, w, lost) })
}

// answered stores an outcome that came with the first answer. Run finds out what could not be stored.
func (s *Service) answered(ctx context.Context, a Attempt, r protocol.Result) {
	s.waiters.forget(a.Request)
	if err := s.settle(ctx, a, r); err != nil {
		s.Log.Error("outcome couldn't be stored", "support", a.Support, "error", err)
	}
}

// submission is what is recorded of a request that has left.
func submission(a Attempt, accepted protocol.Accepted) []audit.Record {
	if a.Operator == "" {
		return []audit.Record{{Hop: "portal", At: a.SubmittedAt, Event: int(event.FlowSubmitted), Result: "ok", Actor: a.Person}}
	}
	out := []audit.Record{{Hop: "operator", At: a.SubmittedAt, Event: int(event.FlowSubmitted), Result: "ok", Actor: a.Operator}}
	if accepted.Accepted {
		code := event.AdminResetStart
		if a.Kind == protocol.Unlock {
			code = event.UnlockStart
		}
		out = append(out, audit.Record{Hop: "agent", At: accepted.At.Time(), Event: int(code), Result: "ok", Actor: a.Agent})
	}
	return out
}

// fail ends an attempt that went nowhere.
func (s *Service) fail(ctx context.Context, a Attempt, reason protocol.Reason, code event.Code) (Attempt, error) {
	now := s.Now()
	a.State, a.Reason, a.Event, a.Finished, a.Expires = Failed, reason, int(code), now, now.Add(outcomeLife)
	a, err := s.Attempts.Move(ctx, a, Started, Verified, Refused)
	if err != nil {
		return a, fmt.Errorf("end attempt: %w", err)
	}
	s.record(ctx, a, audit.Record{Hop: "portal", Event: a.Event, Result: string(protocol.Failed), Reason: string(reason), Actor: a.Operator})
	return a, nil
}

// Block ends a verified attempt whose person cannot be written: turned off, protected, gone.
func (s *Service) Block(ctx context.Context, a Attempt, reason protocol.Reason) (Attempt, error) {
	return s.fail(ctx, a, reason, eventOf(reason))
}

func eventOf(r protocol.Reason) event.Code {
	switch r {
	case protocol.ReasonDisabled:
		return event.AccountDisabled
	case protocol.ReasonProtected:
		return event.AccountProtected
	case protocol.ReasonNotFound:
		return event.UserNotFound
	case protocol.ReasonAmbiguous:
		return event.UserAmbiguous
	case protocol.ReasonAccountExpired:
		return event.AccountExpired
	case protocol.ReasonLocked:
		return event.AccountLocked
	case protocol.ReasonLastTry:
		return event.LockoutImminent
	case protocol.ReasonCannotChange:
		return event.CannotChange
	case protocol.ReasonRights:
		return event.PermissionDenied
	case protocol.ReasonNoPolicyHints:
		return event.PolicyHintsMissing
	case protocol.ReasonNoAgent:
		return event.FlowNoAgent
	case protocol.ReasonAgentOutdated:
		return event.FlowOutdated
	case protocol.ReasonDirectoryDown:
		return event.DirectoryDown
	case protocol.ReasonDirectoryBusy:
		return event.DirectoryBusy
	case protocol.ReasonReadOnly:
		return event.ReadOnlyController
	case protocol.ReasonReferral:
		return event.ReferralRefused
	case protocol.ReasonReplication:
		return event.ReplicationLag
	}
	return event.DirectoryUnknown
}
