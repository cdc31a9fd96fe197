package server

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/operator"
	"homeward/internal/server/status"
	"homeward/internal/server/tenant"
)

// TestOnpremPageShowsTheRules: those of every directory that answers, once for many looks; it says which one is silent and what
// can't be seen, and who turned a switch last.
func TestOnpremPageShowsTheRules(t *testing.T) {
	t.Parallel()
	b := newAdminBench(t)
	b.operator("contoso", "karin", operator.GlobalAdministrator)
	b.admin.Status = func(context.Context, tenant.Tenant) (status.Report, error) {
		return status.Report{Up: true, State: status.Working, Domains: []status.Domain{{Name: "corp.contoso.test"}, {Name: "far.contoso.test"}, {Name: "lab.contoso.test"}}}, nil
	}
	moment := time.Now()
	b.admin.Now = func() time.Time { return moment }
	var asked atomic.Int64
	b.admin.Rules = func(ctx context.Context, tenant, domain string) (protocol.RulesAnswer, error) {
		asked.Add(1)
		own := protocol.PasswordRule{MinLength: 12, Complexity: true, History: 24, Threshold: 10}
		switch domain {
		case "far.contoso.test": // its agent hangs
			<-ctx.Done()
			return protocol.RulesAnswer{}, ctx.Err()
		case "lab.contoso.test":
			return protocol.RulesAnswer{Policies: []protocol.PasswordRule{own}, Unseen: true}, nil
		}
		fine := protocol.PasswordRule{Name: "PSO-<Finance>", Precedence: 10, AppliesTo: []string{"GG-Finance"}, Linked: 3, MinLength: 16, MinAge: (24 * time.Hour).Milliseconds()}
		return protocol.RulesAnswer{Policies: []protocol.PasswordRule{own, fine}}, nil
	}
	page := b.ask("karin", http.MethodGet, "/admin/password-reset/onprem", nil).Body.String()
	_, table, _ := strings.Cut(page, `<section class="card" id="rules"`)
	for _, want := range []string{
		"PSO-&lt;Finance&gt;", "fine-grained, precedence 10 · corp.contoso.test", "GG-Finance and 2 more", "blocks a second reset", "everybody else", "until somebody unlocks", "10 tries",
		"far.contoso.test didn’t answer within 2 seconds", "Fine-grained policies of lab.contoso.test can’t be seen", "homeward-agent grant", "Read from Active Directory",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, wrong := range []string{"Fine-grained policies of corp.contoso.test", "lab.contoso.test didn’t answer", "<Finance>"} {
		if strings.Contains(table, wrong) {
			t.Errorf("the page says %q", wrong)
		}
	}
	if strings.Contains(page, "Last saved") {
		t.Error("nobody has turned a switch yet")
	}
	// Looking again, and a page that asks for itself again, reach no directory.
	b.ask("karin", http.MethodGet, "/admin/password-reset/onprem", nil)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://password.contoso.test/admin/password-reset/onprem", nil)
	r.Header.Set("Homeward-Refresh", "1")
	r.AddCookie(&http.Cookie{Name: "__Host-homeward-admin", Value: b.cookies["karin"]})
	w := httptest.NewRecorder()
	if b.handler.ServeHTTP(w, r); !strings.Contains(w.Body.String(), `id="rules-read" data-tick>Read from Active Directory`) {
		t.Error("a refresh doesn't say how old the rules are")
	}
	if n := asked.Load(); n != 3 {
		t.Errorf("%d questions for three directories", n)
	}
	b.ask("karin", http.MethodPost, "/admin/password-reset/onprem", url.Values{"unlock_was": {"on"}})
	page = b.ask("karin", http.MethodGet, "/admin/password-reset/onprem", nil).Body.String()
	if !strings.Contains(page, "Last saved ") || !strings.Contains(page, " by karin.") {
		t.Error("the page doesn't say who turned a switch")
	}
}
