package notify

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"github.com/wneessen/go-mail"
)

// SMTP sends through one mail server.
type SMTP struct {
	host string
	from string
	name string
	opts []mail.Option
}

// SMTPConfig says how to reach it.
type SMTPConfig struct {
	Host     string
	Port     int
	TLS      string // starttls, tls or none
	User     string
	Password func() (string, error) // read for each delivery; nil without User
	From     string
	FromName string
	Roots    *tls.Config // nil: the machine's roots
}

const smtpTimeout = 15 * time.Second

// NewSMTP returns a sender. It does not connect.
func NewSMTP(c SMTPConfig) (*SMTP, error) {
	opts := []mail.Option{mail.WithPort(c.Port), mail.WithTimeout(smtpTimeout)}
	switch c.TLS {
	case "tls":
		opts = append(opts, mail.WithSSL())
	case "none":
		opts = append(opts, mail.WithTLSPolicy(mail.NoTLS))
	default:
		opts = append(opts, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if c.Roots != nil {
		cfg := c.Roots.Clone()
		cfg.ServerName, cfg.MinVersion = c.Host, tls.VersionTLS12
		opts = append(opts, mail.WithTLSConfig(cfg))
	}
	if c.User != "" {
		password, err := c.Password()
		if err != nil {
			return nil, fmt.Errorf("mail password: %w", err)
		}
		opts = append(opts, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(c.User), mail.WithPassword(password))
	}
	return &SMTP{host: c.Host, from: c.From, name: c.FromName, opts: opts}, nil
}

// Send delivers one message to the mail server. Its errors may quote the server, never the message.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	msg := mail.NewMsg()
	if err := msg.FromFormat(s.name, s.from); err != nil {
		return fmt.Errorf("mail sender: %w", err)
	}
	if err := msg.To(m.To); err != nil {
		return fmt.Errorf("mail recipient is not an address")
	}
	msg.Subject(m.Subject)
	msg.SetBodyString(mail.TypeTextPlain, m.Text)
	msg.SetGenHeader("Content-Language", m.Lang)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no vacation replies
	msg.SetMessageID()
	msg.SetDate()
	client, err := mail.NewClient(s.host, s.opts...)
	if err != nil {
		return fmt.Errorf("mail client: %w", err)
	}
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		return fmt.Errorf("mail server %s: %w", s.host, err)
	}
	return nil
}
