package e2e_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"homeward/internal/lab"
)

// desk is an administrator at a browser, who uses the mouse for what is pressed and the keyboard for what is typed. (That the
// keyboard is enough for everything is tested by itself.)
type desk struct {
	*site

	b      *browser
	t      *testing.T // of the part
	whole  *testing.T
	ledger *ledger
	files  string // folder that downloads go to
	hook   *hook
	began  time.Time
	tested lab.Person // the agent's test account
	soon   lab.Person // whose password expires soon
}

// desk opens a browser that keeps a ledger.
func (s *site) desk(t *testing.T, l *ledger) *desk {
	t.Helper()
	d := &desk{site: s, b: openBrowser(t, "en", 1280, 900), t: t, whole: t, ledger: l, files: t.TempDir(), hook: hang(t), began: time.Now()}
	l.watch(t, d.b)
	call(t, d.b, cdpbrowser.SetDownloadBehavior, cdpbrowser.SetDownloadBehaviorParams{Behavior: cdpbrowser.SetDownloadBehaviorBehaviorAllow, DownloadPath: d.files}) //nolint:misspell // the protocol's own name
	return d
}

// at is the same desk in a part of the test.
func (d *desk) at(t *testing.T) *desk {
	t.Helper()
	other := *d
	other.t = t
	return &other
}

// open goes to an address of the portal.
func (d *desk) open(path string) {
	d.t.Helper()
	d.ledger.asks(path)
	d.b.run(d.t, chromedp.Navigate(d.Portal()+path))
	d.b.sees(d.t, "document.readyState === 'complete' && document.querySelector('h1')")
}

// sees waits until an expression is true.
func (d *desk) sees(format string, args ...any) {
	d.t.Helper()
	d.b.sees(d.t, fmt.Sprintf(format, args...))
}

// says waits for a sentence in the part of the page that a selector names.
func (d *desk) says(selector, sentence string) {
	d.t.Helper()
	d.sees("document.querySelector(%q)?.textContent.includes(%q)", selector, sentence)
}

// middle is where the mouse hits an element, and nothing that lies over it.
//
//nolint:misspell // the browser's own word
const middle = `(() => {
	const e = document.querySelector(%q);
	if (!e) return null;
	e.scrollIntoView({block: "center", inline: "center", behavior: "instant"});
	const r = e.getBoundingClientRect(), x = r.x + r.width / 2, y = r.y + r.height / 2;
	const hit = document.elementFromPoint(x, y);
	return hit && (e === hit || e.contains(hit)) ? [x, y] : null;
})()`

// click presses the mouse on the first element that a selector names.
func (d *desk) click(selector string) {
	d.t.Helper()
	eventually(d.t, func() error {
		at, err := try[[]float64](d.b, fmt.Sprintf(middle, selector))
		if err != nil || len(at) != 2 {
			text, _ := try[string](d.b, `location.href + ": " + document.querySelector("main").innerText`)
			return errors.Join(fmt.Errorf("the mouse can't reach %s on %.1500s", selector, text), err)
		}
		return chromedp.Do(d.b.ctx, chromedp.MouseClickXY(at[0], at[1]))
	})
}

// press clicks what leads to another page, or back to the same one, and waits until that is there.
func (d *desk) press(selector string) {
	d.t.Helper()
	_, err := try[bool](d.b, "window.before = true")
	must(d.t, err)
	d.click(selector)
	d.sees("!window.before && document.readyState === 'complete' && document.querySelector('h1')")
}

// fill types a text into a field, in the place of what it holds.
func (d *desk) fill(selector, text string) {
	d.t.Helper()
	d.sees("(() => { const e = document.querySelector(%q); if (!e) return false; e.focus(); e.select?.(); return document.activeElement === e; })()", selector)
	if text == "" {
		text = kb.Backspace
	}
	d.b.keys(d.t, text)
}

// pick chooses an entry of a list by its value, with the arrow keys.
func (d *desk) pick(selector, value string) {
	d.t.Helper()
	d.sees("(() => { const e = document.querySelector(%q); e?.focus(); return e && document.activeElement === e; })()", selector)
	steps, err := try[int](d.b, fmt.Sprintf("(() => { const e = document.querySelector(%q); return [...e.options].findIndex((o) => o.value === %q) - e.selectedIndex; })()", selector, value))
	must(d.t, err)
	key := kb.ArrowDown
	if steps < 0 {
		key, steps = kb.ArrowUp, -steps
	}
	for range steps {
		d.b.keys(d.t, key)
	}
	d.sees("document.querySelector(%q).value === %q", selector, value)
}

// turn sets a switch or a box.
func (d *desk) turn(selector string, on bool) {
	d.t.Helper()
	d.sees("document.querySelector(%q)", selector)
	if is, err := try[bool](d.b, fmt.Sprintf("document.querySelector(%q).checked", selector)); err != nil || is == on {
		must(d.t, err)
		return
	}
	d.click(selector)
	d.sees("document.querySelector(%q).checked === %v", selector, on)
}

// save sends a page of settings, which says that it is saved.
func (d *desk) save() {
	d.t.Helper()
	d.press("main .save button")
	d.sees("location.search === '?saved=1' && document.querySelector('.note.ok[role=status]')")
}

// download presses a link to a file and returns what the browser kept.
func (d *desk) download(selector string) string {
	d.t.Helper()
	before := map[string]bool{}
	list := func() []string {
		all, err := filepath.Glob(filepath.Join(d.files, "*"))
		must(d.t, err)
		return all
	}
	for _, f := range list() {
		before[f] = true
	}
	d.click(selector)
	var text string
	eventually(d.t, func() error {
		for _, f := range list() {
			if before[f] || strings.HasSuffix(f, ".crdownload") {
				continue
			}
			b, err := os.ReadFile(f)
			text = string(b)
			return err
		}
		return errors.New("nothing was downloaded")
	})
	return text
}

// upload chooses a file.
func (d *desk) upload(selector, path string) {
	d.t.Helper()
	d.b.run(d.t, chromedp.SetUploadFiles(selector, []string{path}))
}

// hook is a webhook's receiver.
type hook struct {
	*httptest.Server

	mu  sync.Mutex
	got []string
}

// hang opens one.
func hang(t *testing.T) *hook {
	t.Helper()
	h := &hook{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
		if err != nil {
			return
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.got = append(h.got, string(b))
	}))
	t.Cleanup(h.Close)
	return h
}

// heard reports whether something that was posted holds a text.
func (h *hook) heard(text string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.ContainsFunc(h.got, func(body string) bool { return strings.Contains(body, text) })
}
