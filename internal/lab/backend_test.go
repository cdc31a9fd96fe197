package lab

import (
	"strings"
	"testing"
)

// A domain in one database must never be taken for the same domain in the other.
func TestBackendsHaveTheirOwnTemplates(t *testing.T) {
	t.Parallel()
	name := func(b Backend) string {
		t.Helper()
		n, err := templateName("root", Options{Domain: Contoso(), Backend: b})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	small, large := name(SmallBackend), name(LargeBackend)
	if small == large || !strings.HasPrefix(large, "domain-") {
		t.Errorf("templates %s and %s", small, large)
	}
}
