package connect

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What a terminal sends around pasted text once it was asked to (xterm's bracketed paste).
const (
	pasteOn, pasteOff     = "\x1b[?2004h", "\x1b[?2004l"
	pasteBegin, pasteFini = "\x1b[200~", "\x1b[201~"
)

// keyboard turns what a terminal sends into keys, piece by piece. Pasted text is one key: a line end in it presses nothing.
type keyboard struct {
	rest    []byte // the beginning of a sequence, or of the end of a paste
	paste   []byte
	pasting bool
	long    bool // the paste is longer than any answer, and is dropped
}

// keys takes what was read. final says that nothing follows for a while: a lone escape is the Esc key then.
func (k *keyboard) keys(b []byte, final bool) (out []key) {
	k.rest = append(k.rest, b...)
	for {
		if k.pasting {
			if !k.pasted(&out) {
				return out
			}
			continue
		}
		before, after, begins := bytes.Cut(k.rest, []byte(pasteBegin))
		keys, rest := keysOf(before, final || begins)
		out = append(out, keys...)
		if !begins {
			k.keep(rest)
			return out
		}
		k.keep(after)
		k.pasting = true
	}
}

// waits reports whether the beginning of a sequence waits for its end. A paste may take its time.
func (k *keyboard) waits() bool { return len(k.rest) > 0 && !k.pasting }

// keep makes room for what comes next and forgets what is over.
func (k *keyboard) keep(rest []byte) {
	kept := bytes.Clone(rest)
	clear(k.rest)
	k.rest = kept
}

// pasted takes text over until the paste ends, and reports whether it did.
func (k *keyboard) pasted(out *[]key) bool {
	text, after, ends := bytes.Cut(k.rest, []byte(pasteFini))
	if !ends { // its end may have begun
		at := max(len(k.rest)-len(pasteFini)+1, 0)
		text, after = k.rest[:at], k.rest[at:]
	}
	if k.long = k.long || len(k.paste)+len(text) > 4*maxField; !k.long {
		k.paste = append(k.paste, text...)
	}
	k.keep(after)
	if !ends {
		return false
	}
	*out = append(*out, pasteKey(k.paste, k.long))
	clear(k.paste)
	k.paste, k.pasting, k.long = nil, false, false
	return true
}

// pasteKey is pasted text as it can stand in a field, or says why it can't.
func pasteKey(b []byte, long bool) key {
	if why := unusable(b); long || why != "" {
		if long {
			why = tooLong
		}
		return key{name: "refused", text: why}
	}
	return key{name: "paste", text: strings.TrimRight(string(b), "\r\n")}
}

const garbled = "Not UTF-8: set LANG to a UTF-8 locale (C.UTF-8) and type it again."

var tooLong = fmt.Sprintf("That is longer than %d characters: nothing was taken.", maxField)

// unusable says why text can't be an answer; empty: it can.
func unusable(b []byte) string {
	b = bytes.TrimRight(b, "\r\n")
	switch {
	case !utf8.Valid(b):
		return garbled
	case len(b) > maxField:
		return tooLong
	case bytes.ContainsAny(b, "\r\n"):
		return "That has several lines, and one is asked for: nothing was taken."
	case bytes.ContainsFunc(b, unicode.IsControl):
		return "That holds control characters: nothing was taken."
	}
	return ""
}
