package server

import (
	"context"
	"time"

	"homeward/internal/config"
	"homeward/internal/server/notify"
	"homeward/internal/server/sms"
	"homeward/internal/server/webhook"
)

// textSender is how text messages leave, as the configuration says; nil: not at all.
func textSender(c config.Text, mail *notify.SMTP, now func() time.Time) (func(ctx context.Context, to, text, lang string) error, error) {
	var send func(context.Context, sms.Message) error
	switch c.Via {
	case "smpp":
		s := &sms.SMPP{
			Address: c.SMPP.Address, System: c.SMPP.System, Password: secretFile(c.SMPP.PasswordFile), From: c.From, UCS2: c.SMPP.Alphabet == "ucs2",
		}
		if c.SMPP.TLS == "tls" {
			roots, err := trust(c.SMPP.CAFile)
			if err != nil {
				return nil, err
			}
			s.TLS = roots
		}
		send = s.Send
	case "webhook":
		roots, err := trust(c.Webhook.CAFile)
		if err != nil {
			return nil, err
		}
		send = (&sms.Webhook{
			URL: c.Webhook.URL, From: c.From, Secret: secretFile(c.Webhook.SecretFile), Client: webhook.Trusting(roots), Now: now,
		}).Send
	case "mail":
		send = (&sms.Mail{To: c.MailTo, Post: func(ctx context.Context, to, text, lang string) error {
			return mail.Send(ctx, notify.Message{To: to, Text: text, Lang: lang})
		}}).Send
	default:
		return nil, nil
	}
	return func(ctx context.Context, to, text, lang string) error {
		return send(ctx, sms.Message{To: to, Text: text, Lang: lang})
	}, nil
}
