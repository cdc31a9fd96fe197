package portal_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

const axePath = "../../../../build/js/node_modules/axe-core/axe.min.js"

// before brings a sample into the state of its mock: what somebody has typed.
func before(name string) string {
	switch name {
	case "code":
		return `const f = document.getElementById("code"); f.value = "4817"; f.focus()`
	case "change":
		return `const c = document.getElementById("current"); c.value = "Old-password-1";
			const f = document.getElementById("password"); f.value = "Quiet harbour lamp 7";
			f.dispatchEvent(new Event("input")); document.querySelector("[data-show=password]").click()`
	case "password":
		return `const f = document.getElementById("password"); f.value = "quiet-harbour-lamp";
			f.dispatchEvent(new Event("input")); document.getElementById("show").click(); f.focus()`
	}
	return ""
}

// TestEveryPageInABrowser opens every page in every language: no complaint of the content policy, nothing on the console, no
// sideways scrolling at 320 px. In both themes axe finds nothing; the themes differ in colours only, so the second is
// examined for contrast alone. Axe takes its time: without HOMEWARD_SOAK (make axe) it looks at one language in each direction
// of writing.
func TestEveryPageInABrowser(t *testing.T) {
	axe, err := os.ReadFile(axePath)
	if err != nil {
		t.Fatalf("axe-core is missing, run: npm --prefix build/js ci (%v)", err)
	}
	server := sampleServer(t, nil)
	_, _, catalog := newSite(t)
	for half := range browsers {
		t.Run("browser-"+strconv.Itoa(half), func(t *testing.T) {
			t.Parallel()
			b := newBrowser(t)
			for i, lang := range catalog.Languages() {
				if i%browsers == half {
					examine(t, b, server.URL, string(axe), lang.Tag, samples(catalog, lang.Tag))
				}
			}
		})
	}
}

// browsers share the languages among them.
const browsers = 2

func examine(t *testing.T, b *browser, address, axe, lang string, samples []sample) {
	t.Helper()
	for _, s := range samples {
		t.Run(lang+"/"+s.name, func(t *testing.T) {
			b.screen(t, 320, 640, 1, "light")
			b.open(t, address+"/sample/"+lang+"/"+s.name)
			b.do(t, before(s.name))
			if s.name == "start-empty" { // one page with the chooser open
				b.do(t, `document.querySelector(".language").open = true`)
			}
			if out := value[string](t, b, widest); out != "" {
				t.Errorf("page is wider than a screen of 320: %s", out)
			}
			var findings []string
			examined := lang == "en" || lang == "ar" || os.Getenv("HOMEWARD_SOAK") != ""
			if examined {
				b.do(t, axe)
				findings = axeFindings(t, b, everything)
			}
			b.screen(t, 1280, 800, 1, "dark")
			if examined {
				findings = append(findings, axeFindings(t, b, contrast)...)
			}
			if w := value[int](t, b, "document.documentElement.scrollWidth"); w > 1280 {
				t.Errorf("page is %d px wide on a screen of 1280", w)
			}
			for _, finding := range findings {
				t.Error(finding)
			}
			b.quiet(t, s.name)
		})
	}
}

// widest names the elements that stick out to either side, when the page scrolls sideways or something is cut off.
const widest = `(document.documentElement.scrollWidth > 320 ? "scrolls " : "") +
	Array.from(document.querySelectorAll("body *:not(svg *)")).filter(e => !e.closest(".scenery, .visually-hidden, [hidden]"))
	.filter(e => e.getBoundingClientRect().right > 320.5 || e.getBoundingClientRect().left < -.5).map(e => e.tagName + "." + e.className).slice(0, 6).join(" ")`

// What axe looks at.
const (
	everything = `["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]`
	contrast   = `["color-contrast"]`
)

func axeFindings(t *testing.T, b *browser, what string) []string {
	t.Helper()
	call := `axe.run(document, {runOnly: ` + what + `, resultTypes: ["violations"]})
		.then(r => JSON.stringify((r.passes.length > 0 ? [] : ["axe looked at nothing"]).concat(r.violations.map(v => v.id + ": " + v.help + " " + v.nodes.map(n => n.html + " " + n.failureSummary).join(" | ")))))`
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
	server, b := sampleServer(t, nil), newBrowser(t)
	_, _, catalog := newSite(t)
	screens := []struct {
		name          string
		width, height int64
		ratio         float64
	}{{"phone", 390, 844, 2}, {"desktop", 1280, 800, 1}}
	for _, lang := range catalog.Languages() {
		for _, s := range samples(catalog, lang.Tag) {
			if only := os.Getenv("HOMEWARD_SCREENSHOTS_ONLY"); dir == "" && lang.Tag+s.name != "enstart" || !strings.Contains(lang.Tag+"-"+s.name, only) {
				continue
			}
			for _, screen := range screens {
				for _, scheme := range []string{"light", "dark"} {
					b.screen(t, screen.width, screen.height, screen.ratio, scheme)
					b.open(t, server.URL+"/sample/"+lang.Tag+"/"+s.name)
					b.do(t, before(s.name))
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
