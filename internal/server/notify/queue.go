// Package notify tells people by mail and text message. Messages go through a stored queue, so a page never waits for a mail
// server and a restart loses none; since they hold codes, the store only ever sees them sealed. It writes
// only to addresses that callers took from the directory or that people have registered.
package notify

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// lease is how long one claimer owns a message before another may try: after a killed server, this is how
	// late its mail can be. A person waits for the code in it.
	lease = 45 * time.Second
	// lines is how many messages are handed over at once.
	lines = 4
	// poll finds messages that another process queued.
	poll = 5 * time.Second
	// retryFirst doubles per try up to retryMost.
	retryFirst = 5 * time.Second
	retryMost  = 10 * time.Minute
)

// Text is the channel of a text message; a mail has none.
const Text = "text"

// Message is one mail or text message.
type Message struct {
	Channel string `json:"channel,omitempty"`
	Tenant  string `json:"tenant,omitempty"` // Hook: whose secret signs it
	To      string `json:"to"`
	Subject string `json:"subject"`
	Text    string `json:"text"`
	Lang    string `json:"lang"`
}

// Store keeps the queue.
type Store interface {
	Enqueue(ctx context.Context, m Mail) error
	ClaimMail(ctx context.Context, now time.Time, lease time.Duration) ([]Mail, error)
	MailSent(ctx context.Context, id string) error
	MailRetry(ctx context.Context, id string, due time.Time) error
}

// Sealer seals what the store may not read.
type Sealer interface {
	Seal(purpose string, plaintext []byte) ([]byte, error)
	Open(purpose string, sealed []byte) ([]byte, error)
}

// Sender hands a message to a mail server.
type Sender interface {
	Send(ctx context.Context, m Message) error
}

// Queue is the mail queue.
type Queue struct {
	store  Store
	sealer Sealer
	sender Sender
	now    func() time.Time
	log    *slog.Logger
	wake   chan struct{}
}

// NewQueue returns a queue; Run sends.
func NewQueue(store Store, sealer Sealer, sender Sender, now func() time.Time, log *slog.Logger) *Queue {
	return &Queue{store: store, sealer: sealer, sender: sender, now: now, log: log, wake: make(chan struct{}, 1)}
}

// In returns the queue as it stands in a transaction: what is posted there is sent when Wake is called after the
// commit, or at the next look.
func (q *Queue) In(store Store) *Queue {
	inner := *q
	inner.store, inner.wake = store, make(chan struct{}, 1)
	return &inner
}

// Wake sends what is due now instead of at the next look.
func (q *Queue) Wake() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Post queues a message that is worth sending until expires. An empty To is queued like any other and then
// dropped: callers use it where the time taken must not tell whether there is anybody to write to.
func (q *Queue) Post(ctx context.Context, tenant string, m Message, expires time.Time) error {
	return q.PostAt(ctx, tenant, m, q.now(), expires)
}

// PostAt is Post for a message that isn't sent before it is due: of many at once, what others wait for isn't held up.
func (q *Queue) PostAt(ctx context.Context, tenant string, m Message, due, expires time.Time) error {
	id := rand.Text()
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("queue mail: %w", err)
	}
	defer clear(body)
	sealed, err := q.sealer.Seal(purpose(id), body)
	if err != nil {
		return fmt.Errorf("queue mail: %w", err)
	}
	if err := q.store.Enqueue(ctx, Mail{ID: id, Tenant: tenant, Sealed: sealed, Due: due, Expires: expires}); err != nil {
		return fmt.Errorf("queue mail: %w", err)
	}
	q.Wake()
	return nil
}

// Run sends queued mail until ctx ends.
func (q *Queue) Run(ctx context.Context) error {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		if err := q.flush(ctx); err != nil && ctx.Err() == nil {
			q.log.Error("mail queue can't be read", "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-q.wake:
		case <-tick.C:
		}
	}
}

func (q *Queue) flush(ctx context.Context) error {
	for {
		claimed := q.now()
		batch, err := q.store.ClaimMail(ctx, claimed, lease)
		if err != nil || len(batch) == 0 {
			return err
		}
		var some errgroup.Group // a message that hangs holds up its own line only
		some.SetLimit(lines)
		for _, m := range batch {
			some.Go(func() error {
				if q.now().Sub(claimed) > lease-smtpTimeout {
					return nil // a slow mail server: it may be somebody else's before it is sent
				}
				return q.deliver(ctx, m)
			})
		}
		if err := some.Wait(); err != nil {
			return err
		}
	}
}

// deliver sends one message and settles its row. Only the store's errors are returned.
func (q *Queue) deliver(ctx context.Context, m Mail) error {
	if !m.Expires.After(q.now()) {
		return q.store.MailSent(ctx, m.ID)
	}
	body, err := q.sealer.Open(purpose(m.ID), m.Sealed)
	if err != nil {
		q.log.Error("queued mail does not open with this master key; dropped", "mail", m.ID)
		return q.store.MailSent(ctx, m.ID)
	}
	defer clear(body)
	var msg Message
	if err := json.Unmarshal(body, &msg); err != nil || msg.To == "" {
		return q.store.MailSent(ctx, m.ID)
	}
	if err := q.sender.Send(ctx, msg); err != nil {
		q.log.Warn("mail was not taken; will try again", "mail", m.ID, "try", m.Tries+1, "error", err)
		return q.store.MailRetry(ctx, m.ID, q.now().Add(backoff(m.Tries)))
	}
	return q.store.MailSent(ctx, m.ID)
}

func backoff(tries int) time.Duration {
	return min(retryFirst<<min(tries, 10), retryMost)
}

func purpose(id string) string { return "mail/sealed/" + id }
