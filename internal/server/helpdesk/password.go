package helpdesk

import (
	"crypto/rand"
	"strings"
	"unicode"
	"unicode/utf8"

	"homeward/internal/server/provision"
)

// Characters of temporary passwords: read aloud they can't be mistaken, and without vowels they make no words and few names.
const (
	capitals = "BCDFGHJKMNPQRTVWXZ"
	smalls   = "bcdfghjkmnpqrtvwxz"
	numbers  = "23456789"

	groupSize   = 4
	leastGroups = 4
	mostLength  = 128 // of a password that a controller takes by LDAP and people can type
)

// temporary draws a password that satisfies a policy: of at least so many characters, with capital and small letters, numbers
// and a symbol, and with no part of the person's name. Its first group begins with a capital, its last one ends with a number.
func temporary(p provision.Person, least int) []byte {
	groups := leastGroups
	for groups*(groupSize+1)-1 < min(least, mostLength) {
		groups++
	}
	names := nameParts(p)
	for {
		out := draw(groups)
		if !holdsAny(out, names) {
			return out
		}
		clear(out)
	}
}

func draw(groups int) []byte {
	out := make([]byte, 0, groups*(groupSize+1)) // one buffer: one that grows leaves copies behind
	for g := range groups {
		if g > 0 {
			out = append(out, '-')
		}
		for i := range groupSize {
			switch {
			case g == 0 && i == 0:
				out = append(out, pick(capitals))
			case g == groups-1 && i == groupSize-1:
				out = append(out, pick(numbers))
			case g == 0 && i == 1:
				out = append(out, pick(smalls))
			default:
				out = append(out, pick(smalls+numbers))
			}
		}
	}
	return out
}

// pick draws one character, all equally likely.
func pick(from string) byte {
	var b [1]byte
	for {
		_, _ = rand.Read(b[:]) // never fails (crypto/rand)
		if whole := 256 - 256%len(from); int(b[0]) < whole {
			return from[int(b[0])%len(from)]
		}
	}
}

// nameParts are what Active Directory's complexity rule looks for ([MS-SAMR] 3.1.1.7.2.2, and the account name whole):
// three characters or more of a name.
func nameParts(p provision.Person) []string {
	parts := []string{strings.ToLower(p.SAM)}
	words := strings.FieldsFunc(strings.ToLower(p.DisplayName+" "+p.GivenName+" "+p.Surname), func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune(",.-_#", r)
	})
	for _, w := range append(parts, words...) {
		if utf8.RuneCountInString(w) >= 3 {
			parts = append(parts, w)
		}
	}
	return parts[1:]
}

func holdsAny(password []byte, names []string) bool {
	for _, n := range names {
		for i := 0; i+len(n) <= len(password); i++ {
			if equalFold(password[i:i+len(n)], n) {
				return true
			}
		}
	}
	return false
}

// equalFold compares without making a text of the password.
func equalFold(password []byte, lower string) bool {
	for i, c := range password {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
