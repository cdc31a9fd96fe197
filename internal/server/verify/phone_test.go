package verify

import (
	"strings"
	"testing"
)

func TestPhone(t *testing.T) {
	for typed, want := range map[string]string{
		"+46 70 123 45 42": "+46701234542", "0046-70-123 45 42": "+46701234542", "+46 (0)70/123.45.42": "+46701234542",
		" +1 (555) 010-0199 ": "+15550100199", "070 123 45 42": "", "+46": "", "+0701234567": "", "+1234567890123456": "", "+46 70 12x 45": "", "": "",
	} {
		got, err := Phone(typed)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q %v, want %q", typed, got, err, want)
		}
	}
}

func FuzzPhone(f *testing.F) {
	f.Add("+46 70 123 45 42")
	f.Add("00(0)")
	f.Fuzz(func(t *testing.T, typed string) {
		number, err := Phone(typed)
		if err == nil && (len(number) < 8 || len(number) > 16 || number[0] != '+' || strings.Trim(number[1:], "0123456789") != "") {
			t.Errorf("%q became %q", typed, number)
		}
		if again, err2 := Phone(number); err == nil && (err2 != nil || again != number) {
			t.Errorf("%q became %q, and that %q", typed, number, again)
		}
	})
}

func FuzzMatchCode(f *testing.F) {
	f.Add("12 34-56")
	f.Fuzz(func(t *testing.T, typed string) {
		text, err := normalise(typed)
		if err == nil && (len(text) != digits || strings.Trim(text, "0123456789") != "") {
			t.Errorf("%q became %q", typed, text)
		}
	})
}

func FuzzPass(f *testing.F) {
	f.Add("abcd-efgh")
	f.Add("ıııııııı")
	f.Fuzz(func(t *testing.T, typed string) {
		text, err := normalisePass(typed)
		if err == nil && (len(text) != passSize || strings.Trim(text, passAlphabet) != "") {
			t.Errorf("%q became %q", typed, text)
		}
	})
}
