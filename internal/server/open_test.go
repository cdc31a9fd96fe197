package server

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"homeward/internal/config"
	"homeward/internal/server/tenant"
)

// TestOpenSaysWhatIsWrong: a database that a server can't work with is an error that is told, after everything is closed again.
func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := config.Server{
		Listen: "127.0.0.1:0", BaseURL: "https://password.contoso.test", State: dir, Database: "sqlite:" + filepath.Join(dir, "homeward.db"),
		MasterKey: filepath.Join(dir, "master.key"), KeyLife: time.Hour, Mail: config.Mail{Host: "127.0.0.1", Port: 25, TLS: "none", From: "password@contoso.test"},
	}
	st, err := OpenStore(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := st.CreateTenant(t.Context(), tenant.Tenant{ID: "contoso", Account: "without keys"}); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(t.Context(), c, slog.New(slog.DiscardHandler)); err == nil || s != nil {
		t.Errorf("%v, %v", s, err)
	}
}
