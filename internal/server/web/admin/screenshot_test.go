package admin_test

import (
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"homeward/internal/server/brand"
)

const axePath = "../../../../build/js/node_modules/axe-core/axe.min.js"

// TestEveryPageInABrowser opens every page in every language: no complaint of the content policy, nothing on the console, no
// sideways scrolling at 320 px. In both directions of writing and both themes axe finds nothing; with HOMEWARD_SOAK set (make axe)
// in each language and each theme.
func TestEveryPageInABrowser(t *testing.T) {
	axe, err := os.ReadFile(axePath)
	if err != nil {
		t.Fatalf("axe-core is missing, run: npm --prefix build/js ci (%v)", err)
	}
	server, b := sampleServer(t), newBrowser(t)
	_, _, catalog := newSite(t)
	for _, lang := range catalog.Languages() {
		scheme := map[string]string{"en": "light", "ar": "dark"}[lang.Tag]
		for _, s := range samples(catalog, lang.Tag) {
			t.Run(lang.Tag+"/"+s.name, func(t *testing.T) {
				b.screen(t, 320, 640, 1, "light")
				b.open(t, server.URL+"/sample/"+lang.Tag+"/"+s.name)
				if w := value[int](t, b, "document.documentElement.scrollWidth"); w > 320 {
					t.Errorf("page is %d px wide on a screen of 320: %s", w, value[string](t, b, widest))
				}
				schemes := []string{"light", "dark"}
				if os.Getenv("HOMEWARD_SOAK") == "" {
					schemes = slices.DeleteFunc(schemes, func(s string) bool { return s != scheme })
				}
				if len(schemes) > 0 {
					b.do(t, string(axe))
				}
				for _, s := range schemes {
					b.screen(t, 1280, 800, 1, s)
					for _, finding := range axeFindings(t, b) {
						t.Errorf("%s: %s", s, finding)
					}
				}
				b.quiet(t, s.name)
			})
		}
	}
}

// widest names the elements that stick out.
const widest = `Array.from(document.querySelectorAll("body *")).filter(e => e.getBoundingClientRect().right > 320.5).map(e => e.tagName + "." + e.className).slice(0, 6).join(" ")`

func axeFindings(t *testing.T, b *browser) []string {
	t.Helper()
	const call = `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
		.then(r => JSON.stringify((r.passes.length > 10 ? [] : ["axe looked at nothing"]).concat(r.violations.map(v => v.id + ": " + v.help + " " + v.nodes.map(n => n.html + " " + n.failureSummary).join(" | ")))))`
	var findings []string
	if err := json.Unmarshal([]byte(value[string](t, b, call)), &findings); err != nil {
		t.Fatal(err)
	}
	return findings
}

// TestScreenshots draws every page as the mocks are drawn, into the folder HOMEWARD_SCREENSHOTS names.
// Without it the test draws one page only, to know that drawing works.
func TestScreenshots(t *testing.T) {
	dir := os.Getenv("HOMEWARD_SCREENSHOTS")
	server, b := sampleServer(t), newBrowser(t)
	_, _, catalog := newSite(t)
	screens := []struct {
		name          string
		width, height int64
		ratio         float64
	}{{"phone", 390, 844, 2}, {"desktop", 1280, 800, 1}}
	for _, lang := range catalog.Languages() {
		for _, s := range samples(catalog, lang.Tag) {
			if only := os.Getenv("HOMEWARD_SCREENSHOTS_ONLY"); dir == "" && s.name != "overview" || !strings.Contains(lang.Tag+"-"+s.name, only) {
				continue
			}
			for _, screen := range screens {
				for _, scheme := range []string{"light", "dark"} {
					b.screen(t, screen.width, screen.height, screen.ratio, scheme)
					b.open(t, server.URL+"/sample/"+lang.Tag+"/"+s.name)
					png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
					if err != nil || len(png) == 0 {
						t.Fatalf("%s: no picture: %v", s.name, err)
					}
					if dir == "" {
						continue
					}
					file := filepath.Join(dir, fmt.Sprintf("%s-%s-%s-%s.png", lang.Tag, s.name, screen.name, scheme))
					if err := os.WriteFile(file, png, 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
}

// sampleServer shows every sample at /sample/<language>/<name>, as a handler would.
func sampleServer(t *testing.T) *httptest.Server {
	t.Helper()
	engine, assets, catalog := newSite(t)
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
	for _, lang := range catalog.Languages() {
		for _, s := range samples(catalog, lang.Tag) {
			mux.HandleFunc("GET /sample/"+lang.Tag+"/"+s.name, func(w http.ResponseWriter, _ *http.Request) {
				if err := engine.Render(w, s.status, s.page); err != nil {
					t.Error(err)
				}
			})
		}
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}
