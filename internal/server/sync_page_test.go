package server

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/operator"
	"homeward/internal/server/provision"
	"homeward/internal/server/tenant"
)

// syncBench is a server whose first tenant has a domain that an agent brings in.
type syncBench struct {
	*adminBench
	grant protocol.SyncGrant
}

const benchDomain = "corp.contoso.test"

func newSyncBench(t *testing.T) *syncBench {
	b := &syncBench{adminBench: newAdminBench(t)}
	b.operator("contoso", "karin", operator.HybridIdentityAdministrator)
	b.operator("contoso", "rita", operator.ReportsReader)
	b.operator("fabrikam", "sam", operator.GlobalAdministrator)
	return b
}

func syncObject(n int) string { return fmt.Sprintf("%032x", n) }

func syncPerson(n int) protocol.SyncPerson {
	name := fmt.Sprintf("user%d", n)
	return protocol.SyncPerson{
		Object: syncObject(n), Anchor: syncObject(n), DN: "CN=" + name + ",OU=Staff,DC=corp", SAM: name, UPN: name + "@contoso.test", Mail: name + "@contoso.test",
		Proxies: []string{"SMTP:" + name + "@contoso.test"}, DisplayName: "Person " + fmt.Sprint(n),
	}
}

// full does a full run with those people.
func (b *syncBench) full(staging bool, people ...protocol.SyncPerson) {
	b.t.Helper()
	ctx := b.t.Context()
	if err := b.accounts.WantFull(ctx, "contoso", "", "test"); err != nil {
		b.t.Fatal(err)
	}
	g := b.accounts.Lease(ctx, "contoso", provision.Agent{ID: benchAgent, Machine: "SRV-HW01"}, protocol.SyncAsk{
		Version: protocol.Version, Agent: benchAgent, Domain: benchDomain, NetBIOS: "CORP", Scope: "s", Staging: staging, Mode: protocol.SyncByDirSync,
	})
	if !g.OK || g.Run == "" {
		b.t.Fatalf("%+v", g)
	}
	for seq, last := g.Seq, false; !last; seq++ {
		n := min(len(people), 500)
		last = n == len(people)
		ack := b.accounts.Apply(ctx, "contoso", benchAgent, protocol.SyncBatch{
			Version: protocol.Version, Agent: benchAgent, Domain: benchDomain, NetBIOS: "CORP", Epoch: g.Epoch, Seq: seq, Run: g.Run, Last: last, Cursor: []byte("c"),
			Staging: staging, People: people[:n], Read: protocol.SyncRead{Objects: n},
		})
		if !ack.OK {
			b.t.Fatalf("%+v", ack)
		}
		people = people[n:]
	}
	b.grant = g
}

func (b *syncBench) page(name, path string) string {
	b.t.Helper()
	w := b.ask(name, http.MethodGet, path, nil)
	if w.Code != http.StatusOK {
		b.t.Fatalf("%s: status %d", path, w.Code)
	}
	return w.Body.String()
}

func wants(t *testing.T, where, body string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(body, text) {
			t.Errorf("%s doesn't say %q", where, text)
		}
	}
}

// TestSyncPageDecides: the page shows both parties, the decision has effect, is recorded with who made it, and can be taken
// back.
func TestSyncPageDecides(t *testing.T) {
	t.Parallel()
	b := newSyncBench(t)
	second := syncPerson(2)
	second.UPN = "user1@contoso.test"
	b.full(false, syncPerson(1), second)
	body := b.page("karin", "/admin/sync")
	wants(t, "the page", body, "Two accounts use", "user1@contoso.test", "Keep user1", "Keep user2", "SRV-HW01", "Sync now", `href="/admin/agents/`+benchAgent)
	wants(t, "the overview", b.page("karin", "/admin"), `href="/admin/sync"`, `<span class="visually-hidden">waiting: </span>1</span>`)
	if read := b.page("rita", "/admin/sync"); strings.Contains(read, "Keep user1") || strings.Contains(read, "<form method=\"post\"") {
		t.Error("somebody who may only look is offered decisions")
	}
	form := url.Values{"object": {syncObject(2)}, "domain": {benchDomain}, "reason": {string(provision.UPNTaken)}, "value": {"user1@contoso.test"}, "choice": {"keep_that"}}
	if w := b.ask("rita", http.MethodPost, "/admin/sync/decide", form); w.Code != http.StatusForbidden {
		t.Errorf("a reader decides: status %d", w.Code)
	}
	if w := b.ask("sam", http.MethodPost, "/admin/sync/decide", form); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("another tenant decides: status %d", w.Code)
	}
	if w := b.ask("karin", http.MethodPost, "/admin/sync/decide", form); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/admin/sync?done=decided" {
		t.Errorf("status %d to %q", w.Code, w.Header().Get("Location"))
	}
	if w := b.ask("karin", http.MethodPost, "/admin/sync/decide", form); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "settled already") {
		t.Errorf("decided twice: status %d", w.Code)
	}
	found, err := b.store.PeopleByObject(t.Context(), "contoso", []string{syncObject(2)})
	if err != nil || len(found) != 1 || found[0].UPN != "" {
		t.Errorf("%v: %+v", err, found)
	}
	records, err := b.store.SearchAudit(t.Context(), "contoso", audit.Query{Activity: "Decide sync conflict", Limit: 9})
	if err != nil || len(records) != 1 || records[0].Actor != "karin" {
		t.Errorf("%v: %+v", err, records)
	}
	wants(t, "the decisions", b.page("rita", "/admin/sync/decisions"), `CORP\user2`, "Goes without the name", "karin")
	if w := b.ask("karin", http.MethodPost, "/admin/sync/decisions/forget", url.Values{"object": {syncObject(2)}}); w.Code != http.StatusSeeOther {
		t.Errorf("taken back: status %d", w.Code)
	}
	if decided, total, err := b.accounts.Decided(t.Context(), "contoso", 0, 9); err != nil || total != 0 {
		t.Errorf("%v: %+v", err, decided)
	}
}

// TestSyncPageDeletions: what the guard stops is listed, kept, and only passes when what was looked at is what there is.
func TestSyncPageDeletions(t *testing.T) {
	t.Parallel()
	b := newSyncBench(t)
	var all []protocol.SyncPerson
	for n := range 40 {
		all = append(all, syncPerson(n+1))
	}
	b.full(false, all...)
	b.full(false, all[:20]...)
	wants(t, "the page", b.page("karin", "/admin/sync"), "20 deletions are more", "/admin/sync/deletions?domain="+benchDomain)
	wants(t, "the list", b.page("rita", "/admin/sync/deletions?domain="+benchDomain), "Person 40", "OU=Staff")
	if w := b.ask("sam", http.MethodGet, "/admin/sync/deletions?domain="+benchDomain, nil); w.Code != http.StatusNotFound {
		t.Errorf("another tenant's: status %d", w.Code)
	}
	send := func(what, seen string) int {
		return b.ask("karin", http.MethodPost, "/admin/sync/deletions", url.Values{"domain": {benchDomain}, "what": {what}, "seen": {seen}}).Code
	}
	people := func() int {
		n, err := b.store.CountPeople(t.Context(), "contoso")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for what, code := range map[string]int{"allow": http.StatusConflict, "": http.StatusUnprocessableEntity} {
		if got := send(what, "19"); got != code || people() != 40 {
			t.Errorf("%q: status %d, %d people", what, got, people())
		}
	}
	if got := send("keep", ""); got != http.StatusSeeOther || people() != 40 {
		t.Errorf("kept: status %d, %d people", got, people())
	}
	b.full(false, all[:20]...)
	if got := send("allow", "20"); got != http.StatusSeeOther || people() != 20 {
		t.Errorf("allowed: status %d, %d people", got, people())
	}
	for _, activity := range []string{"Keep deletions", "Allow deletions"} {
		if found, err := b.store.SearchAudit(t.Context(), "contoso", audit.Query{Activity: activity, Limit: 9}); err != nil || len(found) != 1 || found[0].Actor != "karin" {
			t.Errorf("%s: %v, %+v", activity, err, found)
		}
	}
}

// TestSyncPageOfThousands: 5,000 problems are pages of twenty, each of them quick.
func TestSyncPageOfThousands(t *testing.T) {
	t.Parallel()
	b := newSyncBench(t)
	b.full(false, syncPerson(1))
	var all []provision.Problem
	for n := range 5000 {
		all = append(all, provision.Problem{
			Tenant: "contoso", Object: syncObject(1000 + n), Domain: benchDomain, Reason: protocol.FaultText, Value: "title", Attribute: "title", Name: fmt.Sprintf(`CORP\u%d`, n),
			Agent: true, Since: time.Now().Add(time.Duration(n) * time.Millisecond),
		})
	}
	if err := b.store.PutProblems(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	const most = 2 * time.Second // for all of these on a busy machine
	for path, shown := range map[string]string{
		"/admin/sync": `CORP\u0 `, "/admin/sync?page=250": `CORP\u4999 `, "/admin/sync?page=9999": `CORP\u4999 `, "/admin/sync?page=-1": `CORP\u19 `,
		"/admin/sync?reason=bad_text&page=2": `CORP\u20 `,
	} {
		begun := time.Now()
		body := b.page("karin", path)
		took := time.Since(begun)
		t.Logf("%s took %v", path, took)
		if n := strings.Count(body, `class="case"`); n != 20 || !strings.Contains(body, shown) || !strings.Contains(body, "of 250") {
			t.Errorf("%s: %d cards", path, n)
		}
		if took > most {
			t.Errorf("%s took %v", path, took)
		}
	}
	if body := b.page("karin", "/admin/sync?reason=upn_taken"); strings.Contains(body, `class="case"`) || !strings.Contains(body, "Nothing matches") {
		t.Error("cards of another kind")
	}
}

// TestPreviewPage lists verdicts by kind and hands them out as a file that no spreadsheet program takes for formulas.
func TestPreviewPage(t *testing.T) {
	t.Parallel()
	b := newSyncBench(t)
	bad := syncPerson(3)
	bad.SAM, bad.DisplayName, bad.UPN = "x", "=1+1", "@evil@contoso.test"
	if err := b.changeSettings(t.Context(), "contoso", func(s *tenant.Settings) error { s.Sync.AskSoftMatch = true; return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := b.accounts.CreateAccount(t.Context(), "contoso", "op", provision.Account{UPN: "user2@contoso.test", Mail: "user2@contoso.test", DisplayName: "Cloud"}); err != nil {
		t.Fatal(err)
	}
	wants(t, "no preview", b.page("karin", "/admin/sync/preview"), "no preview of this domain yet")
	if w := b.ask("karin", http.MethodGet, "/admin/sync/preview/verdicts.csv", nil); w.Code != http.StatusNotFound {
		t.Errorf("a file of nothing: status %d", w.Code)
	}
	b.full(false, syncPerson(9))
	b.full(true, syncPerson(1), syncPerson(2), bad)
	body := b.page("rita", "/admin/sync/preview")
	wants(t, "the page", body, "Person 1", "Created", "In conflict", "verdicts.csv?domain="+benchDomain)
	if strings.Contains(body, "Make a preview") {
		t.Error("a reader is offered to make one")
	}
	if body = b.page("karin", "/admin/sync/preview?domain="+benchDomain+"&what=conflict"); strings.Contains(body, "Person 1") || !strings.Contains(body, "Person 2") {
		t.Error("the filter doesn't filter")
	}
	w := b.ask("rita", http.MethodGet, "/admin/sync/preview/verdicts.csv?domain="+benchDomain, nil)
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/csv") || w.Header().Get("Content-Disposition") != `attachment; filename="preview-corp.contoso.test.csv"` {
		t.Errorf("status %d, %v", w.Code, w.Header())
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(w.Body.String(), "\uFEFF"))).ReadAll()
	if err != nil || len(rows) != 4 || rows[3][2] != "'@evil@contoso.test" {
		t.Errorf("%v: %q", err, rows)
	}
	if w := b.ask("sam", http.MethodGet, "/admin/sync/preview/verdicts.csv?domain="+benchDomain, nil); w.Code != http.StatusNotFound {
		t.Errorf("another tenant's: status %d", w.Code)
	}
	// Nobody is online who could make another one.
	b.ask("karin", http.MethodPost, "/admin/sync/switch", url.Values{"domain": {benchDomain}, "to": {"off"}})
	if w := b.ask("karin", http.MethodPost, "/admin/sync/preview", url.Values{"domain": {benchDomain}}); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "No agent that is online") {
		t.Errorf("asked for: status %d", w.Code)
	}
	wants(t, "the page", b.page("karin", "/admin/sync"), "Turned off by an administrator", "Turn sync on")
}
