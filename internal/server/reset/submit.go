package reset

import (
	"context"
	"crypto/rand"
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
	// acceptWithin is how long a request may take from the ticket to an agent's acceptance: time to seal
	// in a slow browser and to cross a slow network. An agent does not start later than that.
	acceptWithin = 8 * time.Second
	// requestLife is when a request is dead, whatever happened to it.
	requestLife = 60 * time.Second
	// skew is how far server and agent clocks may differ after the agent took the server's time.
	skew = 2 * time.Second

	sealedSize = seal.EncSize + seal.PlaintextSize + 16
)

// Policy asks an agent for the person's effective policy, and whether they can be written at all. It
// returns ErrNoAgent when nobody answers, and ErrTooMany when no ticket would be given any more.
func (s *Service) Policy(ctx context.Context, a Attempt) (protocol.PersonPolicy, error) {
	var out protocol.PersonPolicy
	switch {
	case a.State != Verified && a.State != Refused:
		return out, ErrState
	case a.Tries >= maxTries:
		return out, ErrTooMany
	}
	p, err := s.People.Person(ctx, a.Tenant, a.Person)
	if err != nil {
		return out, fmt.Errorf("policy: %w", err)
	}
	writers, err := s.Fleet.Writers(ctx, a.Tenant, p.Domain)
	if err != nil {
		return out, fmt.Errorf("policy: %w", err)
	}
	for _, w := range writers {
		envelope, err := s.command(ctx, w.Agent, a, p, seal.KeyID{}, protocol.Policy, nil)
		if err != nil {
			return out, err
		}
		if err := s.Fleet.Ask(ctx, a.Tenant, w.Agent, protocol.Policy, envelope, &out); err == nil {
			return out, nil
		}
		s.Log.Warn("agent didn't answer a policy question", "agent", w.Agent, "support", a.Support)
	}
	return out, ErrNoAgent
}

// Ticket is what a browser seals to.
type Ticket struct {
	Request string // hex
	Header  []byte // canonical: the seal's additional data
	SealKey []byte
}

// Ticket picks the agent and fixes the request that the browser may seal a password for. It replaces the
// ticket before, in this tab or any other. It returns ErrNoAgent, ErrState, ErrTooMany or ErrExpired.
func (s *Service) Ticket(ctx context.Context, a Attempt) (Ticket, error) {
	allowed := make(chan error, 1) // counted while the agent is looked for: people wait for both
	go func() { allowed <- s.allowed(ctx, a) }()
	w, p, err := s.writer(ctx, a)
	if limited := <-allowed; err == nil {
		err = limited
	}
	if err != nil {
		return Ticket{}, err
	}
	header, request, err := s.header(a, p, w.KeyID, protocol.Reset)
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
		return &LimitError{until}
	}
	return nil
}

func (s *Service) writer(ctx context.Context, a Attempt) (Writer, provision.Person, error) {
	var none Writer
	switch {
	case a.State != Verified && a.State != Refused:
		return none, provision.Person{}, ErrState
	case a.Tries >= maxTries:
		return none, provision.Person{}, ErrTooMany
	case a.remaining(s.Now()) <= 0:
		return none, provision.Person{}, ErrExpired
	}
	p, err := s.People.Person(ctx, a.Tenant, a.Person)
	if err != nil {
		return none, p, fmt.Errorf("writer: %w", err)
	}
	writers, err := s.Fleet.Writers(ctx, a.Tenant, p.Domain)
	if err != nil {
		return none, p, fmt.Errorf("writer: %w", err)
	}
	if len(writers) == 0 {
		return none, p, ErrNoAgent
	}
	return writers[0], p, nil
}

// Submit sends a sealed password on its way. again asks the browser for a fresh ticket: the agent it was
// sealed to is gone, and nothing has arrived anywhere. Of several submissions of one attempt one wins; the
// others get ErrState or ErrConflict and belong on the status page.
func (s *Service) Submit(ctx context.Context, a Attempt, request string, sealed []byte) (next Attempt, again bool, err error) {
	switch {
	case a.State != Verified && a.State != Refused:
		return a, false, ErrState
	case request == "" || request != a.Request:
		return a, true, nil
	case len(sealed) != sealedSize:
		return a, false, fmt.Errorf("submit: %d sealed bytes, not %d: %w", len(sealed), sealedSize, seal.ErrMalformed)
	}
	return s.dispatch(ctx, a, protocol.Reset, sealed)
}

// Unlock clears the person's lockout. It carries no secret, so it needs no ticket.
func (s *Service) Unlock(ctx context.Context, a Attempt) (Attempt, error) {
	if err := s.allowed(ctx, a); err != nil {
		return a, err
	}
	for range 3 {
		w, p, err := s.writer(ctx, a)
		if errors.Is(err, ErrNoAgent) {
			return s.fail(ctx, a, protocol.ReasonNoAgent, event.FlowNoAgent)
		}
		if err != nil {
			return a, err
		}
		header, request, err := s.header(a, p, seal.KeyID{}, protocol.Unlock)
		if err != nil {
			return a, err
		}
		a.Request, a.Agent, a.Header = request, w.Agent, header
		next, again, err := s.dispatch(ctx, a, protocol.Unlock, nil)
		if err != nil || !again {
			return next, err
		}
		a = next
	}
	return s.fail(ctx, a, protocol.ReasonNoAgent, event.FlowNoAgent)
}

// dispatch moves the attempt to Submitted, and only who moved it sends.
func (s *Service) dispatch(ctx context.Context, a Attempt, op protocol.Operation, sealed []byte) (Attempt, bool, error) {
	key, err := s.Command(ctx, a.Agent)
	if err != nil {
		return a, false, fmt.Errorf("submit: %w", err)
	}
	from := a.State
	a.State, a.SubmittedAt, a.Tries = Submitted, s.Now(), a.Tries+1
	a.Reason, a.Rule, a.Detail, a.Event = protocol.ReasonNone, protocol.Rule{}, "", 0
	a, err = s.Attempts.Move(ctx, a, Verified, Refused)
	if err != nil {
		return a, false, fmt.Errorf("submit: %w", err)
	}
	// From here on the outcome must not depend on the visitor's connection.
	ctx = context.WithoutCancel(ctx)
	envelope, err := seal.Sign(key, a.Header, sealed)
	if err != nil {
		return a, false, fmt.Errorf("submit: %w", err)
	}
	w := s.waiters.expect(a.Request)
	lost := s.Fleet.Lost(ctx, a.Tenant, a.Agent)
	accepted, err := s.Fleet.Call(ctx, a.Tenant, a.Agent, op, envelope.Marshal())
	if errors.Is(err, ErrNoAgent) {
		s.waiters.forget(a.Request)
		return s.takeBack(ctx, a, from)
	}
	s.afterCall(ctx, a, accepted, err, w, lost)
	return a, false, nil
}

// takeBack undoes Submitted when the command certainly went nowhere.
func (s *Service) takeBack(ctx context.Context, a Attempt, to State) (Attempt, bool, error) {
	a.State, a.Tries, a.Request = to, a.Tries-1, ""
	a, err := s.Attempts.Move(ctx, a, Submitted)
	if err != nil {
		return a, false, fmt.Errorf("take back: %w", err)
	}
	return a, true, nil
}

// afterCall hands over to the outcome's watcher, or takes an answer that settles it at once.
func (s *Service) afterCall(ctx context.Context, a Attempt, accepted protocol.Accepted, err error, w *waiter, lost <-chan struct{}) {
	s.waiters.owner.Go(func() {
		s.record(ctx, a, audit.Record{Hop: "portal", At: a.SubmittedAt, Event: int(event.FlowSubmitted), Result: "ok", Actor: a.Person})
	})
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
		s.answered(ctx, a, *accepted.Result)
		return
	default:
		w.accept(accepted.At.Time(), s.Now())
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

// command builds a signed envelope of an operation without a ticket.
func (s *Service) command(ctx context.Context, agent string, a Attempt, p provision.Person, key seal.KeyID, op protocol.Operation, anchor []byte) ([]byte, error) {
	if anchor == nil {
		var err error
		if anchor, err = hex.DecodeString(p.Anchor); err != nil {
			return nil, fmt.Errorf("anchor of a person: %w", seal.ErrMalformed)
		}
	}
	header, _, err := s.rawHeader(a, anchor, key, op)
	if err != nil {
		return nil, err
	}
	signing, err := s.Command(ctx, agent)
	if err != nil {
		return nil, err
	}
	e, err := seal.Sign(signing, header, nil)
	if err != nil {
		return nil, fmt.Errorf("sign command: %w", err)
	}
	return e.Marshal(), nil
}

func (s *Service) header(a Attempt, p provision.Person, key seal.KeyID, op protocol.Operation) ([]byte, string, error) {
	anchor, err := hex.DecodeString(p.Anchor)
	if err != nil {
		return nil, "", fmt.Errorf("anchor of a person: %w", seal.ErrMalformed)
	}
	return s.rawHeader(a, anchor, key, op)
}

func (s *Service) rawHeader(a Attempt, anchor []byte, key seal.KeyID, op protocol.Operation) ([]byte, string, error) {
	var id seal.RequestID
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	now := s.Now()
	h := seal.Header{
		Tenant: a.Tenant, Key: key, Anchor: anchor, Operation: string(op), Request: id,
		Issued: now, AcceptBy: now.Add(acceptWithin), Expires: now.Add(requestLife),
	}
	b, err := h.Marshal()
	if err != nil {
		return nil, "", fmt.Errorf("request header: %w", err)
	}
	return b, requestHex(id), nil
}

// fail ends an attempt that went nowhere.
func (s *Service) fail(ctx context.Context, a Attempt, reason protocol.Reason, code event.Code) (Attempt, error) {
	now := s.Now()
	a.State, a.Reason, a.Event, a.Finished, a.Expires = Failed, reason, int(code), now, now.Add(outcomeLife)
	a, err := s.Attempts.Move(ctx, a, Started, Verified, Refused)
	if err != nil {
		return a, fmt.Errorf("end attempt: %w", err)
	}
	s.record(ctx, a, audit.Record{Hop: "portal", Event: a.Event, Result: string(protocol.Failed), Reason: string(reason)})
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
	case protocol.ReasonRights:
		return event.PermissionDenied
	case protocol.ReasonNoPolicyHints:
		return event.PolicyHintsMissing
	case protocol.ReasonNoAgent:
		return event.FlowNoAgent
	case protocol.ReasonDirectoryDown:
		return event.DirectoryDown
	}
	return event.DirectoryUnknown
}
