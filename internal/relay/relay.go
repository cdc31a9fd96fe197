// Package relay carries typed messages between the server and its agents over a NATS connection.
//
// The agent's side is AgentLink: it dials the portal's /relay over TLS 443 (through an HTTP proxy where
// there is one), keeps the link up for ever, hands out commands and asks the server upward. The server's
// side is Caller, which sends one command to one agent and waits for its first answer, and Listen, which
// receives what agents send upward.
//
// The package guarantees that nothing is queued for later and nothing is sent twice: a message either
// leaves now or fails now. It neither opens nor checks envelopes, and it keeps no state about requests;
// the packages writeback and reset do.
package relay

import "errors"

// Errors of a call. Every failure that is not the caller's own context wraps one of them.
var (
	// ErrNoAgent reports that nobody listens under that agent's subject: the command was not delivered,
	// so another agent may be tried at once.
	ErrNoAgent = errors.New("agent is not connected")
	// ErrLost reports that the agent's connection, or ours, went away while its answer was awaited: the
	// command may or may not have arrived.
	ErrLost = errors.New("connection was lost while waiting for the answer")
	// ErrTimeout reports that no answer came in time: the command may or may not have arrived.
	ErrTimeout = errors.New("no answer in time")
	// ErrMalformed reports an answer that is not the expected message.
	ErrMalformed = errors.New("answer is malformed")
	// ErrUnavailable reports that this side has no connection at the moment: nothing was sent.
	ErrUnavailable = errors.New("relay is not connected")
	// ErrNotTaken reports an answer that says no to what was sent.
	ErrNotTaken = errors.New("server did not take it")
	// ErrRefused reports that the server turned the agent away: revoked, unknown, expired or suspended.
	ErrRefused = errors.New("server refused this agent")
)
