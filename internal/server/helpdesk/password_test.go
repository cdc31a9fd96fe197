package helpdesk

import (
	"strings"
	"testing"

	"homeward/internal/server/provision"
)

// TestTemporarySatisfiesEveryPolicy: long enough, four kinds of characters, none that is mistaken for another, no part of the name,
// and never the same twice.
func TestTemporarySatisfiesEveryPolicy(t *testing.T) {
	t.Parallel()
	p := provision.Person{SAM: "bcd", DisplayName: "Kbt Von-Trp", GivenName: "Kbt", Surname: "Trp"} // parts a draw can hit
	seen := map[string]bool{}
	for _, least := range []int{0, 7, 14, 19, 20, 24, 60, 127, 128, 500} {
		for range 500 {
			b := temporary(p, least)
			text := string(b)
			if len(b) < min(least, mostLength) || len(b) < 19 || len(b) > mostLength+groupSize || cap(b) < len(b) {
				t.Fatalf("%d characters for a policy of %d", len(b), least)
			}
			for _, kind := range []string{capitals, smalls, numbers, "-"} {
				if !strings.ContainsAny(text, kind) {
					t.Fatalf("none of %q", kind)
				}
			}
			if strings.ContainsAny(text, "0O1lIiLoaeuAEUyYsS") {
				t.Fatal("a character that is mistaken for another")
			}
			lower := strings.ToLower(text)
			for _, part := range []string{"bcd", "kbt", "von", "trp"} {
				if strings.Contains(lower, part) {
					t.Fatalf("it holds %q of the name", part)
				}
			}
			if seen[text] {
				t.Fatal("the same password twice")
			}
			seen[text] = true
		}
	}
}
