package locale

import (
	"encoding/json"
	"testing"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

// TestSentencesSayWhatTheLibrarySays: each message in each language, with values of each kind, with one too few, and with a number.
func TestSentencesSayWhatTheLibrarySays(t *testing.T) {
	c := newCatalogT(t)
	library := i18n.NewBundle(language.English)
	library.RegisterUnmarshalFunc("json", json.Unmarshal)
	for _, lang := range c.Languages() {
		if _, err := library.LoadMessageFileFS(messages, "messages/"+lang.Tag+".json"); err != nil {
			t.Fatal(err)
		}
		quick := c.In(lang.Tag)
		slow := quick
		slow.words, slow.sentences = i18n.NewLocalizer(library, lang.Tag), nil
		if len(quick.sentences) < len(c.IDs())/2 {
			t.Fatalf("%s: only %d messages are cut", lang.Tag, len(quick.sentences))
		}
		for _, id := range c.IDs() {
			var data []any
			for i, name := range placeholders(quick.sentences[id].template()) {
				data = append(data, name, []any{"some text", 7, `<a href="/">`, 1.5, true}[i%5])
			}
			for _, d := range [][]any{data, data[:max(len(data)-2, 0)], append(data, "N", 1)} {
				if got, want := quick.T(id, d...), slow.T(id, d...); got != want {
					t.Errorf("%s: %s with %v is %q, want %q", lang.Tag, id, d, got, want)
				}
				if got, want := quick.Rich(id, d...), slow.Rich(id, d...); got != want {
					t.Errorf("%s: %s with %v is %q in HTML, want %q", lang.Tag, id, d, got, want)
				}
			}
		}
	}
}

// template is the sentence as it was written.
func (s sentence) template() string {
	out := ""
	for _, p := range s {
		out += p.text
		if p.name != "" {
			out += "{{." + p.name + "}}"
		}
	}
	return out
}
