package locale

import (
	"fmt"
	"html"
	"html/template"
	"strings"
	"time"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

// Localizer speaks one language. The zero value says message ids and is of no use; take one from a Catalog.
type Localizer struct {
	words *i18n.Localizer
	tag   language.Tag
}

// Lang returns the language as written in the lang attribute.
func (l Localizer) Lang() string { return l.tag.String() }

// T returns the message id with its placeholders filled. Data is name, value, name, value …; the value
// named N chooses the plural form. An unknown id returns the id, so that a mistake is seen, not hidden.
func (l Localizer) T(id string, data ...any) string {
	values, count := pairs(data)
	return l.text(id, values, count)
}

// Rich is T for HTML: values are escaped unless they are template.HTML, **text** becomes strong and `text`
// a key. Messages themselves hold no markup; New sees to that.
func (l Localizer) Rich(id string, data ...any) template.HTML {
	values, count := pairs(data)
	for name, v := range values {
		if _, ok := v.(template.HTML); !ok {
			values[name] = html.EscapeString(fmt.Sprint(v))
		}
	}
	text := l.text(id, values, count)
	text = between(text, "**", "<strong>", "</strong>")
	text = between(text, "`", "<kbd>", "</kbd>")
	return template.HTML(text) //nolint:gosec // values are escaped above and messages hold no markup
}

// Pattern returns the plural form that fits count, with {n} where the number belongs and every other
// placeholder filled. A page hands such patterns to its script.
func (l Localizer) Pattern(id string, count int, data ...any) string {
	values, _ := pairs(data)
	values["N"] = "{n}"
	return l.text(id, values, count)
}

func (l Localizer) text(id string, values map[string]any, count any) string {
	if l.words == nil {
		return id
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

// pairs makes a map of name, value, name, value …, and finds the number that chooses the plural form.
func pairs(data []any) (values map[string]any, count any) {
	values = make(map[string]any, len(data)/2+1)
	for i := 0; i+1 < len(data); i += 2 {
		name := fmt.Sprint(data[i])
		values[name] = data[i+1]
		if name == "N" {
			count = data[i+1]
		}
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

// Clock writes the time of day of t at loc: 14:32.
func (l Localizer) Clock(t time.Time, loc *time.Location) string { return t.In(loc).Format("15:04") }

// Day writes the date of t at loc without its year: 15 March, 15. März.
func (l Localizer) Day(t time.Time, loc *time.Location) string {
	t = t.In(loc)
	return l.T("time.day", "Day", t.Day(), "Month", l.T(months(t.Month())))
}

// Moment writes date and time of t at loc: 11 March at 08:10, 11. März um 08:10.
func (l Localizer) Moment(t time.Time, loc *time.Location) string {
	return l.T("time.moment", "Day", l.Day(t, loc), "Time", l.Clock(t, loc))
}

// months returns the message id of a month's name.
func months(m time.Month) string {
	return [...]string{
		"month.january", "month.february", "month.march", "month.april", "month.may", "month.june", "month.july",
		"month.august", "month.september", "month.october", "month.november", "month.december",
	}[m-1]
}
