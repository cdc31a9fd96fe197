package locale

import (
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

// Localizer speaks one language. The zero value says message ids and is of no use; take one from a Catalog.
type Localizer struct {
	words     *i18n.Localizer
	sentences map[string]sentence
	tag       language.Tag
	name      string // the tag in letters
	counts    []count
	rtl       bool
}

// Lang returns the language as written in the lang attribute.
func (l Localizer) Lang() string { return l.name }

// T returns the message id with its placeholders filled. Data is name, value, name, value …; the value
// named N chooses the plural form, and is written with the language's separators. An unknown id returns the id, so that a mistake is seen, not hidden.
func (l Localizer) T(id string, data ...any) string {
	values, count := l.pairs(data)
	if l.rtl {
		isolateAll(values)
	}
	return l.text(id, values, count)
}

// Rich is T for HTML: values are escaped unless they are template.HTML, **text** becomes strong and `text`
// a key. Messages themselves hold no markup; New sees to that.
func (l Localizer) Rich(id string, data ...any) template.HTML {
	values, count := l.pairs(data)
	for name, v := range values {
		if _, ok := v.(template.HTML); !ok {
			values[name] = l.markUp(fmt.Sprint(v))
		}
	}
	text := l.text(id, values, count)
	text = between(text, "**", "<strong>", "</strong>")
	text = between(text, "`", "<kbd>", "</kbd>")
	return template.HTML(text) //nolint:gosec // values are escaped above and messages hold no markup
}

// Patterns returns every plural form of a message by its category (one, few, other …), with {n} where the number
// belongs and every other placeholder filled. A page hands them to its script, which chooses with Intl.PluralRules.
func (l Localizer) Patterns(id string, data ...any) map[string]string {
	values, _ := l.pairs(append(slices.Clone(data), "N", "{n}"))
	forms := make(map[string]string, len(l.counts))
	for _, c := range l.counts {
		forms[c.category] = l.text(id, values, c.example)
	}
	return forms
}

func (l Localizer) text(id string, values map[string]any, count any) string {
	if l.words == nil {
		return id
	}
	if s, ok := l.sentences[id]; ok {
		return s.say(values)
	}
	config := i18n.LocalizeConfig{MessageID: id, TemplateData: values, PluralCount: count}
	text, err := l.words.Localize(&config)
	if err != nil && count != nil { // a message without plural forms takes a number too
		config.PluralCount = nil
		text, err = l.words.Localize(&config)
	}
	if err != nil || text == "" {
		return id
	}
	return text
}

// separated is from where numbers have separators in any language.
const separated = 1000

// pairs makes a map of name, value, name, value …, and finds the number that chooses the plural form.
func (l Localizer) pairs(data []any) (values map[string]any, count any) {
	if len(data) == 0 {
		return nil, nil
	}
	values = make(map[string]any, len(data)/2+1)
	for i := 0; i+1 < len(data); i += 2 {
		name := fmt.Sprint(data[i])
		values[name] = data[i+1]
		if name == "N" {
			count = data[i+1]
		}
	}
	if n, ok := count.(int); ok && n >= separated && l.words != nil {
		values["N"] = l.Number(n)
	}
	return values, count
}

// between replaces each pair of mark by open and closing tags; an unpaired mark stays as it is.
func between(text, mark, opening, closing string) string {
	parts := strings.Split(text, mark)
	if len(parts)%2 == 0 {
		return text
	}
	var b strings.Builder
	for i, part := range parts {
		switch {
		case i == 0:
		case i%2 == 1:
			b.WriteString(opening)
		default:
			b.WriteString(closing)
		}
		b.WriteString(part)
	}
	return b.String()
}
