package server

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pquerna/otp/totp"

	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/provision"
	"homeward/internal/server/reset"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

// amara is the imported person of every bench.
func (b *bench) amara() provision.Person {
	b.t.Helper()
	return b.person("amara@contoso.com")
}

func (b *bench) person(name string) provision.Person {
	b.t.Helper()
	found, err := b.store.FindPeople(b.t.Context(), "contoso", name)
	if err != nil || len(found) != 1 {
		b.t.Fatalf("%v %v", found, err)
	}
	return found[0]
}

// seed is the one that withApp gives.
var seed = []byte("12345678901234567890") //nolint:gochecknoglobals // a constant in all but type

// with registers a method for somebody.
func (b *bench) with(person string, kind verify.Kind, masked string, secret []byte) {
	b.t.Helper()
	m := verify.Method{
		Tenant: "contoso", ID: string(kind) + "-" + person, Person: person, Kind: kind, Masked: masked, Secret: secret,
		Created: b.clock(), Confirmed: b.clock(),
	}
	if err := b.store.PutMethod(b.t.Context(), m); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) withApp() { b.t.Helper(); b.with(b.amara().ID, verify.App, "", seed) }

// appCode is what an app with the seed shows at a moment.
func appCode(t *testing.T, at time.Time) string {
	t.Helper()
	code, err := totp.GenerateCode(verify.SeedText(seed), at)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// two asks for two checks.
func (b *bench) two() { b.tenant.Settings.Checks = tenant.Checks{Required: 2} }

func (b *bench) begin(typed string) reset.Attempt {
	b.t.Helper()
	return b.beginFrom(typed, "192.0.2.1")
}

func (b *bench) beginFrom(typed, address string) reset.Attempt {
	b.t.Helper()
	_, a, err := b.Start(b.t.Context(), b.tenant, reset.StartRequest{Typed: typed, Kind: protocol.Reset, Address: address, Locale: "en"})
	if err != nil {
		b.t.Fatal(err)
	}
	return a
}

// offered names the ways a name is shown, in order.
func (b *bench) offered(a reset.Attempt) []string {
	b.t.Helper()
	methods, err := b.Methods(b.t.Context(), a)
	if err != nil {
		b.t.Fatal(err)
	}
	var out []string
	for _, m := range methods {
		out = append(out, strings.TrimSpace(m.Value+" "+m.Masked))
	}
	return out
}

func (b *bench) choose(a reset.Attempt, value string) reset.Attempt {
	b.t.Helper()
	a, err := b.Choose(b.t.Context(), b.tenant, a, value)
	if err != nil {
		b.t.Fatal(err)
	}
	return a
}

// say answers a check, and fails the test unless it came out as wanted.
func (b *bench) say(a reset.Attempt, typed string, want verify.Result) reset.Attempt {
	b.t.Helper()
	a, answer, err := b.CheckCode(b.t.Context(), a, typed)
	if err != nil || answer.Result != want {
		b.t.Fatalf("%+v %v, want %s", answer, err, want)
	}
	return a
}

func (b *bench) mailed() string { return b.letters.codes[len(b.letters.codes)-1] }

func TestTwoChecks(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		b.two()
		b.withApp()
		a := b.begin("amara@contoso.com")
		if diff := cmp.Diff([]string{"app", "mail a•••@mail.example"}, b.offered(a)); diff != "" {
			t.Fatal(diff)
		}
		a = b.choose(a, "app")
		a = b.say(a, appCode(t, b.clock()), verify.OK)
		if a.State != reset.Started || !slices.Equal(a.Checks.Passed, []verify.Kind{verify.App}) {
			t.Fatalf("%s %v after one of two checks", a.State, a.Checks)
		}
		if _, err := b.Ticket(t.Context(), a); !errors.Is(err, reset.ErrState) {
			t.Errorf("a ticket after one of two checks: %v", err)
		}
		if diff := cmp.Diff([]string{"mail a•••@mail.example"}, b.offered(a)); diff != "" {
			t.Error("the second check offers the first again: " + diff)
		}
		if _, err := b.Choose(t.Context(), b.tenant, a, "app"); !errors.Is(err, reset.ErrNoMethod) {
			t.Errorf("the same check twice: %v", err)
		}
		a = b.choose(a, "mail")
		if a = b.say(a, b.mailed(), verify.OK); a.State != reset.Verified {
			t.Fatalf("%s after two checks", a.State)
		}
		if diff := cmp.Diff([]string{"mail a•••@mail.example", "app"}, b.offered(b.begin("amara@contoso.com"))); diff != "" {
			t.Error("the last used isn't first: " + diff)
		}
	})
}

func TestAppStepPassesOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		b.withApp()
		code := appCode(t, b.clock())
		if a := b.say(b.choose(b.begin("amara@contoso.com"), "app"), code, verify.OK); a.State != reset.Verified {
			t.Fatal(a.State)
		}
		a := b.choose(b.begin("amara@contoso.com"), "app")
		b.say(a, code, verify.Wrong)
		b.say(a, appCode(t, b.clock().Add(-30*time.Second)), verify.Wrong)
		b.say(a, appCode(t, b.clock().Add(60*time.Second)), verify.Wrong)
		b.say(a, appCode(t, b.clock().Add(30*time.Second)), verify.OK)
	})
}

// TestCodeProvesOnlyWhatItWasSentTo: a mailed code is no answer to the check with an app, nor the other way round.
func TestCodeProvesOnlyWhatItWasSentTo(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	b.withApp()
	b.with(b.amara().ID, verify.Mail, "b•••@other.example", []byte("b@other.example"))
	a := b.choose(b.begin("amara@contoso.com"), "mail")
	code := b.mailed()
	a = b.choose(a, "app")
	b.say(a, code, verify.Wrong)
	if a = b.choose(a, "mail-2"); b.letters.to[len(b.letters.to)-1] != "b@other.example" {
		t.Errorf("the code went to %v", b.letters.to)
	}
	b.say(a, code, verify.Wrong)
	b.say(a, b.mailed(), verify.OK)
}

func TestProtectedPeopleNeedTwo(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	p := b.amara()
	p.Protected = true
	if err := b.store.UpdatePeople(t.Context(), []provision.Person{p}); err != nil {
		t.Fatal(err)
	}
	b.tenant.Settings.Checks.Methods = []string{"mail", "app", "questions"}
	b.withApp()
	b.with(p.ID, verify.Questions, "", []byte("{}"))
	a := b.begin("amara@contoso.com")
	if _, of, err := b.Progress(t.Context(), a); err != nil || of != 1 {
		t.Errorf("the page tells that this name needs %d checks, %v", of, err)
	}
	if diff := cmp.Diff([]string{"app", "mail a•••@mail.example"}, b.offered(a)); diff != "" {
		t.Error(diff)
	}
	a = b.say(b.choose(a, "app"), appCode(t, b.clock()), verify.OK)
	if number, of, err := b.Progress(t.Context(), a); a.State != reset.Started || number != 2 || of != 2 || err != nil {
		t.Errorf("%s, check %d of %d, %v", a.State, number, of, err)
	}
}

// TestProtectedPeopleWithOneMethod hear the truth after it: nobody resets them here. A change, which their own current
// password allows, goes on.
func TestProtectedPeopleWithOneMethod(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	p := b.amara()
	p.Protected = true
	if err := b.store.UpdatePeople(t.Context(), []provision.Person{p}); err != nil {
		t.Fatal(err)
	}
	a := b.choose(b.begin("amara@contoso.com"), "mail")
	if a = b.say(a, b.mailed(), verify.OK); a.State != reset.Failed || a.Reason != protocol.ReasonProtected {
		t.Errorf("%s %s", a.State, a.Reason)
	}
	if a = b.verifiedFor(protocol.Change); a.State != reset.Verified {
		t.Errorf("a change: %s", a.State)
	}
}

// TestTooFewMethods: somebody with one method, where two are asked for, is shown what others are shown, and hears that it
// isn't enough only after proving the one.
func TestTooFewMethods(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		b.two()
		a := b.begin("amara@contoso.com")
		if got := b.offered(a); !slices.Equal(got, []string{"mail a•••@mail.example", "app"}) {
			t.Errorf("offered %v", got)
		}
		if got := b.offered(b.begin("nobody@contoso.com")); len(got) != 2 || got[1] != "mail n•••@mail.example" && got[0] != "mail n•••@mail.example" {
			t.Errorf("an unknown name is offered %v", got)
		}
		b.say(b.choose(a, "app"), "123456", verify.Wrong)
		a = b.choose(b.reload(a), "mail")
		if a = b.say(a, b.mailed(), verify.OK); a.State != reset.Failed || a.Reason != reset.ReasonNotRegistered {
			t.Errorf("%s %s", a.State, a.Reason)
		}
	})
}

// TestUnknownNamesAreShownWhatPeopleHave: as often, the same each time, and none of it lets anybody in.
func TestUnknownNamesAreShownWhatPeopleHave(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	b.tenant.Settings.Checks.Methods = tenant.AllMethods()
	b.withApp() // one of two people has an app, and nobody a passkey
	b.with(b.amara().ID, verify.Text, "•••• 42", []byte("+46 70 123 45 42"))
	apps, phones := 0, map[string]bool{}
	const names = 200
	for i := range names {
		name := fmt.Sprintf("nobody%d@contoso.com", i)
		got := b.offered(b.beginFrom(name, fmt.Sprint(i)))
		if again := b.offered(b.beginFrom(strings.ToUpper(name), fmt.Sprint(i))); !slices.Equal(got, again) {
			t.Fatalf("%s is shown %v, then %v", name, got, again)
		}
		for _, way := range got {
			switch kind, masked, _ := strings.Cut(way, " "); kind {
			case "app":
				apps++
			case "text":
				phones[masked] = true
			case "passkey", "questions":
				t.Errorf("%s is shown %s, which nobody has", name, kind)
			}
		}
	}
	if apps < names/3 || apps > 2*names/3 || len(phones) < 20 {
		t.Errorf("%d of %d unknown names are shown an app, %d different phones", apps, names, len(phones))
	}
	for i := range names {
		a := b.beginFrom(fmt.Sprintf("nobody%d@contoso.com", i), "x"+fmt.Sprint(i))
		if !slices.Contains(b.offered(a), "app") {
			continue
		}
		a = b.choose(a, "app")
		b.say(a, appCode(t, b.clock()), verify.Wrong)
		break
	}
}

// TestGuessing: 100,000 guesses at an app's code within ten days, each from another address, pass with a chance below
// 1 in 10,000, and the rightful owner gets in by mail meanwhile. So it is with a code that was sent, and for somebody who has
// stolen the cookie of a browser that is known to be the person's, too: then both kinds of tries are used up.
func TestGuessing(t *testing.T) {
	for _, c := range []struct {
		kind    string
		fitting float64
		stolen  bool
	}{{"app", 3, false}, {"mail", 1, false}, {"app", 3, true}, {"mail", 1, true}} {
		kind, fitting := c.kind, c.fitting
		t.Run(fmt.Sprintf("%s, stolen %v", kind, c.stolen), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, sqliteDSN(t))
			b.withApp()
			person, cookie := b.amara().ID, ""
			if c.stolen {
				cookie = b.deps.Devices.Remember("", "contoso", person)
			}
			a := b.Recognise(b.choose(b.begin("amara@contoso.com"), kind), cookie)
			if (a.Device != "") != c.stolen {
				t.Fatalf("the browser is %q", a.Device)
			}
			const guesses, days = 100_000, 10
			evaluated := 0
			var closed time.Time
			for i := range guesses {
				b.advance(days * 24 * time.Hour / guesses)
				if b.clock().Before(closed) { // as CheckCode begins; the rest of it only takes time
					if until, err := b.deps.Limits.Answer(t.Context(), "contoso", person, kind); err != nil || until.IsZero() {
						t.Fatalf("let through before %s, %v", closed, err)
					}
					if a.Device == "" {
						continue
					}
					if until, err := b.deps.Familiar.AnswerFrom(t.Context(), "contoso", person, a.Device, kind); err != nil || until.IsZero() {
						t.Fatalf("the known browser is let through before %s, %v", closed, err)
					}
					continue
				}
				if b.clock().After(a.Expires) {
					a = b.Recognise(b.choose(b.beginFrom("amara@contoso.com", fmt.Sprintf("198.51.100.%d", i)), kind), cookie)
				}
				_, answer, err := b.CheckCode(t.Context(), a, "000000")
				var limited *reset.LimitError
				switch {
				case errors.As(err, &limited):
					closed = limited.Until
				case err != nil:
					t.Fatal(err)
				case answer.Result == verify.OK:
					t.Fatal("guessed")
				default:
					evaluated++
				}
			}
			if chance := float64(evaluated) * fitting / 1e6; chance >= 1e-4 || evaluated == 0 {
				t.Errorf("%d guesses were looked at: a chance of %g", evaluated, chance)
			}
			t.Logf("%d of %d guesses were looked at: a chance of %.2g to pass", evaluated, guesses, float64(evaluated)*fitting/1e6)
			other := b.begin("amara@contoso.com")
			if kind == "app" {
				other = b.choose(other, "mail")
				other = b.say(other, b.mailed(), verify.OK)
			} else {
				other = b.say(b.choose(other, "app"), appCode(t, b.clock()), verify.OK)
			}
			if other.State != reset.Verified {
				t.Errorf("the owner is %s", other.State)
			}
		})
	}
}

// TestTwoChecksThroughThePages follows the forms as a browser without script does.
func TestTwoChecksThroughThePages(t *testing.T) {
	v := newVisitor(t)
	v.b.two()
	v.b.withApp()
	v.do(http.MethodPost, "/start", url.Values{"name": {"amara@contoso.com"}, "problem": {"forgot"}})
	page, at := v.do(http.MethodGet, "/verify/2", nil)
	if at != "/verify/1" || !strings.Contains(page, "Step 2 of 4</b> · Check 1 of 2") || !strings.Contains(page, `value="app"`) {
		t.Fatalf("at %s: %.900s", at, page)
	}
	page, at = v.do(http.MethodPost, "/verify/1", url.Values{"method": {"app"}})
	if at != "/verify/1/code" || !strings.Contains(page, "Enter the code your app shows") || strings.Contains(page, "Send a new code") {
		t.Fatalf("at %s: %.900s", at, page)
	}
	if page, _ = v.do(http.MethodPost, "/verify/1/code", url.Values{"code": {"12345"}}); !strings.Contains(page, "Enter the 6 numbers in the code") {
		t.Errorf("%.900s", page)
	}
	page, at = v.do(http.MethodPost, "/verify/1/code", url.Values{"code": {appCode(t, v.b.clock())}})
	if at != "/verify/2" || !strings.Contains(page, "Check 2 of 2") || strings.Contains(page, `value="app"`) {
		t.Fatalf("at %s: %.900s", at, page)
	}
	if _, at = v.do(http.MethodGet, "/password", nil); at != "/verify/2" {
		t.Errorf("the password page after one of two checks: %s", at)
	}
	if _, at = v.do(http.MethodPost, "/verify/2", url.Values{"method": {"nonsense"}}); at != "/verify/2" {
		t.Errorf("nonsense leads to %s", at)
	}
	v.do(http.MethodPost, "/verify/2", url.Values{"method": {"mail"}})
	page, at = v.do(http.MethodPost, "/verify/2/code", url.Values{"code": {v.b.mailed()}})
	if at != "/password" || !strings.Contains(page, "Step 4 of 4") {
		t.Errorf("at %s: %.900s", at, page)
	}
}

func TestTooFewMethodsThroughThePages(t *testing.T) {
	v := newVisitor(t)
	v.b.two()
	v.do(http.MethodPost, "/start", url.Values{"name": {"amara@contoso.com"}, "problem": {"forgot"}})
	v.do(http.MethodPost, "/verify/1", url.Values{"method": {"mail"}})
	page, at := v.do(http.MethodPost, "/verify/1/code", url.Values{"code": {v.b.mailed()}})
	if !strings.HasPrefix(at, "/status/") || !strings.Contains(page, "You can’t reset your password here yet") {
		t.Errorf("at %s: %.900s", at, page)
	}
}

func (b *bench) pass(name string, life time.Duration) string {
	b.t.Helper()
	code, _, err := b.IssuePass(b.t.Context(), b.tenant, "root", name, "ticket 7", life)
	if err != nil {
		b.t.Fatal(err)
	}
	return code
}

func TestHelpdeskPass(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		old := b.pass("amara@contoso.com", 15*time.Minute)
		code := b.pass(`contoso\amara`, 15*time.Minute)
		a := b.choose(b.begin("amara@contoso.com"), "pass")
		if _, _, err := b.CheckCode(t.Context(), a, "123"); !errors.Is(err, verify.ErrNotPass) {
			t.Errorf("%v", err)
		}
		b.say(a, old, verify.Wrong)
		if a = b.say(a, strings.ToLower(strings.ReplaceAll(code, "-", " ")), verify.OK); a.State != reset.Verified {
			t.Errorf("%s", a.State)
		}
		b.say(b.choose(b.begin("amara@contoso.com"), "pass"), code, verify.Wrong) // once
		code = b.pass("amara@contoso.com", 15*time.Minute)
		b.say(b.choose(b.begin("nomail@contoso.com"), "pass"), code, verify.Wrong) // somebody else's
		b.say(b.choose(b.begin("nobody@contoso.com"), "pass"), code, verify.Wrong) // nobody's
		b.advance(15 * time.Minute)
		b.say(b.choose(b.begin("amara@contoso.com"), "pass"), code, verify.Wrong) // late
		records, err := b.store.LastRecords(t.Context(), "contoso", 500)
		if err != nil || !slices.ContainsFunc(records, func(r audit.Record) bool {
			return r.Activity == "Issue helpdesk pass" && r.Actor == "root" && strings.HasSuffix(r.Detail, ": ticket 7")
		}) {
			t.Errorf("%v %v", records, err)
		}
		for _, r := range records {
			if strings.Contains(r.Detail, code) {
				t.Error("a record holds the code")
			}
		}
	})
}

// TestHelpdeskPassIsOneCheck: it is the first or the second of two, never both.
func TestHelpdeskPassIsOneCheck(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	b.two()
	code := b.pass("amara@contoso.com", time.Hour)
	a := b.choose(b.begin("amara@contoso.com"), "mail")
	if a = b.say(a, b.mailed(), verify.OK); a.State != reset.Started || len(b.offered(a)) != 0 {
		t.Fatalf("%s %v: the pass is left", a.State, b.offered(a))
	}
	if a = b.say(b.choose(a, "pass"), code, verify.OK); a.State != reset.Verified {
		t.Errorf("%s", a.State)
	}
	code = b.pass("amara@contoso.com", time.Hour)
	a = b.say(b.choose(b.begin("amara@contoso.com"), "pass"), code, verify.OK)
	b.pass("amara@contoso.com", time.Hour)
	if _, err := b.Choose(t.Context(), b.tenant, a, "pass"); !errors.Is(err, reset.ErrNoMethod) {
		t.Errorf("two passes: %v", err)
	}
}

func TestHelpdeskPassRefused(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	for name, c := range map[string]struct {
		operator, person, reason string
		life                     time.Duration
		want                     error
	}{
		"nobody asks":  {"", "amara@contoso.com", "x", time.Hour, reset.ErrNoOperator},
		"no reason":    {"root", "amara@contoso.com", " ", time.Hour, reset.ErrNoReason},
		"two lines":    {"root", "amara@contoso.com", "a\nb", time.Hour, reset.ErrNoReason},
		"too short":    {"root", "amara@contoso.com", "x", time.Second, verify.ErrPassLife},
		"too long":     {"root", "amara@contoso.com", "x", 25 * time.Hour, verify.ErrPassLife},
		"nobody named": {"root", "nobody@contoso.com", "x", time.Hour, reset.ErrNoPerson},
	} {
		if code, _, err := b.IssuePass(t.Context(), b.tenant, c.operator, c.person, c.reason, c.life); !errors.Is(err, c.want) || code != "" {
			t.Errorf("%s: %q %v", name, code, err)
		}
	}
}

// TestSecurityInfoWithAHelpdeskPass: where the directory's address proves nothing, a pass is the first proof.
func TestSecurityInfoWithAHelpdeskPass(t *testing.T) {
	v := newVisitor(t)
	v.b.tenant.Settings.Checks = tenant.Checks{RegisteredOnly: true}
	code := v.b.pass("amara@contoso.com", time.Hour)
	page, _ := v.do(http.MethodPost, "/security-info", url.Values{"name": {"amara@contoso.com"}})
	if !strings.Contains(page, "I have a code from the helpdesk") {
		t.Fatalf("%.900s", page)
	}
	page, at := v.do(http.MethodPost, "/verify/1", url.Values{"method": {"pass"}})
	if at != "/verify/1/code" || !strings.Contains(page, "Helpdesk code") {
		t.Fatalf("at %s: %.900s", at, page)
	}
	if page, _ = v.do(http.MethodPost, "/verify/1/code", url.Values{"code": {"ABC"}}); !strings.Contains(page, "Enter the 8 letters and numbers") {
		t.Errorf("%.900s", page)
	}
	if page, at = v.do(http.MethodPost, "/verify/1/code", url.Values{"code": {code}}); at != "/security-info" || strings.Contains(page, "from your organisation") {
		t.Errorf("at %s: %.900s", at, page)
	}
}

// TestOutcomeIsToldToEveryAddress that is known: the directory's and those that were registered.
func TestOutcomeIsToldToEveryAddress(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	b.with(b.amara().ID, verify.Mail, "a•••@home.example", []byte("amara@home.example"))
	a := b.submitted()
	if err := b.Result(t.Context(), "contoso", "UAGENT", b.result(a, protocol.Changed, protocol.ReasonNone)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"amara@mail.example", "amara@home.example"}, b.letters.doneTo); diff != "" {
		t.Error(diff)
	}
}

// TestRecordsSayWhoHasNothing: whoever has registered no way reads what an unknown name reads, and administrators read why.
func TestRecordsSayWhoHasNothing(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	for name, want := range map[string]string{"nomail@contoso.com": string(reset.ReasonNotRegistered), "nobody@contoso.com": ""} {
		a := b.choose(b.begin(name), "mail")
		a = b.say(a, "000000", verify.Wrong)
		var reasons []string
		for _, r := range b.records(t, a) {
			reasons = append(reasons, r.Reason)
		}
		if got := slices.Contains(reasons, string(reset.ReasonNotRegistered)); got != (want != "") {
			t.Errorf("%s: %v", name, reasons)
		}
	}
}
