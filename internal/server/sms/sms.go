// Package sms hands text messages to whoever delivers them: a message centre over SMPP 3.4, a provider's webhook, or a gateway
// that turns mail into text messages.
//
// It says only whether the other side took a message. It keeps nothing and repeats nothing; the queue does. No error holds a
// message's text or a telephone number.
package sms

import (
	"context"
	"errors"
	"time"
)

// Message is one text message.
type Message struct {
	To   string // +46701234542
	Text string
	Lang string
}

// ErrRefused reports that the other side will not take a message.
var ErrRefused = errors.New("message was refused")

// timeout bounds the handing over of one message.
const timeout = 15 * time.Second

// bounded returns a context that ends after timeout.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, timeout)
}
