package directory

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// DN is a parsed distinguished name, leaf first. Values are unescaped; multi-valued RDNs are refused,
// because Active Directory has none.
type DN []RDN

// RDN is one name component.
type RDN struct{ Type, Value string }

// ParseDN reads a DN as RFC 4514 writes it: \, and \2C escapes, no quotes, no #hex values. Types are
// upper-cased. The empty string is the empty DN.
func ParseDN(s string) (DN, error) {
	var dn DN
	for rest := s; rest != ""; {
		typ, after, ok := strings.Cut(rest, "=")
		typ = strings.TrimSpace(typ)
		if !ok || !validType(typ) {
			return nil, fmt.Errorf("DN component %d has no attribute type: %w", len(dn)+1, ErrSyntax)
		}
		value, next, err := rdnValue(after)
		if err != nil {
			return nil, fmt.Errorf("DN component %d: %w", len(dn)+1, err)
		}
		dn = append(dn, RDN{strings.ToUpper(typ), value})
		if next == nil {
			break
		}
		if *next == "" {
			return nil, fmt.Errorf("DN ends with a comma: %w", ErrSyntax)
		}
		rest = *next
	}
	return dn, nil
}

func validType(s string) bool {
	if s == "" {
		return false
	}
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

// rdnValue reads up to the next unescaped comma; next is nil at the end of the DN.
func rdnValue(s string) (value string, next *string, err error) {
	var b strings.Builder
	s = strings.TrimLeft(s, " ")
	if strings.HasPrefix(s, "#") {
		return "", nil, fmt.Errorf("#hex value: %w", ErrSyntax)
	}
	kept := 0 // length up to the last byte that trailing-space trimming must keep
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case ',':
			rest := s[i+1:]
			return b.String()[:kept], &rest, nil
		case '\\':
			if i+1 >= len(s) {
				return "", nil, fmt.Errorf("escape at the end: %w", ErrSyntax)
			}
			if strings.IndexByte(" \"#+,;<=>\\", s[i+1]) >= 0 {
				b.WriteByte(s[i+1])
				i++
			} else {
				if i+2 >= len(s) {
					return "", nil, fmt.Errorf("escape cut short: %w", ErrSyntax)
				}
				raw, err := hex.DecodeString(s[i+1 : i+3])
				if err != nil {
					return "", nil, fmt.Errorf("escape is neither a special character nor two hex digits: %w", ErrSyntax)
				}
				b.Write(raw)
				i += 2
			}
			kept = b.Len()
		case '"', '+', ';', '<', '>':
			return "", nil, fmt.Errorf("unescaped %q: %w", c, ErrSyntax)
		default:
			b.WriteByte(c)
			if c != ' ' {
				kept = b.Len()
			}
		}
	}
	return b.String()[:kept], nil, nil
}

// String returns the DN with the escapes RFC 4514 asks for.
func (dn DN) String() string {
	parts := make([]string, len(dn))
	for i, r := range dn {
		parts[i] = r.Type + "=" + escapeRDN(r.Value)
	}
	return strings.Join(parts, ",")
}

func escapeRDN(v string) string {
	var b strings.Builder
	for i := range len(v) {
		c := v[i]
		switch {
		case strings.IndexByte("\"+,;<=>\\", c) >= 0,
			i == 0 && (c == '#' || c == ' '),
			i == len(v)-1 && c == ' ':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, "\\%02X", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// Under reports whether dn is base or lies below it. Values compare without regard to case.
func (dn DN) Under(base DN) bool {
	if len(base) > len(dn) {
		return false
	}
	for i := range base {
		a, b := dn[len(dn)-1-i], base[len(base)-1-i]
		if a.Type != b.Type || !strings.EqualFold(a.Value, b.Value) {
			return false
		}
	}
	return true
}

// DNSDomain returns the DNS name made of the DC components, such as corp.contoso.test.
func (dn DN) DNSDomain() string {
	var labels []string
	for _, r := range dn {
		if r.Type == "DC" {
			labels = append(labels, r.Value)
		}
	}
	return strings.Join(labels, ".")
}
