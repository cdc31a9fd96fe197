package locale

import (
	"html"
	"strings"
	"unicode"

	"golang.org/x/text/language"
)

// Left-to-right isolate and its end: what stands between keeps its own order in a right-to-left sentence.
const (
	isolate    = "\u2066"
	endIsolate = "\u2069"
)

// Dir returns the direction of writing, as in the dir attribute.
func (l Localizer) Dir() string {
	if l.rtl {
		return "rtl"
	}
	return "ltr"
}

func rightToLeft(tag language.Tag) bool {
	script, _ := tag.Script()
	return script.String() == "Arab" || script.String() == "Hebr"
}

// isolateAll keeps user names, addresses and telephone numbers readable in a right-to-left sentence of plain text.
func isolateAll(values map[string]any) {
	for name, v := range values {
		if text, ok := v.(string); ok && wantsIsolation(text) {
			values[name] = isolate + text + endIsolate
		}
	}
}

// markUp is a value of a sentence in HTML: escaped, and isolated where the sentence runs the other way.
func (l Localizer) markUp(text string) string {
	if l.rtl && wantsIsolation(text) {
		return `<bdi dir="ltr">` + html.EscapeString(text) + `</bdi>`
	}
	return html.EscapeString(text)
}

// wantsIsolation reports whether the parts of a left-to-right text would change places in a right-to-left sentence.
// Single words, codes and times do not. An address that a mail program makes a link of stays free of marks.
func wantsIsolation(text string) bool {
	if strings.HasPrefix(text, "http") || strings.Trim(text, "0123456789:.,") == "" {
		return false
	}
	parts := false
	for _, r := range text {
		if unicode.In(r, unicode.Arabic, unicode.Hebrew) {
			return false
		}
		parts = parts || !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}
	return parts
}
