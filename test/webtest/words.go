package webtest

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"

	"golang.org/x/net/html"

	"homeward/internal/server/locale"
)

// The marks around what comes from a message, and the language that speaks with them.
const (
	opening  = "⟦"
	closing  = "⟧"
	MarkedAs = "de"
)

// Marked returns the product's messages with one language, MarkedAs, that says everything in English between marks. What stands
// in the places of values isn't marked unless it is itself a message: whatever a page shows outside of marks is data, or a text
// that nobody can read in their own language.
func Marked() (*locale.Catalog, error) {
	const english = "messages/en.json"
	raw, err := fs.ReadFile(locale.Files(), english)
	if err != nil {
		return nil, fmt.Errorf("read messages: %w", err)
	}
	entries := map[string]any{}
	if err := json.Unmarshal(raw, &entries); err != nil {
		return nil, fmt.Errorf("read messages: %w", err)
	}
	for id, entry := range entries {
		switch entry := entry.(type) {
		case string:
			entries[id] = marked(entry)
		case map[string]any:
			for form, text := range entry {
				entry[form] = marked(fmt.Sprint(text))
			}
		}
	}
	marks, err := json.Marshal(entries)
	if err != nil {
		return nil, fmt.Errorf("write messages: %w", err)
	}
	return locale.Load(fstest.MapFS{english: {Data: raw}, "messages/" + MarkedAs + ".json": {Data: marks}})
}

// marked puts marks around the text between the places of values.
func marked(text string) string {
	var b strings.Builder
	for text != "" {
		before, rest, found := strings.Cut(text, "{{")
		if before != "" {
			b.WriteString(opening + before + closing)
		}
		if !found {
			break
		}
		place, after, _ := strings.Cut(rest, "}}")
		b.WriteString("{{" + place + "}}")
		text = after
	}
	return b.String()
}

// Foreign holds for every sample of a gallery that speaks with Marked: what a visitor sees or hears outside of marks is one of
// the known texts. Each of those is a pattern, and why such a text is the same in every language; each has to be seen somewhere.
func (g Gallery) Foreign(t *testing.T, known [][2]string) {
	t.Helper()
	var patterns []*regexp.Regexp
	for _, k := range known {
		patterns = append(patterns, regexp.MustCompile(k[0]))
	}
	seen := make([]bool, len(known))
	found := map[string]bool{}
	for _, s := range g.Samples(MarkedAs) {
		w := httptest.NewRecorder()
		if err := g.Engine.Render(w, s.Status, s.Page); err != nil {
			t.Fatal(err)
		}
		doc, err := html.Parse(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range unmarked(doc) {
			left := text
			for i, p := range patterns {
				if rest := p.ReplaceAllString(left, " "); rest != left {
					left, seen[i] = rest, true
				}
			}
			if hasLetters(left) && !found[text] {
				found[text] = true
				t.Errorf("%s shows %q, which no language translates: give it a message", s.Name, text)
			}
		}
	}
	for i, k := range known {
		if !seen[i] {
			t.Errorf("no page shows %s any more (%s): take it from the list", k[0], k[1])
		}
	}
}

func hasLetters(s string) bool { return strings.ContainsFunc(s, unicode.IsLetter) }

// spoken are the attributes that people see or hear.
func spoken(n *html.Node, a html.Attribute) bool {
	switch a.Key {
	case "title", "alt", "placeholder", "label", "aria-label", "aria-description", "aria-valuetext", "aria-roledescription":
		return true
	case "value":
		return n.Data == "input" && (has(n, "type", "submit") || has(n, "type", "button"))
	case "content":
		return n.Data == "meta" && has(n, "name", "description")
	}
	// What a script says later: sentences have spaces.
	return strings.HasPrefix(a.Key, "data-") && strings.Contains(strings.TrimSpace(a.Val), " ")
}

func has(n *html.Node, key, value string) bool {
	for _, a := range n.Attr {
		if a.Key == key && (value == "" || a.Val == value) {
			return true
		}
	}
	return false
}

// unmarked lists the texts with letters that stand outside of marks. What is for machines (code), or said to be of another
// language, isn't among them.
func unmarked(doc *html.Node) []string {
	var out []string
	parts := regexp.MustCompile(opening + "|" + closing + "|[^" + opening + closing + "]+")
	add := func(text string, depth int) int {
		for _, part := range parts.FindAllString(text, -1) {
			switch {
			case part == opening:
				depth++
			case part == closing:
				depth--
			case depth == 0 && hasLetters(part):
				out = append(out, strings.Join(strings.Fields(part), " "))
			}
		}
		return depth
	}
	depth := 0
	var walk func(n *html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.TextNode {
			depth = add(n.Data, depth)
		}
		if n.Type == html.ElementNode {
			switch n.Data {
			case "script", "style", "code", "samp":
				return
			}
			if n.Data != "html" && has(n, "lang", "") || has(n, "translate", "no") {
				return
			}
			for _, a := range n.Attr {
				if spoken(n, a) {
					add(a.Val, 0)
				}
			}
		}
		for c := range n.ChildNodes() {
			walk(c)
		}
	}
	walk(doc)
	return out
}
