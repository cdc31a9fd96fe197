package relay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"homeward/internal/protocol"

	"github.com/nats-io/nats.go"
)

const (
	defaultWait = 5 * time.Second
	// lostGrace is how long an answer may still be on its way when the agent's disconnect is known: the
	// two travel on different connections.
	lostGrace = 50 * time.Millisecond
)

// Caller sends commands to agents. The zero value is ready to use.
type Caller struct {
	// Wait bounds the wait for one answer; zero means 5 s. The context may end it sooner.
	Wait time.Duration
	// Begin, when set, is asked before each call and its end is called after it, so that the relay's
	// owner can wait for calls in flight when it stops. Its error is the call's.
	Begin func() (end func(), err error)
}

// Call sends a writing command to one agent and returns its first answer. lost, which may be nil, is
// closed when the agent's connection goes away (relay trap T3: nothing else would tell before the
// timeout). Errors wrap ErrNoAgent, ErrLost, ErrTimeout, ErrMalformed or ErrUnavailable; only after
// ErrNoAgent and ErrUnavailable is it certain that the command did not arrive.
//
// Accepted.Agent is checked here; that Accepted.Request is the request sent is for the caller to check.
func (c Caller) Call(ctx context.Context, nc *nats.Conn, agent string, op protocol.Operation, envelope []byte, lost <-chan struct{}) (protocol.Accepted, error) {
	var a protocol.Accepted
	if err := c.Ask(ctx, nc, agent, op, envelope, lost, &a); err != nil {
		return protocol.Accepted{}, err
	}
	if a.Agent != agent {
		return protocol.Accepted{}, fmt.Errorf("call %s: answer names another agent: %w", op, ErrMalformed)
	}
	return a, nil
}

// Ask sends a command that has a single answer (policy, probe, prove) and decodes it strictly into
// answer. Its errors are those of Call.
func (c Caller) Ask(ctx context.Context, nc *nats.Conn, agent string, op protocol.Operation, envelope []byte, lost <-chan struct{}, answer any) error {
	if c.Begin != nil {
		end, err := c.Begin()
		if err != nil {
			return fmt.Errorf("call %s: %w", op, err)
		}
		defer end()
	}
	wait := c.Wait
	if wait <= 0 {
		wait = defaultWait
	}
	b, err := request(ctx, nc, protocol.Down(agent, op), envelope, wait, lost)
	if err != nil {
		return fmt.Errorf("call %s: %w", op, err)
	}
	if err := protocol.Decode(b, answer); err != nil {
		return fmt.Errorf("call %s: %w: %w", op, ErrMalformed, err)
	}
	return nil
}

// request publishes data and waits for one reply, for at most wait and until lost is closed.
func request(ctx context.Context, nc *nats.Conn, subject string, data []byte, wait time.Duration, lost <-chan struct{}) ([]byte, error) {
	if nc.IsClosed() {
		return nil, ErrUnavailable
	}
	ctx, cancel := context.WithTimeoutCause(ctx, wait, ErrTimeout)
	defer cancel()
	if lost != nil {
		var giveUp context.CancelCauseFunc
		ctx, giveUp = context.WithCancelCause(ctx)
		defer giveUp(nil)
		go watchLost(ctx, lost, giveUp)
	}
	msg, err := nc.RequestWithContext(ctx, subject, data)
	if err != nil {
		return nil, callError(ctx, err)
	}
	return msg.Data, nil
}

// watchLost ends with ctx, which its caller always cancels.
func watchLost(ctx context.Context, lost <-chan struct{}, giveUp context.CancelCauseFunc) {
	select {
	case <-ctx.Done():
		return
	case <-lost:
	}
	t := time.NewTimer(lostGrace)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
		giveUp(ErrLost)
	}
}

func callError(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return ErrNoAgent
	case errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrConnectionReconnecting):
		return ErrUnavailable
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("message is too large: %w", err)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	default:
		// The connection broke after the message was handed to it; whether it left is unknown.
		return fmt.Errorf("%w: %w", ErrLost, err)
	}
}
