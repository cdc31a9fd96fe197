package spelling_test

import (
	"testing"

	"homeward/internal/spelling"
)

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"zone", "zone", 0}, {"zone", "zones", 1}, {"kitten", "sitting", 3}, {"stokholm", "stockholm", 1}} {
		if got := spelling.Distance(c.a, c.b); got != c.want {
			t.Errorf("%q and %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
