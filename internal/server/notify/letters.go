package notify

import (
	"cmp"
	"context"
	"net/url"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/locale"
	"homeward/internal/server/objection"
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

	links *objection.Service // nil: messages offer no way to object
	keep  objection.Keeper
}

// keeping is what letters stand on in a transaction.
type keeping interface {
	Store
	objection.Keeper
}

// Offering returns letters that, where they tell of a change, carry a link to say "this wasn't me".
func (l *Letters) Offering(links *objection.Service, keep objection.Keeper) *Letters {
	inner := *l
	inner.links, inner.keep = links, keep
	return &inner
}

// objectAt is the address of a new link, or empty.
func (l *Letters) objectAt(ctx context.Context, t tenant.Tenant, told objection.Told) (string, error) {
	if l.links == nil {
		return "", nil
	}
	path, err := l.links.Link(ctx, l.keep, t.ID, told)
	return l.portal + path, err
}

// NewLetters returns Letters that post to queue.
func NewLetters(queue *Queue, catalog *locale.Catalog, portal string, now func() time.Time) *Letters {
	return &Letters{queue: queue, catalog: catalog, portal: portal, now: now}
}

// In returns the letters as they stand in a transaction; see Queue.In.
func (l *Letters) In(store keeping) *Letters {
	inner := *l
	inner.queue, inner.keep = l.queue.In(store), store
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

// Call sends a code that the person reads out to the helpdesk they have called. Unlike Code's it opens nothing in the portal, and
// says so.
func (l *Letters) Call(ctx context.Context, t tenant.Tenant, kind verify.Kind, to, lang, code string, until time.Time) error {
	w := l.catalog.In(lang)
	if kind == verify.Text {
		return l.text(ctx, t, to, w, w.T("text.call", "Code", code, "Name", t.Name), until)
	}
	at := w.Clock(until, t.Settings.Location())
	return l.queue.Post(ctx, t.ID, Message{
		To: to, Lang: w.Lang(),
		Subject: w.T("mail.call.subject", "Name", t.Name),
		Text:    w.T("mail.call.text", "Code", code, "Name", t.Name, "Time", at) + l.foot(w, t),
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
	link, err := l.objectAt(ctx, t, objection.Told{Person: d.Person, Support: d.Support, At: d.At})
	if err != nil {
		return err
	}
	if d.Text {
		return l.text(ctx, t, to, w, w.T(shortly(d), "Name", t.Name, "URL", cmp.Or(link, l.portal)), l.now().Add(doneLife))
	}
	if link != "" {
		text += "\n\n" + w.T("mail.not_me", "URL", link)
	}
	return l.queue.Post(ctx, t.ID, Message{To: to, Lang: w.Lang(), Subject: subject, Text: text + l.zoned(w, t, d.At)}, l.now().Add(doneLife))
}

// Try is what people receive after a reset, as a message that says that it is a test.
func (l *Letters) Try(t tenant.Tenant, to, lang string) Message {
	w := l.catalog.In(lang)
	subject, text := done(w, reset.Done{Kind: protocol.Reset}, "Name", t.Name, "Moment", w.Moment(l.now(), t.Settings.Location()))
	return Message{To: to, Lang: w.Lang(), Subject: w.T("mail.test.subject", "Subject", subject), Text: w.T("mail.test.text") + "\n\n" + text + l.foot(w, t)}
}

// done is the letter's words. None holds a password: an operator tells the new one in person.
func done(w locale.Localizer, d reset.Done, values ...any) (subject, text string) {
	switch {
	case d.Kind == reset.PassGiven:
		return w.T("mail.pass.subject", values...), w.T("mail.pass.text", values...)
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

// shortly is what a text message says of it.
func shortly(d reset.Done) string {
	switch {
	case d.Kind == reset.PassGiven:
		return "text.pass"
	case d.Kind == protocol.Unlock:
		return "text.unlocked"
	case d.ByAdmin:
		return "text.admin_reset"
	}
	return "text.changed"
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
	link, err := l.objectAt(ctx, t, objection.Told{Person: c.Person, Support: c.Support, At: c.At})
	if err != nil {
		return err
	}
	if kind == verify.Text {
		return l.text(ctx, t, to, w, w.T("text.info", "Name", t.Name, "URL", cmp.Or(link, l.portal+"/security-info")), l.now().Add(doneLife))
	}
	text := w.T("mail.info.added", values...)
	switch c.What {
	case registration.Changed:
		text = w.T("mail.info.changed", values...)
	case registration.Removed:
		text = w.T("mail.info.removed", values...)
	case registration.All:
		text = w.T("mail.info.again", values...)
	}
	text += "\n\n" + w.T("mail.info.not_you", "Portal", l.portal)
	if link != "" {
		text += "\n\n" + w.T("mail.not_me", "URL", link)
	}
	return l.queue.Post(ctx, t.ID, Message{To: to, Lang: w.Lang(), Subject: w.T("mail.info.subject", "Name", t.Name), Text: text + l.zoned(w, t, c.At)}, l.now().Add(doneLife))
}

// Expiring tells somebody that their password is about to expire, with a way to change it. It isn't sent once that is over.
func (l *Letters) Expiring(ctx context.Context, t tenant.Tenant, to, lang string, expires time.Time) error {
	w := l.catalog.In(lang)
	day := w.Moment(expires, t.Settings.Location())
	text := w.T("mail.expiry.text", "Name", t.Name, "Moment", day, "URL", l.portal+"/change")
	until := l.now().Add(doneLife)
	if expires.Before(until) {
		until = expires
	}
	return l.queue.Post(ctx, t.ID, Message{To: to, Lang: w.Lang(), Subject: w.T("mail.expiry.subject", "Name", t.Name, "Moment", day), Text: text + l.zoned(w, t, expires)}, until)
}

// Register asks somebody to register ways to prove who they are. It is sent when it is due.
func (l *Letters) Register(ctx context.Context, t tenant.Tenant, to, lang string, due time.Time) error {
	w := l.catalog.In(lang)
	m := Message{
		To: to, Lang: w.Lang(), Subject: w.T("mail.register.subject", "Name", t.Name),
		Text: w.T("mail.register.text", "Name", t.Name, "URL", l.portal+"/security-info") + l.foot(w, t),
	}
	return l.queue.PostAt(ctx, t.ID, m, due, due.Add(doneLife))
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

// zoned is foot after the clock that a moment of the letter is of: its reader may be elsewhere.
func (l *Letters) zoned(w locale.Localizer, t tenant.Tenant, at time.Time) string {
	return "\n\n" + w.T("mail.zone", "Zone", locale.Zone(at, t.Settings.Location())) + l.foot(w, t)
}

// foot is the helpdesk line, where there is a helpdesk to name.
func (l *Letters) foot(w locale.Localizer, t tenant.Tenant) string {
	if t.Settings.HelpdeskPhone == "" {
		return "\n"
	}
	return "\n\n" + w.T("mail.help", "Phone", t.Settings.HelpdeskPhone) + "\n"
}
