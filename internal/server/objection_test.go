package server

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/server/locale"
	"homeward/internal/server/masterkey"
	"homeward/internal/server/notify"
	"homeward/internal/server/objection"
	"homeward/internal/server/registration"
	"homeward/internal/server/reset"
	"homeward/internal/server/verify"
)

// link makes a link about a change that Amara was told of.
func (b *bench) link() (path, token string) {
	b.t.Helper()
	path, err := b.objects.Link(b.t.Context(), b.store, "contoso", objection.Told{Person: b.amara().ID, Support: "HW-AAAA-BBBB", At: b.clock()})
	if err != nil {
		b.t.Fatal(err)
	}
	return path, strings.TrimPrefix(path, objection.Path)
}

// object presses the button of a link's page.
func (b *bench) object(token string) {
	b.t.Helper()
	v, err := b.objects.Open(b.t.Context(), "contoso", token)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := b.objects.Object(b.t.Context(), "contoso", token, v.Proof); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) held() bool {
	b.t.Helper()
	held, err := b.objects.Held(b.t.Context(), "contoso", b.amara().ID)
	if err != nil {
		b.t.Fatal(err)
	}
	return held
}

// TestNotMe: an objection ends what is open, lets nobody in, is recorded once, and is over when an operator says so.
func TestNotMe(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		verified, register, started := b.verified(), b.signedIn(), b.begin("amara@contoso.com")
		_, token := b.link()
		_, second := b.link()
		b.object(token)
		b.object(second) // pressing twice, or in the other mailbox, changes nothing more
		for what, a := range map[string]reset.Attempt{"on the password page": verified, "with a stale copy": b.reload(verified)} {
			if _, err := b.Ticket(t.Context(), a); err == nil {
				t.Errorf("a ticket for somebody %s", what)
			}
		}
		if _, err := b.infos.Begin(t.Context(), b.tenant, b.reload(register), verify.App, "", ""); !errors.Is(err, reset.ErrExpired) {
			t.Errorf("security info goes on: %v", err)
		}
		b.choose(started, "mail")
		if _, _, err := b.CheckCode(t.Context(), b.reload(started), b.mailed()); err == nil {
			t.Error("a check that was begun before is passed")
		}
		late := b.begin("amara@contoso.com")
		if late.Person != "" || late.State != reset.Started {
			t.Errorf("afterwards: %q, %s", late.Person, late.State)
		}
		if records := b.records(t, late); records[0].Event != int(event.FlowStopped) || records[0].Reason != string(reset.ReasonStopped) {
			t.Errorf("%+v", records[0])
		}
		b.ends(func(*protocol.Result) {})
		if _, err := b.AdminReset(t.Context(), b.tenant, "op", "amara@contoso.com", []byte("A-new-password-9")); err != nil {
			t.Errorf("an operator is stopped too: %v", err)
		}
		told, err := b.store.Records(t.Context(), "contoso", "HW-AAAA-BBBB")
		if err != nil || len(told) != 2 || told[0].Event != int(event.PersonObjected) || told[1].Event != int(event.SelfServiceStopped) || told[0].Target != b.amara().ID {
			t.Errorf("%+v %v", told, err)
		}
		if err := b.objects.Release(t.Context(), "contoso", "op", b.amara().ID, " "); !errors.Is(err, objection.ErrReason) {
			t.Errorf("released without a reason: %v", err)
		}
		if err := b.objects.Release(t.Context(), "contoso", "op", b.amara().ID, "called her"); err != nil {
			t.Fatal(err)
		}
		if err := b.objects.Release(t.Context(), "contoso", "op", b.amara().ID, "again"); !errors.Is(err, objection.ErrNotHeld) {
			t.Errorf("released twice: %v", err)
		}
		if _, err := b.objects.Open(t.Context(), "contoso", second); !errors.Is(err, objection.ErrNoLink) {
			t.Errorf("a link outlives the release: %v", err)
		}
		b.advance(time.Hour)
		if a := b.begin("amara@contoso.com"); a.Person == "" {
			t.Error("still stopped")
		}
	})
}

// TestRefusalAfterAnObjection: what was on its way comes back as refused, and opens nothing.
func TestRefusalAfterAnObjection(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	a := b.submitted()
	_, token := b.link()
	b.object(token)
	if err := b.Result(t.Context(), "contoso", "UAGENT", b.result(a, protocol.Refused, protocol.ReasonUsedBefore)); err != nil {
		t.Fatal(err)
	}
	if a = b.reload(a); a.State != reset.Refused {
		t.Fatalf("%s", a.State)
	}
	if _, err := b.Ticket(t.Context(), a); !errors.Is(err, reset.ErrState) {
		t.Errorf("another try: %v", err)
	}
}

// TestNotMeProof: only the form of the page counts, for an hour, and only its own link's.
func TestNotMeProof(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	_, token := b.link()
	_, other := b.link()
	view, err := b.objects.Open(t.Context(), "contoso", other)
	if err != nil {
		t.Fatal(err)
	}
	own, err := b.objects.Open(t.Context(), "contoso", token)
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{"", "x", strings.Repeat("A", 32), view.Proof, own.Proof[:31] + "!"} {
		if err := b.objects.Object(t.Context(), "contoso", token, wrong); !errors.Is(err, objection.ErrPage) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	b.advance(61 * time.Minute)
	if err := b.objects.Object(t.Context(), "contoso", token, own.Proof); !errors.Is(err, objection.ErrPage) {
		t.Errorf("after an hour: %v", err)
	}
	if b.held() {
		t.Error("held by a wrong form")
	}
	b.advance(objection.Life)
	for _, gone := range []string{token, "never was", ""} {
		if _, err := b.objects.Open(t.Context(), "contoso", gone); !errors.Is(err, objection.ErrNoLink) {
			t.Errorf("%q: %v", gone, err)
		}
	}
	if _, err := b.objects.Open(t.Context(), "fabrikam", token); !errors.Is(err, objection.ErrNoLink) {
		t.Errorf("another tenant: %v", err)
	}
}

// TestOpeningALinkDoesNothing: mail scanners open what they find, more than once, and send forms they make up.
func TestOpeningALinkDoesNothing(t *testing.T) {
	v := newVisitor(t)
	path, _ := v.b.link()
	var page string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodGet} {
		if answer, at := v.do(method, path, nil); at != path || method == http.MethodGet && !strings.Contains(answer, "It wasn’t me: stop it") {
			t.Fatalf("%s ends at %s", method, at)
		} else if method == http.MethodGet {
			page = answer
		}
	}
	if strings.Contains(page, "<script") {
		t.Error("the page runs script")
	}
	v.do(http.MethodPost, path, nil)
	v.do(http.MethodPost, path, url.Values{"proof": {"guess"}})
	if v.b.held() {
		t.Fatal("stopped without the page's button")
	}
	proof := regexp.MustCompile(`name="proof" value="([^"]+)"`).FindStringSubmatch(page)
	if proof == nil {
		t.Fatal("the form has no proof")
	}
	if page, _ = v.do(http.MethodPost, path, url.Values{"proof": {proof[1]}}); !v.b.held() || !strings.Contains(page, "We’ve stopped self-service for your account") {
		t.Errorf("held %v: %s", v.b.held(), page)
	}
	if page, _ = v.do(http.MethodGet, objection.Path+"NONSENSE", nil); !strings.Contains(page, "This link doesn’t work any more") {
		t.Errorf("%s", page)
	}
}

// TestMessagesCarryALink: every message about a change has a link of its own, and the database holds none.
func TestMessagesCarryALink(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	catalog, err := locale.New()
	if err != nil {
		t.Fatal(err)
	}
	key, err := masterkey.New()
	if err != nil {
		t.Fatal(err)
	}
	box := newInbox()
	queue := notify.NewQueue(b.store, key, notify.Channels{Mail: box, Text: box.text}, b.clock, slog.New(slog.DiscardHandler))
	letters := notify.NewLetters(queue, catalog, "https://password.contoso.example", b.clock).Offering(b.objects, b.store)
	about := func(k protocol.Operation, admin bool) reset.Done {
		return reset.Done{Kind: k, ByAdmin: admin, At: b.clock(), Person: b.amara().ID, Support: "HW-AAAA-BBBB"}
	}
	texted := func(d reset.Done) reset.Done { d.Text = true; return d }
	change := registration.Change{What: registration.Removed, Kind: verify.App, At: b.clock(), Person: b.amara().ID}
	for _, lang := range catalog.Languages() {
		for _, err := range []error{
			letters.Done(t.Context(), b.tenant, "a@mail.example", lang.Tag, about(protocol.Reset, false)),
			letters.Done(t.Context(), b.tenant, "a@mail.example", lang.Tag, about(protocol.Change, false)),
			letters.Done(t.Context(), b.tenant, "a@mail.example", lang.Tag, about(protocol.Unlock, false)),
			letters.Done(t.Context(), b.tenant, "a@mail.example", lang.Tag, about(protocol.AdminReset, true)),
			letters.Done(t.Context(), b.tenant, "+46701234567", lang.Tag, texted(about(protocol.Reset, false))),
			letters.Done(t.Context(), b.tenant, "+46701234567", lang.Tag, texted(about(protocol.Unlock, false))),
			letters.Done(t.Context(), b.tenant, "+46701234567", lang.Tag, texted(about(protocol.AdminReset, true))),
			letters.Done(t.Context(), b.tenant, "+46701234567", lang.Tag, texted(about(reset.PassGiven, true))),
			letters.Info(t.Context(), b.tenant, verify.Mail, "a@mail.example", lang.Tag, change),
			letters.Info(t.Context(), b.tenant, verify.Text, "+46701234567", lang.Tag, change),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	seen := map[string]bool{}
	for _, text := range box.read(t, queue, 10*len(catalog.Languages())) {
		m := regexp.MustCompile(`https://password\.contoso\.example/not-me/([A-Z2-7]{26})(\s|$)`).FindStringSubmatch(text)
		if m == nil || seen[m[1]] {
			t.Errorf("no link of its own: %s", text)
			continue
		}
		seen[m[1]] = true
		if _, err := b.objects.Open(t.Context(), "contoso", m[1]); err != nil {
			t.Error(err)
		}
	}
}
