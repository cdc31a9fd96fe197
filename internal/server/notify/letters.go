package notify

import (
	"context"
	"net/url"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/locale"
	"homeward/internal/server/registration"
	"homeward/internal/server/reset"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
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

// In returns the letters as they stand in a transaction; see Queue.In.
func (l *Letters) In(store Store) *Letters {
	inner := *l
	inner.queue = l.queue.In(store)
	return &inner
}

// Code sends a code to prove who somebody is. An empty address costs the same and sends nothing.
func (l *Letters) Code(ctx context.Context, t tenant.Tenant, kind verify.Kind, to, lang, code string, until time.Time) error {
	w := l.catalog.In(lang)
	if kind == verify.Text {
		return l.text(ctx, t, to, w, w.T("text.code", "Code", code, "Name", t.Name)+"\n"+l.bound(code), until)
	}
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

// Done tells somebody that their password was changed, or their account unlocked, and by whom.
func (l *Letters) Done(ctx context.Context, t tenant.Tenant, to, lang string, d reset.Done) error {
	w := l.catalog.In(lang)
	subject, text := done(w, d, "Name", t.Name, "Moment", w.Moment(d.At, t.Settings.Location()))
	return l.queue.Post(ctx, t.ID, Message{To: to, Lang: w.Lang(), Subject: subject, Text: text + l.foot(w, t)}, l.now().Add(doneLife))
}

// done is the letter's words. None holds a password: an operator tells the new one in person.
func done(w locale.Localizer, d reset.Done, values ...any) (subject, text string) {
	switch {
	case d.Of != "":
		return w.T("mail.told.subject", append(values, "Of", d.Of)...), w.T("mail.told.text", append(values, "Of", d.Of)...)
	case d.Kind == protocol.Unlock && d.ByAdmin:
		return w.T("mail.unlocked.subject", values...), w.T("mail.admin_unlocked.text", values...)
	case d.Kind == protocol.Unlock:
		return w.T("mail.unlocked.subject", values...), w.T("mail.unlocked.text", values...)
	case d.ByAdmin && d.MustChange:
		return w.T("mail.admin_reset.subject", values...), w.T("mail.admin_reset.text.must_change", values...)
	case d.ByAdmin:
		return w.T("mail.admin_reset.subject", values...), w.T("mail.admin_reset.text", values...)
	}
	return w.T("mail.changed.subject", values...), w.T("mail.changed.text", values...)
}

// bound is the last line of a code's text message: browsers offer the code on this portal's pages and on no others (WICG,
// origin-bound one-time codes).
func (l *Letters) bound(code string) string {
	host := l.portal
	if u, err := url.Parse(l.portal); err == nil {
		host = u.Hostname()
	}
	return "@" + host + " #" + code
}

func (l *Letters) text(ctx context.Context, t tenant.Tenant, to string, w locale.Localizer, text string, until time.Time) error {
	return l.queue.Post(ctx, t.ID, Message{Channel: Text, To: to, Lang: w.Lang(), Text: text}, until)
}

// Info tells somebody that their security info was changed. It goes to where they could be reached before.
func (l *Letters) Info(ctx context.Context, t tenant.Tenant, kind verify.Kind, to, lang string, c registration.Change) error {
	w := l.catalog.In(lang)
	values := []any{"Name", t.Name, "What", methodName(w, c.Kind), "Moment", w.Moment(c.At, t.Settings.Location())}
	if kind == verify.Text {
		return l.text(ctx, t, to, w, w.T("text.info", "Name", t.Name, "Portal", l.portal), l.now().Add(doneLife))
	}
	text := w.T("mail.info.added", values...)
	switch c.What {
	case registration.Changed:
		text = w.T("mail.info.changed", values...)
	case registration.Removed:
		text = w.T("mail.info.removed", values...)
	}
	text += "\n\n" + w.T("mail.info.not_you", "Portal", l.portal)
	return l.queue.Post(ctx, t.ID, Message{To: to, Lang: w.Lang(), Subject: w.T("mail.info.subject", "Name", t.Name), Text: text + l.foot(w, t)}, l.now().Add(doneLife))
}

// methodName says what a kind is.
func methodName(w locale.Localizer, k verify.Kind) string {
	switch k {
	case verify.App:
		return w.T("info.kind.app")
	case verify.Text:
		return w.T("info.kind.text")
	case verify.Passkey:
		return w.T("info.kind.passkey")
	case verify.Questions:
		return w.T("info.kind.questions")
	default:
		return w.T("info.kind.mail")
	}
}

// foot is the helpdesk line, where there is a helpdesk to name.
func (l *Letters) foot(w locale.Localizer, t tenant.Tenant) string {
	if t.Settings.HelpdeskPhone == "" {
		return "\n"
	}
	return "\n\n" + w.T("mail.help", "Phone", t.Settings.HelpdeskPhone) + "\n"
}
