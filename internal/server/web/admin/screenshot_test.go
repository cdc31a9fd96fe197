package admin_test

import (
	"flag"
	"image"
	"image/png"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
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

// accept replaces the accepted pictures: look at the screenshots first.
var accept = flag.Bool("update", false, "accept the pages as they look now") //nolint:gochecknoglobals // a flag of go test

// TestEveryPageInABrowser examines every page, and compares what one of each kind looks like in English with what was last
// accepted (see webtest.ComparePictures).
func TestEveryPageInABrowser(t *testing.T) {
	g := gallery(t)
	album := webtest.Album{Dir: filepath.Join("testdata", "pictures"), Accept: *accept}
	screens := []webtest.Screen{{Name: "desktop", Width: 1280, Height: 800, Scheme: "light"}, {Name: "phone", Width: 390, Height: 844, Scheme: "light"}}
	kept := oneOfEach(g.Samples("en"))
	t.Run("pages", func(t *testing.T) {
		webtest.Examination{
			Address: sampleServer(t).URL, Before: asLoaded, Light: 1280, Dark: 1280,
			Look: func(t *testing.T, b *webtest.Browser, lang, name string) {
				if lang != "en" || !kept[name] {
					return
				}
				for _, s := range screens {
					album.Compare(t, b, lang, name, s)
				}
			},
		}.Every(t, g)
	})
	for _, s := range screens {
		album.Finish(t, "en", s, slices.Collect(maps.Keys(kept)))
	}
	if t.Failed() {
		t.Log("If the pages are meant to look like this: look at them (HOMEWARD_SCREENSHOTS), then go test ./internal/server/web/admin -run EveryPage -update")
	}
}

// oneOfEach names the first sample of each kind of page.
func oneOfEach(all []webtest.Sample) map[string]bool {
	kept, kinds := map[string]bool{}, map[string]bool{}
	for _, s := range all {
		if kind := s.Page.Template(); !kinds[kind] {
			kinds[kind], kept[s.Name] = true, true
		}
	}
	return kept
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
