package webtest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"homeward/internal/server/locale"
	"homeward/internal/server/web"
)

// Sample is one page with the data of a mock, or of a state that has none.
type Sample struct {
	Name   string
	Status int
	Page   web.Page
}

// Gallery shows samples of pages in every language.
type Gallery struct {
	Engine  *web.Engine
	Catalog *locale.Catalog
	Samples func(lang string) []Sample
}

// Path is where a sample is shown.
func Path(lang, name string) string { return "/sample/" + lang + "/" + name }

// Serve shows every sample at its path, as a handler would, beside what mux already has.
func (g Gallery) Serve(t *testing.T, mux *http.ServeMux) *httptest.Server {
	t.Helper()
	pages := map[string]Sample{}
	for _, lang := range g.Catalog.Languages() {
		for _, s := range g.Samples(lang.Tag) {
			if _, twice := pages[Path(lang.Tag, s.Name)]; twice {
				t.Fatalf("two samples are called %s", s.Name)
			}
			pages[Path(lang.Tag, s.Name)] = s
		}
	}
	mux.HandleFunc("GET /sample/", func(w http.ResponseWriter, r *http.Request) {
		s, there := pages[r.URL.Path]
		if !there {
			http.NotFound(w, r)
			return
		}
		if err := g.Engine.Render(w, s.Status, s.Page); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// Screenshots draws every page as the mocks are drawn, into the folder HOMEWARD_SCREENSHOTS names; HOMEWARD_SCREENSHOTS_ONLY
// is a part of the names to draw, which begin with the language. Without a folder it draws one page only, to know that drawing
// works. Before gives statements that bring a page into its state.
func (g Gallery) Screenshots(t *testing.T, server *httptest.Server, one string, before func(name string) string) {
	t.Helper()
	dir, only := os.Getenv("HOMEWARD_SCREENSHOTS"), os.Getenv("HOMEWARD_SCREENSHOTS_ONLY")
	b := Open(t)
	for _, lang := range g.Catalog.Languages() {
		for _, s := range g.Samples(lang.Tag) {
			name := lang.Tag + "-" + s.Name
			if dir == "" && name != one || !strings.Contains(name, only) {
				continue
			}
			for _, screen := range []struct {
				name          string
				width, height int64
				ratio         float64
			}{{"phone", 390, 844, 2}, {"desktop", 1280, 800, 1}} {
				for _, scheme := range []string{"light", "dark"} {
					b.Screen(t, screen.width, screen.height, screen.ratio, scheme)
					b.Go(t, server.URL+Path(lang.Tag, s.Name))
					b.Do(t, before(s.Name))
					png := b.Picture(t)
					if dir == "" {
						continue
					}
					file := filepath.Join(dir, fmt.Sprintf("%s-%s-%s.png", name, screen.name, scheme))
					if err := os.WriteFile(file, png, 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
}
