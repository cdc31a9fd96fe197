package locale

import (
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Number writes a whole number with the language's separators: 1,248, 1.248, 1 248. Digits are those of times and dates in
// every language.
func (l Localizer) Number(n int) string {
	tag := l.tag
	if l.rtl {
		if latin, err := language.Parse(tag.String() + "-u-nu-latn"); err == nil {
			tag = latin
		}
	}
	return message.NewPrinter(tag).Sprint(n)
}
