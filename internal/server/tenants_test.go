package server

import (
	"log/slog"
	"testing"

	"homeward/internal/server/broker"
	"homeward/internal/server/tenant"
)

// TestChangedWordsAreSaid, once for any number of changes that nobody has heard of yet, and only they.
func TestChangedWordsAreSaid(t *testing.T) {
	t.Parallel()
	ts := newTenants(nil, nil, slog.New(slog.DiscardHandler))
	contoso := tenant.Tenant{ID: "contoso", Account: "AACC"}
	ts.keys[contoso.ID], ts.byID[contoso.ID] = broker.TenantKeys{}, contoso
	take := func(words ...string) int {
		t.Helper()
		contoso.Settings.BannedWords = words
		if err := ts.take(t.Context(), contoso); err != nil {
			t.Fatal(err)
		}
		return len(ts.words)
	}
	if n := take(); n != 0 {
		t.Error("said though nothing has changed")
	}
	if n := take("harbour"); n != 1 {
		t.Error("a new word isn't said")
	}
	if n := take("harbour", "lamp"); n != 1 {
		t.Errorf("%d times", n)
	}
	<-ts.words
	contoso.Name = "Contoso Sweden"
	if n := take("harbour", "lamp"); n != 0 {
		t.Error("said though only the name has changed")
	}
	if n := take(); n != 1 {
		t.Error("words that are gone aren't said")
	}
}
