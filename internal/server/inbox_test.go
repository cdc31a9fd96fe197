package server

import (
	"context"
	"testing"
	"time"

	"homeward/internal/server/notify"
)

// inbox takes what a queue sends.
type inbox struct{ got chan string }

func newInbox() inbox { return inbox{make(chan string, 256)} }

// Send implements notify.Sender.
func (b inbox) Send(_ context.Context, m notify.Message) error {
	b.got <- m.To + "\n" + m.Subject + "\n" + m.Text
	return nil
}

func (b inbox) text(_ context.Context, to, text, _ string) error {
	b.got <- to + "\n" + text
	return nil
}

// read runs the queue until it has sent n messages, and returns them.
func (b inbox) read(t *testing.T, q *notify.Queue, n int) []string {
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
