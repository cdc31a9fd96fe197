package setting

import (
	"slices"
	"strconv"
	"strings"
)

const (
	arrow = " → "
	apart = "; "
	// Empty stands for a value that is empty.
	Empty = "–"
	// replaced is all that is told of a secret.
	replaced = "replaced"
)

// Change is one setting that changed, as a record tells it. A secret that was replaced has no values.
type Change struct{ Name, Before, After string }

// Difference is what changed, as name: old → new. What somebody typed stands in quotation marks, so that no text can pass for
// another change; ParseDifference takes it apart again.
func Difference(before, after []Value) string {
	var out []string
	for i := range before {
		if i < len(after) && before[i].Text != after[i].Text {
			name := before[i].Name
			out = append(out, name+": "+shown(name, before[i].Text)+arrow+shown(name, after[i].Text))
		}
	}
	return strings.Join(out, apart)
}

// WithSecret is a difference to which the replacement of a secret is added, whose value nobody is told.
func WithSecret(difference, name string) string {
	return strings.TrimPrefix(difference+apart+name+": "+replaced, apart)
}

// typed reports whether a setting's value is what somebody typed, so that anything may stand in it.
func typed(name string) bool {
	return slices.Contains([]string{
		"name", "helpdesk phone", "helpdesk mail", "helpdesk page", "sign-in page", "first page's sentence", "first page's note", "VPN step",
		"alerts to", "alert webhook", "issuer", "client id", "group claim", "groups", "acr", "amr",
	}, name)
}

// shown is a value in an audit record: on one line, not too long, and seen when it is empty.
func shown(name, text string) string {
	const most = 120
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "…"
	}
	switch {
	case text == "":
		return Empty
	case typed(name):
		return strconv.Quote(text)
	}
	return text
}

// ParseDifference takes apart what Difference and WithSecret made. ok is false for any other text, such as that of a record from
// before what was typed stood in quotation marks: it is shown as it was recorded. A name need not be one that there is.
func ParseDifference(text string) (changes []Change, ok bool) {
	for rest := text; ; {
		name, after, found := strings.Cut(rest, ": ")
		if !found || name == "" || strings.Contains(name, apart) || strings.Contains(name, arrow) {
			return nil, false
		}
		c := Change{Name: name}
		if after == replaced || strings.HasPrefix(after, replaced+apart) {
			rest = after[len(replaced):]
		} else {
			if c.Before, after, ok = value(name, after, arrow); !ok || !strings.HasPrefix(after, arrow) {
				return nil, false
			}
			if c.After, rest, ok = value(name, after[len(arrow):], apart); !ok {
				return nil, false
			}
		}
		changes = append(changes, c)
		if rest == "" {
			return changes, true
		}
		if rest, ok = strings.CutPrefix(rest, apart); !ok {
			return nil, false
		}
	}
}

// value reads one value off a text: a quoted one, or one that ends where another part begins.
func value(name, text, end string) (v, rest string, ok bool) {
	if !typed(name) {
		if i := strings.Index(text, end); i >= 0 {
			v, rest = text[:i], text[i:]
		} else {
			v = text
		}
		return v, rest, v != "" && !strings.Contains(v, apart) && !strings.Contains(v, arrow)
	}
	if rest, found := strings.CutPrefix(text, Empty); found {
		return Empty, rest, true
	}
	quoted, err := strconv.QuotedPrefix(text)
	if err != nil || !strings.HasPrefix(quoted, `"`) {
		return "", "", false
	}
	v, err = strconv.Unquote(quoted)
	return v, text[len(quoted):], err == nil
}

// OnOff reads a switch's value. ok is false for one of another kind.
func OnOff(value string) (on, ok bool) {
	return value == onOff(true), value == onOff(true) || value == onOff(false)
}
