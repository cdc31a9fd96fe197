package server

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/provision"
	"homeward/internal/server/reset"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

// TestRegistrationIsAskedForAfterAReset: the outcome is told first, then one press leads to registering without another
// check, once.
func TestRegistrationIsAskedForAfterAReset(t *testing.T) {
	v := newVisitor(t)
	v.b.tenant.Settings.RegisterRequired = true
	v.b.tenant.Settings.Checks = tenant.Checks{Required: 2, Methods: []string{"mail", "app"}}
	v.b.withApp()
	a := v.b.choose(v.b.begin("amara@contoso.com"), "app")
	a = v.b.say(a, appCode(t, v.b.clock()), verify.OK)
	a = v.b.submit(v.b.say(v.b.choose(a, "mail"), v.b.mailed(), verify.OK))
	if err := v.b.Result(t.Context(), "contoso", "UAGENT", v.b.result(a, protocol.Changed, "")); err != nil {
		t.Fatal(err)
	}
	a = v.b.reload(a)
	o, err := v.b.infos.Standing(t.Context(), v.b.tenant, a.Person)
	if err != nil || o.Missing() != 0 {
		t.Errorf("who has enough is asked for %d: %v", o.Missing(), err)
	}
	methods, err := v.b.store.Methods(t.Context(), "contoso", a.Person)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.b.store.DeleteMethod(t.Context(), "contoso", a.Person, methods[0].ID); err != nil {
		t.Fatal(err)
	}
	if o, err = v.b.infos.Standing(t.Context(), v.b.tenant, a.Person); err != nil || o.Missing() != 1 {
		t.Errorf("missing %d: %v", o.Missing(), err)
	}
	_, next, err := v.b.Register(t.Context(), a)
	if err != nil || next.Kind != reset.Register || next.State != reset.Verified {
		t.Fatalf("%+v %v", next, err)
	}
	if _, err := v.b.infos.Begin(t.Context(), v.b.tenant, next, verify.App, "", ""); err != nil {
		t.Error(err)
	}
	if _, _, err := v.b.Register(t.Context(), v.b.reload(a)); !errors.Is(err, reset.ErrExpired) {
		t.Errorf("a second time: %v", err)
	}
	if _, _, err := v.b.Register(t.Context(), a); !errors.Is(err, reset.ErrConflict) {
		t.Errorf("at the same time: %v", err)
	}
}

// TestOnlyAGoodOutcomeLeadsOn: nothing else is worth a visit to the security info.
func TestOnlyAGoodOutcomeLeadsOn(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	for what, a := range map[string]reset.Attempt{
		"a name": b.begin("amara@contoso.com"), "a check": b.verified(), "a visit": b.signedIn(), "a request": b.submitted(), "nobody": b.begin("nobody@contoso.com"),
	} {
		if _, _, err := b.Register(t.Context(), a); !errors.Is(err, reset.ErrState) {
			t.Errorf("%s: %v", what, err)
		}
	}
	b.advance(time.Hour)
	a := b.submitted()
	if err := b.Result(t.Context(), "contoso", "UAGENT", b.result(a, protocol.Changed, "")); err != nil {
		t.Fatal(err)
	}
	a = b.reload(a)
	_, token := b.link()
	b.object(token)
	if _, _, err := b.Register(t.Context(), a); !errors.Is(err, reset.ErrState) {
		t.Errorf("after an objection: %v", err)
	}
	if err := b.objects.Release(t.Context(), "contoso", "op", a.Person, "done"); err != nil {
		t.Fatal(err)
	}
	b.advance(16 * time.Minute)
	if _, _, err := b.Register(t.Context(), a); !errors.Is(err, reset.ErrExpired) {
		t.Errorf("a quarter of an hour later: %v", err)
	}
}

// TestOnFromTheOutcome: the page of a good outcome offers registering, and its button leads there without another check.
func TestOnFromTheOutcome(t *testing.T) {
	v := newVisitor(t)
	v.b.tenant.Settings.RegisterRequired = true
	v.do(http.MethodPost, "/start", url.Values{"name": {"amara@contoso.com"}, "problem": {"forgot"}})
	v.do(http.MethodPost, "/verify/1", url.Values{"method": {"mail"}})
	page, at := v.do(http.MethodPost, "/verify/1/code", url.Values{"code": {v.b.mailed()}})
	if at != "/password" {
		t.Fatalf("at %s", at)
	}
	v.submit(page)
	open, err := v.b.store.OpenAttempts(t.Context())
	if err != nil || len(open) != 1 {
		t.Fatalf("%d open attempts, %v", len(open), err)
	}
	if err := v.b.Result(t.Context(), "contoso", "UAGENT", v.b.result(open[0], protocol.Changed, "")); err != nil {
		t.Fatal(err)
	}
	const offer = "One more thing: set up how you get back in next time."
	if page, _ = v.do(http.MethodGet, "/status/"+open[0].ID, nil); strings.Contains(page, offer) {
		t.Error("who has enough is asked for more")
	}
	v.b.two()
	if page, _ = v.do(http.MethodGet, "/status/"+open[0].ID, nil); !strings.Contains(page, offer) || !strings.Contains(page, "Your password has been changed in Active Directory</h1>") {
		t.Errorf("%s", page)
	}
	if page, at = v.do(http.MethodPost, "/security-info/register", nil); at != "/security-info" || !strings.Contains(page, "Set up how you get back in</h1>") {
		t.Errorf("at %s: %s", at, page)
	}
	if _, at = v.do(http.MethodPost, "/security-info/add", url.Values{"method": {"app"}}); !strings.HasPrefix(at, "/security-info/new/") {
		t.Errorf("adding an app leads to %s", at)
	}
	v.do(http.MethodPost, "/sign-out", nil)
	if page, _ = v.do(http.MethodPost, "/security-info/register", nil); strings.Contains(page, "Set up how you get back in</h1>") {
		t.Error("it works twice")
	}
}

// TestChangeProvesLess: a change takes the current password in the place of a check, the security info doesn't.
func TestChangeProvesLess(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	b.withApp()
	b.edit(func(p *provision.Person) { p.Protected = true })
	a := b.submit(b.verifiedFor(protocol.Change))
	r := b.result(a, protocol.Changed, "")
	r.Operation = protocol.Change
	if err := b.Result(t.Context(), "contoso", "UAGENT", r); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Register(t.Context(), b.reload(a)); !errors.Is(err, reset.ErrState) {
		t.Errorf("one check opens the security info of somebody who needs two: %v", err)
	}
}

// TestInterruption: who lacks something, or has to look again, sees that before the list.
func TestInterruption(t *testing.T) {
	v := newVisitor(t)
	v.b.two()
	enter := func() string {
		v.b.advance(time.Minute)
		v.do(http.MethodPost, "/security-info", url.Values{"name": {"amara@contoso.com"}})
		v.do(http.MethodPost, "/verify/1", url.Values{"method": {"mail"}})
		page, at := v.do(http.MethodPost, "/verify/1/code", url.Values{"code": {v.b.mailed()}})
		if at == "/verify/2" {
			v.do(http.MethodPost, "/verify/2", url.Values{"method": {"app"}})
			page, at = v.do(http.MethodPost, "/verify/2/code", url.Values{"code": {appCode(t, v.b.clock())}})
		}
		if at != "/security-info" {
			t.Fatalf("at %s: %s", at, page)
		}
		return page
	}
	const asked = "Set up how you get back in</h1>"
	if page := enter(); strings.Contains(page, asked) {
		t.Error("registration isn't required, and still asked for")
	}
	v.b.tenant.Settings.RegisterRequired = true
	page := enter()
	if !strings.Contains(page, asked) || !strings.Contains(page, "You need one more") || !strings.Contains(page, `value="app"`) {
		t.Errorf("%s", page)
	}
	if page, _ = v.do(http.MethodGet, "/security-info?list=1", nil); strings.Contains(page, asked) {
		t.Error("the list can't be seen")
	}
	v.b.withApp()
	if page = enter(); strings.Contains(page, asked) {
		t.Error("asked for although there is enough")
	}
	v.b.tenant.Settings.Checks.Reconfirm = 30
	if page = enter(); !strings.Contains(page, "Still right?</h1>") {
		t.Errorf("no review: %s", page)
	}
	if page, _ = v.do(http.MethodPost, "/security-info/review", nil); strings.Contains(page, "Still right?</h1>") {
		t.Error("asked again at once")
	}
	v.b.advance(31 * 24 * time.Hour)
	if page = enter(); !strings.Contains(page, "Still right?</h1>") {
		t.Error("not asked after a month")
	}
}

// mobile gives Amara a mobile number in the directory.
func (b *bench) mobile(number string) {
	b.t.Helper()
	b.edit(func(p *provision.Person) { p.Mobile = number })
}

// TestFirstProof: with nothing registered, what the directory holds opens the security info, and nothing else; once something
// is registered it opens nothing.
func TestFirstProof(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		b.mobile("+46 70 123 45 42")
		b.tenant.Settings.Checks = tenant.Checks{RegisteredOnly: true, Methods: []string{"mail", "text", "app"}}
		register := func(name string) reset.Attempt {
			b.advance(time.Minute)
			_, a, err := b.Start(t.Context(), b.tenant, reset.StartRequest{Typed: name, Kind: reset.Register, Address: "192.0.2.1", Locale: "en"})
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		proves := func(a reset.Attempt, way string) bool {
			if !slices.ContainsFunc(b.offered(a), func(o string) bool { return strings.HasPrefix(o, way+" ") }) {
				return false
			}
			sent := len(b.letters.codes)
			a = b.choose(a, way)
			if len(b.letters.codes) == sent {
				return false
			}
			_, answer, err := b.CheckCode(t.Context(), a, b.mailed())
			return err == nil && answer.Result == verify.OK
		}
		if proves(register("amara@contoso.com"), "mail") {
			t.Error("the directory's address proves something although nobody allowed it")
		}
		b.tenant.Settings.FirstProof = true
		if !proves(register("amara@contoso.com"), "mail") || !proves(register("amara@contoso.com"), "text") {
			t.Error("the directory proves nothing")
		}
		if to := b.letters.to[len(b.letters.to)-1]; to != "+46701234542" {
			t.Errorf("the code went to %s", to)
		}
		if proves(b.begin("amara@contoso.com"), "mail") || proves(b.begin("amara@contoso.com"), "text") {
			t.Error("the first proof opens a reset")
		}
		for i := range 20 { // unknown names look like people who have registered nothing
			if got := b.offered(register("nobody" + string(rune('a'+i)) + "@contoso.com")); !strings.HasPrefix(got[0], "mail ") && !strings.HasPrefix(got[0], "text ") {
				t.Errorf("an unknown name is offered %v", got)
			}
		}
		b.withApp()
		if got := b.offered(register("amara@contoso.com")); !slices.Equal(got, []string{"app"}) {
			t.Errorf("with an app registered she is offered %v", got)
		}
	})
}
