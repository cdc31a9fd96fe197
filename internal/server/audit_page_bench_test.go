package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"homeward/internal/config"
	"homeward/internal/server/operator"
	"homeward/internal/server/store"
	"homeward/internal/server/store/storetest"
	"homeward/internal/server/tenant"
	"homeward/test/pgtest"
)

// BenchmarkWholeAuditPage asks a whole server for the audit page and the usage report, as a browser does, with HOMEWARD_AUDIT_ROWS
// rows. HOMEWARD_AUDIT_SQLITE and HOMEWARD_AUDIT_POSTGRES name databases that stay, as for the benchmarks of package store.
func BenchmarkWholeAuditPage(b *testing.B) {
	for engine, variable := range map[string]string{"SQLite": "HOMEWARD_AUDIT_SQLITE", "PostgreSQL": "HOMEWARD_AUDIT_POSTGRES"} {
		b.Run(engine, func(b *testing.B) {
			dsn := os.Getenv(variable)
			switch {
			case dsn != "":
			case engine == "SQLite":
				dsn = storetest.SQLite(b)
			default:
				dsn = pgtest.Start(b)
			}
			auditPages(b, dsn)
		})
	}
}

func auditPages(b *testing.B, dsn string) {
	rows := 100_000
	if text := os.Getenv("HOMEWARD_AUDIT_ROWS"); text != "" {
		var err error
		if rows, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	if err := CreateTenant(b.Context(), storetest.Open(b, dsn), tenant.Tenant{ID: storetest.TenantA}); err != nil && !errors.Is(err, store.ErrConflict) {
		b.Fatal(err)
	}
	storetest.FillAudit(b, dsn, rows)
	b.Setenv("HOMEWARD_MASTER_KEY_HEX", strings.Repeat("5a", 32)) // storetest's
	dir := b.TempDir()
	s, err := Open(b.Context(), config.Server{
		Listen: "127.0.0.1:0", BaseURL: "https://password.contoso.test", State: dir, Database: dsn, MasterKey: filepath.Join(dir, "master.key"), KeyLife: time.Hour,
		Mail: config.Mail{Host: "127.0.0.1", Port: 25, TLS: "none", From: "password@contoso.test"},
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(context.WithoutCancel(b.Context())); err != nil {
			b.Error(err)
		}
	})
	// The clock stands where the log ends, so that its spans of time hold entries.
	end := storetest.FilledFrom().Add(time.Duration(rows) * time.Second)
	cookie := reader(b, s)
	s.admin.Now = func() time.Time { return end }
	handler := s.routes()
	paths := wholePages(rows)
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for n := range paths {
			if !yield(n) {
				return
			}
		}
	}) {
		b.Run(name, func(b *testing.B) {
			var worst time.Duration
			for b.Loop() {
				s.admin.Reports.(*reports).forget(end)
				r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "https://password.contoso.test"+paths[name], nil)
				r.AddCookie(&http.Cookie{Name: "__Host-homeward-admin", Value: cookie})
				w, start := httptest.NewRecorder(), time.Now()
				handler.ServeHTTP(w, r)
				if worst = max(worst, time.Since(start)); w.Code != http.StatusOK {
					b.Fatalf("%s: %d", paths[name], w.Code)
				}
			}
			b.ReportMetric(float64(worst.Microseconds())/1000, "worst-ms")
		})
	}
}

// wholePages is every choice of each filter by itself, those that are hardest together, and the report.
func wholePages(rows int) map[string]string {
	const resets, lookups = "Reset+password+(self-service)", "Look+up+user+account+(by+admin)"
	paths := map[string]string{"nothing": "", "deep": "?before=" + strconv.Itoa(rows/2), "newer": "?after=" + strconv.Itoa(rows/3), "usage": "usage"}
	for name, q := range map[string]string{
		"hour": "when=hour", "today": "when=today", "week": "when=week", "month": "when=month", "resets": "activity=" + resets, "rare": "activity=Revoke+agent", "none": "activity=Drain+agent",
		"ok": "result=ok", "changed": "result=changed", "refused": "result=refused", "failed": "result=failed", "unknown": "result=unknown", "look": "result=failed,refused", "agent": "agent=U1",
		"operator": "who=karin", "busiest": "who=p-often", "person": "who=p77", "code": "who=HW-00000010", "busiest, refused": "who=p-often&result=refused", "busiest, unknown": "who=p-often&result=unknown",
		"agent, unknown": "agent=U2&result=unknown", "month, look": "when=month&result=failed,refused", "month, look, agent": "when=month&result=failed,refused&agent=U1&activity=" + resets,
		"operator, lookups, deep": "who=karin&activity=" + lookups + "&before=" + strconv.Itoa(rows/2), "all": "who=p-often&when=month&activity=" + resets + "&result=failed,refused&agent=U1",
	} {
		paths[name] = "?" + q
	}
	for name, q := range paths {
		if paths[name] = "/admin/audit" + q; q == "usage" {
			paths[name] = "/admin/reports/usage.csv?days=90"
		}
	}
	return paths
}

// forget drops what was counted less than a minute ago.
func (r *reports) forget(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.recent)
	r.now = func() time.Time { return now }
}

// reader signs an administrator in who reads reports, and returns their cookie.
func reader(b *testing.B, s *Server) string {
	b.Helper()
	name := "rita" + strconv.FormatInt(time.Now().UnixNano(), 36)
	link, _, err := s.operators.Invite(b.Context(), storetest.TenantA, name, operator.ReportsReader, "test")
	if err != nil {
		b.Fatal(err)
	}
	p, err := s.operators.Pending(b.Context(), link, "Homeward")
	if err != nil {
		b.Fatal(err)
	}
	code, err := totp.GenerateCode(p.Secret, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	cookie, _, err := s.operators.SetUp(b.Context(), link, []byte(benchPassword), code, operator.Visit{Address: "192.0.2.1"})
	if err != nil {
		b.Fatal(err)
	}
	return cookie
}
