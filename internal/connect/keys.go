package connect

import (
	"strings"
	"unicode/utf8"
)

// keysOf reads what a terminal sends (ECMA-48, xterm's forms and the Linux console's). rest is the beginning of a
// sequence that isn't whole yet. A lone escape is the Esc key when final says that nothing follows.
func keysOf(b []byte, final bool) (keys []key, rest []byte) {
	for len(b) > 0 {
		switch c := b[0]; {
		case c == 0x1b:
			k, n := escape(b)
			if n == 0 && !final {
				return keys, b
			}
			if n == 0 {
				k, n = key{name: "esc"}, 1
			}
			if k != (key{}) {
				keys = append(keys, k)
			}
			b = b[n:]
		case c < ' ' || c == 0x7f:
			if k, ok := control(c); ok {
				keys = append(keys, k)
			}
			b = b[1:]
		default:
			if !utf8.FullRune(b) && !final {
				return keys, b
			}
			r, n := utf8.DecodeRune(b)
			switch {
			case r == utf8.RuneError && n == 1: // not left out in silence: it would be missing in a password
				keys = append(keys, key{name: "refused", text: garbled})
			case r != utf8.RuneError:
				keys = append(keys, key{text: string(r)})
			}
			b = b[n:]
		}
	}
	return keys, nil
}

func control(c byte) (key, bool) {
	switch c {
	case '\t':
		return key{name: "tab"}, true
	case '\r', '\n':
		return key{name: "enter"}, true
	case 0x03:
		return key{name: "ctrl+c"}, true
	case 0x15:
		return key{name: "ctrl+u"}, true
	case 0x08, 0x7f:
		return key{name: "backspace"}, true
	}
	return key{}, false
}

// maxSequence bounds an escape sequence.
const maxSequence = 16

// escape reads one sequence. n is 0 when it isn't whole.
func escape(b []byte) (k key, n int) {
	if len(b) < 2 {
		return key{}, 0
	}
	if b[1] != '[' && b[1] != 'O' {
		return key{name: "esc"}, 1
	}
	if len(b) > 2 && b[1] == '[' && b[2] == '[' { // the Linux console's F1 to F5
		if len(b) < 4 {
			return key{}, 0
		}
		return named("[" + string(b[3])), 4
	}
	for i := 2; i < len(b) && i < maxSequence; i++ {
		if b[i] >= '@' && b[i] <= '~' {
			return named(string(b[2 : i+1])), i + 1
		}
	}
	if len(b) >= maxSequence {
		return key{}, maxSequence
	}
	return key{}, 0
}

func named(sequence string) key {
	names := map[string]string{
		"A": "up", "B": "down", "C": "right", "D": "left", "Z": "backtab", "P": "f1", "Q": "f2", "11~": "f1", "12~": "f2", "[A": "f1", "[B": "f2",
	}
	return key{name: names[strings.TrimPrefix(sequence, "1;")]}
}
