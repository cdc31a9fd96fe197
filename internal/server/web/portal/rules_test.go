package portal_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"homeward/test/webtest"
)

// TestLocalChecks: what the page can know it says at once, in the words the server would use, and sends
// nothing.
func TestLocalChecks(t *testing.T) {
	b, back, server := passwordPage(t)
	tests := []struct{ name, lang, password, text, rule string }{
		{"empty", "en", "", "Enter a new password", "length"},
		{"too short", "en", "Short-123", "Your password has 9 characters. It needs at least 12.", "length"},
		{"one character", "en", "x", "Your password has 1 character. It needs at least 12.", "length"},
		{"surrogates count twice", "en", "𝄞𝄞𝄞𝄞𝄞a", "Your password has 11 characters. It needs at least 12.", "length"},
		{"two kinds", "en", "quiet-harbour-lamp", "Add one more kind of character: a capital letter or a number.", "kinds"},
		{"one kind", "en", "quietharbourlamp", "Add 2 more kinds of character: a capital letter, a number or a symbol.", "kinds"},
		{"name", "en", "My-Okafor-2027x", "Your password contains “okafor”, which is part of your name.", "name"},
		{"user name", "en", "XaOkAfOr-1-xyz", "Your password contains “aokafor”, which is part of your name.", "name"},
		{"German", "de", "Short-123", "Ihr Passwort hat 9 Zeichen. Es braucht mindestens 12.", "length"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b.Go(t, server.URL+"/sample/"+tt.lang+"/password")
			typePassword(t, b, tt.password)
			b.Do(t, press)
			b.Until(t, `document.activeElement.className === "summary"`)
			got := map[string]string{
				"summary": webtest.Value[string](t, b, `document.querySelector("#problems a").textContent`),
				"field":   webtest.Value[string](t, b, `document.querySelector("#password-error span").textContent`),
				"invalid": webtest.Value[string](t, b, `document.getElementById("password").getAttribute("aria-invalid")`),
				"first":   webtest.Value[string](t, b, `document.querySelector("#rules li").dataset.rule`),
				"title":   webtest.Value[string](t, b, `document.title.split(" ")[0]`),
			}
			want := map[string]string{"summary": tt.text, "field": tt.text, "invalid": "true", "first": tt.rule, "title": "Problem:"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	if back.tickets != 0 {
		t.Errorf("%d tickets were asked for", back.tickets)
	}
	b.Quiet(t, "local checks")
}

// TestChecklist: the list follows the typing and is spoken once the typing stops.
func TestChecklist(t *testing.T) {
	b, _, _ := passwordPage(t)
	typePassword(t, b, "quiet-harbour-lamp")
	states := `Object.fromEntries(Array.from(document.querySelectorAll("#rules li"), li => [li.dataset.rule, li.dataset.state]))`
	if diff := cmp.Diff(map[string]string{"length": "ok", "kinds": "todo", "name": "ok", "history": "later"}, webtest.Value[map[string]string](t, b, states)); diff != "" {
		t.Error(diff)
	}
	if got := webtest.Value[string](t, b, `document.getElementById("rules-title").textContent`); got != "Your Contoso rules · 2 of 4 met" {
		t.Errorf("heading is %q", got)
	}
	if got := webtest.Value[string](t, b, `document.getElementById("rules-status").textContent`); got != "" {
		t.Errorf("%q is spoken while typing", got)
	}
	b.Until(t, `document.getElementById("rules-status").textContent === "2 of 4 rules met"`)
	for password, label := range map[string]string{"aB1!": "Weak", "Passwort1234!": "Weak", "quiet-harbour-lamp": "Good", "quiet-Harbour-lamp-7-over-the-Sound": "Strong"} {
		typePassword(t, b, password)
		if got := webtest.Value[string](t, b, `document.querySelector("#strength b").textContent`); got != label {
			t.Errorf("%s is called %s, not %s", password, got, label)
		}
	}
	b.Do(t, `document.getElementById("show").click()`)
	if got := webtest.Value[string](t, b, `document.getElementById("password").type`); got != "text" {
		t.Errorf("shown field has type %s", got)
	}
	b.Quiet(t, "checklist")
}
