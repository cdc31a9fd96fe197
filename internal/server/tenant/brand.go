package tenant

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Brand is how the pages for people look and what they say beside the product's own words. The texts are the
// organisation's own, in the language it chooses.
type Brand struct {
	Accent string `json:"accent,omitempty"` // #rrggbb; empty: the product's
	Logo   string `json:"logo,omitempty"`   // hash of the stored picture; empty: the name's first letter
	// Lead takes the place of the sentence below the first page's heading; Note stands below it.
	Lead string `json:"lead,omitempty"`
	Note string `json:"note,omitempty"`
	// VPN takes the place of the step that says how to connect a laptop that is away from the office.
	VPN string `json:"vpn,omitempty"`
}

// How many characters an organisation's own texts have at most.
const (
	MaxName  = 60
	MaxPhone = 40
	MaxLead  = 200
	MaxNote  = 400
	MaxVPN   = 200
)

// CheckText refuses a text that is too long for its place or holds what can't be shown. lines: it may have several.
func CheckText(text string, most int, lines bool) error {
	// Joiners and marks of direction are part of how some languages are written; what turns text around is not.
	bad := func(r rune) bool {
		return !unicode.IsGraphic(r) && (!lines || r != '\n') && !strings.ContainsRune("\u00ad\u200c\u200d\u200e\u200f", r)
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, bad) {
		return fmt.Errorf("the text holds a character that can't be shown")
	}
	if n := utf8.RuneCountInString(text); n > most {
		return fmt.Errorf("the text has %d characters: use up to %d: %w", n, most, ErrTooMany)
	}
	return nil
}

// CheckPhone refuses what nobody can dial.
func CheckPhone(text string) error {
	digits := 0
	for _, r := range text {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case !strings.ContainsRune("+ -()./", r):
			return fmt.Errorf("%.60q is no telephone number, such as +46 8 555 01 42", text)
		}
	}
	if text != "" && digits < 3 || len(text) > MaxPhone {
		return fmt.Errorf("%.60q is no telephone number, such as +46 8 555 01 42", text)
	}
	return nil
}
