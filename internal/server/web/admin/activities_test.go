package admin_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"homeward/internal/server/web/admin"
)

// TestEveryActivityCanBeFilteredBy reads the server's own sources: whatever they record, the page of the audit log has in its list.
func TestEveryActivityCanBeFilteredBy(t *testing.T) {
	t.Parallel()
	says := regexp.MustCompile(`Activity: *"([^"]+)"|Activity, [^=\n]*= "([^"]+)"|activity(?:, [a-z]+)? :?= "([^"]+)"|\b(?:record|note|noted)\((?:[a-z.A-Z]+, )*"([A-Z][^"]+)"`)
	found := 0
	for _, root := range []string{"../../../../internal/server", "../../../../cmd"} {
		err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "storetest") {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, m := range says.FindAllStringSubmatch(string(text), -1) {
				activity := strings.Join(m[1:], "")
				if found++; !slices.Contains(admin.Activities(), activity) {
					t.Errorf("%s records %q, which isn't in the list that the audit log's page filters by", path, activity)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	const least = 40
	if found < least {
		t.Errorf("only %d places that record were found: the pattern no longer fits the code", found)
	}
}
