package admin

import (
	"net/http"
	"net/url"

	"homeward/internal/server/audit"
	"homeward/internal/server/operator"
	"homeward/internal/server/tenant"
)

const tryPath = notificationsPath + "/test"

func tryRoutes() []route {
	return []route{{"POST " + tryPath, operator.ChangeSettings, (*visit).postTry}}
}

// TryPath is where a test is asked for.
func (NotificationsPage) TryPath() string { return tryPath }

// Sender says whose name is on the letters; empty: none is known.
func (p NotificationsPage) Sender() string {
	if p.Mailer == "" {
		return ""
	}
	return p.T("admin.notifications.from", "From", p.Mailer)
}

// postTry sends the letter that people receive to the administrator who asks, past the queue, so that what the mail server says
// of it can be shown. It is counted like what administrators do for people, and recorded.
func (v *visit) postTry() error {
	to, problem := v.by.Name, ""
	switch {
	case !v.Desk.Mail:
		problem = v.frame.T("admin.registration.remind.nomail")
	case tenant.CheckMail(to) != nil:
		problem = v.frame.T("admin.notifications.test.address", "Name", to)
	default:
		until, err := v.Helpdesk.Limits.Operate(v.ctx(), v.tenant.ID, v.by.Name)
		if err != nil {
			return err
		}
		if !until.IsZero() {
			return &operator.LimitError{Until: until}
		}
		record := audit.Record{Activity: "Send test message", Hop: "operator", Result: "ok", Actor: v.by.Name}
		if err := v.Desk.Try(v.ctx(), v.tenant, to, v.frame.Lang()); err != nil {
			if v.ctx().Err() != nil {
				return v.ctx().Err()
			}
			record.Result = "failed"
			problem = v.frame.T("admin.notifications.test.failed", "Error", clip(err.Error()))
		}
		v.Record(v.ctx(), v.tenant.ID, record)
	}
	if problem == "" {
		return v.seeOther(notificationsPath + "?" + url.Values{"test": {"sent"}}.Encode())
	}
	p, err := v.notifications(v.tenant.Settings)
	if err != nil {
		return err
	}
	p.Problems = Problems{{"test", problem}}
	return v.render(http.StatusUnprocessableEntity, p)
}

// clip keeps what a mail server says to a length that a page can show.
func clip(text string) string {
	const most = 300
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}
