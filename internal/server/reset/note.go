package reset

import (
	"context"
	"slices"

	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/verify"
)

// Reasons of refusals that a page tells while nothing is sent. Only records say them.
const (
	// ReasonTimedOut: somebody came back to a page that had been open for too long.
	ReasonTimedOut protocol.Reason = "timed_out"
	// ReasonUnderWay: another change of the same person's password was on its way.
	ReasonUnderWay protocol.Reason = "under_way"
	// reasonTooMany: no more tries are taken for a while.
	reasonTooMany = protocol.Reason(verify.TooMany)
)

// Refusal records under the support code what a page has just refused while nothing was sent and the attempt stands where it
// stood: the account can't be written now, the password is too young, the page was open too long.
func (s *Service) Refusal(ctx context.Context, a Attempt, reason protocol.Reason) {
	s.note(ctx, a, audit.Record{Hop: "portal", Event: int(eventOfRefusal(reason)), Reason: string(reason), Actor: a.Operator})
}

// limited records that no more tries of something are taken.
func (s *Service) limited(ctx context.Context, a Attempt, hop, detail string) {
	s.note(ctx, a, audit.Record{Hop: hop, Event: int(event.FlowLimited), Reason: string(reasonTooMany), Detail: detail})
}

// sentAway records that somebody's self-service was stopped while they were in the portal.
func (s *Service) sentAway(ctx context.Context, a Attempt, held bool) {
	if held {
		s.Refusal(ctx, a, ReasonStopped)
	}
}

// note records a refusal once for each attempt: whoever opens the page again reads the same, and adds nothing to the record.
func (s *Service) note(ctx context.Context, a Attempt, r audit.Record) {
	r.Result = string(protocol.Refused)
	records, err := s.Audit.Records(ctx, a.Tenant, a.Support)
	same := func(b audit.Record) bool {
		return b.Hop == r.Hop && b.Event == r.Event && b.Reason == r.Reason && b.Detail == r.Detail
	}
	if err == nil && slices.ContainsFunc(records, same) {
		return
	}
	s.record(ctx, a, r)
}

// eventOfRefusal is what catalogue entry explains a refusal.
func eventOfRefusal(r protocol.Reason) event.Code {
	switch r {
	case ReasonTimedOut:
		return event.FlowTimedOut
	case ReasonUnderWay:
		return event.FlowUnderWay
	case ReasonStopped:
		return event.FlowStopped
	case reasonTooMany:
		return event.FlowLimited
	case protocol.ReasonTooYoung:
		return event.PolicyRefused
	case protocol.ReasonOverloaded, protocol.ReasonExpired, protocol.ReasonTimeout:
		return event.FlowNoAgent
	}
	return eventOf(r)
}
