package e2e_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"homeward/internal/demo"
	"homeward/internal/lab"
)

const chromium = "/usr/bin/chromium"

// browserLife is how long a browser may be used: the longest test uses one for a minute, ten times longer on a busy machine.
const browserLife = 15 * time.Minute

// browser is a real one with somebody at it who uses the keyboard.
type browser struct {
	ctx context.Context

	mu         sync.Mutex
	complaints []string
}

// openBrowser starts Chromium in a language and a window of some size.
func openBrowser(t *testing.T, language string, width, height int64) *browser {
	t.Helper()
	if _, err := os.Stat(chromium); err != nil {
		t.Fatalf("%s is missing; install the Debian package chromium (apt-get install chromium)", chromium)
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(chromium), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.IgnoreCertErrors,
		chromedp.Flag("lang", language), chromedp.Flag("accept-lang", language), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		// Other tests lay cables on this machine, and at each one Chromium breaks off what runs over HTTP/2.
		chromedp.Flag("disable-http2", true))
	ctx, cancel := context.WithTimeout(t.Context(), browserLife)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return openTab(t, ctx, width, height)
}

// beside opens a tab of the same browser that shares nothing with the others, as another person's would.
func (b *browser) beside(t *testing.T) *browser {
	t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	return openTab(t, ctx, 1280, 800)
}

func openTab(t *testing.T, ctx context.Context, width, height int64) *browser {
	t.Helper()
	b := &browser{ctx: ctx}
	b.run(t, chromedp.Navigate("about:blank"))
	call(t, b, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	call(t, b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < 500})
	messages := chromedp.Console(ctx)
	go func() { // ends with the tab, which the clean-up closes
		for m, err := range messages {
			if err != nil {
				return
			}
			b.mu.Lock()
			b.complaints = append(b.complaints, m.String())
			b.mu.Unlock()
		}
	}()
	return b
}

// quiet fails the test if the browser complained: an error of a script, a violation of the content policy.
func (b *browser) quiet(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complaints {
		t.Errorf("the browser says: %s", c)
	}
}

func (b *browser) run(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// call sends one command of the DevTools protocol.
func call[P, R any](t *testing.T, b *browser, command cdp.Command[P, R], params P) {
	t.Helper()
	if _, err := chromedp.Call(b.ctx, command, params); err != nil {
		t.Fatal(err)
	}
}

// try evaluates a JavaScript expression; the page may be on its way to the next one.
func try[T any](b *browser, expression string) (T, error) {
	return chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
}

// sees waits until an expression is true.
func (b *browser) sees(t *testing.T, condition string) {
	t.Helper()
	eventually(t, func() error {
		ok, err := try[bool](b, "!!("+condition+")")
		if err == nil && !ok {
			text, _ := try[string](b, `location.pathname + ": " + document.body.innerText`)
			err = fmt.Errorf("not true: %s; the page shows %.1500s", condition, text)
		}
		return err
	})
}

func (b *browser) title(t *testing.T, want string) {
	t.Helper()
	b.sees(t, fmt.Sprintf("document.querySelector('h1')?.textContent === %q", want))
}

// tab presses the Tab key until the focus is on what a selector names.
func (b *browser) tab(t *testing.T, selector string) {
	t.Helper()
	for range 30 {
		if ok, err := try[bool](b, fmt.Sprintf("document.activeElement?.matches(%q)", selector)); err == nil && ok {
			return
		}
		b.run(t, chromedp.KeyEvent("\t"))
	}
	t.Fatalf("the Tab key never reaches %s", selector)
}

func (b *browser) keys(t *testing.T, text string) {
	t.Helper()
	b.run(t, chromedp.KeyEvent(text))
}

const (
	enter = "\r"
	space = " "
)

// begin goes by keyboard from the first page to the one that wants the code, and types it.
func (b *browser) begin(t *testing.T, s *site, p lab.Person, problem string) {
	t.Helper()
	b.run(t, chromedp.Navigate(s.Portal()+"/"))
	b.sees(t, "document.getElementById('name')")
	b.tab(t, "#name")
	b.keys(t, p.UPN)
	b.tab(t, "input[name=problem]")
	b.keys(t, space)
	if problem == "locked" {
		b.keys(t, kb.ArrowDown)
	}
	b.sees(t, fmt.Sprintf("document.querySelector('input[name=problem]:checked').value === %q", problem))
	b.tab(t, "main button")
	b.keys(t, enter)
	b.check(t, s, p)
}

// check has a code sent, and types it.
func (b *browser) check(t *testing.T, s *site, p lab.Person) {
	t.Helper()
	b.sees(t, "document.querySelector('button[name=method]')")
	b.tab(t, "button[name=method]")
	since := time.Now()
	b.keys(t, enter)
	b.sees(t, "document.getElementById('code')")
	code, err := s.reader(t).ReadCode(t.Context(), p.Mail, since)
	must(t, err)
	b.tab(t, "#code")
	b.keys(t, code+enter)
}

// reader reads the mail of everybody.
func (s *site) reader(t *testing.T) *demo.Visitor {
	t.Helper()
	return s.visitor(t)
}

func (b *browser) rule(t *testing.T, id, state string) {
	t.Helper()
	b.sees(t, fmt.Sprintf("document.querySelector('[data-rule=%s]').dataset.state === %q", id, state))
}

// The whole reset by keyboard: a checklist that follows, a password that the DC refuses, one that it takes.
func TestResetInABrowser(t *testing.T) {
	t.Parallel()
	s := shared(t)
	for _, c := range []struct {
		name, language              string
		width, height               int64
		choose, used, short, change string
	}{
		{"phone, English", "en", 390, 844, "Choose a new password", "You’ve used this password before. Active Directory remembers your last", "It needs at least", "Your password has been changed in Active Directory"},
		{"desktop, German", "de", 1280, 800, "Neues Passwort wählen", "Dieses Passwort haben Sie schon einmal benutzt. Active Directory merkt sich Ihre letzten", "mindestens", "Ihr Passwort wurde in Active Directory geändert"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, fresh := s.person(t, lab.KindOrdinary), lab.RandomPassword()
			before := s.writes(t, p)
			b := openBrowser(t, c.language, c.width, c.height)
			b.begin(t, s, p, "forgot")
			b.title(t, c.choose)
			b.sees(t, "document.documentElement.scrollWidth <= innerWidth")
			b.tab(t, "#password")
			b.rule(t, "length", "todo")
			b.keys(t, "aB")
			b.rule(t, "length", "todo")
			b.keys(t, enter) // the page itself says what is missing, and sends nothing
			b.sees(t, fmt.Sprintf("document.querySelector('#password-error').textContent.includes(%q)", c.short))
			b.tab(t, "#password")
			b.keys(t, p.Password)
			b.rule(t, "length", "ok")
			b.rule(t, "kinds", "ok")
			b.rule(t, "name", "ok")
			b.keys(t, strings.Repeat(kb.Backspace, len(p.Password)))
			b.rule(t, "length", "todo")
			b.keys(t, p.Password+enter) // the present one: only the DC knows
			b.sees(t, fmt.Sprintf("document.querySelector('.summary')?.textContent.includes(%q)", c.used))
			s.unchanged(t, p, before, "")
			b.tab(t, "#password")
			b.keys(t, fresh+enter)
			b.title(t, c.change)
			b.sees(t, "document.activeElement?.id === 'result' && document.querySelector('[data-final]')")
			b.quiet(t)
			s.changed(t, p, before, fresh)
		})
	}
}

// An impatient double click is one submission.
func TestDoubleClickInABrowser(t *testing.T) {
	t.Parallel()
	s := shared(t)
	p, fresh := s.person(t, lab.KindOrdinary), lab.RandomPassword()
	before := s.writes(t, p)
	b := openBrowser(t, "en", 1280, 800)
	b.begin(t, s, p, "forgot")
	b.tab(t, "#password")
	b.keys(t, fresh)
	b.run(t, chromedp.DoubleClick("#change"))
	b.title(t, "Your password has been changed in Active Directory")
	b.run(t, chromedp.Reload(), chromedp.NavigateBack())
	b.quiet(t)
	s.changed(t, p, before, fresh)
}

// Without JavaScript an unlock works, and a reset says why it can't.
func TestBrowserWithoutJavaScript(t *testing.T) {
	t.Parallel()
	s := shared(t)
	p := s.person(t, lab.KindOrdinary)
	s.admin(t).Lock(t, p)
	before := s.writes(t, p)
	b := openBrowser(t, "en", 390, 844)
	call(t, b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.begin(t, s, p, "locked")
	b.title(t, "Your account is unlocked")
	b.begin(t, s, p, "forgot")
	b.title(t, "Choose a new password")
	b.sees(t, "!document.getElementById('no-script').hidden && document.getElementById('no-script').textContent.includes('This step needs JavaScript.')")
	b.sees(t, "document.getElementById('change').disabled")
	b.quiet(t)
	s.unchanged(t, p, before, "")
}
