package banned

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// Case is one line of the table that the browser is held to as well.
type Case struct {
	Words    []string `json:"words"`
	Password string   `json:"password"`
	Word     string   `json:"word"`
}

func TestCases(t *testing.T) {
	raw, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []Case
	if err := json.Unmarshal(raw, &cases); err != nil || len(cases) < 30 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for _, c := range cases {
		l, err := New(c.Words)
		if err != nil {
			t.Fatal(err)
		}
		if word, bad := l.Bans(c.Password); word != c.Word || bad != (c.Word != "") {
			t.Errorf("%v: %q is banned by %q, want %q", c.Words, c.Password, word, c.Word)
		}
	}
}

func TestLists(t *testing.T) {
	l, err := New([]string{"Contoso", " c0ntoso ", "", "blank"})
	if err != nil || !slices.Equal(l.Words(), []string{"blank", "Contoso"}) {
		t.Errorf("%v %v", l.Words(), err)
	}
	other, err := New([]string{"blank", "Contoso"})
	if err != nil || other.Digest() != l.Digest() || l.Digest() == (List{}).Digest() {
		t.Errorf("digests %s %s %v", l.Digest(), other.Digest(), err)
	}
	if none, err := New(nil); err != nil || none.Digest() != (List{}).Digest() {
		t.Errorf("an empty list: %v", err)
	}
	many := make([]string, MaxWords+1)
	for i := range many {
		many[i] = "word" + strings.Repeat("x", i%10) + string(rune('a'+i/10%26)) + string(rune('a'+i/260))
	}
	for _, bad := range [][]string{{"abc"}, {strings.Repeat("a", 17)}, {"two words"}, {"a\x00bcd"}, {"\xff\xff\xff\xff"}, many} {
		if _, err := New(bad); !errors.Is(err, ErrWord) {
			t.Errorf("%.40q: %v", bad, err)
		}
	}
}

// FuzzBans: a word is banned as it stands, in capitals and with a digit behind it; folding keeps the number of runes.
func FuzzBans(f *testing.F) {
	f.Add("contoso", "C0nt0so12")
	f.Add("İstanbul", "ß")
	f.Fuzz(func(t *testing.T, word, password string) {
		if n := len(Fold(password)); n != len([]rune(password)) {
			t.Errorf("%q has %d runes after folding", password, n)
		}
		l, err := New([]string{word})
		if err != nil {
			return
		}
		l.Bans(password)
		word = strings.TrimSpace(word)
		for _, p := range []string{word, word + "9", "9" + word} {
			if _, bad := l.Bans(p); !bad && utf8.ValidString(word) && word != "" {
				t.Errorf("%q isn't banned by %q", p, word)
			}
		}
	})
}
