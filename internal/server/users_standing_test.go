package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/operator"
	"homeward/internal/server/provision"
	"homeward/internal/server/status"
	"homeward/internal/server/tenant"
)

// TestListByHowAccountsStand: whom the directories name is listed, within what else is asked for; what a directory doesn't say is said,
// and such a list isn't given away as a file that looks whole.
func TestListByHowAccountsStand(t *testing.T) {
	t.Parallel()
	b := newAdminBench(t)
	b.resets.Fleet = &fleetStub{writers: 1, version: 2}
	b.operator("contoso", "uma", operator.UserAdministrator)
	now := time.Now()
	domains := []status.Domain{{Name: "corp.contoso.test"}, {Name: "lab.contoso.test"}}
	b.admin.Status = func(context.Context, tenant.Tenant) (status.Report, error) {
		return status.Report{Up: true, State: status.Working, Domains: domains}, nil
	}
	objectOf := func(name string) string { return fmt.Sprintf("%032x", name)[:32] }
	var people []provision.Person
	for _, name := range []string{"Amara", "Bo", "Cem"} {
		people = append(people, provision.Person{
			Tenant: "contoso", ID: "s" + name, Object: objectOf(name), Anchor: objectOf(name), Domain: "lab.contoso.test", UPN: name + "@contoso.test", SAM: name,
			DisplayName: name, DN: "CN=" + name + ",OU=Sales,DC=lab", Created: now, Updated: now,
		})
	}
	if err := b.store.InsertPeople(t.Context(), people); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	asked := map[string]int{}
	more := false
	b.admin.Which = func(_ context.Context, tenant, domain string, standing protocol.Standing) ([]string, bool, error) {
		mu.Lock()
		defer mu.Unlock()
		asked[tenant+" "+domain+" "+string(standing)]++
		if domain == "gone.contoso.test" {
			return nil, false, errors.New("no agent")
		}
		if domain == "corp.contoso.test" || standing != protocol.StandingLocked {
			return nil, false, nil
		}
		return []string{objectOf("Bo"), objectOf("Cem"), strings.Repeat("ff", 16)}, more, nil // the last one isn't synced
	}
	b.admin.States = func(context.Context, string, string, []string) (map[string]protocol.AccountState, error) {
		return map[string]protocol.AccountState{objectOf("Bo"): {Locked: true}, objectOf("Cem"): {Locked: true}}, nil
	}
	page := func(query string) string {
		t.Helper()
		w := b.ask("uma", http.MethodGet, "/admin/users?"+query, nil)
		if w.Code != http.StatusOK {
			t.Fatalf("%s: status %d", query, w.Code)
		}
		return w.Body.String()
	}
	lists := func(query string, names ...string) {
		t.Helper()
		text := page(query)
		for _, name := range []string{"Amara", "Bo", "Cem", "Jonas Lindqvist"} {
			want := false
			for _, n := range names {
				want = want || n == name
			}
			if got := strings.Contains(text, "<bdi>"+name+"</bdi></a>"); got != want {
				t.Errorf("%s lists %s: %v", query, name, got)
			}
		}
	}
	lists("account=locked", "Bo", "Cem")
	lists("account=locked&find=ce", "Cem")
	lists("account=locked&source=cloud")
	lists("account=must_change")
	lists("account=active", "Amara", "Bo", "Cem", "Jonas Lindqvist")
	lists("account=made_up", "Amara", "Bo", "Cem", "Jonas Lindqvist")
	if text := page("account=locked"); strings.Contains(text, `id="gaps"`) || !strings.Contains(text, "1–2 of 2") || strings.Count(text, `aria-disabled="true"`) != 2 {
		t.Error("a whole list of one page names gaps, isn't counted, or leads to other pages")
	}
	if n := asked["contoso lab.contoso.test locked"]; n != 4 {
		t.Errorf("asked %d times for four lists", n)
	}
	if file := b.ask("uma", http.MethodGet, "/admin/users.csv?account=locked", nil); !strings.Contains(file.Body.String(), "Bo@contoso.test,Bo,on_premises,lab.contoso.test,OU=Sales,locked") {
		t.Errorf("the file: %d %s", file.Code, file.Body)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://password.contoso.test/admin/users?account=locked", nil)
	r.Header.Set("Homeward-Refresh", "1")
	r.AddCookie(&http.Cookie{Name: "__Host-homeward-admin", Value: b.cookies["uma"]})
	b.handler.ServeHTTP(httptest.NewRecorder(), r)
	if n := asked["contoso lab.contoso.test locked"]; n != 5 {
		t.Errorf("asked %d times, a refresh included", n)
	}
	more = true
	domains = append(domains, status.Domain{Name: "gone.contoso.test"})
	text := page("account=locked")
	for _, want := range []string{"gone.contoso.test didn’t say within 2 seconds", "lab.contoso.test may have more people like this"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(text, "users.csv") {
		t.Error("a list with gaps is offered as a file")
	}
	if w := b.ask("uma", http.MethodGet, "/admin/users.csv?account=locked", nil); w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), "/admin/users?") {
		t.Errorf("the file of a list with gaps: status %d to %s", w.Code, w.Header().Get("Location"))
	}
}
