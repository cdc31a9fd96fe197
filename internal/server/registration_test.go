package server

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pquerna/otp/totp"

	"homeward/internal/server/registration"
	"homeward/internal/server/reset"
	"homeward/internal/server/verify"
)

// signedIn is Amara at her security info, by mail.
func (b *bench) signedIn() reset.Attempt {
	b.t.Helper()
	_, a, err := b.Start(b.t.Context(), b.tenant, reset.StartRequest{Typed: "amara@contoso.com", Kind: reset.Register, Address: "192.0.2.1", Locale: "en"})
	if err != nil {
		b.t.Fatal(err)
	}
	a = b.choose(a, "mail")
	if a = b.say(a, b.mailed(), verify.OK); a.State != reset.Verified {
		b.t.Fatalf("%s", a.State)
	}
	return a
}

// add registers and confirms a destination.
func (b *bench) add(a reset.Attempt, kind verify.Kind, to, replaces string) verify.Method {
	b.t.Helper()
	m, err := b.infos.Begin(b.t.Context(), b.tenant, a, kind, to, replaces)
	if err != nil {
		b.t.Fatal(err)
	}
	if answer, err := b.infos.Confirm(b.t.Context(), b.tenant, a, m.ID, b.mailed(), replaces); err != nil || answer.Result != verify.OK {
		b.t.Fatalf("%+v %v", answer, err)
	}
	return m
}

func TestSecurityInfo(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		b.two()
		b.fleet.writers = 0 // nothing is written, so no agent is needed
		a := b.signedIn()
		app, err := b.infos.Begin(t.Context(), b.tenant, a, verify.App, "", "")
		if err != nil {
			t.Fatal(err)
		}
		if got := b.offered(b.begin2("amara@contoso.com")); !slices.Equal(got, []string{"mail a•••@mail.example", "app"}) {
			t.Errorf("before the code came back: %v", got) // the app is the invented one
		}
		code, err := totp.GenerateCode(verify.SeedText(app.Secret), b.clock())
		if err != nil {
			t.Fatal(err)
		}
		if answer, err := b.infos.Confirm(t.Context(), b.tenant, a, app.ID, "000000", ""); err != nil || answer.Result != verify.Wrong {
			t.Errorf("a wrong code: %+v %v", answer, err)
		}
		if answer, err := b.infos.Confirm(t.Context(), b.tenant, a, app.ID, code, ""); err != nil || answer.Result != verify.OK {
			t.Fatalf("%+v %v", answer, err)
		}
		other := b.add(a, verify.Mail, "amara@home.example", "")
		o, err := b.infos.Overview(t.Context(), b.tenant, a)
		if err != nil || o.Need != 2 || o.Usable != 2 || len(o.Items) != 3 || !o.Items[0].Directory || o.Reviewed.IsZero() {
			t.Errorf("%+v %v", o, err)
		}
		b.add(a, verify.Mail, "amara@new.example", other.ID)
		if err := b.infos.Remove(t.Context(), b.tenant, a, app.ID); err != nil {
			t.Error(err)
		}
		want := []string{
			"mail amara@mail.example: added app",
			"mail amara@mail.example: added mail a•••@home.example",
			"mail amara@mail.example: changed mail a•••@new.example",
			"mail amara@home.example: changed mail a•••@new.example",
			"mail amara@mail.example: removed app",
			"mail amara@new.example: removed app",
		}
		if diff := cmp.Diff(want, b.letters.infos); diff != "" {
			t.Error(diff)
		}
		records, err := b.store.Records(t.Context(), "contoso", a.Support)
		if err != nil {
			t.Fatal(err)
		}
		var activities []string
		for _, r := range records {
			if strings.HasPrefix(r.Activity, "User ") && r.Hop == "portal" && r.Event != 34002 {
				activities = append(activities, r.Activity)
			}
			for _, secret := range []string{code, "amara@home.example", "amara@new.example", verify.SeedText(app.Secret)} {
				if strings.Contains(r.Detail, secret) {
					t.Errorf("a record holds %s", secret)
				}
			}
		}
		if diff := cmp.Diff([]string{"User registered security info", "User registered security info", "User updated security info", "User deleted security info"}, activities); diff != "" {
			t.Error(diff)
		}
	})
}

// begin2 begins a reset where no agent is needed for the looks of it.
func (b *bench) begin2(typed string) reset.Attempt {
	b.fleet.writers = 1
	defer func() { b.fleet.writers = 0 }()
	return b.begin(typed)
}

// TestSecurityInfoSessionOpensNothingElse: proving who one is for the security info is no way to a password, and the
// other way round.
func TestSecurityInfoSessionOpensNothingElse(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	a := b.signedIn()
	if _, err := b.Ticket(t.Context(), a); !errors.Is(err, reset.ErrState) {
		t.Errorf("ticket: %v", err)
	}
	if _, err := b.Policy(t.Context(), a); !errors.Is(err, reset.ErrState) {
		t.Errorf("policy: %v", err)
	}
	if _, err := b.Unlock(t.Context(), a); !errors.Is(err, reset.ErrState) {
		t.Errorf("unlock: %v", err)
	}
	if n := len(b.fleet.called()); n != 0 {
		t.Errorf("%d commands were sent", n)
	}
	for what, other := range map[string]reset.Attempt{"a reset": b.verified(), "an unproven name": b.begin("amara@contoso.com")} {
		if _, err := b.infos.Begin(t.Context(), b.tenant, other, verify.App, "", ""); !errors.Is(err, reset.ErrState) {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := b.infos.Overview(t.Context(), b.tenant, other); !errors.Is(err, reset.ErrState) {
			t.Errorf("%s: %v", what, err)
		}
	}
	b.advance(16 * time.Minute)
	if _, err := b.infos.Begin(t.Context(), b.tenant, a, verify.App, "", ""); !errors.Is(err, reset.ErrExpired) {
		t.Errorf("after 16 minutes: %v", err)
	}
}

// TestTwoMethodsProtectEachOther: who has two must prove two to change one.
func TestTwoMethodsProtectEachOther(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	b.two()
	b.withApp()
	_, a, err := b.Start(t.Context(), b.tenant, reset.StartRequest{Typed: "amara@contoso.com", Kind: reset.Register, Address: "192.0.2.1", Locale: "en"})
	if err != nil {
		t.Fatal(err)
	}
	a = b.choose(a, "mail")
	if a = b.say(a, b.mailed(), verify.OK); a.State != reset.Started {
		t.Fatalf("the mailbox alone: %s", a.State)
	}
	if a = b.say(b.choose(a, "app"), appCode(t, b.clock()), verify.OK); a.State != reset.Verified {
		t.Errorf("%s", a.State)
	}
}

func TestSecurityInfoRefuses(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	a := b.signedIn()
	m := b.add(a, verify.Mail, "amara@home.example", "")
	stranger := b.person("nomail@contoso.com")
	b.with(stranger.ID, verify.App, "", seed)
	for name, c := range map[string]struct {
		kind         verify.Kind
		to, replaces string
		want         error
	}{
		"no address":        {verify.Mail, "amara", "", registration.ErrDestination},
		"a name with it":    {verify.Mail, "Amara <a@b.example>", "", registration.ErrDestination},
		"two lines":         {verify.Mail, "a@b.example\r\nBcc: c@d.example", "", registration.ErrDestination},
		"there already":     {verify.Mail, "Amara@HOME.example", "", registration.ErrTaken},
		"not allowed":       {verify.Text, "+46701234542", "", registration.ErrNotAllowed},
		"somebody else's":   {verify.App, "", "app-" + stranger.ID, registration.ErrNoMethod},
		"of another kind":   {verify.App, "", m.ID, registration.ErrNoMethod},
		"no kind":           {"pigeon", "", "", registration.ErrNotAllowed},
		"what is no longer": {verify.Mail, "a@c.example", "gone", registration.ErrNoMethod},
	} {
		if _, err := b.infos.Begin(t.Context(), b.tenant, a, c.kind, c.to, c.replaces); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if err := b.infos.Remove(t.Context(), b.tenant, a, "app-"+stranger.ID); !errors.Is(err, registration.ErrNoMethod) {
		t.Errorf("removed somebody else's: %v", err)
	}
	b.add(a, verify.Mail, "amara@third.example", "")
	if _, err := b.infos.Begin(t.Context(), b.tenant, a, verify.Mail, "amara@fourth.example", ""); !errors.Is(err, registration.ErrFull) {
		t.Errorf("a third address: %v", err)
	}
}

func TestReconfirm(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	b.tenant.Settings.Checks.Reconfirm = 90
	b.withApp()
	due := func() bool {
		o, err := b.infos.Overview(t.Context(), b.tenant, b.signedInWith())
		if err != nil {
			t.Fatal(err)
		}
		return o.Due
	}
	if !due() {
		t.Error("never reviewed, and not due")
	}
	if err := b.infos.Review(t.Context(), b.signedInWith()); err != nil {
		t.Fatal(err)
	}
	if due() {
		t.Error("due just after a review")
	}
	b.advance(90 * 24 * time.Hour)
	if !due() {
		t.Error("not due after 90 days")
	}
	b.tenant.Settings.Checks.Reconfirm = 0
	if due() {
		t.Error("due though nobody is asked")
	}
}

func (b *bench) signedInWith() reset.Attempt {
	b.t.Helper()
	b.advance(31 * time.Second)
	return b.signedIn()
}

// TestSecurityInfoThroughThePages follows the forms as a browser without script does.
func TestSecurityInfoThroughThePages(t *testing.T) {
	v := newVisitor(t)
	v.b.two()
	page, at := v.do(http.MethodGet, "/security-info", nil)
	if at != "/security-info" || !strings.Contains(page, `action="/security-info"`) || strings.Contains(page, "Sign out") {
		t.Fatalf("at %s: %.900s", at, page)
	}
	for _, path := range []string{"/security-info/add", "/security-info/new/x", "/security-info/remove/x", "/security-info/change/x"} {
		if _, at := v.do(http.MethodGet, path, nil); at != "/security-info" {
			t.Errorf("%s without proof leads to %s", path, at)
		}
	}
	page, at = v.do(http.MethodPost, "/security-info", url.Values{"name": {"amara@contoso.com"}})
	if at != "/verify/1" || !strings.Contains(page, "Step 2 of 3") {
		t.Fatalf("at %s: %.900s", at, page)
	}
	v.do(http.MethodPost, "/verify/1", url.Values{"method": {"mail"}})
	page, at = v.do(http.MethodPost, "/verify/1/code", url.Values{"code": {v.b.mailed()}})
	if at != "/security-info" || !strings.Contains(page, "You need 1 more method.") || !strings.Contains(page, "Sign out") {
		t.Fatalf("at %s: %.900s", at, page)
	}
	if _, at = v.do(http.MethodGet, "/password", nil); at != "/security-info" {
		t.Errorf("the password page leads to %s", at)
	}
	page, at = v.do(http.MethodPost, "/security-info/add", url.Values{"method": {"app"}})
	key := regexp.MustCompile(`id="app-key" dir="ltr">([A-Z2-7 ]+)<`).FindStringSubmatch(page)
	if !strings.HasPrefix(at, "/security-info/new/") || key == nil || !strings.Contains(page, `<svg class="qr"`) {
		t.Fatalf("at %s: %.900s", at, page)
	}
	if page, _ = v.do(http.MethodPost, at, url.Values{"code": {"111111"}}); !strings.Contains(page, "Type the code your app shows now") {
		t.Errorf("%.900s", page)
	}
	code, err := totp.GenerateCode(strings.ReplaceAll(key[1], " ", ""), v.b.clock())
	if err != nil {
		t.Fatal(err)
	}
	page, at = v.do(http.MethodPost, at, url.Values{"code": {code}})
	if at != "/security-info" || !strings.Contains(page, "You’re covered.</strong> You have 2 methods and need 2.") || !strings.Contains(page, "Added. You can use it") {
		t.Fatalf("at %s: %.900s", at, page)
	}
	v.b.advance(time.Minute)
	if page, _ = v.do(http.MethodPost, "/security-info/add/mail", url.Values{"destination": {"nonsense"}}); strings.Count(page, "Enter an email address, such as") != 2 {
		t.Errorf("%.900s", page)
	}
	page, at = v.do(http.MethodPost, "/security-info/add/mail", url.Values{"destination": {"amara@home.example"}})
	if !strings.HasPrefix(at, "/security-info/new/") || !strings.Contains(page, "a•••@home.example") || strings.Contains(page, "Step ") {
		t.Fatalf("at %s: %.900s", at, page)
	}
	page, _ = v.do(http.MethodPost, at, url.Values{"code": {v.b.mailed()}})
	change := regexp.MustCompile(`/security-info/change/[A-Z0-9]+`).FindString(page)
	if change == "" {
		t.Fatalf("%.900s", page)
	}
	v.b.advance(time.Minute)
	if page, _ = v.do(http.MethodGet, change, nil); !strings.Contains(page, "It replaces a•••@home.example") {
		t.Errorf("%.900s", page)
	}
	_, at = v.do(http.MethodPost, change, url.Values{"destination": {"amara@new.example"}})
	page, _ = v.do(http.MethodPost, at+"?"+v.query, url.Values{"code": {v.b.mailed()}})
	if !strings.Contains(page, "a•••@new.example") || strings.Contains(page, "a•••@home.example") {
		t.Errorf("%.900s", page)
	}
	remove := regexp.MustCompile(`/security-info/remove/[A-Z0-9]+`).FindString(page)
	if page, _ = v.do(http.MethodGet, remove, nil); !strings.Contains(page, "Remove: Authenticator app?") {
		t.Errorf("%.900s", page)
	}
	if page, _ = v.do(http.MethodPost, remove, nil); !strings.Contains(page, "Removed. It no longer works.") {
		t.Errorf("%.900s", page)
	}
	if page, _ = v.do(http.MethodPost, "/security-info/review", nil); !strings.Contains(page, "Last confirmed") {
		t.Errorf("%.900s", page)
	}
	token := v.cookie()
	if page, at = v.do(http.MethodPost, "/sign-out", nil); at != "/security-info" || strings.Contains(page, "Sign out") {
		t.Errorf("at %s after signing out", at)
	}
	if _, err := v.b.Session(t.Context(), "contoso", token); !errors.Is(err, reset.ErrExpired) {
		t.Errorf("the token after signing out: %v", err)
	}
}
