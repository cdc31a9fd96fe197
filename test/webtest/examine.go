package webtest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Soak asks for the examinations that take long: every language before axe-core.
const Soak = "HOMEWARD_SOAK"

// Examination is what every page of a gallery is examined for.
//
// In one language of each direction of writing, each page is loaded once: no complaint of the content policy, nothing on the
// console, no sideways scrolling at 320 px, and in the light theme nothing for axe-core to find. The dark theme differs in colours
// only, and those are the same in all languages: it is examined for contrast, in English. In the other languages only the words
// differ: each page's body is laid out in a page that is loaded already, except where somebody types, and must fit as well.
// With HOMEWARD_SOAK everything is examined in every language.
type Examination struct {
	Address string // of the server that shows the gallery
	Before  func(name string) string
	// Widths are those of the screen in the light and the dark theme when axe looks.
	Light, Dark int64
	// NothingSticksOut refuses what is cut off at 320 px, too.
	NothingSticksOut bool
	// Look, if set, sees each page as it was loaded, before anything is typed; not at the same time in two languages.
	Look func(t *testing.T, b *Browser, lang, name string)
}

// Every examines every page of the gallery.
func (e Examination) Every(t *testing.T, g Gallery) {
	t.Helper()
	axe := readAxe(t)
	for _, lang := range g.Catalog.Languages() {
		t.Run(lang.Tag, func(t *testing.T) {
			t.Parallel()
			b := Open(t)
			b.Before(t, standStill)
			whole := lang.Tag == "en" || lang.Tag == "ar" || os.Getenv(Soak) != ""
			if whole {
				b.Before(t, axe)
			}
			var laid []string
			for _, s := range g.Samples(lang.Tag) {
				if whole || e.Before(s.Name) != "" {
					t.Run(s.Name, func(t *testing.T) { e.page(t, b, lang.Tag, s.Name, whole) })
					continue
				}
				laid = append(laid, Path(lang.Tag, s.Name))
			}
			if len(laid) > 0 {
				for _, finding := range e.bodies(t, b, laid) {
					t.Error(finding)
				}
			}
		})
	}
}

// bodies lays the bodies of pages out, one after the other, in the page that has the first of them, and says which don't fit.
func (e Examination) bodies(t *testing.T, b *Browser, paths []string) []string {
	t.Helper()
	list, err := json.Marshal(paths)
	if err != nil {
		t.Fatal(err)
	}
	b.Screen(t, narrow, 640, 1, "light")
	b.Go(t, e.Address+paths[0])
	widths := Value[[]width](t, b, `(async () => {
		const out = [];
		for (const path of `+string(list)+`) {
			const page = new DOMParser().parseFromString(await (await fetch(path)).text(), "text/html");
			document.body.replaceWith(document.adoptNode(page.body));
			out.push(`+widest+`);
		}
		return out;
	})()`)
	if len(widths) != len(paths) {
		t.Fatalf("%d of %d pages were laid out", len(widths), len(paths))
	}
	var findings []string
	for i, w := range widths {
		findings = append(findings, e.misfits(paths[i], w)...)
	}
	return findings
}

// misfits says what is wrong with a page on a narrow screen.
func (e Examination) misfits(page string, w width) []string {
	switch {
	case w.Shown == 0:
		return []string{page + ": nothing was laid out"}
	case w.Scrolls > narrow || e.NothingSticksOut && w.Out != "":
		return []string{fmt.Sprintf("%s is %d px wide on a screen of %d: %s", page, w.Scrolls, narrow, w.Out)}
	}
	return nil
}

// page loads one page and examines it; whole: by axe, too.
func (e Examination) page(t *testing.T, b *Browser, lang, name string, whole bool) {
	t.Helper()
	b.Screen(t, narrow, 640, 1, "light")
	b.Go(t, e.Address+Path(lang, name))
	if e.Look != nil {
		e.Look(t, b, lang, name)
		b.Screen(t, narrow, 640, 1, "light")
	}
	b.Do(t, e.Before(name))
	findings := e.misfits(name, Value[width](t, b, widest))
	if whole {
		if e.Light != narrow {
			b.Screen(t, e.Light, 800, 1, "light")
		}
		findings = append(findings, axeFindings(t, b, everything)...)
		b.Screen(t, e.Dark, 800, 1, "dark")
		if lang == "en" || os.Getenv(Soak) != "" {
			findings = append(findings, axeFindings(t, b, contrast)...)
		}
		if w := Value[int64](t, b, "document.documentElement.scrollWidth"); w > e.Dark {
			t.Errorf("the page is %d px wide on a screen of %d", w, e.Dark)
		}
	}
	for _, finding := range findings {
		t.Error(finding)
	}
	b.Quiet(t, name)
}

// narrow is the smallest screen (WCAG 2.2, 1.4.10 Reflow).
const narrow = 320

// standStill keeps pages as they were loaded: a clock that counts down, or a page that asks where its request stands, would make
// what is examined depend on how busy the machine is.
const standStill = `(() => {
	const soon = window.setTimeout;
	window.setTimeout = (then, ms, ...more) => ms >= 500 ? 0 : soon(then, ms, ...more);
	window.setInterval = () => 0;
})()`

// width is how wide a page is, how tall its content, and which elements stick out to either side.
type width struct {
	Scrolls int64
	Shown   float64
	Out     string
}

const widest = `({Scrolls: document.documentElement.scrollWidth, Shown: document.querySelector("main").getBoundingClientRect().height, Out:
	Array.from(document.querySelectorAll("body *:not(svg *)")).filter(e => !e.closest(".scenery, .visually-hidden, [hidden]"))
	.filter(e => e.getBoundingClientRect().right > 320.5 || e.getBoundingClientRect().left < -.5).map(e => e.tagName + "." + e.className).slice(0, 6).join(" ")})`

// What axe looks at.
const (
	everything = `["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]`
	contrast   = `["color-contrast"]`
)

func axeFindings(t *testing.T, b *Browser, what string) []string {
	t.Helper()
	call := `axe.run(document, {runOnly: ` + what + `, resultTypes: ["violations"]})
		.then(r => JSON.stringify((r.passes.length > 0 ? [] : ["axe looked at nothing"]).concat(r.violations.map(v => v.id + ": " + v.help + " " + v.nodes.map(n => n.html + " " + n.failureSummary).join(" | ")))))`
	var findings []string
	if err := json.Unmarshal([]byte(Value[string](t, b, call)), &findings); err != nil {
		t.Fatal(err)
	}
	return findings
}

// readAxe reads the script, which is fetched with the other tools of the pages' tests.
func readAxe(t *testing.T) string {
	t.Helper()
	_, here, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("where this file lies isn't known")
	}
	script, err := os.ReadFile(filepath.Join(filepath.Dir(here), "../../build/js/node_modules/axe-core/axe.min.js"))
	if err != nil {
		t.Fatalf("axe-core is missing, run: npm --prefix build/js ci (%v)", err)
	}
	return string(script)
}
