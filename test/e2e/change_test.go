package e2e_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"homeward/internal/demo"
	"homeward/internal/lab"
	"homeward/test/dctest"
)

// People who know their password and want another, on every kind of account that may.

// change goes the whole way with a current and a new password.
func change(t *testing.T, v *demo.Visitor, p lab.Person, current, fresh string) demo.Page {
	t.Helper()
	if page := verified(t, v, p, "change"); page.Path != "/password" {
		t.Fatalf("%s: %q at %s instead of the password page", p.UPN, page.Title(), page.Path)
	}
	return changeAgain(t, v, current, fresh)
}

// changeAgain types once more on the password page.
func changeAgain(t *testing.T, v *demo.Visitor, current, fresh string) demo.Page {
	t.Helper()
	must(t, v.Choose(t.Context(), []byte(current), []byte(fresh)))
	page, err := v.Outcome(t.Context())
	must(t, err)
	return page
}

// wrongTries is how many wrong passwords the directory has counted.
func (s *site) wrongTries(t *testing.T, p lab.Person) int {
	t.Helper()
	values := s.admin(t).Attr(t, p.DN, "badPwdCount")
	if len(values) == 0 {
		return 0
	}
	n, err := strconv.Atoi(values[0])
	must(t, err)
	return n
}

func says(t *testing.T, page demo.Page, sentence string) {
	t.Helper()
	if !strings.Contains(page.Body, sentence) {
		t.Errorf("%s (%s) doesn't say %q: %.3000s", page.Path, page.Title(), sentence, page.Body)
	}
}

const wrongCurrent = "Your current password isn’t right. If you don’t remember it, reset it instead."

// The whole change by keyboard, with a wrong current password first: it counts once.
func TestChangeInABrowser(t *testing.T) {
	t.Parallel()
	s := shared(t)
	p, fresh := s.person(t, lab.KindOrdinary), lab.RandomPassword()
	s.admin(t).ApplyPSO(t, p, dctest.Policy{MinLength: 7, Complexity: true, History: 24, LockoutThreshold: 10})
	before := s.writes(t, p)
	b := openBrowser(t, "en", 390, 844)
	b.beginChange(t, s, p)
	b.title(t, "Change your password")
	b.sees(t, "document.documentElement.scrollWidth <= innerWidth")
	b.tab(t, "#password")
	b.keys(t, fresh+enter) // the page itself asks for the other one, and sends nothing
	b.sees(t, "document.querySelector('#current-error').textContent.includes('Enter your current password')")
	b.tab(t, "#current")
	b.keys(t, "Not-my-password-1"+enter)
	b.sees(t, fmt.Sprintf("document.querySelector('.summary')?.textContent.includes(%q)", wrongCurrent))
	b.sees(t, "document.getElementById('current').value === '' && document.getElementById('password').value === ''")
	if n := s.wrongTries(t, p); n != 1 {
		t.Errorf("one wrong password counts %d times", n)
	}
	s.unchanged(t, p, before, "")
	b.tab(t, "#current")
	b.keys(t, p.Password)
	b.tab(t, "#password")
	b.keys(t, fresh+enter)
	b.title(t, "Your password has been changed in Active Directory")
	b.quiet(t)
	s.changed(t, p, before, fresh)
}

// beginChange goes by keyboard from the first page's link to the page that wants the passwords.
func (b *browser) beginChange(t *testing.T, s *site, p lab.Person) {
	t.Helper()
	b.run(t, chromedp.Navigate(s.Portal()+"/start"))
	b.sees(t, "document.getElementById('name')")
	b.tab(t, "a[href='/change']")
	b.keys(t, enter)
	b.sees(t, "location.pathname === '/change' && document.getElementById('name')")
	b.tab(t, "#name")
	b.keys(t, p.UPN+enter)
	b.check(t, s, p)
}

// A wrong current password counts once, the last try is never made, and a reset still helps.
func TestWrongCurrentPasswordCountsOnce(t *testing.T) {
	t.Parallel()
	s := shared(t)
	p, fresh := s.person(t, lab.KindOrdinary), lab.RandomPassword()
	s.admin(t).ApplyPSO(t, p, dctest.Policy{MinLength: 7, Complexity: true, History: 24, LockoutThreshold: 3})
	before := s.writes(t, p)
	v := s.visitor(t)
	page := change(t, v, p, "Not-my-password-1", fresh)
	says(t, page, wrongCurrent)
	says(t, page, "You have 1 try for your current password")
	if n := s.wrongTries(t, p); n != 1 {
		t.Errorf("one wrong password counts %d times", n)
	}
	page = changeAgain(t, v, "Not-my-password-2", fresh)
	if n := s.wrongTries(t, p); n != 2 {
		t.Errorf("two wrong passwords count %d times", n)
	}
	says(t, page, "We stopped, so your account doesn’t lock")
	if page = verified(t, s.visitor(t), p, "change"); mark(page) != "failed" {
		t.Errorf("with no try left the page is %q at %s", page.Title(), page.Path)
	}
	if locked := s.admin(t).Attr(t, p.DN, "lockoutTime"); len(locked) > 0 && locked[0] != "0" {
		t.Errorf("the portal locked the account: lockoutTime %v", locked)
	}
	shows(t, reset(t, s.visitor(t), p, fresh), "changed")
	s.changed(t, p, before, fresh)
}

// What holds for one person is said before they type: their own fine-grained policy, and its minimum age.
func TestChangePageKnowsThePolicy(t *testing.T) {
	t.Parallel()
	s := shared(t)
	p := s.person(t, lab.KindOrdinary)
	t.Run("rules", func(t *testing.T) {
		s.admin(t).ApplyPSO(t, p, dctest.Policy{MinLength: 19, Complexity: true, History: 7, MaxAge: 4 * 24 * time.Hour})
		page := verified(t, s.visitor(t), p, "change")
		says(t, page, "At least 19 characters")
		says(t, page, "Not one of your last 7 passwords")
		says(t, page, "Your password expires in ")
	})
	t.Run("minimum age", func(t *testing.T) {
		s.admin(t).ApplyPSO(t, p, dctest.Policy{MinLength: 7, MinAge: 24 * time.Hour})
		page := verified(t, s.visitor(t), p, "change")
		says(t, page, "You changed your password less than 1 day ago. You can change it again after ")
		if strings.Contains(page.Body, `id="current"`) {
			t.Error("the page asks for passwords it knows to be refused")
		}
	})
	t.Run("locked", func(t *testing.T) {
		s.admin(t).Lock(t, p)
		says(t, verified(t, s.visitor(t), p, "change"), "Your account is locked")
	})
}

// Two agents that try a wrong current password at the same moment know nothing of each other. All the same, however
// many browsers try for one person at once, the portal never locks the account.
func TestParallelChangesNeverLock(t *testing.T) {
	t.Parallel()
	s := own(t, demo.Options{}, supply{lab.KindOrdinary: 5})
	_, err := s.AddAgent(t.Context(), "second")
	must(t, err)
	const people, browsers = 4, 4
	var sent, kept atomic.Int32
	for range people {
		p, fresh := s.person(t, lab.KindOrdinary), lab.RandomPassword()
		s.admin(t).ApplyPSO(t, p, dctest.Policy{MinLength: 7, Complexity: true, History: 24, LockoutThreshold: 3})
		before := s.writes(t, p)
		var all [browsers]*demo.Visitor
		for i := range all {
			all[i] = s.visitor(t)
			if page := verified(t, all[i], p, "change"); page.Path != "/password" {
				t.Fatalf("%q at %s", page.Title(), page.Path)
			}
		}
		for range 2 { // the second round meets an account with one try left, or none
			var wg sync.WaitGroup
			for _, v := range all {
				wg.Go(func() {
					switch err := v.Choose(t.Context(), []byte("Not-my-password-1"), []byte(fresh)); {
					case errors.Is(err, demo.ErrBusy):
						kept.Add(1)
					case err != nil:
						t.Error(err)
					default:
						sent.Add(1)
						if _, err := v.Outcome(t.Context()); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
		}
		if n := s.wrongTries(t, p); n < 1 || n > 2 {
			t.Errorf("%d wrong passwords reached the directory", n)
		}
		if locked := s.admin(t).Attr(t, p.DN, "lockoutTime"); len(locked) > 0 && locked[0] != "0" {
			t.Errorf("the portal locked the account: lockoutTime %v", locked)
		}
		s.unchanged(t, p, before, "")
	}
	if sent.Load() == 0 || kept.Load() == 0 {
		t.Errorf("%d sent, %d kept back: nothing was at once", sent.Load(), kept.Load())
	}
}
