package reset

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"homeward/internal/protocol"
	"homeward/internal/seal"
	"homeward/internal/server/provision"
)

// Policy asks an agent for the person's effective policy, and whether they can be written at all. It
// returns ErrNoAgent when nobody answers, ErrOutdated or ErrTurnedOff when only agents do that can't or mayn't carry out the attempt,
// and ErrTooMany when no ticket would be given any more.
func (s *Service) Policy(ctx context.Context, a Attempt) (protocol.PersonPolicy, error) {
	var out protocol.PersonPolicy
	switch {
	case a.State != Verified && a.State != Refused, a.Kind == Register:
		return out, ErrState
	case a.Tries >= maxTries:
		s.limited(ctx, a, "portal", "")
		return out, ErrTooMany
	}
	p, err := s.People.Person(ctx, a.Tenant, a.Person)
	if err != nil {
		return out, fmt.Errorf("policy: %w", err)
	}
	writers, err := s.writers(ctx, a, p)
	if err != nil {
		return out, err
	}
	out, err = s.ask(ctx, a, p, writers, protocol.Policy)
	if err == nil && out.Mark != nil {
		s.keepEarly(ctx, a, *out.Mark)
	}
	return out, err
}

// keepEarly stores what the directory holds now, in case the agent that will get the request is lost before anybody
// hears that it took it.
func (s *Service) keepEarly(ctx context.Context, a Attempt, m protocol.Mark) {
	if err := s.Attempts.KeepMark(ctx, a.Tenant, a.ID, Mark{Request: a.Request, Early: true, Mark: m}); err != nil {
		s.Log.Error("early mark couldn't be stored: an agent that is lost leaves the outcome unsure", "support", a.Support, "error", err)
	}
}

// ask puts a question about a person to one writer after the other until one answers.
func (s *Service) ask(ctx context.Context, a Attempt, p provision.Person, writers []Writer, op protocol.Operation) (protocol.PersonPolicy, error) {
	anchor, err := hex.DecodeString(p.Object)
	if err != nil {
		return protocol.PersonPolicy{}, fmt.Errorf("anchor of a person: %w", seal.ErrMalformed)
	}
	for _, w := range writers {
		var out protocol.PersonPolicy
		envelope, err := s.command(ctx, a, w.Agent, op, anchor, nil)
		if err == nil {
			err = s.Fleet.Ask(ctx, a.Tenant, w.Agent, op, envelope, &out)
		}
		if err == nil {
			return out, nil
		}
		s.Log.Warn("agent didn't answer a question about a person", "agent", w.Agent, "support", a.Support, "error", err)
	}
	return protocol.PersonPolicy{}, ErrNoAgent
}

// writers lists the agents that can write this person in the attempt's way. It returns ErrNoAgent, ErrOutdated or ErrTurnedOff.
func (s *Service) writers(ctx context.Context, a Attempt, p provision.Person) ([]Writer, error) {
	writers, err := s.Fleet.Writers(ctx, a.Tenant, p.Domain)
	if err != nil {
		return nil, fmt.Errorf("writers: %w", err)
	}
	return able(writers, a.Kind)
}

// able keeps the writers that know an operation and may carry it out.
func able(writers []Writer, op protocol.Operation) ([]Writer, error) {
	if len(writers) == 0 {
		return nil, ErrNoAgent
	}
	out, off := make([]Writer, 0, len(writers)), false
	for _, w := range writers {
		switch {
		case w.Off && op.Secrets() > 0:
			off = true
		case max(w.Protocol, protocol.MinVersion) >= op.Since():
			out = append(out, w)
		}
	}
	switch {
	case len(out) > 0:
		return out, nil
	case off:
		return nil, ErrTurnedOff
	}
	return nil, ErrOutdated
}

// unable reports whether an error is one of able's.
func unable(err error) bool {
	return errors.Is(err, ErrNoAgent) || errors.Is(err, ErrOutdated) || errors.Is(err, ErrTurnedOff)
}

// agentReason is the reason of able's errors.
func agentReason(err error) protocol.Reason {
	switch {
	case errors.Is(err, ErrOutdated):
		return protocol.ReasonAgentOutdated
	case errors.Is(err, ErrTurnedOff):
		return protocol.ReasonTurnedOff
	}
	return protocol.ReasonNoAgent
}
