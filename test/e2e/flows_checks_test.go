package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/hotp"

	"homeward/internal/server/verify"
)

// app is an authenticator app. A step of it is accepted once, so it goes on to the next one each time.
type app struct {
	secret string
	last   int64 // the step that was shown last
}

// appPeriod is how long one code is shown (RFC 6238 5.2); a server takes the one before and the one after, too.
const appPeriod = 30

// code is the next one that hasn't been used, waited for if it is too far ahead.
func (a *app) code(t *testing.T) string {
	t.Helper()
	now := func() int64 { return time.Now().Unix() / appPeriod }
	step := max(a.last+1, now()-1)
	for step > now()+1 {
		pass(t, time.Unix((step-1)*appPeriod, 0))
	}
	a.last = step
	code, err := hotp.GenerateCode(a.secret, uint64(step))
	must(t, err)
	return code
}

// fresh is the app that was used least.
func (w *guest) freshApp(t *testing.T) (value string, a *app) {
	t.Helper()
	for i, one := range w.apps {
		if a == nil || one.last < a.last {
			value, a = string(verify.App), one
			if i > 0 {
				value = fmt.Sprintf("app-%d", i+1)
			}
		}
	}
	return value, a
}

// check passes one check, from the list of ways to whatever comes next. The first time, with something wrong first.
func (w *guest) check(t *testing.T, kind verify.Kind) {
	t.Helper()
	first := !w.erred[kind]
	w.erred[kind] = true
	w.titled(t, "method.title")
	value := string(kind)
	var of *app
	if kind == verify.App {
		value, of = w.freshApp(t)
	}
	w.since = time.Now()
	w.press(t, fmt.Sprintf("[name=method][value=%s]", value))
	var code string
	switch kind {
	case verify.Passkey:
		w.titled(t, "passkey.title")
		w.press(t, "#use")
		return
	case verify.Questions:
		w.titled(t, "questions.title")
		if first {
			w.answer(t, "something else")
			w.summary(t, "questions.error.wrong")
		}
		w.answer(t, "")
		return
	case verify.Pass:
		code = w.pass
	case verify.App:
		code = of.code(t)
	case verify.Text:
		code = w.texted(t)
	default:
		code = w.mailed(t, w.p.Mail)
	}
	w.titled(t, "code.title."+string(kind))
	if first {
		w.mistypes(t, unlike(code), "code.error.wrong."+string(kind))
	}
	w.fill(t, "#code", code)
	w.press(t, "main form .button")
}

// mailed is the code that was sent to an address since one was asked for.
func (w *guest) mailed(t *testing.T, to string) string {
	t.Helper()
	code, err := w.desk.reader(t).ReadCode(t.Context(), to, w.since)
	must(t, err)
	return code
}

// texted is the code that was sent to the person's number.
func (w *guest) texted(t *testing.T) string {
	t.Helper()
	code, err := w.desk.centre.readCode(t.Context(), w.number, w.since)
	must(t, err)
	return code
}

// unlike is a code of the same form.
func unlike(code string) string {
	switch code {
	case "000000":
		return "000001"
	default:
		return strings.Map(func(r rune) rune {
			if r == '-' {
				return r
			}
			return '0'
		}, code)
	}
}

// mistypes tries a wrong code, which a page says to be wrong.
func (w *guest) mistypes(t *testing.T, code, id string) {
	t.Helper()
	w.fill(t, "#code", code)
	w.press(t, "main form .button")
	w.summary(t, id)
}

// answer answers the questions that are asked, all alike or each rightly.
func (w *guest) answer(t *testing.T, always string) {
	t.Helper()
	for i := 1; i <= 3; i++ {
		label := strings.TrimSpace(w.text(t, fmt.Sprintf("label[for=answer%d]", i)))
		a := w.answers[label]
		if a == "" {
			t.Fatalf("%q was never set up", label)
		}
		if always != "" {
			a = always
		}
		w.fill(t, fmt.Sprintf("#answer%d", i), a)
	}
	w.press(t, "main form .button")
}

// passFor has the helpdesk give out a pass.
func (d *flowSite) passFor(t *testing.T, name string) string {
	t.Helper()
	out := d.mustOperate(t, "people", "pass", name, "--reason", "recognised the voice")
	lines := strings.Fields(out)
	return lines[len(lines)-1]
}

// signsIn goes to the security info, by what the person can prove.
func (w *guest) signsIn(t *testing.T, kinds ...verify.Kind) {
	t.Helper()
	w.begins(t, "info")
	for _, k := range kinds {
		w.check(t, k)
	}
	w.sees(t, "location.pathname === '/security-info' && !document.getElementById('name')")
}

// signsOut leaves it.
func (w *guest) signsOut(t *testing.T) {
	t.Helper()
	w.open(t, "/security-info?list=1")
	w.press(t, "form[action='/sign-out'] button")
}

// registers adds a way, from the list or from the page that asks for one.
func (w *guest) registers(t *testing.T, kind verify.Kind) {
	t.Helper()
	if on, err := try[bool](w.browser, fmt.Sprintf("!!document.querySelector('[name=method][value=%s]')", kind)); err != nil || !on {
		w.open(t, "/security-info/add")
	}
	w.since = time.Now()
	w.press(t, fmt.Sprintf("[name=method][value=%s]", kind))
	switch kind {
	case verify.App:
		w.titled(t, "info.app.title")
		a := &app{secret: strings.ReplaceAll(w.text(t, "#app-key"), " ", "")}
		w.fill(t, "#code", a.code(t))
		w.apps = append(w.apps, a)
	case verify.Passkey:
		w.titled(t, "passkey.create.title")
		w.press(t, "#use")
		w.added(t)
		return
	case verify.Questions:
		w.titled(t, "questions.create.title")
		w.setsQuestions(t)
	case verify.Text:
		w.titled(t, "info.text.title")
		w.fill(t, "#destination", w.number)
		w.press(t, "main form .button")
		w.titled(t, "code.title.text")
		w.fill(t, "#code", w.texted(t))
	default:
		w.titled(t, "info.mail.title")
		w.address = "own." + w.p.SAM + "@post.example"
		w.destination(t, w.address)
	}
	w.press(t, "main form .button")
	w.added(t)
}

// destination types a mail address and the code that is sent there, and leaves the button to be pressed.
func (w *guest) destination(t *testing.T, address string) {
	t.Helper()
	w.since = time.Now()
	w.fill(t, "#destination", address)
	w.press(t, "main form .button")
	w.titled(t, "code.title.mail")
	w.mistypes(t, "000000", "code.error.wrong.mail")
	w.fill(t, "#code", w.mailed(t, address))
}

// setsQuestions chooses three and answers them, first one of them twice.
func (w *guest) setsQuestions(t *testing.T) {
	t.Helper()
	choose := func(n int, id string) {
		w.eval(t, fmt.Sprintf("document.getElementById('question%d').value = %q", n, id))
		label := w.text(t, fmt.Sprintf("#question%d option:checked", n))
		w.answers[strings.TrimSpace(label)] = "mine is " + id
		w.fill(t, fmt.Sprintf("#answer%d", n), "mine is "+id)
	}
	ids := verify.QuestionIDs()
	choose(1, ids[0])
	choose(2, ids[7])
	choose(3, ids[7])
	w.press(t, "main form .button")
	w.summary(t, "questions.error.twice")
	for i, n := range []int{0, 7, 14} {
		choose(i+1, ids[n])
	}
}

// added waits until the security info says that something was added.
func (w *guest) added(t *testing.T) {
	t.Helper()
	w.reads(t, "main", w.says("info.done.added"))
}
