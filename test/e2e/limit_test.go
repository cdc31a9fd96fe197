package e2e_test

import (
	"html"
	"net/http"
	"strings"
	"testing"
	"time"

	"homeward/internal/demo"
	"homeward/internal/lab"
)

func limited(t *testing.T, p demo.Page) {
	t.Helper()
	if p.Code != http.StatusTooManyRequests || !strings.Contains(html.UnescapeString(p.Body), "minute") {
		t.Errorf("status %d, %q at %s; not 429 with the time to wait", p.Code, p.Title(), p.Path)
	}
}

// After five refused passwords the person hears that it was too many, instead of the same form for ever.
func TestTooManyPasswordsAreSaid(t *testing.T) {
	t.Parallel()
	s := shared(t)
	v, p := s.visitor(t), s.person(t, lab.KindOrdinary)
	before := s.writes(t, p)
	verified(t, v, p, "forgot")
	for range 5 {
		if page := choose(t, v, "short"); page.Path != "/password" {
			t.Fatalf("a short password leads to %q at %s", page.Title(), page.Path)
		}
	}
	page, err := v.Get(t.Context(), "/password")
	must(t, err)
	limited(t, page)
	s.unchanged(t, p, before, "")
}

// Ten submissions an hour for one person, whatever browser they come from. The script is led to a page that
// says so.
func TestTooManySubmissionsForOnePersonAreSaid(t *testing.T) {
	t.Parallel()
	s := shared(t)
	p := s.person(t, lab.KindOrdinary)
	before := s.writes(t, p)
	for range 2 {
		v := s.visitor(t)
		verified(t, v, p, "forgot")
		for range 5 {
			choose(t, v, "short")
		}
	}
	v := s.visitor(t)
	verified(t, v, p, "forgot")
	ticket, err := v.Ticket(t.Context())
	must(t, err)
	if ticket.Redirect == "" {
		t.Fatal("the eleventh ticket within the hour was given")
	}
	page, err := v.Get(t.Context(), ticket.Redirect)
	must(t, err)
	limited(t, page)
	s.unchanged(t, p, before, "")
}

// Counters are in the database: killing the server forgives nothing.
func TestLimitsSurviveAKilledServer(t *testing.T) {
	t.Parallel()
	s := own(t, demo.Options{}, nil)
	p := s.person(t, lab.KindOrdinary)

	guesser := s.visitor(t) // five wrong codes
	_, err := guesser.Start(t.Context(), p.UPN, "forgot")
	must(t, err)
	since := time.Now()
	_, err = guesser.AskCode(t.Context())
	must(t, err)
	code, err := guesser.ReadCode(t.Context(), p.Mail, since)
	must(t, err)
	wrong := "000000"
	if code == wrong {
		wrong = "000001"
	}
	for range 5 {
		_, err = guesser.EnterCode(t.Context(), wrong)
		must(t, err)
	}

	namer := s.visitor(t) // ten times the same name
	for range 10 {
		page, err := namer.Start(t.Context(), "somebody@contoso.com", "forgot")
		must(t, err)
		if page.Code != http.StatusOK {
			t.Fatalf("within the limit: status %d", page.Code)
		}
	}
	check := func() {
		t.Helper()
		page, err := namer.Start(t.Context(), "Somebody@contoso.com ", "forgot")
		must(t, err)
		limited(t, page)
		page, err = guesser.EnterCode(t.Context(), code)
		must(t, err)
		if page.Path == "/password" || page.Code == http.StatusOK {
			t.Errorf("the right code after five wrong ones leads to %q at %s", page.Title(), page.Path)
		}
	}
	check()
	must(t, s.Server.Kill())
	s.restartServer(t)
	check()
}

// Ten mails an hour to one person, from however many browsers and addresses.
func TestTooManyMailsToOnePerson(t *testing.T) {
	t.Parallel()
	s := shared(t)
	p := s.person(t, lab.KindOrdinary)
	for range 10 {
		v := s.visitor(t)
		_, err := v.Start(t.Context(), p.UPN, "forgot")
		must(t, err)
		page, err := v.AskCode(t.Context())
		must(t, err)
		if page.Path != "/verify/1/code" {
			t.Fatalf("within the limit: %q at %s", page.Title(), page.Path)
		}
	}
	v := s.visitor(t)
	_, err := v.Start(t.Context(), p.SAM+"@contoso.com", "forgot")
	must(t, err)
	page, err := v.AskCode(t.Context())
	must(t, err)
	limited(t, page)
	if n := len(s.mailTo(p.Mail)); n > 10 {
		t.Errorf("%d mails", n)
	}
}

// One address gets as far as a whole company behind it may need, and no further.
func TestTooManyStartsFromOneAddress(t *testing.T) {
	t.Parallel()
	s := shared(t)
	v := s.visitor(t)
	for i := range 200 {
		page, err := v.Start(t.Context(), "n"+strings.Repeat("x", i%50)+string(rune('a'+i/50))+"@contoso.com", "forgot")
		must(t, err)
		if page.Code == http.StatusTooManyRequests {
			if i < 100 {
				t.Errorf("limited after %d starts already", i)
			}
			limited(t, page)
			return
		}
	}
	t.Error("two hundred starts from one address were let through")
}

func (s *site) mailTo(address string) (texts []string) {
	for _, m := range s.Mailbox.Messages() {
		if strings.EqualFold(m.To, address) {
			texts = append(texts, m.Subject+"\n"+m.Text)
		}
	}
	return texts
}
