package locale

import (
	"fmt"
	"slices"
	"strings"
)

// sentence is a message without plural forms, cut where its placeholders are, so that saying it costs no more than putting
// it together. Pages say dozens of them.
type sentence []piece

// piece is some text and the name of the value after it; the last has none.
type piece struct{ text, name string }

// cut takes a text apart. It knows {{.Name}} and nothing else that a template may hold.
func cut(text string) (sentence, bool) {
	var s sentence
	for {
		before, rest, found := strings.Cut(text, "{{")
		if !found {
			return append(s, piece{text: text}), true
		}
		inner, after, closed := strings.Cut(rest, "}}")
		name, isValue := strings.CutPrefix(strings.TrimSpace(inner), ".")
		if !closed || !isValue || name == "" || strings.ContainsFunc(name, notOfName) {
			return nil, false
		}
		s, text = append(s, piece{before, name}), after
	}
}

func notOfName(r rune) bool {
	return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
}

// say puts the sentence together. A value that is missing shows as it does in a template.
func (s sentence) say(values map[string]any) string {
	if len(s) == 1 {
		return s[0].text
	}
	var b strings.Builder
	for _, p := range s {
		b.WriteString(p.text)
		if p.name == "" {
			break
		}
		switch v := values[p.name].(type) {
		case nil:
			b.WriteString("<no value>")
		case string:
			b.WriteString(v)
		default:
			fmt.Fprint(&b, v)
		}
	}
	return b.String()
}

// placeholders lists the distinct {{.Name}} of a text, sorted.
func placeholders(text string) []string {
	s, _ := cut(text)
	names := make([]string, 0, len(s))
	for _, p := range s {
		if p.name != "" {
			names = append(names, p.name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// sentencesOf cuts every message of a language that has no plural forms.
func sentencesOf(set messageSet) map[string]sentence {
	out := make(map[string]sentence, len(set))
	for id, forms := range set {
		if s, ok := cut(forms["other"]); ok && len(forms) == 1 {
			out[id] = s
		}
	}
	return out
}
