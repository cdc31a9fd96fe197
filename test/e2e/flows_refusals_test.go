package e2e_test

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"homeward/internal/demo"
	"homeward/internal/event"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/objection"
	attempts "homeward/internal/server/reset"
	"homeward/internal/server/verify"
	"homeward/test/dctest"
)

// refusals are the ways to be refused that are one person's own, each played by somebody new who has a mail address.
func refusals() map[string]func(t *testing.T, w *guest) {
	return map[string]func(t *testing.T, w *guest){
		"rules of the directory":              rulesRefused,
		"banned words and history":            wordsRefused,
		"minimum age":                         tooYoung,
		"wrong current password":              wrongCurrentRefused,
		"locked at a change":                  lockedAtChange,
		"too many wrong codes":                wrongCodes,
		"code expired":                        codeExpired,
		"timed out at the check":              timedOutAtCheck,
		"timed out at the password":           timedOutAtPassword,
		"this wasn't me":                      notMe,
		"protected since the last sync":       blocked("forgot", "status.protected.title", protocol.ReasonProtected, protect),
		"protected, unlock":                   blocked("locked", "status.protected.title", protocol.ReasonProtected, protect),
		"disabled":                            blocked("forgot", "status.disabled.title", protocol.ReasonDisabled, disable),
		"disabled, change":                    blocked("change", "status.disabled.title", protocol.ReasonDisabled, disable),
		"set up not to change its password":   blocked("change", "reason.cannot_change.title", protocol.ReasonCannotChange, denyChange),
		"account expired":                     blocked("forgot", "reason.account_expired.title", protocol.ReasonAccountExpired, expireAccount),
		"rights missing on the account":       blocked("forgot", "status.failed.title", protocol.ReasonRights, cutInheritance),
		"protected, known from the last sync": func(t *testing.T, w *guest) { sampleProtected(t, w.desk) },
	}
}

func protect(t *testing.T, w *guest)        { w.desk.admin(t).SetAdminCount(t, w.p) }
func disable(t *testing.T, w *guest)        { w.desk.admin(t).Disable(t, w.p) }
func denyChange(t *testing.T, w *guest)     { w.desk.admin(t).DenyChange(t, w.p) }
func cutInheritance(t *testing.T, w *guest) { w.desk.admin(t).CutInheritance(t, w.p) }

func expireAccount(t *testing.T, w *guest) {
	w.desk.admin(t).Set(t, w.p.DN, "accountExpires", "132539328000000000") // 2021-01-01
}

// blocked is somebody whose account is what refuses: told once the check is passed, with nothing to type.
func blocked(problem, title string, reason protocol.Reason, harm func(t *testing.T, w *guest)) func(t *testing.T, w *guest) {
	return func(t *testing.T, w *guest) {
		harm(t, w)
		before := w.held(t)
		w.enters(t, problem, verify.Mail)
		w.titled(t, title)
		w.recorded(t, reason)
		w.untouched(t, before)
	}
}

// sampleProtected needs two checks, and couldn't be helped by them either.
func sampleProtected(t *testing.T, d *flowSite) {
	t.Helper()
	p, err := d.PersonOf(lab.KindProtected)
	must(t, err)
	w := d.walk(t, p)
	before := w.held(t)
	w.enters(t, "forgot", verify.Mail)
	w.titled(t, "status.protected.title")
	w.recorded(t, protocol.ReasonProtected)
	w.untouched(t, before)
}

// advised types a password that the page itself finds fault with, and asserts that nothing was sent.
func (w *guest) advised(t *testing.T, password, sentence string) {
	t.Helper()
	w.fill(t, "#password", password)
	w.click(t, "#change")
	w.reads(t, "#password-error", sentence)
	if a := w.attempt(t); a.Request != "" {
		t.Errorf("%q was sent although the page advises against it", password)
	}
}

// refused asserts that a password was refused with a sentence and a reason, and is nobody's.
func (w *guest) refused(t *testing.T, before heldPassword, reason protocol.Reason, id string, args ...any) {
	t.Helper()
	w.summary(t, id, args...)
	w.sees(t, "location.pathname === '/password'")
	w.recorded(t, reason)
	w.untouched(t, before)
}

// rulesRefused: what the page advises, the directory's side holds whatever the page says.
func rulesRefused(t *testing.T, w *guest) {
	before, fresh := w.held(t), lab.RandomPassword()
	w.enters(t, "forgot", verify.Mail)
	w.titled(t, "password.title")
	least, err := try[string](w.browser, "document.getElementById('words').dataset.min")
	must(t, err)
	n, err := strconv.Atoi(least)
	must(t, err)
	short, simple, named := "aB3-xY", "bcdfghjkmnpqrst", "Xx-99-emil-42"
	more := []string{w.says("kind.upper"), w.says("list.comma"), w.says("kind.digit"), w.says("list.or"), w.says("kind.symbol")}
	w.advised(t, short, w.says("password.error.short_now", "N", len(short), "Min", n))
	w.advised(t, simple, w.says("password.error.kinds_more", "N", 2, "List", strings.Join(more, "")))
	w.advised(t, named, w.says("password.error.name", "Name", "emil"))
	w.insists(t, short)
	w.refused(t, before, protocol.ReasonTooShort, "password.error.short", "N", n)
	w.insists(t, simple)
	w.refused(t, before, protocol.ReasonTooSimple, "password.error.kinds")
	w.insists(t, named)
	name := w.attempt(t).Rule.Name
	if !strings.EqualFold(name, "emil") {
		t.Errorf("the name in the password is %q", name)
	}
	w.refused(t, before, protocol.ReasonContainsName, "password.error.name", "Name", name)
	w.chooses(t, "", fresh)
	w.done(t, before.writes, fresh, event.ResetSuccess)
}

// wordsRefused: the organisation's own words in the browser and by the agent, and the history that only the directory has.
func wordsRefused(t *testing.T, w *guest) {
	const banned = "H4rbourH4rbour1"
	before, fresh := w.held(t), lab.RandomPassword()
	w.desk.hasWords(t)
	w.enters(t, "forgot", verify.Mail)
	w.titled(t, "password.title")
	tenant, err := w.desk.Store.Tenant(t.Context(), demo.TenantID)
	must(t, err)
	w.advised(t, banned, w.says("password.error.banned", "Word", "harbour", "Name", tenant.Name))
	w.insists(t, banned)
	w.refused(t, before, protocol.ReasonBanned, "password.error.banned_some", "Name", tenant.Name)
	w.chooses(t, "", w.p.Password)
	w.refused(t, before, protocol.ReasonUsedBefore, "password.error.used", "N", w.desk.history(t))
	w.chooses(t, "", fresh)
	w.done(t, before.writes, fresh, event.ResetSuccess)
	before, fresh = w.held(t), lab.RandomPassword()
	w.enters(t, "change", verify.Mail) // and the same of a change
	w.fill(t, "#current", w.p.Password)
	w.advised(t, banned, w.says("password.error.banned", "Word", "harbour", "Name", tenant.Name))
	w.untouched(t, before)
	w.chooses(t, w.p.Password, fresh)
	w.done(t, before.writes, fresh, event.ChangeSuccess)
}

// history is how many passwords the domain remembers.
func (d *flowSite) history(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(strings.Join(d.admin(t).Attr(t, d.DC.BaseDN(), "pwdHistoryLength"), ""))
	must(t, err)
	return n
}

// tooYoung: a form that was open already hears it from the directory, the next visit before anything is typed.
func tooYoung(t *testing.T, w *guest) {
	before := w.held(t)
	w.enters(t, "forgot", verify.Mail)
	w.titled(t, "password.title")
	w.desk.admin(t).ApplyPSO(t, w.p, dctest.Policy{MinLength: 7, History: 3, Complexity: true, MinAge: 24 * time.Hour})
	w.chooses(t, "", lab.RandomPassword())
	w.titled(t, "password.title.blocked")
	w.recorded(t, protocol.ReasonTooYoung)
	for _, problem := range []string{"forgot", "change"} {
		w.enters(t, problem, verify.Mail)
		w.titled(t, "password.title.blocked")
		says, _, _ := strings.Cut(w.says("password.young.days", "N", 1, "Moment", "|"), "|")
		w.reads(t, "main", says)
		w.sees(t, "!document.getElementById('password')")
		w.recorded(t, protocol.ReasonTooYoung)
	}
	w.untouched(t, before)
	w.signs(t, w.p.Password, "")
}

// wrongCurrentRefused: it counts once, and the same visit goes on to the right one.
func wrongCurrentRefused(t *testing.T, w *guest) {
	before, fresh := w.held(t), lab.RandomPassword()
	w.enters(t, "change", verify.Mail)
	w.chooses(t, "Not-my-password-1", fresh)
	w.refused(t, before, protocol.ReasonWrongPassword, "password.error.wrong")
	if n := w.desk.wrongTries(t, w.p); n != 1 {
		t.Errorf("one wrong password counts %d times", n)
	}
	w.chooses(t, w.p.Password, fresh)
	w.done(t, before.writes, fresh, event.ChangeSuccess)
}

// lockedAtChange: a reset is the way on, and it unlocks.
func lockedAtChange(t *testing.T, w *guest) {
	before := w.held(t)
	w.desk.admin(t).Lock(t, w.p)
	w.enters(t, "change", verify.Mail)
	w.titled(t, "reason.locked.title")
	w.recorded(t, protocol.ReasonLocked)
	w.untouched(t, before)
	w.forgot(t, verify.Mail)
}

// wrongCodes: after five the right one opens nothing either.
func wrongCodes(t *testing.T, w *guest) {
	before := w.held(t)
	w.begins(t, "forgot")
	w.since = time.Now()
	w.press(t, "[name=method][value=mail]")
	right := w.mailed(t, w.p.Mail)
	wrong := unlike(right)
	for range 4 {
		w.mistypes(t, wrong, "code.error.wrong.mail")
	}
	for _, code := range []string{wrong, right} {
		w.fill(t, "#code", code)
		w.press(t, "main form .button")
		says, _, _ := strings.Cut(w.says("error.too_many", "N", 77), "77")
		w.reads(t, ".summary", says)
	}
	w.recorded(t, protocol.Reason(verify.TooMany))
	w.untouched(t, before)
}

// codeExpired: another one is sent, and works.
func codeExpired(t *testing.T, w *guest) {
	before := w.held(t)
	w.begins(t, "forgot")
	w.since = time.Now()
	w.press(t, "[name=method][value=mail]")
	late := w.mailed(t, w.p.Mail)
	w.expireCode(t)
	w.since = time.Now()
	w.fill(t, "#code", late)
	w.press(t, "main form .button")
	w.summary(t, "code.error.expired")
	w.recorded(t, protocol.Reason(verify.Expired))
	w.fill(t, "#code", w.mailed(t, w.p.Mail))
	w.press(t, "main form .button")
	w.titled(t, "password.title")
	w.untouched(t, before)
}

func timedOutAtCheck(t *testing.T, w *guest) {
	before := w.held(t)
	w.begins(t, "forgot")
	w.since = time.Now()
	w.press(t, "[name=method][value=mail]")
	w.fill(t, "#code", w.mailed(t, w.p.Mail))
	w.expire(t)
	w.press(t, "main form .button")
	w.titled(t, "status.expired.title")
	w.recorded(t, attempts.ReasonTimedOut)
	w.untouched(t, before)
}

func timedOutAtPassword(t *testing.T, w *guest) {
	before, fresh := w.held(t), lab.RandomPassword()
	w.enters(t, "forgot", verify.Mail)
	w.titled(t, "password.title")
	w.expire(t)
	w.chooses(t, "", fresh)
	w.titled(t, "status.expired.title")
	w.recorded(t, attempts.ReasonTimedOut)
	w.untouched(t, before)
	w.signs(t, w.p.Password, fresh)
}

// notMe: the link of the message stops everything for the account until an operator releases it, and opening it does nothing.
func notMe(t *testing.T, w *guest) {
	w.since = time.Now()
	w.forgot(t, verify.Mail)
	told := w.attempt(t).Support
	link := regexp.MustCompile(regexp.QuoteMeta(w.desk.Portal()) + objection.Path + `[A-Z2-7]{26}`)
	path := ""
	eventually(t, func() error {
		for _, m := range w.desk.Mailbox.Messages() {
			if m.To == w.p.Mail && link.MatchString(m.Text) {
				path = strings.TrimPrefix(link.FindString(m.Text), w.desk.Portal())
				return nil
			}
		}
		return errors.New("no message with a link came")
	})
	for range 2 {
		w.open(t, path)
		w.titled(t, "not_me.title")
	}
	if holds, err := w.desk.Store.Holds(t.Context(), demo.TenantID); err != nil || len(holds) > 0 {
		t.Errorf("opening the link stopped %+v, %v", holds, err)
	}
	w.press(t, "form.deed .button")
	w.titled(t, "not_me.done.title")
	eventually(t, func() error {
		records, err := w.desk.Store.Records(t.Context(), demo.TenantID, told)
		if err == nil && !slices.ContainsFunc(records, func(r audit.Record) bool { return r.Event == int(event.PersonObjected) }) {
			err = fmt.Errorf("no record of the objection under %s", told)
		}
		return err
	})
	before := w.held(t)
	w.begins(t, "forgot")
	w.press(t, "[name=method][value=mail]")
	w.mistypes(t, "000000", "code.error.wrong.mail")
	w.recorded(t, attempts.ReasonStopped)
	w.untouched(t, before)
	w.desk.mustOperate(t, "people", "release", w.p.UPN, "--reason", "spoke to them")
	w.forgot(t, verify.Mail)
}
