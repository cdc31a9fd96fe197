package admin_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/helpdesk"
	"homeward/internal/server/locale"
	"homeward/internal/server/provision"
	"homeward/internal/server/reset"
	"homeward/internal/server/web/admin"
)

// TestAnEventCanBePassedOn: as text and by mail, with what mends it.
func TestAnEventCanBePassedOn(t *testing.T) {
	t.Parallel()
	catalog, err := locale.New()
	if err != nil {
		t.Fatal(err)
	}
	f := frame(catalog, "en", "/admin/audit", working())
	of := func(r audit.Record) admin.EventPage {
		r.Support, r.Activity, r.Target, r.At = "HW-7K3Q-92MD", "Reset password (self-service)", "Jonas & Lindqvist", now()
		return f.EventPage([]audit.Record{r}).Of(jonas())
	}
	rights := of(audit.Record{Hop: "result", Event: 33004, Result: "failed", Reason: "rights", Detail: "LDAP 50"})
	if want := "Reset password (self-service): Failed, the agent lacks a permission"; rights.Title() != want {
		t.Errorf("the title is %q", rights.Title())
	}
	if rights.Command != "homeward-agent doctor --person jlindqvist" || rights.Person == "" || rights.Changed() != f.T("admin.event.changed.nothing") {
		t.Errorf("%q %q %q", rights.Command, rights.Person, rights.Changed())
	}
	for _, want := range []string{rights.Title(), "HW-7K3Q-92MD", "Result", "LDAP 50", "33004", rights.Command, "Jonas & Lindqvist"} {
		if !strings.Contains(rights.Plain(), want) {
			t.Errorf("%q isn't in the text %q", want, rights.Plain())
		}
	}
	mail, err := url.Parse(rights.Mail())
	if err != nil {
		t.Fatal(err)
	}
	q := mail.Query()
	if mail.Scheme != "mailto" || q.Get("subject") != rights.Title() || !strings.Contains(q.Get("body"), "Jonas & Lindqvist") || !strings.Contains(q.Get("body"), rights.Command) {
		t.Errorf("the mail is %q", rights.Mail())
	}
	if strings.Contains(rights.Mail(), "+") {
		t.Errorf("a mail program shows every + of %q", rights.Mail())
	}
	refused := of(audit.Record{Hop: "result", Event: 33008, Result: "refused", Reason: "used_before"})
	unknown := of(audit.Record{Hop: "result", Event: 31032, Result: "unknown"})
	changed := of(audit.Record{Hop: "result", Event: 31002, Result: "changed"})
	if refused.Command != "" || refused.Changed() != f.T("admin.event.changed.nothing") || unknown.Changed() != f.T("admin.event.changed.unknown") || changed.Changed() != "" {
		t.Errorf("%q %q %q %q", refused.Command, refused.Changed(), unknown.Changed(), changed.Changed())
	}
	other := f.EventPage([]audit.Record{{Seq: 4, Activity: "Sync now", Hop: "operator", Result: "failed"}})
	if other.Changed() != "" || other.Person != "" {
		t.Errorf("a sync that failed: %q %q", other.Changed(), other.Person)
	}
}

func TestAnExpiredPasswordIsCalledSo(t *testing.T) {
	t.Parallel()
	catalog, err := locale.New()
	if err != nil {
		t.Fatal(err)
	}
	page := func(live *protocol.PersonPolicy) admin.UserPage {
		return admin.UserPage{
			Frame: frame(catalog, "en", "/admin/users/p2", working()),
			View:  helpdesk.View{Person: provision.Person{DN: "CN=Ed\\, Jr,OU=Sales,DC=contoso"}, Standing: reset.Standing{Live: live}},
		}
	}
	for name, c := range map[string]struct {
		live *protocol.PersonPolicy
		want bool
	}{
		"nobody looked": {nil, false},
		"not found":     {&protocol.PersonPolicy{ExpiresAt: protocol.MilliOf(ago(time.Hour))}, false},
		"expired":       {&protocol.PersonPolicy{Found: true, ExpiresAt: protocol.MilliOf(ago(time.Hour))}, true},
		"later":         {&protocol.PersonPolicy{Found: true, ExpiresAt: protocol.MilliOf(ago(-time.Hour))}, false},
		"never":         {&protocol.PersonPolicy{Found: true, NeverExpires: true, ExpiresAt: protocol.MilliOf(ago(time.Hour))}, false},
		"not known":     {&protocol.PersonPolicy{Found: true}, false},
	} {
		p := page(c.live)
		if p.Expired() != c.want {
			t.Errorf("%s: %v", name, p.Expired())
		}
		if strings.Join(p.Place(), "") != p.View.Person.DN {
			t.Errorf("the place is %q", p.Place())
		}
	}
}
