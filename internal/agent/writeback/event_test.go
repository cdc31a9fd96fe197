package writeback

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"testing"

	"homeward/internal/event"
	"homeward/internal/protocol"
)

// reasons reads every reason out of the protocol's source, so that none can be forgotten.
func reasons(t *testing.T) map[string]protocol.Reason {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", "protocol", "protocol.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]protocol.Reason{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); !ok || typ.Name != "Reason" {
			return true
		}
		text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		found[spec.Names[0].Name] = protocol.Reason(text)
		return true
	})
	return found
}

func TestEveryReasonHasAMeaning(t *testing.T) {
	all := reasons(t)
	if len(all) < 45 {
		t.Fatalf("only %d reasons found", len(all))
	}
	// What only the operation's own code fits.
	plain := map[protocol.Reason]bool{protocol.ReasonNone: true, protocol.ReasonNotWritten: true, protocol.ReasonInternal: true}
	for name, reason := range all {
		m, ok := meaningOf(reason)
		if !ok {
			t.Errorf("%s is in no table", name)
			continue
		}
		if (m.code == event.None) != plain[reason] {
			t.Errorf("%s has event %d", name, m.code)
		}
		if _, ok := event.Lookup(m.code); !ok && m.code != event.None {
			t.Errorf("%s has event %d, which is not in the catalogue", name, m.code)
		}
	}
	if n := len(personReasons()) + len(directoryReasons()) + len(requestReasons()); n != len(all) {
		t.Errorf("%d meanings for %d reasons: one is in two tables", n, len(all))
	}
	if _, ok := meaningOf("made up"); ok {
		t.Error("an unknown reason has a meaning")
	}
}

func TestOutcomesOfReasons(t *testing.T) {
	for reason, want := range map[protocol.Reason]protocol.Outcome{
		protocol.ReasonUsedBefore: protocol.Refused, protocol.ReasonFilter: protocol.Refused, protocol.ReasonWrongPassword: protocol.Refused,
		protocol.ReasonLastTry: protocol.Refused, protocol.ReasonLocked: protocol.Refused, protocol.ReasonCannotChange: protocol.Refused,
		protocol.ReasonDisabled: protocol.Refused, protocol.ReasonProtected: protocol.Refused, protocol.ReasonAccountExpired: protocol.Refused,
		protocol.ReasonRights: protocol.Failed, protocol.ReasonAmbiguous: protocol.Failed, protocol.ReasonNotFound: protocol.Failed,
		protocol.ReasonReplication: protocol.Failed, protocol.ReasonDirectoryBusy: protocol.Failed, "made up": protocol.Failed,
	} {
		if got := outcomeOf(reason); got != want {
			t.Errorf("%s is %s, want %s", reason, got, want)
		}
	}
}

// Each operation that writes has a start, a success and a failure of its own.
func TestEventsOfOperations(t *testing.T) {
	seen := map[event.Code]protocol.Operation{}
	for _, op := range protocol.Operations() {
		if !op.Writes() {
			continue
		}
		e := eventsOf(op)
		for _, code := range []event.Code{e.start, e.success, e.fail} {
			if other, ok := seen[code]; ok {
				t.Errorf("%s and %s share event %d", op, other, code)
			}
			seen[code] = op
		}
	}
}
