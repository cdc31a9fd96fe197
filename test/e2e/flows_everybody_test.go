package e2e_test

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/demo"
	"homeward/internal/event"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	attempts "homeward/internal/server/reset"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
	"homeward/test/dctest"
)

// firstProof: the directory's mobile number opens the security info once, and never a password.
func (d *flowSite) firstProof(t *testing.T) {
	w := d.walk(t, d.person(t, kindMobile))
	before := w.held(t)
	w.signsIn(t, verify.Text)
	w.titled(t, "info.required.title")
	w.registers(t, verify.App)
	w.signsOut(t)
	w.begins(t, "info")
	w.titled(t, "method.title")
	w.sees(t, "!document.querySelector('[name=method][value=text]')")
	w.check(t, verify.App)
	w.sees(t, "location.pathname === '/security-info'")
	w.untouched(t, before)
	w.forgot(t, verify.App)
	w.calm(t, unheard)
}

// strangers: names that may not help themselves, or that are nobody's, read what everybody reads; only records say why.
func (d *flowSite) strangers(t *testing.T, who map[string]lab.Person) {
	ordinary, none := d.person(t, lab.KindOrdinary), d.person(t, lab.KindNoMail)
	unknown := lab.Person{UPN: "not.there@contoso.com", SAM: "not.there"}
	want := d.stranger(t, ordinary, protocol.ReasonNone)
	for name, c := range map[string]struct {
		p      lab.Person
		reason protocol.Reason
	}{
		"unknown": {unknown, protocol.ReasonNone}, "nothing registered": {none, attempts.ReasonNotRegistered},
		"out of scope": {who["out of scope"], protocol.ReasonNotInScope}, "without a licence": {who["without a licence"], protocol.ReasonNotLicensed},
	} {
		if diff := cmp.Diff(want, d.stranger(t, c.p, c.reason)); diff != "" {
			t.Errorf("%s reads something else (-ordinary +this):\n%s", name, diff)
		}
	}
}

// stranger is what a visitor reads who types a name and can't know the code.
func (d *flowSite) stranger(t *testing.T, p lab.Person, reason protocol.Reason) (pages []string) {
	t.Helper()
	w := d.walk(t, p)
	var before heldPassword
	if p.DN != "" {
		before = w.held(t)
	}
	drawn := regexp.MustCompile(`\S•••@\S+|[0-9]+`)
	read := func() { // without the link that is there for whoever has several ways, or seems to
		text := strings.ReplaceAll(w.plain(t), w.says("code.another"), "")
		pages = append(pages, strings.Join(strings.Fields(drawn.ReplaceAllString(text, "X")), " "))
	}
	for _, problem := range []string{"forgot", "locked", "change", "info"} {
		w.begins(t, problem)
		w.titled(t, "method.title")
		w.press(t, "[name=method][value=mail]")
		w.titled(t, "code.title.mail")
		read()
		w.mistypes(t, "000000", "code.error.wrong.mail")
		read()
		w.open(t, "/verify/1")
		w.press(t, "[name=method][value=pass]")
		w.mistypes(t, "AAAA-AAAA", "code.error.wrong.pass")
		read()
		if reason != protocol.ReasonNone {
			w.recorded(t, reason)
		}
	}
	if p.DN != "" {
		w.untouched(t, before)
	}
	return pages
}

// reminded: people hear from the directory's own computation that their password expires, and how to change it.
func (d *flowSite) reminded(t *testing.T, soon, later lab.Person) {
	const day = 24 * time.Hour
	d.admin(t).ApplyPSO(t, soon, dctest.Policy{MinLength: 7, MaxAge: 45 * day})
	d.admin(t).ApplyPSO(t, later, dctest.Policy{MinLength: 7, MaxAge: 90 * day})
	d.set(t, "reminded", func(s *tenant.Settings) { s.Expiry.Days = []int{14, 7, 1} }) // everybody is gone through once a day
	eventually(t, func() error {
		err := errors.New("no reminder came")
		for _, m := range d.Mailbox.Messages() {
			switch {
			case !strings.Contains(m.Text, "expires on"):
			case m.To == later.Mail:
				t.Fatal("somebody whose password lasts is reminded")
			case m.To == soon.Mail && strings.Contains(m.Text, d.Portal()+"/change"):
				err = nil
			}
		}
		return err
	})
}

// tooFew: one check is passed, and there is no way to pass the second.
func (d *flowSite) tooFew(t *testing.T) {
	w := d.walk(t, d.person(t, lab.KindOrdinary))
	before := w.held(t)
	w.begins(t, "forgot")
	w.check(t, verify.Mail)
	w.titled(t, "status.not_set_up.title")
	w.recorded(t, attempts.ReasonNotRegistered)
	w.untouched(t, before)
}

// securityInfo: asked for at the next visit, added, changed with word to the old address, removed, and confirmed.
func (d *flowSite) securityInfo(t *testing.T) {
	w := d.walk(t, d.person(t, lab.KindOrdinary))
	before := w.held(t)
	w.signsIn(t, verify.Mail)
	w.titled(t, "info.required.title")
	w.registers(t, verify.App)
	w.open(t, "/security-info/add")
	w.registers(t, verify.Mail)
	old := w.address
	w.open(t, "/security-info?list=1")
	w.reads(t, "main", w.says("info.covered", "N", 2, "Need", 2))

	w.press(t, "a[href^='/security-info/change/']")
	w.titled(t, "info.mail.change")
	w.address = "new." + w.p.SAM + "@post.example"
	began := time.Now()
	w.destination(t, w.address)
	w.press(t, "main form .button")
	w.reads(t, "main", w.says("info.done.changed"))
	eventually(t, func() error {
		for _, m := range d.Mailbox.Messages() {
			if m.To == old && m.At.After(began) {
				return nil
			}
		}
		return errors.New("nobody told the old address")
	})

	w.open(t, "/security-info?list=1")
	w.press(t, "a[href^='/security-info/remove/']")
	w.titled(t, "info.remove.title", "What", w.says("method.app"))
	w.press(t, "main form .button")
	w.reads(t, "main", w.says("info.done.removed"))
	w.open(t, "/security-info")
	w.titled(t, "info.required.title")
	w.apps = nil
	w.registers(t, verify.App)

	must(t, d.Store.NoteReview(t.Context(), demo.TenantID, w.attempt(t).Person, time.Now().AddDate(-2, 0, 0)))
	w.open(t, "/security-info")
	w.titled(t, "info.review.title")
	w.press(t, "form[action='/security-info/review'] .button")
	w.reads(t, "main", w.says("info.done.reviewed"))
	w.open(t, "/security-info")
	w.titled(t, "info.title")
	support := w.attempt(t).Support
	records, err := d.Store.Records(t.Context(), demo.TenantID, support)
	must(t, err)
	for _, e := range []event.Code{event.InfoSaved, event.InfoRemoved, event.InfoReviewed} {
		if !slices.ContainsFunc(records, func(r audit.Record) bool { return r.Event == int(e) }) {
			t.Errorf("no record of event %d under %s", e, support)
		}
	}
	w.untouched(t, before)
	w.signsOut(t)

	// The new address and the new app are what gets somebody in.
	w.since = time.Now()
	w.begins(t, "forgot")
	w.press(t, "[name=method][value=mail-2]")
	w.fill(t, "#code", w.mailed(t, w.address))
	w.press(t, "main form .button")
	w.check(t, verify.App)
	fresh := lab.RandomPassword()
	w.chooses(t, "", fresh)
	w.done(t, before.writes, fresh, event.ResetSuccess)
	w.calm(t, unheard)
}

// everybody: what refuses all people of the tenant alike, one after the other.
func (d *flowSite) everybody(t *testing.T) {
	t.Helper()
	for _, c := range []struct {
		name       string
		harm, mend func(s *tenant.Settings)
		first      string // the page after the first
		reason     protocol.Reason
	}{
		{
			name: "writeback off", reason: protocol.ReasonTurnedOff, first: "status.not_set_up.title",
			harm: func(s *tenant.Settings) { s.WritebackOff = true }, mend: func(s *tenant.Settings) { s.WritebackOff = false },
		},
		{
			name: "no licence", reason: protocol.ReasonNotLicensed, first: "status.not_set_up.title",
			harm: func(s *tenant.Settings) { s.Licences = []string{"STANDARDPACK"} }, mend: func(s *tenant.Settings) { s.Licences = []string{"SPE_E3"} },
		},
		{
			name: "not enabled", reason: protocol.ReasonNotInScope, first: "method.title",
			harm: func(s *tenant.Settings) { s.ResetScope = tenant.ScopeNone },
			mend: func(s *tenant.Settings) { s.ResetScope, s.Checks = tenant.ScopeSelected, tenant.Checks{} },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			d.set(t, "harm."+string(c.reason), c.harm)
			w := d.walk(t, d.person(t, lab.KindOrdinary))
			before := w.held(t)
			for _, problem := range []string{"forgot", "locked", "change"} {
				w.begins(t, problem)
				w.titled(t, c.first)
				w.recorded(t, c.reason)
			}
			w.untouched(t, before)
			d.set(t, "mend."+string(c.reason), c.mend)
		})
	}
	t.Run("agent away", d.agentAway)
}

// agentAway: whoever stands at the password loses nothing, and goes on when the agent is back.
func (d *flowSite) agentAway(t *testing.T) {
	w, late := d.walk(t, d.person(t, lab.KindOrdinary)), d.walk(t, d.person(t, lab.KindOrdinary))
	before, fresh := w.held(t), lab.RandomPassword()
	w.enters(t, "forgot", verify.Mail)
	w.titled(t, "password.title")
	must(t, d.Agent.Stop())
	eventually(t, func() error { return d.firstPage(t, "offline") })
	w.away = true
	w.chooses(t, "", fresh)
	w.title(t, w.says("status.offline.title"))
	w.away = false
	late.away = true
	for _, problem := range []string{"forgot", "locked", "change"} {
		late.begins(t, problem)
		late.titled(t, "status.offline.title")
		late.recorded(t, protocol.ReasonNoAgent)
	}
	w.untouched(t, before)
	must(t, d.StartAgent(t.Context()))
	w.press(t, "main a.button[href='/password']")
	w.titled(t, "password.title")
	w.chooses(t, "", fresh)
	w.done(t, before.writes, fresh, event.ResetSuccess)
	w.calm(t, unheard)
}
