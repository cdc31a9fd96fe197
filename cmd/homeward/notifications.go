package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"homeward/internal/agent/command"
	"homeward/internal/cli"
	"homeward/internal/cli/answer"
	"homeward/internal/server/setting"
	"homeward/internal/server/tenant"
)

// tenantExpiry shows or sets when people are reminded that their password expires.
type tenantExpiry struct {
	settings

	Days  *string `help:"Days before a password expires, such as 14,7,1; an empty list: nobody is reminded." placeholder:"LIST"`
	Quiet *string `help:"When nobody is written to, in the tenant's time zone, such as 20:00-07:00; empty: never." placeholder:"TIMES"`
}

// expiryAnswer is when people are reminded.
type expiryAnswer struct {
	Days  []int  `json:"days" about:"Before a password expires; an empty list: nobody is reminded."`
	From  string `json:"quiet_from,omitempty" about:"Such as 20:00, in the tenant's time zone."`
	Until string `json:"quiet_until,omitempty"`
}

func expiryOf(s tenant.Settings) expiryAnswer {
	return expiryAnswer{append([]int{}, s.Expiry.Days...), s.Expiry.QuietFrom, s.Expiry.QuietUntil}
}

func (a expiryAnswer) add(t *answer.Table) {
	days, quiet := setting.Numbers(a.Days), "none"
	if days == "" {
		days = "nobody is reminded"
	}
	if a.From != "" {
		quiet = a.From + "-" + a.Until
	}
	t.Add("days before a password expires", days)
	t.Add("quiet hours", quiet)
}

// Answer implements cli.Answering.
func (tenantExpiry) Answer() any { return expiryAnswer{} }

// Run implements the verb.
func (v *tenantExpiry) Run(ctx context.Context, s command.Streams) error {
	var change func(t *tenant.Tenant) error
	if v.Days != nil || v.Quiet != nil {
		change = func(t *tenant.Tenant) error { return setExpiry(&t.Settings.Expiry, v.Days, v.Quiet) }
	}
	return v.run(ctx, s, of(setting.Notifications), change, func(t tenant.Tenant) (any, *answer.Table) {
		a, table := expiryOf(t.Settings), answer.Settings()
		a.add(table)
		return a, table
	})
}

func setExpiry(e *tenant.Expiry, days, quiet *string) error {
	if days != nil {
		e.Days = nil
		for part := range strings.SplitSeq(*days, ",") {
			part = strings.TrimSpace(part)
			if part == "" {
				continue
			}
			n, err := strconv.Atoi(part)
			if err != nil {
				return cli.Wrong(fmt.Errorf("--days: %q is no number of days", part))
			}
			if !slices.Contains(e.Days, n) {
				e.Days = append(e.Days, n)
			}
		}
	}
	if quiet != nil {
		from, until, _ := strings.Cut(*quiet, "-")
		e.QuietFrom, e.QuietUntil = strings.TrimSpace(from), strings.TrimSpace(until)
	}
	return e.Check()
}

// tenantNotifications shows or sets who hears about what.
type tenantNotifications struct {
	settings

	People         *bool     `negatable:"" help:"People are told when their password was changed or their account unlocked."`
	Texts          *bool     `negatable:"" help:"They are told by text message too, at the mobile number known before."`
	Administrators *bool     `negatable:"" help:"Every Global Administrator is told when somebody who holds a role gets a new password."`
	AlertMail      *[]string `help:"Addresses that hear that writeback stopped or works again; empty: none." placeholder:"LIST"`
	Webhook        *string   `help:"Address that the same is posted to; empty: none. homeward alert secret prints what signs it." placeholder:"URL"`
	PlainWebhook   *bool     `negatable:"" help:"The webhook may be http, at a private address that nobody else can listen to."`
	Days           *string   `help:"Days before a password expires on which its owner is told, such as 14,7,1." placeholder:"LIST"`
	Quiet          *string   `help:"When nobody is, such as 20:00-07:00." placeholder:"TIMES"`
}

// notificationsAnswer is who hears about what.
type notificationsAnswer struct {
	People         bool         `json:"people" about:"People are told when their password was changed or their account unlocked."`
	Texts          bool         `json:"texts" about:"By text message too, at the mobile number known before."`
	Administrators bool         `json:"administrators" about:"Global Administrators are told when somebody who holds a role gets a new password."`
	AlertMail      []string     `json:"alert_mail" about:"Addresses that hear that writeback stopped or works again."`
	Webhook        string       `json:"webhook,omitempty"`
	PlainWebhook   bool         `json:"plain_webhook" about:"The webhook may be http, at a private address."`
	Expiry         expiryAnswer `json:"expiry"`
}

func notificationsOf(s tenant.Settings) notificationsAnswer {
	return notificationsAnswer{!s.PeopleUntold, s.PeopleTexted, s.TellAdministrators, append([]string{}, s.Alerts.Mail...), s.Alerts.WebhookURL, s.Alerts.PlainWebhook, expiryOf(s)}
}

func (a notificationsAnswer) add(t *answer.Table) {
	none := func(s string) string {
		if s == "" {
			return "none"
		}
		return s
	}
	t.Add("tell people", onOff(a.People))
	t.Add("tell people by text message", onOff(a.Texts))
	t.Add("tell administrators", onOff(a.Administrators))
	t.Add("alerts to", none(strings.Join(a.AlertMail, ", ")))
	t.Add("alert webhook", none(a.Webhook))
	t.Add("alert webhook without encryption", onOff(a.PlainWebhook))
	a.Expiry.add(t)
}

// Answer implements cli.Answering.
func (tenantNotifications) Answer() any { return notificationsAnswer{} }

// Run implements the verb.
func (v *tenantNotifications) Run(ctx context.Context, s command.Streams) error {
	var change func(t *tenant.Tenant) error
	if v.People != nil || v.Texts != nil || v.Administrators != nil || v.AlertMail != nil || v.Webhook != nil || v.PlainWebhook != nil || v.Days != nil || v.Quiet != nil {
		change = func(t *tenant.Tenant) error { return v.set(&t.Settings) }
	}
	return v.run(ctx, s, of(setting.Notifications), change, func(t tenant.Tenant) (any, *answer.Table) {
		a, table := notificationsOf(t.Settings), answer.Settings()
		a.add(table)
		return a, table
	})
}

func (v *tenantNotifications) set(s *tenant.Settings) error {
	if v.People != nil {
		s.PeopleUntold = !*v.People
	}
	if v.Texts != nil {
		s.PeopleTexted = *v.Texts
	}
	if v.Administrators != nil {
		s.TellAdministrators = *v.Administrators
	}
	if v.AlertMail != nil {
		s.Alerts.Mail = slices.DeleteFunc(*v.AlertMail, func(m string) bool { return m == "" })
	}
	if v.Webhook != nil {
		s.Alerts.WebhookURL = *v.Webhook
	}
	if v.PlainWebhook != nil {
		s.Alerts.PlainWebhook = *v.PlainWebhook
	}
	return errors.Join(s.Alerts.Check(), setExpiry(&s.Expiry, v.Days, v.Quiet))
}
