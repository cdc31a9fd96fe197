package audit

import (
	"strings"
	"unicode"
)

// MaxReason bounds what an operator gives as a reason, in bytes.
const MaxReason = 200

// Reason returns what an operator gave as a reason as it is recorded: one printable line. ok is false for anything else.
func Reason(text string) (reason string, ok bool) {
	reason = strings.TrimSpace(text)
	if reason == "" || len(reason) > MaxReason || strings.ContainsFunc(reason, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "", false
	}
	return reason, true
}
