package relay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"homeward/internal/protocol"

	"github.com/nats-io/nats.go"
)

const (
	// drainTime is how long Serve waits for commands in progress when it stops. A write takes 2 s at worst.
	drainTime = 20 * time.Second
	// drainLook is how often it looks meanwhile whether the server is still there.
	drainLook = 50 * time.Millisecond
	// drainAlone is after how many looks without the server no command is expected any more.
	drainAlone = 20
)

// Command is one request from the server, still sealed.
type Command struct {
	Op   protocol.Operation
	Data []byte
	// Reply sends the first answer. It works once, shortly after the command arrived, and only on the
	// connection it came by; results go through AgentLink.Result.
	Reply func([]byte) error
}

// errNoReply reports a command whose sender wants no answer.
var errNoReply = errors.New("command has no reply subject")

// refusal is an answer that protocol.Accepted, PersonPolicy and Result all decode, because what to answer
// is not known before the envelope has been opened.
type refusal struct {
	Version int             `json:"v"`
	Agent   string          `json:"agent"`
	Reason  protocol.Reason `json:"reason"`
}

// Serve hands commands to handle until ctx ends, each in a goroutine of its own, at most Limit at once.
// Then it stops taking commands, waits for those in progress and flushes their answers, so that a stopping
// agent loses nothing it has accepted. handle's context outlives ctx by that wait.
//
// It returns nil after such a stop, and an error when commands had to be abandoned.
func (l *AgentLink) Serve(ctx context.Context, handle func(context.Context, Command)) error {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var running sync.WaitGroup
	slots := make(chan struct{}, l.cfg.Limit)
	gone := make(chan struct{})
	sub, err := l.nc.Subscribe(protocol.DownAll(l.cfg.Agent), func(m *nats.Msg) {
		_, op, ok := protocol.ParseDown(m.Subject)
		if !ok {
			l.cfg.Logger.Warn("command with an unknown subject dropped", "bytes", len(m.Data))
			return
		}
		if op == protocol.Ping {
			_ = m.Respond(nil) // the connection that asks is gone: nobody is left to tell
			return
		}
		select {
		case slots <- struct{}{}:
		default:
			l.refuse(m, op)
			return
		}
		running.Go(func() {
			defer func() { <-slots }()
			handle(work, Command{Op: op, Data: m.Data, Reply: func(b []byte) error { return reply(m, b) }})
		})
	})
	if err != nil {
		return fmt.Errorf("serve commands: %w", err)
	}
	sub.SetClosedHandler(func(string) { close(gone) })
	select {
	case <-ctx.Done():
	case <-l.closed:
		return fmt.Errorf("serve commands: %w", ErrUnavailable)
	}
	return l.drain(sub, gone, &running) //nolint:contextcheck // ctx has ended; draining has a time of its own
}

func reply(m *nats.Msg, b []byte) error {
	if m.Reply == "" {
		return errNoReply
	}
	if err := m.Respond(b); err != nil {
		return fmt.Errorf("answer command: %w", err)
	}
	return nil
}

func (l *AgentLink) refuse(m *nats.Msg, op protocol.Operation) {
	l.cfg.Logger.Warn("more commands than are carried out at once", "op", op, "limit", l.cfg.Limit)
	b, err := protocol.Encode(refusal{Version: protocol.Version, Agent: l.cfg.Agent, Reason: protocol.ReasonOverloaded})
	if err == nil {
		err = reply(m, b)
	}
	if err != nil {
		l.cfg.Logger.Warn("refusal not sent", "op", op, "error", err)
	}
}

// drain stops in an order of its own, because Drain of the connection does not wait for goroutines that
// were started by a subscription.
func (l *AgentLink) drain(sub *nats.Subscription, gone <-chan struct{}, running *sync.WaitGroup) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.life), drainTime)
	defer cancel()
	if err := sub.Drain(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		return fmt.Errorf("stop taking commands: %w", err)
	}
	done, alone := make(chan struct{}), make(chan struct{})
	go func() { // ends with the last command
		select {
		case <-gone:
		case <-alone:
		case <-l.closed:
		}
		running.Wait()
		close(done)
	}()
	look := time.NewTicker(drainLook)
	defer look.Stop()
	for away, stopped := 0, false; !stopped; {
		if !l.Connected() {
			_ = sub.Unsubscribe() // Drain asks the server, and waits for one that is gone; an error means it is over
			if away++; away == drainAlone {
				close(alone) // nothing more comes, whether the subscription says that it is over or not
			}
		}
		select {
		case <-done:
			stopped = true
		case <-look.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for commands in progress: %w", ctx.Err())
		}
	}
	if !l.Connected() {
		return nil // nobody to flush to; results are repeated from the agent's outbox
	}
	if err := l.nc.FlushWithContext(ctx); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		return fmt.Errorf("flush the last answers: %w", err)
	}
	return nil
}
