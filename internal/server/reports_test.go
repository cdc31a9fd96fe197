package server

import (
	"encoding/csv"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"homeward/internal/event"
	"homeward/internal/server/audit"
	"homeward/internal/server/licence"
	"homeward/internal/server/operator"
	"homeward/internal/server/provision"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

// TestRegistrationReport: each reason is produced by people who have it, and counted once.
func TestRegistrationReport(t *testing.T) {
	t.Parallel()
	b := newAdminBench(t)
	agents := &fleetStub{writers: 1, version: 2}
	b.resets.Fleet = agents
	b.operator("contoso", "rita", operator.ReportsReader)
	n := 0
	add := func(name string, change func(*provision.Person)) string {
		t.Helper()
		n++
		object := strings.Repeat("0", 30) + strconv.Itoa(10+n)
		p := provision.Person{
			Tenant: "contoso", ID: "r" + strconv.Itoa(n), Object: object, Anchor: object, Domain: "corp.contoso.test", UPN: name + "@contoso.test", SAM: name, DisplayName: name,
			Mail: name + "@contoso.test", Created: time.Now(), Updated: time.Now(),
		}
		change(&p)
		if err := b.store.InsertPeople(t.Context(), []provision.Person{p}); err != nil {
			t.Fatal(err)
		}
		return p.ID
	}
	same := func(*provision.Person) {}
	method := func(person, id string, k verify.Kind) {
		t.Helper()
		if err := b.store.PutMethod(t.Context(), verify.Method{Tenant: "contoso", ID: id, Person: person, Kind: k, Secret: []byte("s"), Created: time.Now(), Confirmed: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	set := func(change func(*tenant.Settings)) {
		t.Helper()
		if err := b.changeSettings(t.Context(), "contoso", func(s *tenant.Settings) error { change(s); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	lines := func() map[string][]string {
		t.Helper()
		w := b.ask("rita", http.MethodGet, "/admin/reports/registration.csv", nil)
		table, err := csv.NewReader(w.Body).ReadAll()
		if err != nil || w.Code != http.StatusOK || strings.Join(table[0][:5], ",") != "user_principal_name,display_name,domain,can_reset,reason" {
			t.Fatalf("%d %v %v", w.Code, table, err)
		}
		out := map[string][]string{}
		for _, line := range table[1:] {
			out[line[1]] = line
		}
		return out
	}
	ready := add("ready", same)
	method(ready, "a1", verify.App)
	add("few", func(p *provision.Person) { p.Mail = "" })
	add("off", func(p *provision.Person) { p.Disabled = true })
	method(add("guarded", func(p *provision.Person) { p.Protected = true }), "a2", verify.App)
	add("held", func(p *provision.Person) { p.Held = provision.UPNTaken })
	add("cloud", func(p *provision.Person) { p.Object, p.Anchor, p.Domain = "", "", "" })
	chief := add("chief", same) // holds a role, so mail alone is too little
	if err := b.store.PutRole(t.Context(), provision.Role{Tenant: "contoso", Person: chief, Role: "Global Administrator", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	got := lines()
	for name, why := range map[string]string{
		"ready": "", "few": "too_few_methods", "off": "disabled", "guarded": "protected", "held": "held", "cloud": "cloud_only", "chief": "too_few_methods",
	} {
		if line := got[name]; line == nil || line[4] != why || (line[3] == "yes") != (why == "") {
			t.Errorf("%s: %v, want %q", name, line, why)
		}
	}
	if line := got["ready"]; line[5] != "app" || line[6] != "yes" {
		t.Errorf("%v", line)
	}
	stopped := add("stopped", same)
	if err := b.objections.Hold(t.Context(), "contoso", "op", stopped, "lost telephone"); err != nil {
		t.Fatal(err)
	}
	if line := lines()["stopped"]; line[3] != "no" || line[4] != "stopped" {
		t.Errorf("%v", line)
	}
	set(func(s *tenant.Settings) {
		s.LicencesNeeded, s.LicencePerPerson, s.Licences = true, true, []string{"AAD_PREMIUM"}
	})
	if line := lines()["ready"]; line[4] != "not_licensed" {
		t.Errorf("without a licence of their own: %v", line)
	}
	if err := b.store.PutLicence(t.Context(), licence.Assignment{Tenant: "contoso", Part: "AAD_PREMIUM", Kind: licence.Person, Subject: ready, At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if line := lines()["ready"]; line[4] != "" {
		t.Errorf("with one: %v", line)
	}
	set(func(s *tenant.Settings) { s.LicencesNeeded, s.LicencePerPerson, s.Licences = false, false, nil })
	agents.writers = 0
	if line := lines()["ready"]; line[4] != "no_agent" {
		t.Errorf("without an agent: %v", line)
	}
	agents.writers = 1
	set(func(s *tenant.Settings) { s.ResetScope = tenant.ScopeNone })
	if line := lines()["ready"]; line[4] != "not_in_scope" {
		t.Errorf("%v", line)
	}
	set(func(s *tenant.Settings) { s.ResetScope, s.LicencesNeeded = tenant.ScopeAll, true })
	if line := lines()["ready"]; line[4] != "not_licensed" {
		t.Errorf("%v", line)
	}
	set(func(s *tenant.Settings) { s.LicencesNeeded, s.WritebackOff = false, true })
	if line := lines()["ready"]; line[4] != "turned_off" {
		t.Errorf("%v", line)
	}
	w := b.ask("rita", http.MethodGet, "/admin/reports", nil)
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Writeback is turned off") {
		t.Errorf("%d", w.Code)
	}
}

// TestUsageReport: attempts are counted once, by day and outcome.
func TestUsageReport(t *testing.T) {
	t.Parallel()
	b := newAdminBench(t)
	b.operator("contoso", "rita", operator.ReportsReader)
	const resets, byAdmin = "Reset password (self-service)", "Reset password (by admin)"
	day := func(n int) time.Time { return time.Now().UTC().AddDate(0, 0, -n) }
	var rows []audit.Record
	for n, results := range map[int][]string{40: {"changed"}, 3: {"changed", "failed"}, 0: {"changed", "refused", "unknown", "ok"}} {
		for i, result := range results {
			code := "HW-" + strconv.Itoa(n) + "-" + strconv.Itoa(i)
			rows = append(rows, audit.Record{At: day(n), Support: code, Activity: resets, Result: "ok"}, audit.Record{At: day(n), Support: code, Activity: resets, Result: result},
				audit.Record{At: day(n), Support: code, Activity: resets, Result: "ok", Event: int(event.FlowNotified)})
		}
	}
	rows = append(rows, audit.Record{At: day(0), Support: "HW-X", Activity: byAdmin, Result: "set"})
	for _, r := range sortedByTime(rows) {
		if err := b.store.Append(t.Context(), "contoso", r); err != nil {
			t.Fatal(err)
		}
	}
	read := func(days string) (out map[string]map[string]string) {
		w := b.ask("rita", http.MethodGet, "/admin/reports/usage.csv?days="+days, nil)
		table, err := csv.NewReader(w.Body).ReadAll()
		if err != nil || w.Code != http.StatusOK {
			t.Fatal(w.Code, err)
		}
		if want, _ := strconv.Atoi(days); len(table) != want+1 {
			t.Fatalf("%d lines for %s days", len(table), days)
		}
		out = map[string]map[string]string{}
		for _, line := range table[1:] {
			out[line[0]] = map[string]string{}
			for i, name := range table[0] {
				out[line[0]][name] = line[i]
			}
		}
		return out
	}
	month := read("30")
	today, before := month[day(0).Format(time.DateOnly)], month[day(3).Format(time.DateOnly)]
	for name, want := range map[string]string{"done": "2", "refused": "1", "unknown": "1", "unfinished": "1", "failed": "0", "done: " + resets: "1", "done: " + byAdmin: "1"} {
		if today[name] != want {
			t.Errorf("today %s: %q, want %s", name, today[name], want)
		}
	}
	if before["done"] != "1" || before["failed"] != "1" {
		t.Errorf("%v", before)
	}
	if quarter := read("90"); quarter[day(40).Format(time.DateOnly)]["done"] != "1" {
		t.Error("forty days ago is missing")
	}
	if w := b.ask("rita", http.MethodGet, "/admin/reports?days=90", nil); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "last 90 days") {
		t.Errorf("%d", w.Code)
	}
}

func sortedByTime(rows []audit.Record) []audit.Record {
	slices.SortStableFunc(rows, func(a, b audit.Record) int { return a.At.Compare(b.At) })
	return rows
}
