package verify

import (
	"errors"
	"strings"
)

// ErrPhone reports what is no international telephone number.
var ErrPhone = errors.New("not a telephone number with its country code")

// Phone brings a typed number into the form it is stored and dialled in: + and 7 to 15 digits (E.164). Spaces, hyphens,
// points, slashes and brackets are ignored, 00 in front means +. A number without a country code is refused.
func Phone(typed string) (string, error) {
	if len(typed) > 64 {
		return "", ErrPhone
	}
	number := strings.NewReplacer(" ", "", "\u00a0", "", "\t", "", "-", "", ".", "", "/", "", "(0)", "", "(", "", ")", "").Replace(typed)
	if rest, ok := strings.CutPrefix(number, "00"); ok {
		number = "+" + rest
	}
	digits, ok := strings.CutPrefix(number, "+")
	if !ok || len(digits) < 7 || len(digits) > 15 || digits[0] == '0' || strings.Trim(digits, "0123456789") != "" {
		return "", ErrPhone
	}
	return number, nil
}
