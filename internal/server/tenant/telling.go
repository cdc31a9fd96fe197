package tenant

import (
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"time"

	"homeward/internal/webaddress"
)

// Alerts says where administrators are told that writeback stopped, or works again.
type Alerts struct {
	Mail       []string `json:"mail,omitempty"`
	WebhookURL string   `json:"webhook_url,omitempty"`
	// PlainWebhook: an administrator has confirmed that the webhook, on a private address, is reached without encryption.
	PlainWebhook bool `json:"plain_webhook,omitempty"`
}

// MaxAlertMail is how many addresses alerts go to.
const MaxAlertMail = 20

// Errors that a page says in the reader's language.
var (
	ErrTooMany = errors.New("too many")
	ErrMail    = errors.New("not a mail address")
	ErrURL     = errors.New("not a web address")
	ErrHook    = errors.New("nothing may be posted there")
	ErrDays    = errors.New("not a number of days")
	ErrClock   = errors.New("not a time of day")
)

// Check says what an administrator has to mend.
func (a Alerts) Check() error {
	if len(a.Mail) > MaxAlertMail {
		return fmt.Errorf("%d addresses for alerts: use up to %d: %w", len(a.Mail), MaxAlertMail, ErrTooMany)
	}
	for _, m := range a.Mail {
		if err := CheckMail(m); err != nil {
			return fmt.Errorf("alerts: %w", err)
		}
	}
	if a.WebhookURL == "" {
		return nil
	}
	if err := webaddress.Check(a.WebhookURL, a.PlainWebhook); err != nil {
		return fmt.Errorf("webhook of alerts: %w: %w", ErrHook, err)
	}
	return nil
}

// CheckMail refuses what is no plain mail address.
func CheckMail(text string) error {
	const most = 254 // RFC 5321 (4.5.3.1.3)
	a, err := mail.ParseAddress(text)
	if err != nil || a.Address != text || len(text) > most {
		return fmt.Errorf("%.60q: %w, such as it@contoso.com", text, ErrMail)
	}
	return nil
}

// CheckURL refuses what is no whole address of one of the schemes.
func CheckURL(text string, schemes ...string) error {
	const most = 500
	u, err := url.Parse(text)
	if err != nil || !slices.Contains(schemes, u.Scheme) || u.Host == "" || u.User != nil || len(text) > most || strings.ContainsAny(text, " \"<>\\") {
		return fmt.Errorf("%.60q: %w, such as https://help.contoso.com", text, ErrURL)
	}
	return nil
}

// Expiry says how many days before a password expires its owner is told, and when nobody is: in the tenant's time zone,
// as 22:00. No days: nobody is told. The same time twice, or none: there are no quiet hours.
type Expiry struct {
	Days       []int  `json:"days,omitempty"`
	QuietFrom  string `json:"quiet_from,omitempty"`
	QuietUntil string `json:"quiet_until,omitempty"`
}

// The bounds of Expiry.Days.
const (
	MaxExpiryDays  = 90
	MaxExpiryTimes = 5
)

// Check says what an administrator has to mend.
func (e Expiry) Check() error {
	if len(e.Days) > MaxExpiryTimes {
		return fmt.Errorf("%d reminders before a password expires: use up to %d: %w", len(e.Days), MaxExpiryTimes, ErrTooMany)
	}
	for _, d := range e.Days {
		if d < 1 || d > MaxExpiryDays {
			return fmt.Errorf("%d days before a password expires: use 1 to %d: %w", d, MaxExpiryDays, ErrDays)
		}
	}
	if (e.QuietFrom == "") != (e.QuietUntil == "") {
		return fmt.Errorf("quiet hours need both their beginning and their end: %w", ErrClock)
	}
	for _, at := range []string{e.QuietFrom, e.QuietUntil} {
		if _, err := time.Parse("15:04", at); at != "" && (err != nil || len(at) != len("15:04")) {
			return fmt.Errorf("%.20q: %w, such as 22:00", at, ErrClock)
		}
	}
	return nil
}
