package lab

import (
	"log/slog"
	"testing"
)

func TestFirst(t *testing.T) {
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	dc, err := Start(t.Context(), Options{Sample: true, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	defer dc.Stop()
	for _, p := range dc.People() {
		t.Log(p.UPN, p.Kind, p.GUID, dc.Bind(t.Context(), p.UPN, p.Password))
	}
	out, err := dc.Tool(t.Context(), "dns", "query", "127.0.0.20", "corp.contoso.test", "dc1", "A", "-P")
	t.Logf("%s %v", out, err)
}
