package directory

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// PasswordPolicy is what holds for one person: the domain's policy, or the fine-grained one that wins.
type PasswordPolicy struct {
	Source           string // "domain", or the name of the PSO
	MinLength        int    // in UTF-16 units, as Active Directory counts
	Complexity       bool
	History          int
	MinAge           time.Duration
	MaxAge           time.Duration // zero: never expires
	LockoutThreshold int           // zero: nothing locks
	LockoutWindow    time.Duration // how long a wrong password counts
}

// MaxPasswordLength is the longest password Active Directory takes, in UTF-16 units ([MS-SAMR] 2.2.6.1).
const MaxPasswordLength = 256

// Breach is a rule that a password breaks.
type Breach string

// Breaches that can be seen without asking the directory.
const (
	TooShort     Breach = "too_short"
	TooLong      Breach = "too_long"
	TooSimple    Breach = "too_simple"
	ContainsName Breach = "contains_name"
)

// Check tests a password against everything that can be known before sending it. It returns the first
// breach and, for ContainsName, the part of the name found. Only complexity policies forbid names.
func (p PasswordPolicy) Check(password []byte, names []string) (b Breach, part string, ok bool) {
	n := Length(password)
	switch {
	case n < p.MinLength || n == 0:
		return TooShort, "", false
	case n > MaxPasswordLength:
		return TooLong, "", false
	case !p.Complexity:
		return "", "", true
	case Kinds(password) < 3:
		return TooSimple, "", false
	}
	if part := containedName(password, names); part != "" {
		return ContainsName, part, false
	}
	return "", "", true
}

// Length counts UTF-16 units.
func Length(password []byte) int {
	n := 0
	for b := password; len(b) > 0; {
		r, size := utf8.DecodeRune(b)
		n += utf16.RuneLen(r)
		b = b[size:]
	}
	return n
}

// Kinds counts the categories of characters a password uses, out of Microsoft's five: upper case, lower
// case, digits, symbols, and letters that have no case ("Password must meet complexity requirements").
func Kinds(password []byte) int {
	var upper, lower, digit, other, symbol bool
	for b := password; len(b) > 0; {
		r, size := utf8.DecodeRune(b)
		b = b[size:]
		switch {
		case unicode.IsUpper(r):
			upper = true
		case unicode.IsLower(r):
			lower = true
		case r >= '0' && r <= '9':
			digit = true
		case unicode.IsLetter(r):
			other = true
		default:
			symbol = true
		}
	}
	n := 0
	for _, has := range []bool{upper, lower, digit, other, symbol} {
		if has {
			n++
		}
	}
	return n
}

// NameParts returns what Windows forbids inside a complex password: the whole sAMAccountName, and every
// token of the display name, each if it has at least three characters. Tokens are split at comma, period,
// hyphen, underscore, space, number sign and tab. Samba does not check this; the agent does.
func NameParts(sam, displayName string) []string {
	var parts []string
	add := func(s string) {
		if utf8.RuneCountInString(s) >= 3 {
			parts = append(parts, strings.ToLower(s))
		}
	}
	add(sam)
	for _, token := range strings.FieldsFunc(displayName, func(r rune) bool { return strings.ContainsRune(",.-_ #\t", r) }) {
		add(token)
	}
	return parts
}

// containedName compares without regard to case and leaves no copy of the password behind.
func containedName(password []byte, names []string) string {
	folded := make([]rune, 0, len(password))
	defer func() { clear(folded[:cap(folded)]) }()
	for b := password; len(b) > 0; {
		r, size := utf8.DecodeRune(b)
		folded = append(folded, unicode.ToLower(r))
		b = b[size:]
	}
	for _, name := range names {
		want := []rune(strings.ToLower(name))
		for i := 0; len(want) > 0 && i+len(want) <= len(folded); i++ {
			if equalRunes(folded[i:i+len(want)], want) {
				return name
			}
		}
	}
	return ""
}

func equalRunes(a, b []rune) bool {
	for i := range b {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
