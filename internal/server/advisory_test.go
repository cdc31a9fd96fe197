package server

import (
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"homeward/internal/seal"
	"homeward/internal/server/operator"
	"homeward/internal/server/reset"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

// TestAdvisories plays each published attack on a product of this kind. What is carried out beside Active Directory is
// played there: CVE-2017-8613 by writeback's TestProtectedAccounts, MS 4056318 by activedirectory's TestOwnAndSystemAccounts,
// the bind with an empty password (CVE-2020-26214) by TestChangesThatAreRefused as well. A Host that decides where links lead
// (LTB#755, LTB#821, CVE-2023-49097, CVE-2025-48936) has TestOnlyTheBaseURLIsTrusted and TestLinksInMailsAreTheConfiguredOnes,
// guessing (CVE-2022-36413) TestGuessing, telling names apart (CVE-2023-39522) TestNamesAreIndistinguishable.
func TestAdvisories(t *testing.T) {
	for _, c := range []struct {
		advisory, attack string
		play             func(t *testing.T)
	}{
		{"CVE-2018-12421", "arrays and repeated fields in the place of one value", oddFields},
		{"LTB#520", "the page of a code names another account", anotherAccount},
		{"CVE-2023-49032", "the form says where the code goes", chosenDestination},
		{"CVE-2026-27946", "an address calls itself confirmed", selfConfirmed},
		{"CVE-2023-26481", "what was made for one person opens another's", anothersGrant},
		{"CVE-2025-24806", "one person by several names has several budgets", severalNames},
		{"CVE-2026-9087, CVE-2026-14781, GHSA-xhpr-465j-7p9q", "a code from another flow", anotherFlow},
		{"CVE-2010-3272", "fields that turn checks off", fieldsThatTurnChecksOff},
		{"CVE-2021-40539, CVE-2025-11250", "addresses that only look different", strangePaths},
		{"CVE-2021-28958, CVE-2021-33055, CVE-2022-28810", "a password that a shell reads; a first administrator whose password is known", noProgramAndNoDefault},
		{"CVE-2021-31874, CVE-2021-37419, CVE-2021-37420", "lines that reach a mail; addresses the server fetches", linesInMail},
		{"CVE-2023-35719", "a page that may come by plain HTTP", plainHTTP},
		{"CVE-2020-11850, CVE-2020-25837", "what was typed becomes a page's own; errors that tell", scriptInPages},
		{"CVE-2020-26214", "nothing at all in the place of a secret", emptySecrets},
	} {
		t.Run(c.advisory+" "+c.attack, func(t *testing.T) {
			t.Parallel()
			c.play(t)
		})
	}
}

// at begins a reset in the pages, up to the code that was sent.
func (v *visitor) atCode(name string) {
	v.t.Helper()
	v.do(http.MethodPost, "/start", url.Values{"name": {name}, "problem": {"forgot"}})
	if _, at := v.do(http.MethodPost, "/verify/1", url.Values{"method": {"mail"}}); at != "/verify/1/code" {
		v.t.Fatalf("at %s", at)
	}
}

// standing is the attempt of the browser.
func (v *visitor) standing() reset.Attempt {
	v.t.Helper()
	a, err := v.b.Session(v.t.Context(), "contoso", v.cookie())
	if err != nil {
		v.t.Fatal(err)
	}
	return a
}

func oddFields(t *testing.T) {
	v := newVisitor(t)
	v.atCode("amara@contoso.com")
	right := v.b.mailed()
	for _, form := range []url.Values{
		{"code[]": {right}},
		{"code[0]": {right}},
		{"code": {"000000", right}},
		{"code": {"", right}},
		{"code": {"[]"}},
		{"code": {"true"}},
		{"CODE": {right}},
		{"code": {right + right}},
		{"code": {"0x" + right}},
		{"code": {right + "\x00"}},
		{"code": {"١٢٣٤٥٦"}},
	} {
		if _, at := v.do(http.MethodPost, "/verify/1/code", form); at != "/verify/1/code" || v.standing().State != reset.Started {
			t.Errorf("%v leads to %s", form, at)
		}
	}
	if _, at := v.do(http.MethodPost, "/verify/1/code?code="+right, url.Values{}); at != "/verify/1/code" {
		t.Error("a code in the address is taken")
	}
	page, at := v.do(http.MethodPost, "/verify/1/code", url.Values{"code": {right}})
	if at != "/password" {
		t.Fatalf("at %s", at)
	}
	flow := regexp.MustCompile(`name="flow" value="([^"]+)"`).FindStringSubmatch(page)[1]
	for _, form := range []url.Values{
		{"flow[]": {flow}},
		{"flow": {"", flow}},
		{"flow": {flow}, "sealed[]": {"AAAA"}, "request": {""}},
		{"flow": {flow}, "sealed": {"AAAA", "BBBB"}},
		{"flow": {flow}, "password": {"Quiet harbour lamp 7"}},
		{"flow": {flow}, "new": {"x"}, "old": {""}},
	} {
		v.do(http.MethodPost, "/password", form)
	}
	if n := len(v.b.fleet.called()); n != 0 || v.standing().State != reset.Verified {
		t.Errorf("%d commands were sent, the attempt is %s", n, v.standing().State)
	}
}

func anotherAccount(t *testing.T) {
	v := newVisitor(t)
	v.b.withApp()
	v.b.with(v.b.person("nomail@contoso.com").ID, verify.Mail, "n•••@home.example", []byte("nomail@home.example"))
	victim := v.b.amara().ID
	v.atCode("nomail@contoso.com")
	more := func(form url.Values) url.Values {
		for _, name := range []string{"name", "username", "login", "upn", "person", "id", "user", "shown", "attempt"} {
			form.Set(name, "amara@contoso.com")
		}
		return form
	}
	_, at := v.do(http.MethodPost, "/verify/1/code?name=amara@contoso.com&person="+victim, more(url.Values{"code": {v.b.mailed()}}))
	if a := v.standing(); at != "/password" || a.Person == victim || a.Shown != "nomail@contoso.com" {
		t.Fatalf("at %s for %s", at, a.Shown)
	}
	page, _ := v.do(http.MethodGet, "/password?name=amara@contoso.com", nil)
	flow := regexp.MustCompile(`name="flow" value="([^"]+)"`).FindStringSubmatch(page)[1]
	v.do(http.MethodPost, "/password/ticket", more(url.Values{"flow": {flow}}))
	a := v.standing()
	if a.Person == victim || a.Request == "" {
		t.Errorf("the ticket is for %s", a.Person)
	}
}

func chosenDestination(t *testing.T) {
	v := newVisitor(t)
	v.do(http.MethodPost, "/start", url.Values{"name": {"amara@contoso.com"}, "problem": {"forgot"}, "mail": {"thief@evil.example"}})
	form := url.Values{"method": {"mail"}}
	for _, name := range []string{"to", "mail", "email", "phone", "mobile", "destination", "address", "token", "purpose", "masked"} {
		form.Set(name, "thief@evil.example")
	}
	v.do(http.MethodPost, "/verify/1?to=thief@evil.example", form)
	v.b.advance(time.Minute)
	v.do(http.MethodPost, "/verify/1/resend", form)
	if !slices.Equal(v.b.letters.to, []string{"amara@mail.example", "amara@mail.example"}) {
		t.Errorf("codes went to %v", v.b.letters.to)
	}
}

func selfConfirmed(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	a := b.signedIn()
	m, err := b.infos.Begin(t.Context(), b.tenant, a, verify.Mail, "thief@evil.example", "")
	if err != nil {
		t.Fatal(err)
	}
	if got := b.offered(b.begin("amara@contoso.com")); slices.Contains(got, "mail-2 t•••@evil.example") {
		t.Errorf("an address that nobody confirmed is offered: %v", got)
	}
	if _, err := b.Choose(t.Context(), b.tenant, b.begin("amara@contoso.com"), m.ID); !errors.Is(err, reset.ErrNoMethod) {
		t.Errorf("it can be chosen by its id: %v", err)
	}
	if answer, err := b.infos.Confirm(t.Context(), b.tenant, a, m.ID, "", ""); err == nil && answer.Result == verify.OK {
		t.Error("it is confirmed with nothing")
	}
	v := newVisitor(t)
	v.do(http.MethodPost, "/security-info", url.Values{"name": {"amara@contoso.com"}})
	v.do(http.MethodPost, "/verify/1", url.Values{"method": {"mail"}})
	v.do(http.MethodPost, "/verify/1/code", url.Values{"code": {v.b.mailed()}})
	claims := url.Values{"destination": {"thief@evil.example"}, "confirmed": {"1"}, "verified": {"true"}, "is_verified": {"on"}, "code": {"000000"}}
	v.do(http.MethodPost, "/security-info/add/mail", claims)
	methods, err := v.b.store.Methods(t.Context(), "contoso", v.b.amara().ID)
	if err != nil || len(methods) != 1 || !methods[0].Confirmed.IsZero() {
		t.Errorf("%+v %v", methods, err)
	}
}

func anothersGrant(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	b.with(b.person("nomail@contoso.com").ID, verify.Mail, "n•••@home.example", []byte("nomail@home.example"))
	mine := b.choose(b.begin("nomail@contoso.com"), "mail")
	code := b.mailed()
	hers := b.choose(b.begin("amara@contoso.com"), "mail")
	b.say(hers, code, verify.Wrong)
	b.say(b.choose(b.begin("amara@contoso.com"), "pass"), b.pass("nomail@contoso.com", time.Hour), verify.Wrong)
	if b.Flow(mine) == b.Flow(hers) {
		t.Error("two attempts have one flow token")
	}
	a := newAdminBench(t)
	link, _, err := a.operators.Invite(t.Context(), "contoso", "first", operator.ReportsReader, "test")
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := a.operators.Invite(t.Context(), "fabrikam", "second", operator.GlobalAdministrator, "test")
	if err != nil {
		t.Fatal(err)
	}
	if page := a.ask("", http.MethodGet, "/admin/set-up/"+link+"?name=second&tenant=fabrikam", nil).Body.String(); strings.Contains(page, "second") || other == link {
		t.Error("a set-up link opens another administrator's")
	}
}

func severalNames(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	b.withApp()
	names := []string{"amara@contoso.com", "AMARA@CONTOSO.COM", `CONTOSO\amara`, `contoso\AMARA`, "amara", "amara@mail.example", " amara@contoso.com "}
	looked := 0
	for i := range 70 {
		a := b.choose(b.beginFrom(names[i%len(names)], fmt.Sprintf("198.51.100.%d", i)), "app")
		_, _, err := b.CheckCode(t.Context(), a, "000000")
		if limited := (*reset.LimitError)(nil); errors.As(err, &limited) {
			continue
		}
		looked++
	}
	if most := b.deps.Limits.(limits).guesses("app").Burst; looked > most { //nolint:forcetypeassert // newBench's own
		t.Errorf("%d guesses were looked at by %d names, of %d", looked, len(names), most)
	}
}

func anotherFlow(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	info := b.signedIn()
	m, err := b.infos.Begin(t.Context(), b.tenant, info, verify.Mail, "amara@home.example", "")
	if err != nil {
		t.Fatal(err)
	}
	registering := b.mailed()
	a := b.choose(b.begin("amara@contoso.com"), "mail")
	forReset := b.mailed()
	b.say(a, registering, verify.Wrong)
	if answer, err := b.infos.Confirm(t.Context(), b.tenant, info, m.ID, forReset, ""); err != nil || answer.Result != verify.Wrong {
		t.Errorf("the code of a reset confirms an address: %+v %v", answer, err)
	}
	second := b.choose(b.begin("amara@contoso.com"), "mail")
	b.say(second, forReset, verify.Wrong)
	b.say(a, forReset, verify.OK)
}

func fieldsThatTurnChecksOff(t *testing.T) {
	v := newVisitor(t)
	v.b.two()
	v.b.withApp()
	off := url.Values{
		"name": {"amara@contoso.com"}, "problem": {"forgot"}, "checks": {"0"}, "required": {"0"}, "captcha": {"false"}, "questions": {"off"}, "skip": {"1"},
		"verified": {"true"}, "state": {"verified"}, "step": {"4"}, "n": {"3"}, "strict": {"false"}, "kind": {"register"},
	}
	v.do(http.MethodPost, "/start", off)
	for _, path := range []string{"/password", "/password?verified=true", "/verify/2", "/verify/3", "/verify/0/code"} {
		if _, at := v.do(http.MethodGet, path, nil); at != "/verify/1" {
			t.Errorf("%s leads to %s", path, at)
		}
	}
	off.Set("method", "mail")
	v.do(http.MethodPost, "/verify/1", off)
	off.Set("code", v.b.mailed())
	if _, at := v.do(http.MethodPost, "/verify/1/code", off); at != "/verify/2" || v.standing().State != reset.Started {
		t.Errorf("one of two checks leads to %s", at)
	}
	if answer, _ := v.do(http.MethodPost, "/password/ticket", url.Values{"flow": {v.b.Flow(v.standing())}}); strings.Contains(answer, `"key"`) {
		t.Error("a ticket after one of two checks")
	}
}

func strangePaths(t *testing.T) {
	f := newFront(t)
	for _, path := range []string{
		"/./admin/agents", "/static/../admin/agents", "/static/..%2fadmin/agents", "/static/%2e%2e/admin/agents", "/admin/./agents", "/admin//agents", "//admin/agents",
		"/admin/agents/", "/admin/agents;.css", "/admin/agents/..;/agents", "/admin/agents%00", "/admin/agents%2f", "/ADMIN/agents", "/admin/sign-in/../agents",
		"/admin/static/../agents", "/admin/static/%2e%2e/agents", "/relay/../admin/agents", "/healthz/../admin/agents", "/admin/agents?v=.css", "/admin/agents#x", "/%61dmin/agents",
		`/admin\agents`, "/admin/agents/.", "/RestAPI/../admin/agents", "/admin/set-up/../agents",
	} {
		for _, method := range []string{"GET", "POST", "HEAD", "PUT"} {
			got := f.raw(message(method, path, []string{"Host: password.contoso.test", "Cookie: __Host-homeward-admin=x"}, nil))
			if strings.Contains(got.Body, "SRV-HW01") || got.Status == http.StatusOK && strings.Contains(got.Body, "/admin/agents") {
				t.Errorf("%s %s shows the agents without a sign-in: status %d", method, path, got.Status)
			}
		}
	}
}

// noProgramAndNoDefault: nothing on the way of a password can start a program, and nobody administers before they chose a
// password of their own.
func noProgramAndNoDefault(t *testing.T) {
	for _, root := range []string{".", "../agent/writeback", "../agent/activedirectory", "../seal", "../relay"} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
			if err != nil {
				return err
			}
			for _, i := range file.Imports {
				if i.Path.Value == `"os/exec"` || i.Path.Value == `"plugin"` {
					t.Errorf("%s can start programs", path)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	b := newAdminBench(t)
	for _, name := range []string{"admin", "administrator", "root", "homeward", ""} {
		for _, password := range []string{"admin", "password", "homeward", ""} {
			w := b.ask("", http.MethodPost, "/admin/sign-in", url.Values{"name": {name}, "password": {password}, "code": {"000000"}})
			if strings.Contains(w.Header().Get("Set-Cookie"), "__Host-homeward-admin=") {
				t.Errorf("%q signs in with %q", name, password)
			}
		}
	}
}

func linesInMail(t *testing.T) {
	f := newFront(t)
	hostile := "amara@contoso.com\r\nBcc: thief@evil.example\r\n\r\nhttp://evil.example/"
	do := f.visit(nil)
	for _, name := range []string{hostile, "amara@mail.example%0d%0aBcc:thief@evil.example", "<amara@mail.example>", "amara@mail.example,thief@evil.example", "http://169.254.169.254/"} {
		do(http.MethodPost, "/security-info", url.Values{"name": {name}, "url": {"http://evil.example"}, "host": {"evil.example"}})
		do(http.MethodPost, "/verify/1", url.Values{"method": {"mail"}})
	}
	do = f.visit(http.Header{"Accept-Language": {"en\tBcc: x"}})
	do(http.MethodPost, "/security-info", url.Values{"name": {"amara@contoso.com"}})
	do(http.MethodPost, "/verify/1", url.Values{"method": {"mail"}})
	f.mail(1)
	for _, m := range f.box.Messages() {
		if m.To != "amara@mail.example" || strings.Contains(m.Subject+m.Text, "evil") {
			t.Errorf("a mail to %s: %s\n%s", m.To, m.Subject, m.Text)
		}
	}
}

func plainHTTP(t *testing.T) {
	f := newFront(t)
	for _, path := range []string{"/", "/start", "/static/portal.css", "/nowhere", "/admin", "/status/x"} {
		got := f.raw(message("GET", path, []string{"Host: password.contoso.test"}, nil))
		if got.Header.Get("Strict-Transport-Security") == "" || strings.Contains(got.Body, `="http://`) {
			t.Errorf("%s may be fetched by plain HTTP: %v", path, got.Header)
		}
	}
}

func scriptInPages(t *testing.T) {
	v := newVisitor(t)
	const script = `"><script>alert(1)</script><img src=x onerror=alert(1)>{{.}}`
	for _, path := range []string{"/start", "/change", "/security-info"} {
		page, _ := v.do(http.MethodPost, path, url.Values{"name": {script}, "mkt": {"de"}})
		if !strings.Contains(page, "&lt;script&gt;") || strings.Contains(page, "<script>alert") || strings.Contains(page, "<img") {
			t.Errorf("%s: %.600s", path, page)
		}
	}
	q := url.QueryEscape(script)
	for _, path := range []string{"/start?mkt=" + q, "/" + q, "/status/" + q, "/verify/" + q, "/security-info?done=" + q, "/password?wait=" + q, "/start?name=" + q + "&error=" + q} {
		page, _ := v.do(http.MethodGet, path, nil)
		if strings.Contains(page, "alert(1)") {
			t.Errorf("%s is on its page: %.600s", path, page)
		}
	}
	if err := v.b.store.Close(); err != nil {
		t.Fatal(err)
	}
	page, _ := v.do(http.MethodPost, "/start", url.Values{"name": {"amara@contoso.com"}, "problem": {"forgot"}})
	for _, inside := range []string{"sql", "SELECT", "database", ".go", "goroutine", "limits"} {
		if strings.Contains(page, inside) {
			t.Errorf("the page of an error tells %q", inside)
		}
	}
}

func emptySecrets(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	b.withQuestions()
	b.withApp()
	for _, kind := range []string{"mail", "app", "pass"} {
		a := b.choose(b.begin("amara@contoso.com"), kind)
		for _, nothing := range []string{"", " ", "\x00", "-", "000000"} {
			next, answer, err := b.CheckCode(t.Context(), a, nothing)
			if err == nil && answer.Result == verify.OK || next.State != reset.Started || len(next.Checks.Passed) > 0 {
				t.Errorf("%s passes with %q", kind, nothing)
			}
		}
	}
	a := b.choose(b.begin("amara@contoso.com"), "questions")
	for _, answers := range [][]string{nil, {}, {"", "", ""}, {" ", " ", " "}} {
		next, answer, err := b.CheckAnswers(t.Context(), a, answers)
		if err == nil && answer.Result == verify.OK {
			t.Errorf("questions pass with %q", answers)
		}
		a = b.reload(next)
	}
	if _, err := b.AdminReset(t.Context(), b.tenant, "cli:root", "amara", []byte{}); !errors.Is(err, reset.ErrNoPassword) {
		t.Errorf("an operator's reset to nothing: %v", err)
	}
	b.tenant.Settings.Checks = tenant.Checks{}
	b.advance(time.Minute)
	a = b.verified()
	for _, request := range []string{"", "00"} {
		if next, _, err := b.Submit(t.Context(), a, request, nil); err == nil && next.State != reset.Verified || len(b.fleet.called()) > 0 {
			t.Errorf("nothing sealed is submitted: %s, %v", next.State, err)
		}
	}
	ticket, err := b.Ticket(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Submit(t.Context(), b.reload(a), ticket.Request, nil); !errors.Is(err, seal.ErrMalformed) {
		t.Errorf("an empty envelope: %v", err)
	}
}
