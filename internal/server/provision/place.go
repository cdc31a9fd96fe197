package provision

import (
	"encoding/hex"
	"errors"
	"slices"
	"strings"
)

// placeEnd ends each level of a place. It can't be in a name of Active Directory; if it is, it is dropped.
const placeEnd = "\x1f"

// ErrPlace reports what is no distinguished name of an organisational unit, container or domain.
var ErrPlace = errors.New("no distinguished name: use one such as OU=Sales,DC=corp,DC=contoso,DC=test")

// Place is a distinguished name from the root down, folded: what is below another place begins with it. It reads escaped
// characters (RFC 4514) and never fails: what can't be read as levels is one level.
func Place(dn string) string {
	levels := levels(dn)
	slices.Reverse(levels)
	var b strings.Builder
	for _, l := range levels {
		b.WriteString(l)
		b.WriteString(placeEnd)
	}
	return b.String()
}

// ParsePlace is Place for what an operator types: it has to be a container with a domain above it.
func ParsePlace(dn string) (string, error) {
	all := levels(dn)
	if len(all) == 0 || len(dn) > maxDN {
		return "", ErrPlace
	}
	for i, l := range all {
		kind, value, ok := strings.Cut(l, "=")
		if !ok || value == "" || kind != "ou" && kind != "dc" && kind != "cn" || i == len(all)-1 && kind != "dc" {
			return "", ErrPlace
		}
	}
	return Place(dn), nil
}

// levels splits a distinguished name at its commas, from the object up.
func levels(dn string) []string {
	var out []string
	var level strings.Builder
	end := func() {
		kind, value, ok := strings.Cut(level.String(), "=")
		text := Fold(kind)
		if ok {
			text += "=" + Fold(value)
		}
		if text != "" {
			out = append(out, text)
		}
		level.Reset()
	}
	for i := 0; i < len(dn); i++ {
		switch c := dn[i]; {
		case c == '\\' && i+2 < len(dn) && isHex(dn[i+1]) && isHex(dn[i+2]):
			b, _ := hex.DecodeString(dn[i+1 : i+3])
			level.Write(b)
			i += 2
		case c == '\\' && i+1 < len(dn):
			i++
			level.WriteByte(dn[i])
		case c == ',':
			end()
		case c != placeEnd[0]:
			level.WriteByte(c)
		}
	}
	end()
	for i := range out {
		out[i] = strings.ToValidUTF8(strings.ReplaceAll(out[i], placeEnd, ""), "")
	}
	return out
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// Unit is the level directly above the object, as operators read it: OU=Sales. Empty: there is none.
func Unit(dn string) string {
	for i := 0; i < len(dn); i++ {
		switch dn[i] {
		case '\\':
			i++
		case ',':
			rest := dn[i+1:]
			for j := 0; j < len(rest); j++ {
				switch rest[j] {
				case '\\':
					j++
				case ',':
					return strings.TrimSpace(rest[:j])
				}
			}
			return strings.TrimSpace(rest)
		}
	}
	return ""
}
