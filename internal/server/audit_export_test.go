package server

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"homeward/internal/event"
	"homeward/internal/server/audit"
	"homeward/internal/server/export"
	"homeward/internal/server/operator"
)

// TestAuditIsExported: a Reports Reader gets every entry that the filter lets through, of their tenant only, in both forms,
// also when there are more than are read at once.
func TestAuditIsExported(t *testing.T) {
	t.Parallel()
	b := newAdminBench(t)
	b.operator("contoso", "rita", operator.ReportsReader)
	var rows []audit.Record
	for range 1234 {
		rows = append(rows, audit.Record{Activity: "Drain agent", Hop: "operator", Result: "ok", Actor: "=HYPERLINK(1)"}, audit.Record{Activity: "Sign in (administrator)", Result: "refused"})
	}
	if err := b.store.Append(t.Context(), "contoso", rows...); err != nil {
		t.Fatal(err)
	}
	if err := b.store.Append(t.Context(), "fabrikam", audit.Record{Activity: "Drain agent", Result: "ok", Actor: "sam"}); err != nil {
		t.Fatal(err)
	}
	w := b.ask("rita", http.MethodGet, "/admin/audit/export?format=csv&activity=Drain+agent&result=ok", nil)
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/csv") || !strings.Contains(w.Header().Get("Content-Disposition"), `filename="homeward-audit-`) {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	table, err := csv.NewReader(w.Body).ReadAll()
	if err != nil || len(table) != 1235 {
		t.Fatalf("%d lines, %v", len(table), err)
	}
	for _, line := range table[1:] {
		if joined := strings.Join(line, ","); !strings.Contains(joined, "Drain agent") || !strings.Contains(joined, ",'=HYPERLINK(1)") || strings.Contains(joined, "sam") {
			t.Fatalf("%q", line)
		}
	}
	w = b.ask("rita", http.MethodGet, "/admin/audit/export?format=jsonl&result=refused&activity=Sign+in+(administrator)", nil)
	lines := strings.Split(strings.TrimSpace(w.Body.String()), "\n")
	if len(lines) != 1234 {
		t.Fatalf("%d lines", len(lines))
	}
	var first, last export.Row
	if err := json.Unmarshal([]byte(lines[0]), &first); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(lines[1233]), &last); err != nil || first.Seq <= last.Seq || last.Result != "refused" {
		t.Errorf("%+v, %+v, %v", first, last, err)
	}
	// Who took the log away is in the log.
	found, err := b.store.SearchAudit(t.Context(), "contoso", audit.Query{Activity: "Export audit log", Limit: 10})
	if err != nil || len(found) != 2 || found[0].Actor != "rita" || found[0].Event != int(event.AuditExported) || !strings.Contains(found[1].Detail, "csv") {
		t.Errorf("%+v, %v", found, err)
	}
	if w := b.ask("rita", http.MethodGet, "/admin/audit/export?format=xlsx", nil); w.Code != http.StatusNotFound {
		t.Errorf("another format: %d", w.Code)
	}
	if w := b.ask("rita", http.MethodGet, "/admin/audit?agent="+benchAgent+"&result=failed,refused", nil); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "format=csv") || !strings.Contains(w.Body.String(), "agent="+benchAgent) {
		t.Errorf("the page: %d", w.Code)
	}
}
