package sms

import (
	"context"
	"strings"
)

// Mail hands messages to a gateway that takes mail: to an address made of the number.
type Mail struct {
	To   string // {number}@sms.example: {number} becomes the digits
	Post func(ctx context.Context, to, text, lang string) error
}

// Send posts one message.
func (m *Mail) Send(ctx context.Context, t Message) error {
	to := strings.ReplaceAll(m.To, "{number}", strings.TrimPrefix(t.To, "+"))
	return m.Post(ctx, to, t.Text, t.Lang)
}
