package portal_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"homeward/test/webtest"
)

// Pages are compared with the last accepted in two ways. As a browser lays them out: which boxes stand where, how large, with
// which words, colours and weights; what differs can be read in the failure. And as pictures, without their letters: with
// another version of the browser or of a font library every edge of a letter differs by a shade, in ways that no tolerance
// tells apart from a lost line (see webtest.ComparePictures). A box's place is the same on every machine with the same fonts,
// up to a rounding that is allowed for. Neither is pinned here: fonts are the system's and the browser is the distribution's
// newest, on purpose, as people's are.

// near is by how many pixels a box may be elsewhere: fonts are measured anew with each version of the browser.
const near = 3

// accept replaces what is accepted: look at the screenshots first.
var accept = flag.Bool("update", false, "accept the pages as they are laid out now") //nolint:gochecknoglobals // a flag of go test

// laidOut lists what a page shows, box by box in the order of the document: what it is, where, how large, in which colours
// and with which words.
const laidOut = `JSON.stringify((() => {
	const out = [];
	const colour = (c) => c.startsWith("rgba(0, 0, 0, 0") ? "" : c.replace(/[^0-9.,]/g, "");
	for (const e of document.querySelectorAll("body, body *:not(svg *):not(script):not(template)")) {
		const r = e.getBoundingClientRect(), s = getComputedStyle(e);
		if (r.width < 2 || r.height < 2 || s.visibility === "hidden" || e.closest("[hidden], .scenery, .visually-hidden")) continue;
		const own = [...e.childNodes].filter((n) => n.nodeType === 3).map((n) => n.textContent.trim()).filter(Boolean).join(" ");
		const name = e.tagName.toLowerCase() + (e.id ? "#" + e.id : "") + (typeof e.className === "string" && e.className ? "." + e.className.trim().replace(/\s+/g, ".") : "");
		const look = own ? [s.color, s.fontSize, s.fontWeight] : [];
		const box = colour(s.backgroundColor) || s.borderTopWidth !== "0px" || s.borderBottomWidth !== "0px";
		if (!own && !box && !["INPUT", "BUTTON", "MAIN", "svg", "A"].includes(e.tagName)) continue; // nothing to see
		out.push([name, Math.round(r.left), Math.round(r.top + scrollY), Math.round(r.width), Math.round(r.height),
			[...look.map(colour), colour(s.backgroundColor), s.borderTopWidth !== "0px" ? colour(s.borderTopColor) : ""].join(" "), own].join("|"));
	}
	return out;
})())`

// layouts are those of one language, by screen and page: as accepted, and as they are now.
type layouts struct {
	lang          string
	accepted, now map[string]map[string][]string
	album         *webtest.Album
}

// screens are one phone and one desktop, in one theme each.
func screens() []webtest.Screen {
	return []webtest.Screen{{Name: "phone", Width: 390, Height: 844, Scheme: "light"}, {Name: "desktop", Width: 1280, Height: 800, Scheme: "dark"}}
}

func layoutFile(s webtest.Screen, lang string) string {
	return filepath.Join("testdata", "layout", lang+"-"+s.Name+".json")
}

func readLayouts(t *testing.T, lang string) layouts {
	t.Helper()
	l := layouts{lang: lang, accepted: map[string]map[string][]string{}, now: map[string]map[string][]string{}}
	l.album = &webtest.Album{Dir: filepath.Join("testdata", "pictures"), Accept: *accept}
	for _, s := range screens() {
		l.accepted[s.Name], l.now[s.Name] = readLayout(t, layoutFile(s, lang)), map[string][]string{}
	}
	return l
}

// look lays the page that is shown out on both screens and compares.
func (l layouts) look(t *testing.T, b *webtest.Browser, page string) {
	t.Helper()
	for _, s := range screens() {
		b.Screen(t, s.Width, s.Height, 1, s.Scheme)
		var boxes []string
		if err := json.Unmarshal([]byte(webtest.Value[string](t, b, laidOut)), &boxes); err != nil {
			t.Fatal(err)
		}
		l.now[s.Name][page] = boxes
		l.album.Compare(t, b, l.lang, page, s)
		if *accept {
			continue
		}
		for _, d := range compareLayouts(l.accepted[s.Name][page], boxes) {
			t.Errorf("on a %s: %s", s.Name, d)
		}
	}
}

// finish says which pages are gone, or accepts what was seen.
func (l layouts) finish(t *testing.T, lang string, pages []string) {
	t.Helper()
	for _, s := range screens() {
		if *accept {
			writeLayout(t, layoutFile(s, lang), l.now[s.Name])
		}
		l.album.Finish(t, lang, s, pages)
		for page := range l.accepted[s.Name] {
			if _, there := l.now[s.Name][page]; !there && len(l.now[s.Name]) > 0 { // none at all: -run left the language out
				t.Errorf("%s: the page %s is gone", layoutFile(s, lang), page)
			}
		}
	}
	if t.Failed() {
		t.Log("If the pages are meant to look like this: look at them (HOMEWARD_SCREENSHOTS), then go test ./internal/server/web/portal -run EveryPage -update")
	}
}

func readLayout(t *testing.T, file string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if os.IsNotExist(err) && *accept {
		return nil
	}
	out := map[string][]string{}
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func writeLayout(t *testing.T, file string, l map[string][]string) {
	t.Helper()
	text, err := json.MarshalIndent(l, "", " ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(file), 0o755)
	}
	if err == nil {
		err = os.WriteFile(file, append(text, '\n'), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// compareLayouts says what differs, the first few differences only: one box that moves takes many with it.
func compareLayouts(want, got []string) []string {
	if want == nil {
		return []string{"was never accepted"}
	}
	const most = 4
	var out []string
	for i := range max(len(want), len(got)) {
		if len(out) == most {
			return append(out, "and more")
		}
		switch {
		case i >= len(want):
			out = append(out, "there is a new box "+got[i])
		case i >= len(got):
			out = append(out, "gone is "+want[i])
		case !alike(want[i], got[i]):
			out = append(out, fmt.Sprintf("%s is now %s", want[i], got[i]))
		}
	}
	return out
}

// alike compares two boxes: names, looks and words to the letter, places nearly. Below a page's top, small differences of the
// lines above add up.
func alike(want, got string) bool {
	w, g := strings.SplitN(want, "|", 7), strings.SplitN(got, "|", 7)
	if len(w) != 7 || len(g) != 7 || w[0] != g[0] || !slices.Equal(w[5:], g[5:]) {
		return false
	}
	for i := 1; i <= 4; i++ {
		var a, b float64
		if _, err := fmt.Sscan(w[i]+" "+g[i], &a, &b); err != nil || math.Abs(a-b) > near+math.Max(a, 0)/100 {
			return false
		}
	}
	return true
}

// TestCompareLayouts: the test of the test.
func TestCompareLayouts(t *testing.T) {
	page := []string{"main#main|0|60|390|600| |", "h1|20|80|350|34|1,2,3 27 700 255,255,255 |Get back in", "button.button|20|300|350|52|255,255,255 16 600 11,95,125 |Continue"}
	changed := func(i int, from, to string) []string {
		out := slices.Clone(page)
		out[i] = strings.Replace(out[i], from, to, 1)
		return out
	}
	for name, c := range map[string]struct {
		got  []string
		same bool
	}{
		"the same": {page, true}, "rounded otherwise": {changed(1, "|34|", "|35|"), true}, "other words": {changed(1, "Get back in", "Get back"), false},
		"another colour": {changed(2, "11,95,125", "11,95,126"), false}, "moved": {changed(2, "|300|", "|320|"), false}, "narrower": {changed(2, "|350|", "|300|"), false},
		"a box more": {append(slices.Clone(page), "p|0|0|9|9| |x"), false}, "a box less": {page[:2], false}, "another class": {changed(2, "button.button", "button.second"), false},
		"lighter": {changed(1, "700", "400"), false},
	} {
		if got := compareLayouts(page, c.got); (len(got) == 0) != c.same {
			t.Errorf("%s: %v", name, got)
		}
	}
	if len(compareLayouts(nil, page)) != 1 {
		t.Error("a page that was never accepted passes")
	}
}
