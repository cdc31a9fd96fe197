package server

import (
	"encoding/csv"
	"net/http"
	"strings"
	"testing"
	"time"

	"homeward/internal/server/audit"
	"homeward/internal/server/operator"
	"homeward/internal/server/provision"
	"homeward/internal/server/verify"
)

// TestListOfPeopleIsDownloaded: the file holds whom the page would show on all its pages, nobody else, and no formula.
func TestListOfPeopleIsDownloaded(t *testing.T) {
	t.Parallel()
	b := newAdminBench(t)
	b.resets.Fleet = &fleetStub{writers: 1, version: 2}
	b.operator("contoso", "uma", operator.UserAdministrator)
	b.operator("fabrikam", "finn", operator.UserAdministrator)
	const many = 230 // more than are read at once
	var people []provision.Person
	for n := range many {
		object := strings.Repeat("0", 29) + string(rune('a'+n/100)) + string(rune('0'+n/10%10)) + string(rune('0'+n%10))
		people = append(people, provision.Person{
			Tenant: "contoso", ID: "d" + object, Object: object, Anchor: object, Domain: "corp.contoso.test", UPN: "d" + object[29:] + "@contoso.test", SAM: object[29:],
			DisplayName: "=cmd|' /C calc'!A0", Disabled: n%2 == 0, DN: "CN=" + object[29:] + ",OU=Sales,DC=corp", Created: time.Now(), Updated: time.Now(),
		})
	}
	if err := b.store.InsertPeople(t.Context(), people); err != nil {
		t.Fatal(err)
	}
	if err := b.store.PutMethod(t.Context(), verify.Method{Tenant: "contoso", ID: "m", Person: people[1].ID, Kind: verify.App, Secret: []byte("s"), Created: time.Now(), Confirmed: time.Now()}); err != nil {
		t.Fatal(err)
	}
	file := func(who, query string) [][]string {
		t.Helper()
		w := b.ask(who, http.MethodGet, "/admin/users.csv"+query, nil)
		table, err := csv.NewReader(w.Body).ReadAll()
		if err != nil || w.Code != http.StatusOK || !strings.Contains(w.Header().Get("Content-Disposition"), `filename="homeward-people-`) || table[0][0] != "user_principal_name" {
			t.Fatalf("%d %v %v", w.Code, err, w.Header())
		}
		return table[1:]
	}
	if all := file("uma", ""); len(all) != many+1 {
		t.Errorf("%d lines", len(all))
	}
	seen := map[string]bool{}
	for _, line := range file("uma", "?account=active&find=d") {
		if seen[line[0]] || line[5] != "active" || line[1] != "'=cmd|' /C calc'!A0" {
			t.Fatalf("%q", line)
		}
		seen[line[0]] = true
	}
	if len(seen) != many/2 {
		t.Errorf("%d active people", len(seen))
	}
	if can := file("uma", "?can=yes&account=active&find=d"); len(can) != 1 || can[0][0] != people[1].UPN || can[0][6] != "yes" || can[0][8] != "1" {
		t.Errorf("%q", can)
	}
	if cannot := file("uma", "?can=no"); len(cannot) != many-1 || cannot[0][7] == "" { // and Jonas can, by mail
		t.Errorf("%d can't, %q", len(cannot), cannot[0])
	}
	if none := file("finn", ""); len(none) != 0 {
		t.Errorf("of another tenant: %q", none)
	}
	found, err := b.store.SearchAudit(t.Context(), "contoso", audit.Query{Activity: "Download list of people", Limit: 9})
	if err != nil || len(found) != 4 || found[0].Actor != "uma" || !strings.Contains(found[0].Detail, "can=no") {
		t.Errorf("%+v %v", found, err)
	}
	if w := b.ask("uma", http.MethodGet, "/admin/users?can=no", nil); !strings.Contains(w.Body.String(), `href="/admin/users.csv?can=no"`) {
		t.Error("the page doesn't lead to its file")
	}
}
