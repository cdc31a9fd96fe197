package reset

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/seal"
)

const (
	// resolveEvery is how often an open outcome is asked about.
	resolveEvery  = 2 * time.Second
	resolveFast   = 3 * time.Minute // after that only each resolveSlowly-th round
	resolveSlowly = 15
	// resolveFor is shorter than agents remember a request, which is a day from its end: one that has forgotten it says
	// that it never arrived.
	resolveFor = 24 * time.Hour
	// resolveAtOnce is how many are asked about side by side: an agent behind a dead link takes seconds to say nothing.
	resolveAtOnce = 64
	// goneAfter is how long an agent may be gone, and silentAfter how long not answer, before another one is asked
	// what became of its request. A restart is shorter.
	goneAfter   = 2 * time.Second
	silentAfter = 6 * time.Second
)

// silences remembers since when the agent of an open request has not answered. A restart forgets it, which costs a
// round.
type silences struct {
	mu    *sync.Mutex
	since map[string]time.Time
}

func newSilences() silences { return silences{mu: &sync.Mutex{}, since: map[string]time.Time{}} }

// of returns since when the agent of a request has been silent, which begins now if it was not.
func (s silences) of(request string, now time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.since[request]; !ok {
		s.since[request] = now
	}
	return s.since[request]
}

func (s silences) over(request string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.since, request)
}

// keep forgets every request that is not open any more.
func (s silences) keep(open []Attempt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for request := range s.since {
		if !slices.ContainsFunc(open, func(a Attempt) bool { return a.Request == request }) {
			delete(s.since, request)
		}
	}
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

// resolve asks about open outcomes: often while a person may be waiting, in slow rounds about older ones, and no more
// about those that the agent may have forgotten.
func (s *Service) resolve(ctx context.Context, slow bool) error {
	open, err := s.Requests.OpenAttempts(ctx)
	if err != nil {
		return err
	}
	s.silences.keep(open)
	var asking sync.WaitGroup
	turns := make(chan struct{}, resolveAtOnce)
	for _, a := range open {
		age := s.Now().Sub(a.SubmittedAt)
		if a.State == Submitted && s.waiters.watched(a.Request) || age > resolveFast && !slow {
			continue
		}
		if age > resolveFor {
			if a.State == Submitted { // the server stood still all the while
				s.doubt(ctx, a, protocol.ReasonTimeout)
			}
			continue
		}
		turns <- struct{}{}
		asking.Go(func() {
			defer func() { <-turns }()
			s.resolveOne(ctx, a)
		})
	}
	asking.Wait()
	return nil
}

// resolveOne asks what became of a request, and stores the answer.
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

// prove asks the agent that got the request for its outcome, and the others of the domain when that one is gone: it
// crashed, its link is cut, it was revoked or replaced. An agent that accepted a request and says now that it never
// got it has lost its journal: then the directory is asked, by that agent or another.
func (s *Service) prove(ctx context.Context, a Attempt) (protocol.Result, error) {
	mark, exact, marked := a.mark()
	forgot := false
	r, err := s.proveBy(ctx, a, a.Agent, nil)
	if err == nil {
		s.silences.over(a.Request)
		if forgot = r.Reason == protocol.ReasonNeverArrived && (exact || !a.Accepted.IsZero()); !forgot {
			return r, nil
		}
		s.Log.Error("an agent has forgotten a request that it accepted: its state folder was lost or put back", "support", a.Support, "agent", a.Agent)
		r = protocol.Result{Outcome: protocol.Unknown}
	}
	patience := silentAfter
	if errors.Is(err, ErrNoAgent) {
		patience = goneAfter
	}
	now := s.Now()
	if !marked || !forgot && now.Sub(s.silences.of(a.Request, now)) < patience {
		return r, err
	}
	return s.proveFromMark(ctx, a, mark, exact, forgot)
}

// proveFromMark gives the agents of the person's domain what they need to tell from the directory. own: also the one
// that got the request.
func (s *Service) proveFromMark(ctx context.Context, a Attempt, mark protocol.Mark, exact, own bool) (protocol.Result, error) {
	none := protocol.Result{Outcome: protocol.Unknown}
	h, err := seal.UnmarshalHeader(a.Header)
	if err != nil {
		return none, fmt.Errorf("header of an attempt: %w", err)
	}
	var issued protocol.Milli
	if !exact {
		issued = protocol.MilliOf(h.Issued)
	}
	body, err := protocol.Encode(protocol.Case{
		NotBefore: issued, Version: protocol.Version, Request: a.Request, Agent: a.Agent, Operation: a.Kind,
		Anchor: hex.EncodeToString(h.Anchor), Mark: mark, Expires: protocol.MilliOf(h.Expires),
	})
	if err != nil {
		return none, err
	}
	p, err := s.People.Person(ctx, a.Tenant, a.Person)
	if err != nil {
		return none, fmt.Errorf("person: %w", err)
	}
	writers, err := s.Fleet.Writers(ctx, a.Tenant, p.Domain)
	if err != nil {
		return none, fmt.Errorf("writers: %w", err)
	}
	err = ErrNoAgent
	for _, w := range writers {
		if w.Agent == a.Agent && !own || w.Protocol < proofVersion {
			continue
		}
		var r protocol.Result
		if r, err = s.proveBy(ctx, a, w.Agent, body); err == nil && decided(r) {
			s.Log.Info("an outcome was proven from the directory", "support", a.Support, "agent", w.Agent, "outcome", string(r.Outcome))
			return r, nil
		}
	}
	return none, err
}

// proofVersion is the first protocol version whose agents read a protocol.Case.
const proofVersion = 2

// decided reports whether an agent that did not make a write can say this of it: that it was made, or that it was
// not and cannot be any more. Anything else, such as a refusal to answer, decides nothing.
func decided(r protocol.Result) bool {
	return r.Outcome == protocol.Changed ||
		r.Outcome == protocol.Failed && (r.Reason == protocol.ReasonNotWritten || r.Reason == protocol.ReasonNotFound)
}

// proveBy asks one agent for the outcome of the attempt's request, which travels as the anchor. It believes only an
// answer about this request by the agent that was asked.
func (s *Service) proveBy(ctx context.Context, a Attempt, agent string, body []byte) (protocol.Result, error) {
	var r protocol.Result
	asked, err := hex.DecodeString(a.Request)
	if err != nil || len(asked) != seal.RequestIDSize {
		return r, fmt.Errorf("request id of an attempt: %w", seal.ErrMalformed)
	}
	envelope, err := s.command(ctx, a, agent, protocol.Prove, asked, body)
	if err != nil {
		return r, err
	}
	if err := s.Fleet.Ask(ctx, a.Tenant, agent, protocol.Prove, envelope, &r); err != nil {
		return r, err
	}
	if r.Request != a.Request || r.Agent != agent {
		return r, fmt.Errorf("proof is about another request: %w", seal.ErrMalformed)
	}
	return understood(r), nil
}
