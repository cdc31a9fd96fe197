package server

import (
	"context"
	"testing"
	"time"

	"homeward/internal/server/notify"
)

// mailbox takes what a queue sends.
type mailbox struct{ got chan string }

func newMailbox() mailbox { return mailbox{make(chan string, 256)} }

// Send implements notify.Sender.
func (b mailbox) Send(_ context.Context, m notify.Message) error {
	b.got <- m.To + "\n" + m.Subject + "\n" + m.Text
	return nil
}

func (b mailbox) text(_ context.Context, to, text, _ string) error {
	b.got <- to + "\n" + text
	return nil
}

// read runs the queue until it has sent n messages, and returns them.
func (b mailbox) read(t *testing.T, q *notify.Queue, n int) []string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- q.Run(ctx) }()
	defer func() { cancel(); <-done }()
	out := make([]string, 0, n)
	for len(out) < n {
		select {
		case m := <-b.got:
			out = append(out, m)
		case <-time.After(20 * time.Second):
			t.Fatalf("%d of %d messages came", len(out), n)
		}
	}
	return out
}
