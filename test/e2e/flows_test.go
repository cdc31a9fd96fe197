package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"homeward/internal/demo"
	"homeward/internal/event"
	"homeward/internal/lab"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
	"homeward/test/dctest"
)

// TestEveryFlow plays every flow of the people's portal with every check, and every refusal, in a real browser, on the
// real server, with the real agent and a real domain controller. Each flow ends with a sign-in to the directory, each
// refusal with the words that are read, the directory as it was, and the reason in the audit log.
func TestEveryFlow(t *testing.T) {
	t.Parallel()
	people := supply{lab.KindOrdinary: 42, lab.KindNoMail: 1, kindMobile: 1}
	d := newFlowSite(t, people)
	scoped, licensed := d.groups(t, 42)
	d.set(t, "one", func(s *tenant.Settings) {
		s.Checks.Methods = []string{"passkey", "app", "text", "mail"}
		s.ResetScope, s.ResetGroup = tenant.ScopeSelected, scoped
		s.LicencesNeeded, s.LicencePerPerson, s.Licences = true, true, []string{"SPE_E3"}
		s.BannedWords = []string{"harbour", "lantern"}
		s.FirstProof, s.RegisterRequired = true, true
	})
	d.licences(t, licensed)
	stranger := map[string]lab.Person{"out of scope": d.last(t, lab.KindOrdinary), "without a licence": d.last(t, lab.KindOrdinary)}
	cast := d.cast(t)

	t.Run("one check", func(t *testing.T) {
		for kind, p := range cast.one {
			t.Run(string(kind), func(t *testing.T) {
				t.Parallel()
				w := d.walk(t, p)
				w.registersFor(t, kind)
				w.all(t, kind)
				w.calm(t, unheard)
			})
		}
		for name, play := range refusals() {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w := d.walk(t, d.person(t, lab.KindOrdinary))
				play(t, w)
				w.calm(t, unheard)
			})
		}
		t.Run("first proof", func(t *testing.T) { t.Parallel(); d.firstProof(t) })
		t.Run("reminded", func(t *testing.T) { t.Parallel(); d.reminded(t, cast.soon, cast.later) })
		t.Run("names that may not", func(t *testing.T) { t.Parallel(); d.strangers(t, stranger) })
	})
	d.set(t, "two", func(s *tenant.Settings) {
		s.Checks.Required, s.Checks.Methods = 2, tenant.AllMethods()
		s.Checks.Reconfirm = 365
	})
	t.Run("two checks", func(t *testing.T) {
		for kinds, p := range cast.two {
			t.Run(fmt.Sprintf("%s and %s", kinds[0], kinds[1]), func(t *testing.T) {
				t.Parallel()
				w := d.walk(t, p)
				w.registersFor(t, kinds[:]...)
				if kinds[1] == verify.Questions {
					w.all(t, kinds[:]...)
				} else {
					w.forgot(t, kinds[:]...)
					w.locked(t, kinds[:]...)
				}
				w.calm(t, unheard)
			})
		}
		t.Run("too few ways", func(t *testing.T) { t.Parallel(); d.tooFew(t) })
		t.Run("security info", func(t *testing.T) { t.Parallel(); d.securityInfo(t) })
	})
	d.everybody(t)
	if err := d.Store.VerifyChain(t.Context(), demo.TenantID); err != nil {
		t.Error(err)
	}
}

// cast is who plays the flows. Their passwords have expired.
type cast struct {
	one map[verify.Kind]lab.Person
	two map[[2]verify.Kind]lab.Person

	soon, later lab.Person // whose passwords are 40 days old, and expire after 45 and after 90
}

func (d *flowSite) cast(t *testing.T) cast {
	t.Helper()
	c := cast{one: map[verify.Kind]lab.Person{}, two: map[[2]verify.Kind]lab.Person{}}
	dates := map[string]time.Time{}
	somebody := func() lab.Person {
		p := d.person(t, lab.KindOrdinary)
		dates[p.DN] = time.Now().AddDate(-2, 0, 0)
		return p
	}
	for _, k := range []verify.Kind{verify.Mail, verify.Text, verify.App, verify.Passkey, verify.Pass} {
		c.one[k] = somebody()
	}
	for _, pair := range [][2]verify.Kind{
		{verify.Mail, verify.Questions}, {verify.App, verify.Passkey}, {verify.Text, verify.Mail}, {verify.Mail, verify.Pass}, {verify.Questions, verify.App},
	} {
		c.two[pair] = somebody()
	}
	c.soon, c.later = d.person(t, lab.KindOrdinary), d.person(t, lab.KindOrdinary)
	for _, p := range []lab.Person{c.soon, c.later} {
		dates[p.DN] = time.Now().AddDate(0, 0, -40)
	}
	d.admin(t).DatePasswords(t, dates)
	for _, p := range c.one {
		if code := dctest.BindCode(d.admin(t).Bind(p.UPN, p.Password)); code != "532" {
			t.Fatalf("%s: the password hasn't expired: %q", p.UPN, code)
		}
	}
	return c
}

// registersFor adds what the checks need and the directory doesn't hold.
func (w *guest) registersFor(t *testing.T, kinds ...verify.Kind) {
	t.Helper()
	w.signsIn(t, verify.Mail)
	for _, k := range kinds {
		switch k {
		case verify.Mail, verify.Pass:
		case verify.App: // each of them shows three codes in a moment
			w.registers(t, k)
			w.open(t, "/security-info/add")
			w.registers(t, k)
		default:
			w.registers(t, k)
		}
	}
	w.signsOut(t)
}

// all plays every flow with the same checks.
func (w *guest) all(t *testing.T, kinds ...verify.Kind) {
	t.Helper()
	w.change(t, "change.expired", kinds...)
	w.forgot(t, kinds...)
	w.change(t, "", kinds...)
	w.desk.admin(t).MustChange(t, w.p)
	w.change(t, "change.must", kinds...)
	w.locked(t, kinds...)
}

// enters goes through the checks of a flow.
func (w *guest) enters(t *testing.T, problem string, kinds ...verify.Kind) {
	t.Helper()
	if slices.Contains(kinds, verify.Pass) {
		w.pass = w.desk.passFor(t, w.p.UPN)
	}
	w.begins(t, problem)
	for i, k := range kinds {
		if len(kinds) > 1 {
			w.reads(t, "body", w.says("step.check_of", "Number", i+1, "Of", len(kinds)))
		}
		w.check(t, k)
	}
}

// forgot is a reset, with the page's own advice on the way.
func (w *guest) forgot(t *testing.T, kinds ...verify.Kind) {
	t.Helper()
	before, fresh := w.desk.writes(t, w.p), lab.RandomPassword()
	w.enters(t, "forgot", kinds...)
	w.titled(t, "password.title")
	w.chooses(t, "", fresh)
	w.done(t, before, fresh, event.ResetSuccess)
}

// change is one with the current password; says is what the page says of it first.
func (w *guest) change(t *testing.T, says string, kinds ...verify.Kind) {
	t.Helper()
	before, fresh := w.desk.writes(t, w.p), lab.RandomPassword()
	w.enters(t, "change", kinds...)
	w.titled(t, "change.title")
	if says != "" {
		w.reads(t, "main", w.says(says))
	}
	w.chooses(t, w.p.Password, fresh)
	w.done(t, before, fresh, event.ChangeSuccess)
}

// done asserts that the page says so, that the directory does, that it is recorded, and that the person is told.
func (w *guest) done(t *testing.T, before uint32, fresh string, code event.Code) {
	t.Helper()
	w.titled(t, "status.changed.title")
	if n := w.desk.writes(t, w.p) - before; n != 1 {
		t.Errorf("%s: the password was written %d times, not once", w.p.UPN, n)
	}
	w.signs(t, fresh, w.p.Password)
	w.p.Password = fresh
	if a := w.attempt(t); a.Event != int(code) {
		t.Errorf("%s: the attempt ended with event %d, not %d", w.p.UPN, a.Event, code)
	}
}

// locked unlocks without a new password.
func (w *guest) locked(t *testing.T, kinds ...verify.Kind) {
	t.Helper()
	dc := w.desk.admin(t)
	dc.Lock(t, w.p)
	if code := dctest.BindCode(dc.Bind(w.p.UPN, w.p.Password)); code != "775" && code != "532" {
		t.Fatalf("%s isn't locked: %q", w.p.UPN, code)
	}
	before := w.held(t)
	w.enters(t, "locked", kinds...)
	w.titled(t, "status.unlocked.title")
	if at := strings.Join(dc.Attr(t, w.p.DN, "lockoutTime"), ""); at != "0" && at != "" {
		t.Errorf("%s: lockoutTime is %s", w.p.UPN, at)
	}
	w.untouched(t, before)
	w.signs(t, w.p.Password, "")
}
