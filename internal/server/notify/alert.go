package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"homeward/internal/server/alert"
	"homeward/internal/server/locale"
	"homeward/internal/server/tenant"
)

// alertLife is how long an alert is worth delivering.
const alertLife = 24 * time.Hour

// alertWords are the messages of one kind: what is wrong, what to do, that it is over, and where to look.
type alertWords struct{ title, do, over, page string }

func wordsOfAlert(k alert.Kind) alertWords {
	return map[alert.Kind]alertWords{
		alert.Writeback:   {"alert.writeback.title", "alert.writeback.do", "alert.writeback.over", "/admin"},
		alert.Away:        {"alert.away.title", "alert.away.do", "alert.away.over", "/admin/agents"},
		alert.Outdated:    {"alert.outdated.title", "alert.outdated.do", "alert.outdated.over", "/admin/agents"},
		alert.Failures:    {"alert.failures.title", "alert.failures.do", "alert.failures.over", "/admin/audit?result=failed"},
		alert.Certificate: {"alert.certificate.title", "alert.certificate.do", "alert.certificate.over", "/admin"},
		alert.Key:         {"alert.key.title", "alert.key.do", "alert.key.over", "/admin/agents"},
		alert.Sync:        {"alert.sync.title", "alert.sync.do", "alert.sync.over", "/admin"},
		alert.CutOff:      {"alert.cutoff.title", "alert.cutoff.do", "", "/admin/agents"},
		alert.Cloned:      {"alert.cloned.title", "alert.cloned.do", "", "/admin/agents"},
		alert.Objected:    {"alert.objected.title", "alert.objected.do", "", "/admin/audit"},
	}[k]
}

// Hook is the channel of a webhook.
const Hook = "hook"

// Posted is what a webhook gets of an alert. Its names are a contract: none is renamed or reused.
type Posted struct {
	Tenant  string       `json:"tenant"`
	Alert   alert.Kind   `json:"alert"`
	About   string       `json:"about,omitempty"`
	State   string       `json:"state"` // raised or cleared
	Since   time.Time    `json:"since"`
	At      time.Time    `json:"at"`
	Subject string       `json:"subject"`
	Text    string       `json:"text"`
	Link    string       `json:"link"`
	Values  alert.Values `json:"values"`
}

// Tell queues an alert to everybody the tenant names, in its language. It fits alert.Teller.
func (l *Letters) Tell(ctx context.Context, t tenant.Tenant, n alert.Notice) error {
	w := l.catalog.In(t.Settings.Locale)
	subject, text, link := l.alert(w, t, n)
	for _, to := range t.Settings.Alerts.Mail {
		if err := l.queue.Post(ctx, t.ID, Message{To: to, Lang: w.Lang(), Subject: subject, Text: text}, n.At.Add(alertLife)); err != nil {
			return err
		}
	}
	if t.Settings.Alerts.WebhookURL == "" {
		return nil
	}
	p := Posted{
		Tenant: t.ID, Alert: n.Kind, About: n.About, State: "raised", Since: n.Since.UTC(), At: n.At.UTC(), Subject: subject, Text: text, Link: link, Values: n.Values,
	}
	if n.Over {
		p.State = "cleared"
	}
	body, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("alert: %w", err)
	}
	m := Message{Channel: Hook, To: t.Settings.Alerts.WebhookURL, Tenant: t.ID, Text: string(body), Lang: w.Lang()}
	return l.queue.Post(ctx, t.ID, m, n.At.Add(alertLife))
}

// alert is the plain text: what is wrong, since when, who is affected, what to do, and where.
func (l *Letters) alert(w locale.Localizer, t tenant.Tenant, n alert.Notice) (subject, text, link string) {
	words := wordsOfAlert(n.Kind)
	zone, v := t.Settings.Location(), n.Values
	values := []any{
		"Agent", v.Agent, "Version", v.Version, "Domain", v.Domain, "Person", v.Person, "Count", v.Count, "Moment", w.Moment(v.Until, zone), "Name", t.Name,
	}
	link = strings.TrimSuffix(l.portal, "/") + words.page
	if v.Support != "" {
		link = strings.TrimSuffix(l.portal, "/") + "/admin/audit/" + v.Support
	}
	title := w.T(words.title, values...)
	if n.Over {
		title = w.T(words.over, values...)
	}
	subject = w.T("alert.subject", "Name", t.Name, "Title", title)
	if n.Over {
		parts := []string{title + ".", w.T("alert.until", "Since", w.Moment(n.Since, zone), "Moment", w.Moment(n.At, zone)), link}
		return subject, strings.Join(parts, "\n\n") + "\n", link
	}
	parts := []string{title + "."}
	do := w.T(words.do, values...)
	if says := "admin.cause." + v.Cause + ".says"; l.catalog.Has(says) {
		why := named(v.CauseValues)
		if !v.CauseMoment.IsZero() {
			why = append(why, "Time", w.Moment(v.CauseMoment, zone))
		}
		parts = append(parts, w.T(says, why...))
		if next := "admin.cause." + v.Cause + ".next"; l.catalog.Has(next) {
			do = w.T(next, why...) + " " + do
		}
	}
	parts = append(parts, w.T("alert.since", "Moment", w.Moment(n.Since, zone)))
	if v.Affected > 0 {
		parts = append(parts, w.T("alert.affected", "N", v.Affected))
	}
	parts = append(parts, w.T("alert.todo", "Do", do))
	if v.Support != "" {
		parts = append(parts, w.T("alert.code", "Code", v.Support))
	}
	return subject, strings.Join(append(parts, link), "\n\n") + "\n", link
}

// named turns a map into the arguments of a message.
func named(m map[string]string) []any {
	out := make([]any, 0, 2*len(m))
	for name, v := range m {
		out = append(out, name, v)
	}
	return out
}
