package directory

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func strict() PasswordPolicy {
	return PasswordPolicy{Source: "domain", MinLength: 12, Complexity: true}
}

func TestCheck(t *testing.T) {
	names := NameParts("amara.okafor", "Amara Okafor")
	lax := PasswordPolicy{MinLength: 4}
	for _, tt := range []struct {
		name, password string
		policy         PasswordPolicy
		want           Breach
		part           string
	}{
		{"good", "Blue-Kettle-42", strict(), "", ""},
		{"eleven", "Blue-Kett-4", strict(), TooShort, ""},
		{"empty", "", PasswordPolicy{}, TooShort, ""},
		{"six emoji are twelve units", "😀😀😀😀aB", PasswordPolicy{MinLength: 10}, "", ""},
		{"256", strings.Repeat("aB3-", 64), strict(), "", ""},
		{"257", strings.Repeat("aB3-", 64) + "x", strict(), TooLong, ""},
		{"two kinds", "correct horse battery", strict(), TooSimple, ""},
		{"two kinds are fine without complexity", "correct horse", lax, "", ""},
		{"part of the name", "xOKAFORx-2026", strict(), ContainsName, "okafor"},
		{"logon name", "1-Amara.Okafor-Z", strict(), ContainsName, "amara.okafor"},
		{"names are fine without complexity", "okafor", lax, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, part, ok := tt.policy.Check([]byte(tt.password), names)
			if b != tt.want || part != tt.part || ok != (tt.want == "") {
				t.Errorf("got %q %q %v, want %q %q", b, part, ok, tt.want, tt.part)
			}
		})
	}
}

func TestKinds(t *testing.T) {
	for s, want := range map[string]int{"": 0, "abc": 1, "aB": 2, "aB3": 3, "aB3-": 4, "aB3-漢": 5, "漢字": 1, "Åå": 2, " ": 1, "٣": 1, "\xff": 1} {
		if got := Kinds([]byte(s)); got != want {
			t.Errorf("%q: %d kinds, want %d", s, got, want)
		}
	}
}

func TestNameParts(t *testing.T) {
	for _, tt := range []struct {
		sam, display string
		want         []string
	}{
		{"amara.okafor", "Amara Okafor", []string{"amara.okafor", "amara", "okafor"}},
		{"jo", "Jo Li", nil},
		{"eva", "Dr. Eva-Maria O'Neill_x#ABC\tDef", []string{"eva", "eva", "maria", "o'neill", "abc", "def"}},
		{"åsa", "Åsa Öberg", []string{"åsa", "åsa", "öberg"}},
		{"", "", nil},
	} {
		if diff := cmp.Diff(tt.want, NameParts(tt.sam, tt.display)); diff != "" {
			t.Errorf("%q %q (-want +got):\n%s", tt.sam, tt.display, diff)
		}
	}
}

func FuzzCheck(f *testing.F) {
	f.Add("Blue-Kettle-42", "amara.okafor", "Amara Okafor", 12, true)
	f.Add("İstanbul-Ǆ-1", "İst", "ǅ abc", 3, true)
	f.Add("\xff\xfe", "", "", 0, false)
	f.Fuzz(func(t *testing.T, password, sam, display string, length int, complexity bool) {
		p := PasswordPolicy{MinLength: length, Complexity: complexity}
		names := NameParts(sam, display)
		secret := []byte(password)
		b, part, ok := p.Check(secret, names)
		if ok != (b == "") || (part != "") != (b == ContainsName) {
			t.Fatalf("%q %q %v do not fit together", b, part, ok)
		}
		if string(secret) != password {
			t.Error("the password was changed")
		}
		if utf8.ValidString(password) && Length(secret) != len(utf16.Encode([]rune(password))) {
			t.Errorf("length %d", Length(secret))
		}
		if k := Kinds(secret); k > 5 || (k == 0) != (password == "") {
			t.Errorf("%d kinds", k)
		}
		if b == ContainsName && !slices.Contains(names, part) {
			t.Errorf("part %q is not a name of %q", part, names)
		}
		if b == TooSimple && !complexity {
			t.Error("too simple without complexity")
		}
		// Whatever contains a name is found, wherever it stands.
		for _, name := range names {
			if utf8.ValidString(name) && containedName([]byte("x"+strings.ToUpper(name)+"y"), []string{name}) == "" &&
				strings.ToLower(strings.ToUpper(name)) == name {
				t.Errorf("%q is not found", name)
			}
		}
	})
}

func TestFiletime(t *testing.T) {
	for v, want := range map[int64]time.Time{
		0: {}, -1: {}, FiletimeNever: {}, filetimeEpoch: time.Unix(0, 0).UTC(),
		134364143079798448: time.Date(2026, 10, 14, 1, 18, 27, 979844800, time.UTC),
	} {
		if got := FromFiletime(v); !got.Equal(want) {
			t.Errorf("%d: %v, want %v", v, got, want)
		}
	}
}

func TestInterval(t *testing.T) {
	for v, want := range map[int64]time.Duration{
		0: 0, 1: 0, -1: 100, -1200000000: 2 * time.Minute, -77760000000000: 90 * 24 * time.Hour, math.MinInt64: 0, -math.MaxInt64: 0,
	} {
		got := FromInterval(v)
		if got != want {
			t.Errorf("%d: %v, want %v", v, got, want)
		}
		if got < 0 {
			t.Errorf("%d: negative", v)
		}
	}
}

func TestAccountControl(t *testing.T) {
	c := AccountControl(0x10202)
	if !c.Has(Disabled) || !c.Has(NormalAccount|DontExpirePassword) || c.Has(Disabled|Locked) {
		t.Error("bits")
	}
}
