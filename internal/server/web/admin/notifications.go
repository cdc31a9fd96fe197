package admin

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"homeward/internal/server/setting"
	"homeward/internal/server/tenant"
	"homeward/internal/webaddress"
)

// NotificationsPage says who hears about what: GET and POST /admin/password-reset/notifications.
type NotificationsPage struct {
	Settings

	People, Admins bool
	Texts, CanText bool // people are told by text message too; the server can send them
	Administrators int  // addresses that hear of it
	Mail           string
	Webhook        string
	Plain          bool // the webhook may do without encryption
	Days           string
	From, Until    string
	Subject, Text  string // of the letter people get
	Mailer         string // its sender
	Tried          string // where a test has just been sent; empty: nowhere
}

// Template names the page's file.
func (NotificationsPage) Template() string { return "notifications" }

// Title is the page's one h1.
func (p NotificationsPage) Title() string { return p.T("admin.nav.notifications") }

// Crumbs lead to the page.
func (p NotificationsPage) Crumbs() []Crumb { return p.crumbs(p.Title()) }

// Paragraphs are those of the letter.
func (p NotificationsPage) Paragraphs() []string {
	return slices.DeleteFunc(strings.Split(p.Text, "\n"), func(s string) bool { return strings.TrimSpace(s) == "" })
}

func (v *visit) notifications(s tenant.Settings) (NotificationsPage, error) {
	p := NotificationsPage{
		Settings: v.base(notificationsPath, setting.Notifications(v.tenant.Settings)), People: !s.PeopleUntold, Admins: s.TellAdministrators,
		Texts: s.PeopleTexted, CanText: v.Desk.Texts,
		Mail: strings.Join(s.Alerts.Mail, "\n"), Webhook: s.Alerts.WebhookURL, Plain: s.Alerts.PlainWebhook,
		Days: setting.Numbers(s.Expiry.Days), From: s.Expiry.QuietFrom, Until: s.Expiry.QuietUntil,
	}
	all, err := v.Desk.Administrators(v.ctx(), v.tenant.ID)
	p.Administrators = len(all)
	p.Mailer = v.Desk.Mailer
	if v.r.Method == http.MethodGet && v.r.URL.Query().Get("test") == "sent" {
		p.Tried = v.by.Name
	}
	name := v.tenant.Name
	p.Subject = p.T("mail.changed.subject", "Name", name, "Moment", "")
	p.Text = p.T("mail.changed.text", "Name", name, "Moment", p.Moment(p.Now, p.Location)) + "\n" + p.T("mail.zone", "Zone", p.Zone())
	if s.HelpdeskPhone != "" {
		p.Text += "\n" + p.T("mail.help", "Phone", s.HelpdeskPhone)
	}
	return p, err
}

func (v *visit) getNotifications() error {
	p, err := v.notifications(v.tenant.Settings)
	if err != nil {
		return err
	}
	return v.render(http.StatusOK, p)
}

// days reads numbers with commas or spaces between them, the largest first, each once; ErrDays for what is none.
func days(text string) ([]int, error) {
	var out []int
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == ';' || r == '،' || r == '、' }) {
		n, err := strconv.Atoi(word)
		if err != nil {
			return nil, tenant.ErrDays
		}
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	slices.SortFunc(out, func(a, b int) int { return b - a })
	return out, nil
}

// addresses are the lines of a text, each once.
func addresses(text string) []string {
	var out []string
	for _, line := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("\n,; ", r) }) {
		if !slices.ContainsFunc(out, func(have string) bool { return strings.EqualFold(have, line) }) {
			out = append(out, line)
		}
	}
	return out
}

func (v *visit) postNotifications() error {
	if err := v.form(); err != nil {
		return err
	}
	alerts := tenant.Alerts{Mail: addresses(v.typed("alerts")), WebhookURL: v.typed("webhook"), PlainWebhook: v.yes("plain")}
	when, bad := days(v.typed("expiry"))
	expiry := tenant.Expiry{Days: when, QuietFrom: v.typed("from"), QuietUntil: v.typed("until")}
	problems := v.notificationProblems(alerts, expiry, bad)
	var err error
	if len(problems) == 0 {
		err = v.save(setting.Notifications, func(s *tenant.Settings) error {
			s.PeopleUntold, s.PeopleTexted, s.TellAdministrators, s.Alerts, s.Expiry = !v.yes("people"), v.yes("texts"), v.yes("admins"), alerts, expiry
			return nil
		})
		if err == nil {
			return v.seeOther(notificationsPath + "?saved=1")
		}
	}
	status, known := v.refused(err, "people", &problems)
	if !known {
		return err
	}
	shown := v.tenant.Settings
	if status != http.StatusConflict {
		shown.PeopleUntold, shown.PeopleTexted, shown.TellAdministrators, shown.Alerts, shown.Expiry = !v.yes("people"), v.yes("texts"), v.yes("admins"), alerts, expiry
	}
	p, err := v.notifications(shown)
	if err != nil {
		return err
	}
	if bad != nil && status != http.StatusConflict {
		p.Days = v.typed("expiry")
	}
	p.Problems = problems
	return v.render(status, p)
}

func (v *visit) notificationProblems(a tenant.Alerts, e tenant.Expiry, bad error) Problems {
	var out Problems
	f := v.frame
	switch err := a.Check(); {
	case errors.Is(err, webaddress.ErrPlain):
		out = append(out, FieldError{"webhook", f.T("admin.notifications.webhook.secure")})
	case errors.Is(err, webaddress.ErrUnconfirmed):
		out = append(out, FieldError{"plain", f.T("admin.notifications.webhook.confirm")})
	case errors.Is(err, tenant.ErrHook):
		out = append(out, FieldError{"webhook", f.T("admin.notifications.webhook.wrong")})
	case errors.Is(err, tenant.ErrTooMany):
		out = append(out, FieldError{"alerts", f.T("admin.notifications.alerts.many", "Most", tenant.MaxAlertMail)})
	case err != nil:
		out = append(out, FieldError{"alerts", f.T("admin.notifications.alerts.wrong")})
	}
	switch err := errors.Join(bad, e.Check()); {
	case errors.Is(err, tenant.ErrClock):
		out = append(out, FieldError{"from", f.T("admin.notifications.quiet.wrong")})
	case err != nil:
		out = append(out, FieldError{"expiry", f.T("admin.notifications.expiry.wrong", "Times", tenant.MaxExpiryTimes, "Most", tenant.MaxExpiryDays)})
	}
	return out
}
