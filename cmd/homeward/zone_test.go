package main

import (
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"homeward/internal/cli"
	"homeward/internal/config"
	"homeward/internal/server"
	"homeward/internal/server/audit"
)

// TestTimesAreTheTenants: verbs tell times where the tenant's people are, wherever the machine is, and on both sides of the change to
// summer time; programs get UTC.
func TestTimesAreTheTenants(t *testing.T) {
	t.Parallel()
	d, run := served(t)
	before, after := time.Date(2026, 3, 29, 0, 59, 59, 0, time.UTC), time.Date(2026, 3, 29, 1, 0, 1, 0, time.UTC)
	appendAt(t, d.file, before, after)
	for zone, want := range map[string][]string{
		"Europe/Stockholm": {"2026-03-29 01:59:59 ", "2026-03-29 03:00:01 "}, "Asia/Kathmandu": {"2026-03-29 06:44:59 ", "2026-03-29 06:45:01 "},
	} {
		if code, _, errs := run("", "tenant", "set", "--time-zone", zone); code != cli.OK {
			t.Fatal(errs)
		}
		_, out, errs := run("", "audit", "list", "--activity", "Test")
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%s: no %q in\n%s%s", zone, w, out, errs)
			}
		}
		if _, out, _ = run("", "audit", "list", "--activity", "Test", "--json"); !strings.Contains(out, `"2026-03-29T00:59:59Z"`) {
			t.Errorf("%s: %s", zone, out)
		}
	}
}

// appendAt appends rows to the audit log of a tenant that served made.
func appendAt(t *testing.T, file string, moments ...time.Time) {
	t.Helper()
	c, err := config.LoadServer(file, os.Environ())
	if err != nil {
		t.Fatal(err)
	}
	st, err := server.OpenStore(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range moments {
		if err := st.Append(t.Context(), "contoso", audit.Record{Tenant: "contoso", At: at, Activity: "Test", Hop: "portal", Result: "ok"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
}
