package admin_test

import (
	"testing"

	"homeward/internal/server/locale"
	"homeward/internal/server/web"
	"homeward/internal/server/web/admin"
)

func newEngine(t *testing.T) (*web.Engine, *web.Assets, *locale.Catalog) {
	t.Helper()
	catalog, err := locale.New()
	if err != nil {
		t.Fatal(err)
	}
	assets, err := admin.Assets()
	if err != nil {
		t.Fatal(err)
	}
	engine, err := admin.NewEngine(assets, catalog)
	if err != nil {
		t.Fatal(err)
	}
	return engine, assets, catalog
}

func TestX(t *testing.T) { newEngine(t) }
