package event

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

// TestCatalogueIsClosed fails when a code has no entry, two entries, or an entry without words.
func TestCatalogueIsClosed(t *testing.T) {
	seen := map[Code]string{}
	for _, e := range Catalogue() {
		if other, dup := seen[e.Code]; dup {
			t.Errorf("code %d belongs to %s and to %s", e.Code, other, e.Name)
		}
		seen[e.Code] = e.Name
		if e.Name == "" || !strings.HasSuffix(e.Meaning, ".") {
			t.Errorf("code %d: name %q, meaning %q", e.Code, e.Name, e.Meaning)
		}
	}
	file, err := parser.ParseFile(token.NewFileSet(), "event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	declared := 0
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 1 {
			declared++
		}
		return true
	})
	if declared-1 != len(seen) { // None has no entry
		t.Errorf("%d codes are declared, %d are in the catalogue", declared-1, len(seen))
	}
}
