package notify

import (
	"context"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/locale"
	"homeward/internal/server/tenant"
)

// doneLife is how long a confirmation is worth sending.
const doneLife = 24 * time.Hour

// Letters writes what people are told, in their language. It fits reset.Notices.
type Letters struct {
	queue   *Queue
	catalog *locale.Catalog
	portal  string // base URL
	now     func() time.Time
}

// NewLetters returns Letters that post to queue.
func NewLetters(queue *Queue, catalog *locale.Catalog, portal string, now func() time.Time) *Letters {
	return &Letters{queue: queue, catalog: catalog, portal: portal, now: now}
}

// Code sends a code to prove who somebody is. An empty address costs the same and sends nothing.
func (l *Letters) Code(ctx context.Context, t tenant.Tenant, to, lang, code string, until time.Time) error {
	w := l.catalog.In(lang)
	at := w.Clock(until, t.Settings.Location())
	return l.queue.Post(ctx, t.ID, Message{
		To: to, Lang: w.Lang(),
		Subject: w.T("mail.code.subject", "Code", code, "Name", t.Name),
		Text:    w.T("mail.code.text", "Code", code, "Name", t.Name, "Time", at) + l.foot(w, t),
	}, until)
}

// Shared tells the owner of a mailbox that several accounts have it, so its address identifies none.
func (l *Letters) Shared(ctx context.Context, t tenant.Tenant, to, lang string) error {
	w := l.catalog.In(lang)
	return l.queue.Post(ctx, t.ID, Message{
		To: to, Lang: w.Lang(),
		Subject: w.T("mail.shared.subject", "Name", t.Name),
		Text:    w.T("mail.shared.text", "Name", t.Name, "Portal", l.portal) + l.foot(w, t),
	}, l.now().Add(time.Hour))
}

// Done tells somebody that their password was changed, or their account unlocked.
func (l *Letters) Done(ctx context.Context, t tenant.Tenant, to, lang string, kind protocol.Operation, at time.Time) error {
	w := l.catalog.In(lang)
	moment := w.Moment(at, t.Settings.Location())
	m := Message{
		To: to, Lang: w.Lang(), Subject: w.T("mail.changed.subject", "Name", t.Name),
		Text: w.T("mail.changed.text", "Name", t.Name, "Moment", moment) + l.foot(w, t),
	}
	if kind == protocol.Unlock {
		m.Subject = w.T("mail.unlocked.subject", "Name", t.Name)
		m.Text = w.T("mail.unlocked.text", "Name", t.Name, "Moment", moment) + l.foot(w, t)
	}
	return l.queue.Post(ctx, t.ID, m, l.now().Add(doneLife))
}

// foot is the helpdesk line, where there is a helpdesk to name.
func (l *Letters) foot(w locale.Localizer, t tenant.Tenant) string {
	if t.Settings.HelpdeskPhone == "" {
		return "\n"
	}
	return "\n\n" + w.T("mail.help", "Phone", t.Settings.HelpdeskPhone) + "\n"
}
