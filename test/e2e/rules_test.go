package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"homeward/internal/demo"
	"homeward/internal/lab"
	"homeward/test/dctest"
)

// What the organisation adds to Active Directory's own rules, on the whole path: the list of banned words reaches the agent, which
// refuses what a browser let pass; and people hear from the directory's own computation that their password expires.
func TestBannedWordsAndReminders(t *testing.T) {
	t.Parallel()
	old := time.Now().Add(-40 * 24 * time.Hour)
	s := own(t, demo.Options{}, nil)
	admin := s.admin(t)
	p, soon, later := s.person(t, lab.KindOrdinary), s.person(t, lab.KindOrdinary), s.person(t, lab.KindOrdinary)
	for _, dated := range []lab.Person{soon, later} {
		admin.DatePasswords(t, map[string]time.Time{dated.DN: old})
	}
	admin.ApplyPSO(t, soon, dctest.Policy{MinLength: 7, MaxAge: 45 * 24 * time.Hour})
	admin.ApplyPSO(t, later, dctest.Policy{MinLength: 7, MaxAge: 90 * 24 * time.Hour})
	conf := s.Path("server.yaml")
	for _, args := range [][]string{
		{"policy", "banned-words", "--config", conf, "-"}, {"tenant", "expiry", "--config", conf, "--days", "14,7,1", "--quiet", ""},
	} {
		if out, err := verb(t, "lantern\nharbour\n", args...); err != nil {
			t.Fatalf("%v: %s", args, out)
		}
	}

	eventually(t, func() error {
		_, err := os.Stat(filepath.Join(s.Path("agent"), "banned.json"))
		return err
	})
	// The visitor seals without looking at the list, as a page from before it would.
	before := s.writes(t, p)
	v := s.visitor(t)
	if page := verified(t, v, p, "forgot"); page.Path != "/password" || !strings.Contains(page.Body, `data-rule="banned"`) {
		t.Fatalf("at %s: %s", page.Path, page.Title())
	}
	page := choose(t, v, "L4nternH4rbour1")
	says(t, page, "Your password is little more than words on")
	s.unchanged(t, p, before, "")
	page = choose(t, v, lab.RandomPassword())
	says(t, page, "Your password has been changed in Active Directory")

	link := regexp.MustCompile(regexp.QuoteMeta(s.Portal()) + `/not-me/[A-Z2-7]{26}`)
	eventually(t, func() error {
		for _, m := range s.Mailbox.Messages() {
			if strings.Contains(m.Text, "expires on") && m.To == later.Mail {
				t.Fatal("somebody whose password lasts is reminded")
			}
		}
		for _, m := range s.Mailbox.Messages() {
			if strings.Contains(m.Text, "expires on") && m.To == soon.Mail && strings.Contains(m.Text, s.Portal()+"/change") {
				return nil
			}
		}
		return fmt.Errorf("no reminder came")
	})
	found := ""
	eventually(t, func() error {
		for _, m := range s.Mailbox.Messages() {
			if m.To == p.Mail && link.MatchString(m.Text) {
				found = strings.TrimPrefix(link.FindString(m.Text), s.Portal())
				return nil
			}
		}
		return fmt.Errorf("no message with a link came")
	})
	other := s.visitor(t)
	page, err := other.Get(t.Context(), found)
	must(t, err)
	says(t, page, "Wasn’t this you?")
}
