package sms

import (
	"encoding/binary"
	"unicode/utf16"
)

// Data codings (SMPP 3.4, section 5.2.19).
const (
	codingDefault byte = 0x00 // here: the GSM alphabet, one character a byte
	codingUCS2    byte = 0x08
)

// gsmAlphabet is the basic character set of 3GPP TS 23.038, section 6.2.1; the position is the code. 0x1B is the escape.
const gsmAlphabet = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"

// gsm7 writes a text in the GSM alphabet, if it has all its characters. Typographic quotes and dashes become plain ones: one of
// them alone would double what the message costs.
func gsm7(text string) ([]byte, bool) {
	codes := map[rune]byte{'’': '\'', '‘': '\'', '“': '"', '”': '"', '–': '-', '—': '-', '\u00a0': ' '}
	n := byte(0)
	for _, r := range gsmAlphabet {
		if r != '\x1b' {
			codes[r] = n
		}
		n++
	}
	out := make([]byte, 0, len(text))
	for _, r := range text {
		code, ok := codes[r]
		if !ok {
			return nil, false
		}
		out = append(out, code)
	}
	return out, true
}

// ucs2 writes a text as UTF-16, big endian: what phones take UCS-2 for.
func ucs2(text string) []byte {
	var out []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		out = binary.BigEndian.AppendUint16(out, unit)
	}
	return out
}

// encode picks the shorter coding that holds the whole text.
func encode(text string) (coding byte, b []byte) {
	if b, ok := gsm7(text); ok {
		return codingDefault, b
	}
	return codingUCS2, ucs2(text)
}
