package e2e_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"homeward/internal/demo"
	"homeward/internal/lab"
	"homeward/test/dctest"
)

// TestEveryControl walks over every page of the admin portal, as one administrator at one browser and the real stack behind it,
// and uses each field, switch, choice and button there is; what each does is looked at where it is meant to be felt: in the portal
// that people see, at the domain controller, in the mailbox. A control that nothing here uses fails the test by its name.
func TestEveryControl(t *testing.T) {
	t.Parallel()
	s := own(t, demo.Options{Edit: testAccount, EditServer: everyChannel}, supply{lab.KindOrdinary: 45 + stormPeople, lab.KindDisabled: moreThanPasses})
	l := newLedger()
	d := s.desk(t, l)
	d.tested, d.soon = s.person(t, lab.KindOrdinary), s.person(t, lab.KindOrdinary)
	s.admin(t).DatePasswords(t, map[string]time.Time{d.soon.DN: time.Now().Add(-40 * 24 * time.Hour)})
	s.admin(t).ApplyPSO(t, d.soon, dctest.Policy{MinLength: 7, MaxAge: 45 * 24 * time.Hour})
	whole := true
	for _, part := range []struct {
		name string
		walk func(d *desk)
	}{
		{"account", (*desk).account},
		{"overview", (*desk).overview},
		{"people", (*desk).people},
		{"properties", (*desk).properties},
		{"methods", (*desk).methods},
		{"registration", (*desk).registration},
		{"notifications", (*desk).notifications},
		{"register again", (*desk).registersAgain},
		{"customization", (*desk).customization},
		{"on-premises integration", (*desk).onprem},
		{"settings while resets run", (*desk).storm},
		{"licences", (*desk).licensing},
		{"operators", (*desk).operators},
		{"sync", (*desk).directorySync},
		{"deletions", (*desk).deletions},
		{"agents", (*desk).agentPages},
		{"tidings", (*desk).tidings},
		{"reports", (*desk).reports},
		{"audit", (*desk).audit},
		{"reminders to register", (*desk).remindsToRegister},
	} {
		whole = t.Run(part.name, func(t *testing.T) {
			part.walk(d.at(t))
			l.take(t, d.b)
		}) && whole
	}
	l.take(t, d.b)
	d.b.calm(t)
	tell := t.Errorf
	if !whole { // what a failed part left out is no news
		tell = t.Logf
	}
	l.complete(t, tell)
	if err := s.Store.VerifyChain(t.Context(), demo.TenantID); err != nil {
		t.Error(err)
	}
}

// testAccount has the agent make test writes.
func testAccount(agent map[string]any) {
	if all, ok := agent["directories"].([]any); ok {
		if first, ok := all[0].(map[string]any); ok {
			first["test_account"] = "ordinary.e00@contoso.com"
		}
	}
}

// everyChannel has the server send text messages, which end in the mailbox, and alerts to this machine.
func everyChannel(server map[string]any) {
	server["text"] = map[string]any{"via": "mail", "mail_to": "{number}@sms.example"}
	server["alerts"] = map[string]any{"private_webhooks": true}
}

const walker = "walker@contoso.com"

// account sets the administrator up, signs in and out, and ends sessions elsewhere.
func (d *desk) account() {
	t := d.t
	_, recovery := d.b.setUp(t, d.invite(t, "invite", walker))
	d.b.title(t, "Overview")
	d.open("/admin/account")
	d.press("form[action='/admin/sign-out'] button")
	d.b.title(t, "Sign in to administration")
	d.fill("#name", walker)
	d.fill("#password", adminPassword)
	d.fill("#code", recovery[0])
	d.press("main form .button")
	d.b.title(t, "Overview")

	elsewhere := func(code string) (gone func() bool) {
		v := d.visitor(t)
		page, err := v.Post(t.Context(), "/admin/sign-in", map[string][]string{"name": {walker}, "password": {adminPassword}, "code": {code}})
		must(t, err)
		if page.Path != "/admin" {
			t.Fatalf("a second browser is led to %s: %s", page.Path, page.Title())
		}
		return func() bool {
			page, err := v.Get(t.Context(), "/admin/account")
			must(t, err)
			return page.Path == "/admin/sign-in"
		}
	}
	for i, button := range []string{"form[action='/admin/account/sessions/end'] button", "form[action='/admin/account/sessions/end-others'] button"} {
		gone := elsewhere(recovery[i+1])
		if gone() {
			t.Fatal("the second browser isn't signed in")
		}
		d.open("/admin/account")
		d.sees("document.querySelectorAll('tbody tr').length === 2")
		d.press(button)
		d.sees("document.querySelectorAll('tbody tr').length === 1")
		if !gone() {
			t.Errorf("%s leaves the other session as it is", button)
		}
	}
	d.press("form[action='/admin/account/recovery'] button")
	fresh := strings.Fields(d.b.text(t, "#recovery"))
	if len(fresh) != len(recovery) || slices.Contains(fresh, recovery[3]) {
		t.Errorf("%d new recovery codes", len(fresh))
	}
	if out := d.mustOperate(t, "operator", "list"); !strings.Contains(out, walker) {
		t.Errorf("operator list: %s", out)
	}
}

// overview makes a test write, and looks at the portal in another language and at the checklist.
func (d *desk) overview() {
	t := d.t
	before := d.writes(t, d.tested)
	d.open("/admin/")
	d.press("#test-write")
	d.sees("/Last test write .* confirmed in/.test(document.getElementById('hero').textContent)")
	if n := d.writes(t, d.tested) - before; n != 1 {
		t.Errorf("the test account was written %d times", n)
	}
	// How long ago something was is kept true in place, under a link that stays where it is.
	d.open("/admin")
	d.sees("(() => { const pill = document.getElementById('pill'); pill.mark = pill.querySelector('#checked')?.textContent; pill.focus(); return pill.mark; })()")
	d.sees("(() => { const pill = document.getElementById('pill'); return pill.mark && pill.querySelector('#checked').textContent !== pill.mark && document.activeElement === pill; })()")
	d.sees("document.getElementById('spoken').textContent === '' && /ago/.test(document.getElementById('beat').textContent)")
	d.open("/admin/setup")
	d.sees("document.querySelectorAll('.checklist .done').length === 7 && document.querySelectorAll('.checklist .next').length === 1") // all but a second agent
	d.click("nav .language summary")
	d.press("nav .language button[value=de]")
	d.sees("document.documentElement.lang === 'de' && location.pathname === '/admin/setup'")
	d.click("nav .language summary")
	d.press("nav .language button[value=en]")
	d.sees("document.documentElement.lang === 'en'")
}
