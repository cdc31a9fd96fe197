package locale

import (
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/number"
)

// Number writes a whole number with the language's separators: 1,248, 1.248, 1 248. Digits are those of times and dates in
// every language.
func (l Localizer) Number(n int) string { return message.NewPrinter(l.digits()).Sprint(n) }

// Decimal writes a number with so many digits behind the point, or the comma: 3.4, 3,4.
func (l Localizer) Decimal(v float64, digits int) string {
	return message.NewPrinter(l.digits()).Sprint(number.Decimal(v, number.Scale(digits)))
}

// digits is the language with the digits 0 to 9.
func (l Localizer) digits() language.Tag {
	if l.rtl {
		if latin, err := language.Parse(l.tag.String() + "-u-nu-latn"); err == nil {
			return latin
		}
	}
	return l.tag
}
