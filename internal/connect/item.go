package connect

import (
	"strings"
	"unicode/utf8"

	"homeward/internal/doctor"
)

// kind is what an item on a page is.
type kind int

const (
	words kind = iota
	finding
	field
	secret
	radio
	check
	row // of the tree of OUs
	button
)

// item is one thing on a page, for the screen and for plain lines alike.
type item struct {
	kind    kind
	text    string // words, or the label
	lead    string // before the first line of words; the others stand below its end
	value   *string
	secret  *[]byte
	choice  string // the value a radio stands for
	on      *bool
	note    string
	off     string // why it can't be chosen
	finding doctor.Finding
	node    int // of the tree
	do      action
}

// action is what a button does.
type action int

const (
	goOn action = iota
	saveScript
	addDirectory
	takeOut
)

func say(text string) item { return item{kind: words, text: text} }
func blank() item          { return item{kind: words} }
func ask(label string, value *string) item {
	return item{kind: field, text: label, value: value}
}

func hidden(label string, value *[]byte) item { return item{kind: secret, text: label, secret: value} }

func oneOf(label string, value *string, choice, off string) item {
	return item{kind: radio, text: label, value: value, choice: choice, off: off}
}

func tick(label string, on *bool, note, off string) item {
	return item{kind: check, text: label, on: on, note: note, off: off}
}

// stops reports whether the focus stops there.
func (i item) stops() bool { return i.kind != words && i.kind != finding && i.off == "" }

// paneWidth is how wide the right side is.
const paneWidth = 52

// maxField bounds what is typed into a field.
const maxField = 512

// lines are what the item looks like, each at most paneWidth wide. focus marks the one that keys go to.
func (i item) lines(focus bool, labels int, t *tree) []string {
	mark := " "
	if focus {
		mark = ">"
	}
	switch i.kind {
	case words:
		out := wrap(i.text, paneWidth-2-len(i.lead))
		if i.lead == "" {
			return indent(" ", wrap(i.text, paneWidth-1))
		}
		for n := range out {
			if n == 0 {
				out[n] = " " + i.lead + out[n]
			} else {
				out[n] = strings.Repeat(" ", 1+len(i.lead)) + out[n]
			}
		}
		return out
	case finding:
		return findingLines(i.finding)
	case field:
		return []string{mark + pad(i.text, labels) + shown(*i.value, focus, paneWidth-labels-2)}
	case secret:
		return []string{mark + pad(i.text, labels) + shown(strings.Repeat("•", min(utf8.RuneCount(*i.secret), 24)), focus, paneWidth-labels-2)}
	case radio:
		return chosen(mark, "( )", "(•)", *i.value == i.choice, i)
	case check:
		return chosen(mark, "[ ]", "[x]", *i.on, i)
	case row:
		return []string{t.line(i.node, mark)}
	case button:
		return []string{mark + "[ " + i.text + " ]"}
	}
	return nil
}

func chosen(mark, no, yes string, on bool, i item) []string {
	box := no
	if on {
		box = yes
	}
	text := i.text
	if i.off != "" {
		text += "  (" + i.off + ")"
	}
	out := []string{mark + "  " + box + " " + clip(text, paneWidth-7)}
	if i.note != "" {
		out = append(out, indent("       ", wrap(i.note, paneWidth-7))...)
	}
	return out
}

func findingLines(f doctor.Finding) []string {
	tag := "[" + string(f.Status) + "]"
	body := wrap(f.Text, paneWidth-10)
	out := make([]string, len(body))
	for n, line := range body {
		if n == 0 {
			out[n] = "   " + pad(tag, 7) + line
		} else {
			out[n] = strings.Repeat(" ", 10) + line
		}
	}
	for _, r := range f.Remedies {
		out = append(out, indent(strings.Repeat(" ", 10), wrap(r.What, paneWidth-10))...)
		for _, c := range r.Commands {
			out = append(out, indent(strings.Repeat(" ", 10), wrap(c.Line, paneWidth-10))...)
		}
	}
	return out
}

// shown is a field's content, its end when it is too long.
func shown(s string, focus bool, width int) string {
	s = clean(s)
	if focus {
		s += "_"
	}
	if s == "" {
		return strings.Repeat("_", min(20, width))
	}
	if n := utf8.RuneCountInString(s); n > width {
		r := []rune(s)
		return "…" + string(r[n-width+1:])
	}
	return s
}

// clean keeps control characters away from the terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) || r == utf8.RuneError {
			return '?'
		}
		return r
	}, s)
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(1, width-utf8.RuneCountInString(s)))
}

func clip(s string, width int) string {
	s = clean(s)
	if utf8.RuneCountInString(s) <= width {
		return s
	}
	return string([]rune(s)[:width-1]) + "…"
}

func indent(by string, lines []string) []string {
	for i := range lines {
		if lines[i] != "" {
			lines[i] = by + lines[i]
		}
	}
	return lines
}

// wrap breaks text between words; a longer word is broken where it must.
func wrap(text string, width int) []string {
	var out []string
	for paragraph := range strings.SplitSeq(text, "\n") {
		if utf8.RuneCountInString(paragraph) <= width { // as it is, tables included
			out = append(out, strings.TrimRight(clean(paragraph), " "))
			continue
		}
		lead := paragraph[:len(paragraph)-len(strings.TrimLeft(paragraph, " "))]
		line, empty := lead, true
		for word := range strings.FieldsSeq(clean(paragraph)) {
			for utf8.RuneCountInString(word) > width-len(lead) {
				if !empty {
					out = append(out, line)
					line, empty = lead, true
				}
				r := []rune(word)
				out = append(out, lead+string(r[:width-len(lead)]))
				word = string(r[width-len(lead):])
			}
			switch {
			case word == "":
			case empty:
				line, empty = line+word, false
			case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
				line += " " + word
			default:
				out = append(out, line)
				line = lead + word
			}
		}
		if !empty || strings.TrimSpace(paragraph) == "" {
			out = append(out, strings.TrimRight(line, " "))
		}
	}
	return out
}
