package portal_test

import (
	"context"
	"encoding/json"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"homeward/internal/server/brand"
	"homeward/internal/server/web"
)

const chromium = "/usr/bin/chromium"

// browser is one tab of a headless Chromium that remembers what it complained about.
type browser struct {
	ctx        context.Context
	mu         sync.Mutex
	complaints []string
}

// newBrowser starts Chromium. These tests are about browsers: without one they fail.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	if _, err := os.Stat(chromium); err != nil {
		t.Fatalf("%s is missing; install the Debian package chromium (apt-get install chromium)", chromium)
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(chromium), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("hide-scrollbars", true), chromedp.Flag("disable-lcd-text", true))
	ctx, cancel := context.WithTimeout(t.Context(), 25*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &browser{ctx: ctx}
	b.run(t, chromedp.Navigate("about:blank"))
	if _, err := chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}); err != nil {
		t.Fatal(err)
	}
	messages := chromedp.Console(ctx)
	go func() { // ends with the tab, which the clean-up closes
		for m, err := range messages {
			if err != nil {
				return
			}
			b.complain(m.String())
		}
	}()
	return b
}

func (b *browser) complain(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.complaints = append(b.complaints, text)
}

// quiet fails the test if the browser complained since the last call. A page that answers 4xx or 5xx is
// shown on purpose and no reason to complain.
func (b *browser) quiet(t *testing.T, what string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complaints {
		if !strings.Contains(c, "the server responded with a status of") {
			t.Errorf("%s: the browser says: %s", what, c)
		}
	}
	b.complaints = nil
}

func (b *browser) run(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// value evaluates a JavaScript expression; a promise is waited for.
func value[T any](t *testing.T, b *browser, expression string) T {
	t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%.200s: %v", expression, err)
	}
	return v
}

// do runs JavaScript statements.
func (b *browser) do(t *testing.T, statements string) {
	t.Helper()
	value[bool](t, b, "{"+statements+"}; true")
}

// until polls a JavaScript condition. The page may be on its way to another one meanwhile.
func (b *browser) until(t *testing.T, condition string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); <-tick.C {
		if ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("!!("+condition+")")); err == nil && ok {
			return
		}
	}
	t.Fatalf("never became true: %s; the page shows: %.2000s", condition, value[string](t, b, "document.body.innerText"))
}

func (b *browser) open(t *testing.T, address string) {
	t.Helper()
	b.run(t, chromedp.Navigate(address))
}

// screen sets size, pixel ratio and colour scheme.
func (b *browser) screen(t *testing.T, width, height int64, ratio float64, scheme string) {
	t.Helper()
	if _, err := chromedp.Call(b.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: height, DeviceScaleFactor: ratio,
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}}); err != nil {
		t.Fatal(err)
	}
}

// sampleServer shows every sample at /sample/<language>/<name>, as a handler would.
func sampleServer(t *testing.T, more func(*http.ServeMux)) *httptest.Server {
	t.Helper()
	engine, assets, catalog := newSite(t)
	mux := http.NewServeMux()
	mux.Handle("GET "+web.StaticPath, assets)
	for _, lang := range catalog.Languages() {
		for _, s := range samples(catalog, lang.Tag) {
			mux.HandleFunc("GET /sample/"+lang.Tag+"/"+s.name, func(w http.ResponseWriter, _ *http.Request) {
				if err := engine.Render(w, s.status, s.page); err != nil {
					t.Error(err)
				}
			})
		}
	}
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
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func writeJSON(t *testing.T, w http.ResponseWriter, v any) {
	t.Helper()
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		t.Error(err)
	}
}

// poll waits for a condition on the test's side.
func poll(t *testing.T, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); <-tick.C {
		if condition() {
			return
		}
	}
	t.Fatal("never became true")
}
