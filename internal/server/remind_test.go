package server

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"homeward/internal/config"
	"homeward/internal/event"
	"homeward/internal/server/audit"
	"homeward/internal/server/objection"
	"homeward/internal/server/operator"
	"homeward/internal/server/provision"
	"homeward/internal/server/reminder"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

// TestRemindersToRegister: the number on the page is how many are written to; each of them once in 24 hours, whoever presses, and
// however many at once; the audit log names them, and the messages don't stand before a code that somebody waits for.
func TestRemindersToRegister(t *testing.T) {
	t.Parallel()
	b := newAdminBench(t)
	b.operator("contoso", "karin", operator.GlobalAdministrator)
	b.operator("contoso", "olof", operator.HybridIdentityAdministrator)
	if err := b.changeSettings(t.Context(), "contoso", func(s *tenant.Settings) error { s.Checks.Required, s.Checks.RegisteredOnly = 2, true; return nil }); err != nil {
		t.Fatal(err)
	}
	const many = 130 // more than a batch; with Jonas one more
	var people []provision.Person
	for n := range many + 3 {
		object := fmt.Sprintf("%032x", n)
		people = append(people, provision.Person{
			Tenant: "contoso", ID: "r" + object, Object: object, Anchor: object, Domain: "corp.contoso.test", UPN: fmt.Sprintf("r%d@contoso.test", n), SAM: fmt.Sprint("r", n),
			Mail: fmt.Sprintf("r%d@mail.example", n), Created: time.Now(), Updated: time.Now(),
		})
	}
	people[0].Mail, people[1].Disabled = "", true
	if err := b.store.InsertPeople(t.Context(), people); err != nil {
		t.Fatal(err)
	}
	if err := b.store.Stop(t.Context(), nil, objection.Hold{Tenant: "contoso", Person: people[2].ID, At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if err := b.store.PutMethod(t.Context(), verify.Method{Tenant: "contoso", ID: "m", Person: people[3].ID, Kind: verify.App, Secret: []byte("s"), Created: time.Now(), Confirmed: time.Now()}); err != nil {
		t.Fatal(err)
	}
	page := func(who, query string) string {
		t.Helper()
		w := b.ask(who, http.MethodGet, "/admin/password-reset/registration"+query, nil)
		if w.Code != http.StatusOK {
			t.Fatalf("status %d", w.Code)
		}
		return w.Body.String()
	}
	if shown := page("karin", ""); !strings.Contains(shown, fmt.Sprintf("Send a reminder to %d<", many+1)) || !strings.Contains(shown, "Not written to: 2.") {
		t.Errorf("the page counts otherwise: %q", regexp.MustCompile(`(?s)<div class="remind">.*?</div>`).FindString(shown))
	}
	if strings.Contains(page("olof", ""), "<button class=\"small\" id=\"remind\"") {
		t.Error("who may not send reminders is offered to")
	}
	send := b.registers.Send
	var mu sync.Mutex
	b.registers.Send = func(ctx context.Context, one tenant.Tenant, calls []reminder.Call, since time.Time, r audit.Record) (int, error) {
		mu.Lock()
		for i := 1; i < len(calls); i++ { // they don't stand before a code that somebody waits for
			if !calls[i].Due.After(calls[i-1].Due) {
				t.Errorf("%s is due at %s, after %s", calls[i].To, calls[i].Due, calls[i-1].Due)
			}
		}
		mu.Unlock()
		return send(ctx, one, calls, since, r)
	}
	sum := 0
	var presses sync.WaitGroup
	for range 3 {
		presses.Go(func() {
			w := b.ask("karin", http.MethodPost, "/admin/password-reset/registration/remind", url.Values{})
			n := -1
			if _, err := fmt.Sscanf(w.Header().Get("Location"), "/admin/password-reset/registration?reminded=%d", &n); err != nil || w.Code != http.StatusSeeOther {
				t.Errorf("status %d to %q", w.Code, w.Header().Get("Location"))
			}
			mu.Lock()
			defer mu.Unlock()
			sum += n
		})
	}
	presses.Wait()
	if sum != many+1 {
		t.Errorf("%d people were reminded", sum)
	}
	if shown := page("karin", fmt.Sprint("?reminded=", many+1)); strings.Contains(shown, "Send a reminder") || !strings.Contains(shown, fmt.Sprintf("on their way. People: %d.", many+1)) {
		t.Error("the page doesn't say that it was done")
	}
	told, summary, at := map[string]bool{}, 0, int64(0)
	for {
		rows, err := b.store.SearchAudit(t.Context(), "contoso", audit.Query{Activity: "Remind to register", Limit: 100, Before: at})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if r.Actor != "karin" || r.Event != int(event.RegisterReminded) {
				t.Errorf("%+v", r)
			}
			if r.Hop == "operator" {
				summary++
			} else if told[r.Target] {
				t.Errorf("%s was told twice", r.Target)
			}
			told[r.Target] = true
			at = r.Seq
		}
		if len(rows) == 0 {
			break
		}
	}
	delete(told, "")
	if len(told) != many+1 || summary == 0 || told[people[0].ID] || told[people[1].ID] || told[people[2].ID] {
		t.Errorf("%d people are named, %d summaries", len(told), summary)
	}
}

// TestNothingIsSentWithoutAMailServer: the page says why.
func TestNothingIsSentWithoutAMailServer(t *testing.T) {
	t.Parallel()
	b := newAdminBench(t, func(c *config.Server) { c.Mail.Host = "" })
	b.operator("contoso", "karin", operator.GlobalAdministrator)
	if err := b.changeSettings(t.Context(), "contoso", func(s *tenant.Settings) error { s.Checks.Required, s.Checks.RegisteredOnly = 2, true; return nil }); err != nil {
		t.Fatal(err)
	}
	w := b.ask("karin", http.MethodPost, "/admin/password-reset/registration/remind", url.Values{})
	if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "has no mail server") || !strings.Contains(w.Body.String(), "Send a reminder to 1<") {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}
