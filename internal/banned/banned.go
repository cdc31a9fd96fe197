// Package banned judges passwords by a list of banned words, as an organisation keeps one.
//
// It folds case and the substitutions people make for letters (p@55w0rd), and refuses a password that is a banned word but for
// one character, and one that is little more than banned words: each word counts one point, each other character one, and it
// takes five. So a banned word may be part of a long password. The portal's static/banned.js does exactly the same in the
// browser; testdata/cases.json holds both to it.
package banned

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxWords is how many words a list holds.
	MaxWords = 1000
	// Shortest and Longest bound a word, in characters.
	Shortest = 4
	Longest  = 16
	// enough is how many points let a password pass.
	enough = 5
)

// ErrWord reports what can't be on a list.
var ErrWord = errors.New("not a word for the list")

// Fold brings a text into the form that is compared, one rune for each of its runes.
func Fold(text string) []rune {
	runes := []rune(text)
	for i, r := range runes {
		runes[i] = substituted(unicode.ToLower(r))
	}
	return runes
}

func substituted(r rune) rune {
	switch r {
	case '0':
		return 'o'
	case '1':
		return 'l'
	case '3':
		return 'e'
	case '4', '@':
		return 'a'
	case '5', '$':
		return 's'
	case '7':
		return 't'
	case '!':
		return 'i'
	}
	return r
}

// List is a list of banned words, ready to judge by. The zero List bans nothing.
type List struct {
	words  []string
	folded [][]rune // the longest first
	digest string
}

// New returns a list. Words that fold to the same are kept once, in the order of their folded form. It returns ErrWord with
// the reason.
func New(words []string) (List, error) {
	byFold := map[string]string{}
	for _, w := range words {
		w = strings.TrimSpace(w)
		n := utf8.RuneCountInString(w)
		switch {
		case w == "":
			continue
		case !utf8.ValidString(w) || strings.ContainsFunc(w, func(r rune) bool { return !unicode.IsPrint(r) || unicode.IsSpace(r) }):
			return List{}, fmt.Errorf("%w: %q holds a space or what can't be typed", ErrWord, w)
		case n < Shortest || n > Longest:
			return List{}, fmt.Errorf("%w: %q has %d characters, not %d to %d", ErrWord, w, n, Shortest, Longest)
		}
		if key := string(Fold(w)); byFold[key] == "" {
			byFold[key] = w
		}
	}
	if len(byFold) > MaxWords {
		return List{}, fmt.Errorf("%w: the list has %d words, more than %d", ErrWord, len(byFold), MaxWords)
	}
	var l List
	keys := make([]string, 0, len(byFold))
	for key := range byFold {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	h := sha256.New()
	for _, key := range keys {
		l.words, l.folded = append(l.words, byFold[key]), append(l.folded, []rune(key))
		h.Write([]byte(byFold[key] + "\n"))
	}
	slices.SortStableFunc(l.folded, func(a, b []rune) int { return len(b) - len(a) })
	l.digest = hex.EncodeToString(h.Sum(nil))
	return l, nil
}

// Words are the list's words.
func (l List) Words() []string { return slices.Clone(l.words) }

// Digest names the list's content.
func (l List) Digest() string {
	if l.digest == "" {
		sum := sha256.Sum256(nil)
		return hex.EncodeToString(sum[:])
	}
	return l.digest
}

// Bans reports whether a password may not be used, and the folded word that is why.
func (l List) Bans(password string) (word string, banned bool) {
	text := Fold(password)
	defer clear(text)
	for _, w := range l.folded {
		if near(text, w) {
			return string(w), true
		}
	}
	points := 0
	for i := 0; i < len(text); points++ {
		n := 1
		for _, w := range l.folded {
			if len(w) <= len(text)-i && slices.Equal(text[i:i+len(w)], w) {
				n = len(w)
				if word == "" {
					word = string(w)
				}
				break
			}
		}
		i += n
	}
	if word == "" || points >= enough {
		return "", false
	}
	return word, true
}

// near reports whether two texts differ by at most one character: another, one more or one less.
func near(a, b []rune) bool {
	if len(a) < len(b) {
		a, b = b, a
	}
	if len(a)-len(b) > 1 {
		return false
	}
	i := 0
	for i < len(b) && a[i] == b[i] {
		i++
	}
	if len(a) == len(b) {
		return i == len(b) || slices.Equal(a[i+1:], b[i+1:])
	}
	return slices.Equal(a[i+1:], b[i:])
}
