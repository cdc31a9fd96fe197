package openid

import (
	"encoding/json"
	"unicode/utf8"
)

// claims are those of a token by name, unread: what isn't of the expected kind is as good as missing.
type claims map[string]json.RawMessage

// text is a claim that is one text of a sensible length.
func (c claims) text(name string) string {
	var s string
	if json.Unmarshal(c[name], &s) != nil || len(s) > maxValue || !utf8.ValidString(s) {
		return ""
	}
	return s
}

// yes reports whether a claim is true. Some providers write it as a text.
func (c claims) yes(name string) bool {
	var b bool
	if json.Unmarshal(c[name], &b) == nil {
		return b
	}
	return c.text(name) == "true"
}

// list is a claim that is a list of texts, or one text.
func (c claims) list(name string) []string {
	if one := c.text(name); one != "" {
		return []string{one}
	}
	var raw []json.RawMessage
	if name == "" || json.Unmarshal(c[name], &raw) != nil {
		return nil
	}
	var out []string
	for _, r := range raw[:min(len(raw), maxValues)] {
		if s := (claims{"": r}).text(""); s != "" {
			out = append(out, s)
		}
	}
	return out
}
