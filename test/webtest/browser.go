// Package webtest is a real browser for tests of pages, and what every page is examined for: one Chromium for a whole test
// package, a tab with cookies of its own for each test, axe-core, the width of pages, how they are laid out.
//
// A package that uses it closes the browser from its TestMain, by Main.
package webtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Chromium is where Debian puts it.
const Chromium = "/usr/bin/chromium"

const (
	// patience is how long anything may take that should take moments; the machine may be busy.
	patience = time.Minute
	tick     = 20 * time.Millisecond
)

// common is the browser that all tests of a package share, started by the first that asks.
var common struct { //nolint:gochecknoglobals // one for each test binary, as its TestMain is
	sync.Mutex
	ctx  context.Context
	stop []context.CancelFunc
	err  error
}

// Main runs the tests and closes the browser, if one was opened.
func Main(m *testing.M) int {
	code := m.Run()
	common.Lock()
	defer common.Unlock()
	for _, stop := range slices.Backward(common.stop) {
		stop()
	}
	return code
}

// start gives the shared browser. These tests are about browsers: without one they fail.
func start() (context.Context, error) {
	common.Lock()
	defer common.Unlock()
	if common.ctx != nil || common.err != nil {
		return common.ctx, common.err
	}
	if _, err := os.Stat(Chromium); err != nil {
		common.err = fmt.Errorf("%s is missing; install the Debian package chromium (apt-get install chromium)", Chromium)
		return nil, common.err
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(Chromium), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WSURLReadTimeout(patience),
		chromedp.Flag("hide-scrollbars", true), chromedp.Flag("disable-lcd-text", true), chromedp.Flag("disable-component-update", true))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	common.stop = append(common.stop, cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	common.stop = append(common.stop, cancel)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		common.err = fmt.Errorf("start Chromium: %w", err)
		return nil, common.err
	}
	common.ctx = ctx //nolint:fatcontext // the one browser outlives the test that asked first
	return ctx, nil
}

// Browser is one tab that remembers what it complained about. One goroutine uses it.
type Browser struct {
	ctx context.Context

	mu         sync.Mutex
	complaints []string
}

// Open opens a tab with no cookies, no cache and no history. It is closed with the test.
func Open(t *testing.T) *Browser {
	t.Helper()
	ctx, err := start()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(ctx, 25*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	b := &Browser{ctx: ctx}
	b.Run(t, chromedp.Navigate("about:blank"))
	Call(t, b, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
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

func (b *Browser) complain(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.complaints = append(b.complaints, text)
}

// Quiet fails the test if the browser complained since the last call. A page that answers 4xx or 5xx is
// shown on purpose and no reason to complain.
func (b *Browser) Quiet(t *testing.T, what string) {
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

// Run carries out steps of the browser's protocol.
func (b *Browser) Run(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// Call sends one command of the DevTools protocol.
func Call[P, R any](t *testing.T, b *Browser, command cdp.Command[P, R], params P) R {
	t.Helper()
	result, err := chromedp.Call(b.ctx, command, params)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// Go opens an address and waits until it is loaded.
func (b *Browser) Go(t *testing.T, address string) {
	t.Helper()
	b.Run(t, chromedp.Navigate(address))
}

// Value evaluates a JavaScript expression; a promise is waited for.
func Value[T any](t *testing.T, b *Browser, expression string) T {
	t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%.200s: %v", expression, err)
	}
	return v
}

// Do runs JavaScript statements.
func (b *Browser) Do(t *testing.T, statements string) {
	t.Helper()
	Value[bool](t, b, "{"+statements+"}; true")
}

// Until polls a JavaScript condition. The page may be on its way to another one meanwhile.
func (b *Browser) Until(t *testing.T, condition string) {
	t.Helper()
	if !poll(func() bool {
		ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("!!("+condition+")"))
		return err == nil && ok
	}) {
		t.Fatalf("never became true: %s; the page shows: %.2000s", condition, Value[string](t, b, "document.body.innerText"))
	}
}

// Eventually waits for a condition on the test's side.
func Eventually(t *testing.T, condition func() bool) {
	t.Helper()
	if !poll(condition) {
		t.Fatal("never became true")
	}
}

func poll(condition func() bool) bool {
	again := time.NewTicker(tick)
	defer again.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-again.C {
		if condition() {
			return true
		}
	}
	return false
}

// Before has every page that is opened from now on run a script first, out of reach of its content policy.
func (b *Browser) Before(t *testing.T, script string) {
	t.Helper()
	Call(t, b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
}

// Screen sets size, pixel ratio and colour scheme. The page that is shown follows by its media queries.
func (b *Browser) Screen(t *testing.T, width, height int64, ratio float64, scheme string) {
	t.Helper()
	Call(t, b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: ratio})
	Call(t, b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
}

// Picture draws what the screen shows.
func (b *Browser) Picture(t *testing.T) []byte {
	t.Helper()
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err == nil && len(png) == 0 {
		err = errors.New("nothing was drawn")
	}
	if err != nil {
		t.Fatal(err)
	}
	return png
}
