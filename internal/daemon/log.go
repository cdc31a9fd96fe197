package daemon

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Secret is text that prints as a constant wherever it ends up: logs, errors, JSON, %v.
type Secret string

const redacted = "[secret]"

// String implements fmt.Stringer.
func (Secret) String() string { return redacted }

// GoString implements fmt.GoStringer.
func (Secret) GoString() string { return redacted }

// Format keeps every verb, %x and %q included, from printing the text.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler, so JSON and YAML show the constant too.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Reveal returns the text.
func (s Secret) Reveal() string { return string(s) }

// NewLog returns a log that writes JSON (or text) lines to w. Levels promise: error, an operator must act;
// warn, an operator should look; info, life of the program; debug, each step. No level holds a secret, and
// info and above hold no name that was only typed, since it may be a mistyped password. As a net below
// that promise, attributes whose key names a secret are redacted.
func NewLog(w io.Writer, level slog.Level, asJSON bool) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level, ReplaceAttr: redact}
	if asJSON {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

func redact(_ []string, a slog.Attr) slog.Attr {
	key := strings.ToLower(a.Key)
	for _, word := range []string{"password", "secret", "seed", "token", "cookie", "authorization"} {
		if strings.Contains(key, word) {
			return slog.String(a.Key, redacted)
		}
	}
	return a
}
