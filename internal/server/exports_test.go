package server

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"homeward/internal/config"
	"homeward/internal/server/audit"
	"homeward/internal/server/export"
)

// TestExportsOfTheConfiguration: what server.yaml names gets the log, with its own certificate authority and secret, also in
// a private network.
func TestExportsOfTheConfiguration(t *testing.T) {
	t.Parallel()
	b := newAdminBench(t)
	got := make(chan export.Row, 100)
	place := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var in struct{ Records []export.Row }
		if err := json.Unmarshal(body, &in); err != nil || !strings.HasPrefix(r.Header.Get("Homeward-Signature"), "t=") {
			t.Errorf("%v, %q", err, r.Header)
		}
		for _, row := range in.Records {
			got <- row
		}
	}))
	defer place.Close()
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	b.config.Exports = []config.Export{{Name: "lake", Tenant: "fabrikam", Start: "now", Webhook: config.ExportWebhook{
		URL: place.URL, SecretFile: file("secret", []byte("shared\n")),
		CAFile: file("ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: place.Certificate().Raw})),
	}}}
	if err := b.store.Append(t.Context(), "fabrikam", audit.Record{Activity: "before"}); err != nil {
		t.Fatal(err)
	}
	streams, err := b.openExports(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- streams.Run(ctx) }()
	eventually(t, func() bool {
		_, known, err := b.store.ReaderAt(t.Context(), "export/lake", "fabrikam")
		return err == nil && known
	})
	for _, id := range []string{"contoso", "fabrikam"} {
		if err := b.store.Append(t.Context(), id, audit.Record{Activity: "after"}); err != nil {
			t.Fatal(err)
		}
	}
	if row := <-got; row.Tenant != "fabrikam" || row.Activity != "after" {
		t.Errorf("%+v", row)
	}
	cancel()
	<-ended
	b.config.Exports[0].Webhook.CAFile = file("none.pem", []byte("no certificate"))
	if _, err := b.openExports(t.Context()); err == nil || !strings.Contains(err.Error(), "export lake") {
		t.Errorf("%v", err)
	}
}
