package server

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/operator"
	"homeward/internal/server/provision"
)

// TestListSaysHowAccountsStand: the list asks each directory once for the people of its page, shows what it says, and where one
// says nothing in time, that it shows the last sync.
func TestListSaysHowAccountsStand(t *testing.T) {
	t.Parallel()
	b := newAdminBench(t)
	b.resets.Fleet = &fleetStub{writers: 1, version: 2}
	b.operator("contoso", "uma", operator.UserAdministrator)
	now := time.Now()
	days := func(n int) protocol.Milli { return protocol.MilliOf(now.AddDate(0, 0, n)) }
	states := map[string]protocol.AccountState{
		"Amara": {}, "Bo": {Locked: true, ExpiresAt: days(1)}, "Cem": {ExpiresAt: days(2)}, "Dana": {ExpiresAt: days(1)}, "Eva": {ExpiresAt: days(90)},
		"Finn": {Expired: true, ExpiresAt: days(-3)}, "Gus": {MustChange: true}, "Hana": {EndsAt: days(-1)}, "Ines": {Disabled: true, Locked: true},
	}
	want := map[string]string{
		"Amara": "Active", "Bo": "Locked out", "Cem": "Expires in 2 days", "Dana": "Expires tomorrow", "Eva": "Active", "Finn": "Password expired",
		"Gus": "Must change password", "Hana": "Account expired", "Ines": "Disabled", "Jonas Lindqvist": "Active",
	}
	var people []provision.Person
	answers := map[string]protocol.AccountState{}
	for name, s := range states {
		object := fmt.Sprintf("%032x", name)[:32]
		s.Object, answers[object] = object, s
		people = append(people, provision.Person{
			Tenant: "contoso", ID: "s" + name, Object: object, Anchor: object, Domain: "other.contoso.test", UPN: name + "@contoso.test", SAM: name,
			DisplayName: name, DN: "CN=" + name + ",OU=Sales,DC=other", Created: now, Updated: now,
		})
	}
	if err := b.store.InsertPeople(t.Context(), people); err != nil {
		t.Fatal(err)
	}
	asked := map[string]int{}
	b.admin.States = func(ctx context.Context, tenant, domain string, objects []string) (map[string]protocol.AccountState, error) {
		if domain == "corp.contoso.test" { // its agent hangs
			<-ctx.Done()
			return nil, ctx.Err()
		}
		asked[tenant+" "+domain] += len(objects)
		return answers, nil
	}
	w := b.ask("uma", http.MethodGet, "/admin/users", nil)
	page := w.Body.String()
	for name, word := range want {
		row := regexp.MustCompile(`<bdi>` + name + `</bdi></a>[^\n]*`).FindString(page)
		cells := strings.Split(row, "<td>")
		if len(cells) < 3 || !strings.Contains(cells[2], "<span>"+word+"</span>") || strings.Contains(cells[2], "by the last sync") != (name == "Jonas Lindqvist") {
			t.Errorf("%s, want %s: %q", name, word, row)
		}
	}
	if w.Code != http.StatusOK || !strings.Contains(page, "corp.contoso.test didn’t answer within a second") || strings.Contains(page, "other.contoso.test didn’t") {
		t.Errorf("status %d; the page doesn't say who was silent", w.Code)
	}
	if len(asked) != 1 || asked["contoso other.contoso.test"] != len(states) {
		t.Errorf("asked about %v", asked)
	}
	// A page that asks for itself again swaps no row, so nobody is asked.
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://password.contoso.test/admin/users", nil)
	r.Header.Set("Homeward-Refresh", "1")
	r.AddCookie(&http.Cookie{Name: "__Host-homeward-admin", Value: b.cookies["uma"]})
	b.handler.ServeHTTP(httptest.NewRecorder(), r)
	if asked["contoso other.contoso.test"] != len(states) {
		t.Errorf("a refresh asked too: %v", asked)
	}
}
