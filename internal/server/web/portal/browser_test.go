package portal_test

import (
	"encoding/json"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"homeward/internal/server/brand"
	"homeward/internal/server/web"
	"homeward/test/webtest"
)

func TestMain(m *testing.M) { os.Exit(webtest.Main(m)) }

// gallery are the samples of the portal's pages.
func gallery(t *testing.T) webtest.Gallery {
	t.Helper()
	engine, _, catalog := newSite(t)
	return webtest.Gallery{Engine: engine, Catalog: catalog, Samples: func(lang string) []webtest.Sample {
		var out []webtest.Sample
		for _, s := range samples(catalog, lang) {
			out = append(out, webtest.Sample{Name: s.name, Status: s.status, Page: s.page})
		}
		return out
	}}
}

// sampleServer shows every sample, and what more adds.
func sampleServer(t *testing.T, more func(*http.ServeMux)) *httptest.Server {
	t.Helper()
	_, assets, _ := newSite(t)
	mux := http.NewServeMux()
	mux.Handle("GET "+web.StaticPath, assets)
	mux.HandleFunc("GET /brand.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write(brand.Colour{R: 0x9c, G: 0x2a, B: 0x6b}.Sheet())
	})
	mux.HandleFunc("GET /brand/logo.png", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/png")
		if err := png.Encode(w, image.NewGray(image.Rect(0, 0, 180, 90))); err != nil {
			t.Error(err)
		}
	})
	mux.HandleFunc("GET /status/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	if more != nil {
		more(mux)
	}
	return gallery(t).Serve(t, mux)
}

func writeJSON(t *testing.T, w http.ResponseWriter, v any) {
	t.Helper()
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		t.Error(err)
	}
}
