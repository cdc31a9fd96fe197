package notify

import (
	"context"
	"errors"
)

// Channels is a Sender that hands mails to one side and text messages to the other.
type Channels struct {
	Mail Sender
	Text func(ctx context.Context, to, text, lang string) error // nil: text messages are off
	// Hook posts the body of an alert to a tenant's webhook.
	Hook func(ctx context.Context, tenant, address string, body []byte) error
}

// errTextOff reports a text message that was queued while they could be sent.
var errTextOff = errors.New("text messages are turned off in the configuration")

// Send hands one message over.
func (c Channels) Send(ctx context.Context, m Message) error {
	switch {
	case m.Channel == Hook:
		return c.Hook(ctx, m.Tenant, m.To, []byte(m.Text))
	case m.Channel != Text:
		return c.Mail.Send(ctx, m)
	case c.Text == nil:
		return errTextOff
	}
	return c.Text(ctx, m.To, m.Text, m.Lang)
}
