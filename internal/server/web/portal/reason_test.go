package portal

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"homeward/internal/protocol"
	"homeward/internal/server/locale"
	"homeward/internal/server/reset"
)

// reasons reads every protocol.Reason from its source, so that a new one without words fails here.
func reasons(t *testing.T) []protocol.Reason {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../../protocol/protocol.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []protocol.Reason
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Reason") || len(spec.Values) != 1 {
			return true
		}
		if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
			if text, err := strconv.Unquote(literal.Value); err == nil && text != "" {
				out = append(out, protocol.Reason(text))
			}
		}
		return true
	})
	if len(out) < 40 {
		t.Fatalf("%d reasons found", len(out))
	}
	return out
}

// forIT are the reasons only IT can see into: one sentence serves them all (design.md 5). Whoever adds a reason
// decides here or in explain.
func forIT() map[protocol.Reason]bool {
	out := map[protocol.Reason]bool{}
	for _, r := range []protocol.Reason{
		protocol.ReasonRights, protocol.ReasonNoPolicyHints, protocol.ReasonNotEncrypted, protocol.ReasonDirectoryError,
		protocol.ReasonServiceAccount, protocol.ReasonAgentState, protocol.ReasonInternal, protocol.ReasonMalformed, protocol.ReasonVersion,
		protocol.ReasonWrongTenant, protocol.ReasonBadSignature, protocol.ReasonUnknownKey, protocol.ReasonSeal, protocol.ReasonReplayed, protocol.ReasonAgentCloned, protocol.ReasonAgentMoved,
	} {
		out[r] = true
	}
	return out
}

func TestEveryReasonHasASentence(t *testing.T) {
	catalog, err := locale.New()
	if err != nil {
		t.Fatal(err)
	}
	generic := forIT()
	for _, r := range reasons(t) {
		e := explain(r)
		if (e.text == genericLead) != generic[r] {
			t.Errorf("%s: says %q; give it a sentence of its own, or name it as IT's", r, e.text)
		}
		for _, id := range []string{e.title, e.text} {
			if id != "" && !catalog.Has(id) {
				t.Errorf("%s: no message %q", r, id)
			}
		}
		if e.remedy == another && (PasswordPage{Refused: Refusal{Reason: r}}).refusal() == "password.error.unknown" && r != protocol.ReasonRuleUnknown && r != protocol.ReasonTooYoung {
			t.Errorf("%s: the password page has no words for it", r)
		}
	}
	if e := explain("of the future"); e.text != genericLead || e.remedy != mend {
		t.Errorf("a reason of another version says %q", e.text)
	}
}

// TestFailedAttemptsSayNothingChanged: whatever ends an attempt, its page tells what became of the password, and no
// page of a failure is a dead end.
func TestFailedAttemptsSayNothingChanged(t *testing.T) {
	for _, r := range reasons(t) {
		page := shown(reset.Attempt{State: reset.Failed, Reason: r, Kind: protocol.Change})
		if page == Changed || page == Writing || page == NotSure {
			t.Errorf("%s: a failed attempt is shown as %s", r, page)
		}
		if e := explain(r); page == Failed && e.remedy != mend && e.remedy != another && e.remedy != unsure {
			t.Errorf("%s: shown as %s, though it has words of its own", r, page)
		}
	}
}
