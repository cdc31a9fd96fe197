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

// TestFieldsCodesAreNamed: administrators who know a refusal by its code elsewhere find it here. SSPR_0011, no policy at all,
// can't be: there always is one.
func TestFieldsCodesAreNamed(t *testing.T) {
	for code, events := range map[string][]Code{
		"SSPR_0009": {FlowNotInScope}, "SSPR_0010": {FlowTurnedOff}, "SSPR_0012": {FlowUnlicensed}, "SSPR_0013": {FlowNotInScope}, "SSPR_0014": {NotRegistered},
		"SSPR_0029": {PermissionDenied, AccountProtected, DirectoryConfig, DirectoryDown, PolicyHintsMissing}, "SSPR_0030": {FlowNoAgent},
	} {
		for _, c := range events {
			if e, ok := Lookup(c); !ok || !strings.Contains(e.Meaning, code) {
				t.Errorf("event %d doesn't name %s: %s", c, code, e.Meaning)
			}
		}
	}
}
