package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/pquerna/otp/totp"

	"homeward/internal/demo"
	"homeward/internal/lab"
)

const adminPassword = "Quiet harbour lamp 7"

// within is how soon a page must show by itself what has changed.
const within = 15 * time.Second

// sees15 waits until a page that nobody touches shows something, and returns how long that took.
func (b *browser) sees15(t *testing.T, condition string) time.Duration {
	t.Helper()
	began := time.Now()
	b.sees(t, condition)
	took := time.Since(began)
	if took > within {
		t.Errorf("%s took %v", condition, took)
	}
	return took
}

// calm is quiet for somebody who was refused on purpose.
func (b *browser) calm(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	b.complaints = slices.DeleteFunc(b.complaints, func(c string) bool {
		return strings.Contains(c, "the server responded with a status of 4") || strings.Contains(c, "status of 503") || strings.Contains(c, "Autofocus processing was blocked")
	})
	b.mu.Unlock()
	b.quiet(t)
}

func (b *browser) text(t *testing.T, selector string) string {
	t.Helper()
	s, err := try[string](b, fmt.Sprintf("document.querySelector(%q).textContent", selector))
	must(t, err)
	return s
}

// setUp opens a set-up link, chooses a password and a second factor by keyboard, and returns its secret and the recovery codes.
func (b *browser) setUp(t *testing.T, link string) (secret string, recovery []string) {
	t.Helper()
	b.run(t, chromedp.Navigate(link))
	b.title(t, "Set up your sign-in")
	secret = strings.ReplaceAll(b.text(t, "#secret"), " ", "")
	b.tab(t, "#password")
	b.keys(t, adminPassword)
	b.tab(t, "#repeat")
	b.keys(t, adminPassword)
	code, err := totp.GenerateCode(secret, time.Now())
	must(t, err)
	b.tab(t, "#code")
	b.keys(t, "000000"+enter)
	b.sees(t, "document.querySelector('.summary')?.textContent.includes('doesn’t match')")
	b.sees(t, "document.getElementById('password').value === ''")
	b.tab(t, "#password")
	b.keys(t, adminPassword)
	b.tab(t, "#repeat")
	b.keys(t, adminPassword)
	b.tab(t, "#code")
	b.keys(t, code+enter)
	b.title(t, "Keep your recovery codes")
	recovery = strings.Fields(b.text(t, "#recovery"))
	b.tab(t, "main a.button")
	b.keys(t, enter)
	return secret, recovery
}

// signIn fills in the one form of the sign-in by keyboard.
func (b *browser) signIn(t *testing.T, name, password, code string) {
	t.Helper()
	b.sees(t, "document.getElementById('code') && location.pathname === '/admin/sign-in'")
	b.tab(t, "#name")
	_, err := try[bool](b, `document.getElementById("name").select(); true`)
	must(t, err)
	b.keys(t, name)
	b.tab(t, "#password")
	b.keys(t, password)
	b.tab(t, "#code")
	b.keys(t, code+enter)
}

// invite makes an administrator at the command line and returns their link.
func (s *site) invite(t *testing.T, verb, name string, more ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, append([]string{"operator", verb, name, "--config", s.Path("server.yaml")}, more...)...).Output()
	must(t, err)
	return strings.TrimSpace(string(out))
}

// An administrator sets themselves up with a link and an app, signs in and out, and ends a session elsewhere; wrong codes,
// used ones and a used link let nobody in. Emergency access is a verb on the server's machine.
func TestAdministratorSignsIn(t *testing.T) {
	t.Parallel()
	s := shared(t)
	log, err := os.ReadFile(s.Path("server.log"))
	must(t, err)
	if !strings.Contains(string(log), s.Portal()+"/admin/set-up/") {
		t.Error("the server's first start prints no set-up link")
	}
	const name = "karin.holm@contoso.com"
	link := s.invite(t, "invite", name)
	b := openBrowser(t, "en", 1280, 800)
	b.run(t, chromedp.Navigate(s.Portal()+"/admin/agents"))
	b.title(t, "Sign in to administration")
	secret, recovery := b.setUp(t, link)
	b.title(t, "Overview")
	b.sees(t, "document.getElementById('hero-title').textContent === 'Password writeback is working'")
	b.sees(t, "document.documentElement.scrollWidth <= innerWidth")
	b.run(t, chromedp.Navigate(link))
	b.title(t, "This link doesn’t work any more")

	// Out, and in again: not with a code that is used, not with a wrong one, but with a recovery code, once.
	b.run(t, chromedp.Navigate(s.Portal()+"/admin/account"))
	b.title(t, "Your account")
	b.tab(t, "form[action='/admin/sign-out'] button")
	b.keys(t, enter)
	used, err := totp.GenerateCode(secret, time.Now().Add(-30*time.Second))
	must(t, err)
	for _, code := range []string{used, "123", recovery[0] + "x"} {
		b.signIn(t, name, adminPassword, code)
		b.sees(t, "document.querySelector('.summary')?.textContent.includes('don’t belong together')")
	}
	b.signIn(t, name, "not the password", recovery[0])
	b.sees(t, "document.querySelector('.summary')?.textContent.includes('don’t belong together')")
	b.signIn(t, name, adminPassword, recovery[0])
	b.title(t, "Overview")

	// Elsewhere, with the next recovery code; the used one doesn't help. Then this session ends that one.
	other := openBrowser(t, "en", 390, 844)
	other.run(t, chromedp.Navigate(s.Portal()+"/admin/audit"))
	other.signIn(t, name, adminPassword, recovery[0])
	other.sees(t, "document.querySelector('.summary')?.textContent.includes('don’t belong together')")
	other.signIn(t, name, adminPassword, recovery[1])
	other.title(t, "Audit log")
	other.sees(t, "document.body.textContent.includes('with a recovery code') || document.querySelectorAll('tbody tr').length > 0")
	b.run(t, chromedp.Navigate(s.Portal()+"/admin/account"))
	b.sees(t, "document.querySelectorAll('tbody tr').length === 2")
	b.tab(t, "form[action='/admin/account/sessions/end'] button")
	b.keys(t, enter)
	b.sees(t, "document.querySelectorAll('tbody tr').length === 1")
	other.run(t, chromedp.Navigate(s.Portal()+"/admin/audit"))
	other.title(t, "Sign in to administration")

	// Locked out of everything: a verb on the server's machine.
	again := s.invite(t, "reset", name)
	b.run(t, chromedp.Navigate(s.Portal()+"/admin"))
	b.title(t, "Sign in to administration")
	b.setUp(t, again)
	b.title(t, "Overview")
	b.calm(t)
	out := s.mustOperate(t, "operator", "list")
	if !strings.Contains(out, name+" ") || !strings.Contains(out, "ready") {
		t.Errorf("operator list: %s", out)
	}
	if out, err := s.operate(t, "operator", "disable", name); err == nil || !strings.Contains(out, "nobody else who can sign in is a Global Administrator") {
		t.Errorf("the last one is disabled: %s, %v", out, err)
	}
	second := openBrowser(t, "en", 1280, 800)
	second.setUp(t, s.invite(t, "invite", "second."+name))
	second.title(t, "Overview")
	s.mustOperate(t, "operator", "disable", name)
	b.run(t, chromedp.Navigate(s.Portal()+"/admin"))
	b.title(t, "Sign in to administration")
}

// A reason appears on the page within 15 seconds of its cause and goes within 15 seconds of the mend; a switch holds at
// once, without a restart; every step is in the audit log.
func TestAdminPortalTellsTheTruth(t *testing.T) {
	t.Parallel()
	const account = "ordinary.e00@contoso.com"
	s := own(t, demo.Options{Edit: func(conf map[string]any) {
		if all, ok := conf["directories"].([]any); ok {
			if first, ok := all[0].(map[string]any); ok {
				first["test_account"] = account
			}
		}
	}}, supply{lab.KindOrdinary: 8})
	tested := s.person(t, lab.KindOrdinary)
	before := s.writes(t, tested)
	b := openBrowser(t, "en", 1280, 800)
	b.setUp(t, s.invite(t, "invite", "karin"))
	b.title(t, "Overview")
	b.tab(t, "#test-write")
	b.keys(t, enter)
	b.sees(t, "/Last test write .* confirmed in/.test(document.getElementById('hero').textContent)")
	if n := s.writes(t, tested) - before; n != 1 {
		t.Errorf("the test account was written %d times", n)
	}
	b.run(t, chromedp.Navigate(s.Portal()+"/admin/setup"))
	b.sees(t, "document.querySelectorAll('.checklist .done').length === 6 && document.querySelectorAll('.checklist .next').length === 1") // all but a second agent
	served := s.served(t)
	onprem := s.Portal() + "/admin/password-reset/onprem"
	b.run(t, chromedp.Navigate(onprem))
	b.title(t, "On-premises integration")
	b.sees(t, "document.getElementById('writeback').checked && document.getElementById('unlock').checked && !document.querySelector('.reason')")

	// The agent stops.
	must(t, s.Agent.Stop())
	t.Logf("reason appeared after %v", b.sees15(t, "document.querySelector('[data-reason=offline]') && !document.getElementById('writeback').checked"))
	b.sees(t, "document.getElementById('pill').textContent.includes('Writeback is down')")
	b.sees(t, "document.getElementById('writeback').getAttribute('aria-disabled') === 'true'")
	b.tab(t, "#writeback")
	b.keys(t, space) // can be focused, and stays as it is
	b.sees(t, "!document.getElementById('writeback').checked")
	b.run(t, chromedp.Navigate(s.Portal()+"/admin"))
	b.sees(t, "document.getElementById('hero-title').textContent === 'Passwords are not being written back' && document.querySelector('.hop.bad') && document.querySelector('.hop.unknown')")
	b.run(t, chromedp.Navigate(onprem))
	b.sees(t, "document.querySelector('[data-reason=offline]')")
	must(t, s.StartAgent(t.Context()))
	t.Logf("reason went after %v", b.sees15(t, "!document.querySelector('.reason') && document.getElementById('writeback').checked"))

	// Turned off: people are told before they begin, at once.
	b.tab(t, "#writeback")
	b.keys(t, space)
	b.tab(t, "#switches .button")
	b.keys(t, enter)
	b.sees(t, "location.search === '?saved=1' && !document.getElementById('writeback').checked && document.querySelector('[data-reason=needs]')")
	p := s.person(t, lab.KindOrdinary)
	page, err := s.visitor(t).Start(t.Context(), p.UPN, "forgot")
	must(t, err)
	if page.Path == "/verify/1" {
		t.Errorf("with writeback off somebody is let on to %s", page.Path)
	}
	if r, works := s.report(t); works || r.State != "off" {
		t.Errorf("status %s", r.State)
	}
	b.tab(t, "#writeback")
	b.keys(t, space)
	b.tab(t, "#switches .button")
	b.keys(t, enter)
	b.sees(t, "document.getElementById('writeback').checked && document.getElementById('pill').textContent.includes('Writeback is working')")
	if again := s.served(t); again != served {
		t.Errorf("%s served", again)
	}

	// Agents: a code for a new one; the last one isn't drained without a second word.
	b.run(t, chromedp.Navigate(s.Portal()+"/admin/agents"))
	b.tab(t, "form[action='/admin/agents/codes'] button")
	b.keys(t, enter)
	b.sees(t, "/^[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}$/.test(document.getElementById('code')?.textContent)")
	b.run(t, chromedp.Navigate(s.Portal()+"/admin/agents/"+served))
	b.tab(t, "form[action$='/drain'] button")
	b.keys(t, enter)
	b.sees(t, "document.querySelector('.summary')?.textContent.includes('No other agent can write')")
	b.tab(t, ".summary .danger")
	b.keys(t, enter)
	b.sees(t, "document.getElementById('state').textContent.includes('Draining')")
	b.tab(t, "form[action$='/resume'] button")
	b.keys(t, enter)
	b.sees(t, "document.getElementById('state').textContent.includes('Online')")

	// The log has it all, hop by hop.
	b.run(t, chromedp.Navigate(s.Portal()+"/admin/audit?activity=Change+setting"))
	b.sees(t, "document.querySelectorAll('tbody tr').length === 2")
	b.run(t, chromedp.Navigate(s.Portal()+"/admin/audit?activity=Reset+password+(self-service)&result=changed"))
	b.sees(t, "document.querySelectorAll('tbody tr').length === 2")
	b.tab(t, "tbody a")
	b.keys(t, enter)
	b.sees(t, "document.querySelectorAll('.timeline li').length > 4 && document.querySelector('h1').textContent.startsWith('Reset password (self-service)')")
	support := strings.TrimPrefix(b.text(t, ".lead code"), " ")
	b.run(t, chromedp.Navigate(s.Portal()+"/admin/audit?who="+strings.ToLower(support)))
	b.sees(t, "document.querySelectorAll('tbody tr').length === 1")
	b.calm(t)
	if err := s.Store.VerifyChain(t.Context(), demo.TenantID); err != nil {
		t.Error(err)
	}
}
