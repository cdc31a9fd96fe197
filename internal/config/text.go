package config

import (
	"fmt"
	"net"
	"strings"

	"homeward/internal/webaddress"
)

// Text says how text messages are sent. They are off until via says how.
type Text struct {
	Via     string  `koanf:"via" about:"how text messages are sent: empty for not at all, smpp, webhook or mail"`
	From    string  `koanf:"from" about:"sender that phones show: a number, or up to 11 letters where the provider allows it"`
	SMPP    SMPP    `koanf:"smpp"`
	Webhook Webhook `koanf:"webhook"`
	MailTo  string  `koanf:"mail_to" about:"via mail: the gateway's address with {number} in it, such as {number}@sms.example"`
}

// SMPP is a message centre.
type SMPP struct {
	Address      string `koanf:"address" about:"via smpp: the message centre, host:port"`
	TLS          string `koanf:"tls" about:"tls, or none on a network of your own"`
	System       string `koanf:"system_id" about:"user name, up to 15 characters"`
	PasswordFile string `koanf:"password_file" about:"file with its password, one line of up to 8 characters, chmod 600"`
	Alphabet     string `koanf:"alphabet" about:"the centre's default alphabet: gsm, or ucs2 to send everything as UCS-2"`
	CAFile       string `koanf:"ca_file" about:"PEM of a private certificate authority; empty: the machine's"`
}

// Webhook is a provider's address.
type Webhook struct {
	URL        string `koanf:"url" about:"via webhook: https address that each message is posted to as JSON"`
	SecretFile string `koanf:"secret_file" about:"file with the secret that signs each post, one line, chmod 600"`
	CAFile     string `koanf:"ca_file" about:"PEM of a private certificate authority; empty: the machine's"`
}

// On reports whether text messages can be sent.
func (t *Text) On() bool { return t.Via != "" }

func (t *Text) check() []string {
	var p []string
	need := func(key, value string) {
		if value == "" {
			p = append(p, fmt.Sprintf("text.%s is missing: text.via is %s", key, t.Via))
		}
	}
	if len(t.From) > 16 {
		p = append(p, "text.from is longer than 16 characters")
	}
	switch t.Via {
	case "":
	case "smpp":
		need("smpp.system_id", t.SMPP.System)
		need("smpp.password_file", t.SMPP.PasswordFile)
		if host, port, err := net.SplitHostPort(t.SMPP.Address); err != nil || host == "" || port == "" {
			p = append(p, fmt.Sprintf("text.smpp.address is %q: it must be host:port", t.SMPP.Address))
		}
		if len(t.SMPP.System) > 15 {
			p = append(p, "text.smpp.system_id is longer than 15 characters")
		}
		if !oneOf(t.SMPP.TLS, "tls", "none") {
			p = append(p, fmt.Sprintf("text.smpp.tls is %q: use tls or none", t.SMPP.TLS))
		}
		if !oneOf(t.SMPP.Alphabet, "gsm", "ucs2") {
			p = append(p, fmt.Sprintf("text.smpp.alphabet is %q: use gsm or ucs2", t.SMPP.Alphabet))
		}
	case "webhook":
		need("webhook.secret_file", t.Webhook.SecretFile)
		if webaddress.Check(t.Webhook.URL, false) != nil {
			p = append(p, "text.webhook.url must be https://…: codes are sent to it")
		}
	case "mail":
		if !strings.Contains(t.MailTo, "{number}") || !strings.Contains(t.MailTo, "@") {
			p = append(p, "text.mail_to must be a mail address with {number} in it, such as {number}@sms.example")
		}
	default:
		p = append(p, fmt.Sprintf("text.via is %q: use smpp, webhook or mail, or leave it out", t.Via))
	}
	return p
}
