package admin_test

import (
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"homeward/internal/server/brand"
	"homeward/test/webtest"
)

func TestMain(m *testing.M) { os.Exit(webtest.Main(m)) }

// gallery are the samples of the admin portal's pages.
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

// asLoaded leaves a page as it is.
func asLoaded(string) string { return "" }

// TestEveryPageInABrowser examines every page.
func TestEveryPageInABrowser(t *testing.T) {
	webtest.Examination{Address: sampleServer(t).URL, Before: asLoaded, Light: 1280, Dark: 1280}.Every(t, gallery(t))
}

// TestScreenshots draws every page, if it is told where to.
func TestScreenshots(t *testing.T) {
	t.Parallel()
	gallery(t).Screenshots(t, sampleServer(t), "en-overview", asLoaded)
}

// sampleServer shows every sample at /sample/<language>/<name>, as a handler would.
func sampleServer(t *testing.T) *httptest.Server {
	t.Helper()
	_, assets, _ := newSite(t)
	mux := http.NewServeMux()
	mux.Handle("GET /admin/static/", assets)
	mux.HandleFunc("GET /admin/password-reset/customization/preview.css", func(w http.ResponseWriter, r *http.Request) {
		c, err := brand.Parse(r.URL.Query().Get("accent"))
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write(c.Preview())
	})
	mux.HandleFunc("GET /admin/password-reset/customization/logo", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/png")
		if err := png.Encode(w, image.NewGray(image.Rect(0, 0, 120, 60))); err != nil {
			t.Error(err)
		}
	})
	return gallery(t).Serve(t, mux)
}
