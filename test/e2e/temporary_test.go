package e2e_test

import (
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"homeward/internal/demo"
	"homeward/internal/lab"
	"homeward/test/dctest"
)

// Every generated temporary password is one that the domain controller takes, under policies stricter than the domain's, with the
// history of all that came before; and it opens nothing but the choice of another one.
func TestTemporaryPasswordsAreAccepted(t *testing.T) {
	t.Parallel()
	s := shared(t)
	operator := s.visitor(t)
	s.setsUp(t, operator, s.invite(t, "invite", "temporary@contoso.com", "--role", "User Administrator"))
	const each = 7
	for name, policy := range map[string]dctest.Policy{
		"14 characters": {MinLength: 14, History: 24, Complexity: true},
		"20 characters": {MinLength: 20, History: 24, Complexity: true},
		"30 characters": {MinLength: 30, History: 24, Complexity: true, MaxAge: 30 * 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := s.person(t, lab.KindOrdinary)
			s.admin(t).ApplyPSO(t, p, policy)
			found, err := s.Store.FindPeople(t.Context(), demo.TenantID, p.UPN)
			must(t, err)
			given := map[string]bool{}
			last := ""
			for range each {
				before := s.writes(t, p)
				last = s.temporary(t, operator, found[0].ID)
				if n := s.writes(t, p) - before; n != 1 {
					t.Errorf("the password was written %d times", n)
				}
				if code := dctest.BindCode(s.admin(t).Bind(p.UPN, last)); code != "773" {
					t.Errorf("signing in with a temporary password gives %q, not must change", code)
				}
				if given[last] || len(last) < policy.MinLength {
					t.Errorf("a temporary password of %d characters, given before: %v", len(last), given[last])
				}
				given[last] = true
			}
			v, fresh := s.visitor(t), lab.RandomPassword()+lab.RandomPassword()
			says(t, verified(t, v, p, "change"), "You have to choose a new password")
			shows(t, changeAgain(t, v, last, fresh), "changed")
			s.holds(t, p, fresh, last)
		})
	}
}

// temporary has an operator give somebody a temporary password on their page, and returns it.
func (s *site) temporary(t *testing.T, operator *demo.Visitor, person string) string {
	t.Helper()
	path := "/admin/users/" + person + "/reset"
	page, err := operator.Get(t.Context(), path)
	must(t, err)
	mark := regexp.MustCompile(`name="mark" value="([^"]+)"`).FindStringSubmatch(page.Body)
	if mark == nil {
		t.Fatalf("%s (%d): %s", page.Path, page.Code, page.Title())
	}
	page, err = operator.Post(t.Context(), path, map[string][]string{"mark": {html.UnescapeString(mark[1])}, "reason": {"HD-20"}})
	must(t, err)
	secret := regexp.MustCompile(`id="secret"[^>]*>([^<]+)<`).FindStringSubmatch(page.Body)
	if secret == nil || !strings.Contains(page.Body, "must choose another") {
		t.Fatalf("%s (%d): %s", page.Path, page.Code, page.Title())
	}
	return html.UnescapeString(secret[1])
}
