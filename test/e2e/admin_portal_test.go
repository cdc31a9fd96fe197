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
)

const adminPassword = "Quiet harbour lamp 7"

// within is how soon a page must show by itself what has changed.
const within = 15 * time.Second

// appears waits until a page that nobody touches shows something, which it must do within 15 seconds, and returns how long that took.
func (b *browser) appears(t *testing.T, condition string) time.Duration {
	t.Helper()
	began := time.Now()
	b.sees(t, condition)
	took := time.Since(began)
	if took > within {
		t.Errorf("%s took %v, more than %v", condition, took, within)
	}
	return took
}

// unheard is what a browser complains of while no agent is heard.
const unheard = "the server responded with a status of 503"

// calm is quiet for somebody who was refused on purpose. What else is allowed is named.
func (b *browser) calm(t *testing.T, allowed ...string) {
	t.Helper()
	b.mu.Lock()
	b.complaints = slices.DeleteFunc(b.complaints, func(c string) bool {
		return slices.ContainsFunc(append(allowed, "the server responded with a status of 4", "Autofocus processing was blocked"), func(text string) bool {
			return strings.Contains(c, text)
		})
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
