package server

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"homeward/internal/config"
	"homeward/internal/server/audit"
	"homeward/internal/server/operator"
	"homeward/internal/server/tenant"
)

// TestTestMessage: it goes to who asks and nobody else, and where it can't, the page says why.
func TestTestMessage(t *testing.T) {
	t.Parallel()
	const path = "/admin/password-reset/notifications/test"
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // of a TCP listener
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	b := newAdminBench(t, func(c *config.Server) { c.Mail.Port = port })
	b.operator("contoso", "karin.holm@contoso.com", operator.GlobalAdministrator)
	b.operator("contoso", "root", operator.AuthenticationPolicyAdministrator)
	refused := func(who, why string) {
		t.Helper()
		w := b.ask(who, http.MethodPost, path, url.Values{})
		if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), why) {
			t.Errorf("%s: status %d without %q", who, w.Code, why)
		}
	}
	refused("root", "isn’t a mail address")
	refused("karin.holm@contoso.com", "the mail server didn’t take it")
	var to, lang string
	b.admin.Desk.Try = func(_ context.Context, one tenant.Tenant, address, language string) error {
		if to, lang = address, language; one.ID != "contoso" {
			t.Errorf("of tenant %s", one.ID)
		}
		return nil
	}
	w := b.ask("karin.holm@contoso.com", http.MethodPost, path, url.Values{})
	if w.Code != http.StatusSeeOther || to != "karin.holm@contoso.com" || lang != "en" {
		t.Errorf("status %d, to %q in %q", w.Code, to, lang)
	}
	if shown := b.ask("karin.holm@contoso.com", http.MethodGet, w.Header().Get("Location"), nil).Body.String(); !strings.Contains(shown, "took the test for") {
		t.Error("the page doesn't say that it was sent")
	}
	rows, err := b.store.SearchAudit(t.Context(), "contoso", audit.Query{Activity: "Send test message", Limit: 10})
	if err != nil || len(rows) != 2 || rows[0].Result != "ok" || rows[1].Result != "failed" || rows[0].Actor != "karin.holm@contoso.com" {
		t.Errorf("%v %+v", err, rows)
	}
	b.admin.Desk.Mail = false
	refused("karin.holm@contoso.com", "has no mail server")
}
