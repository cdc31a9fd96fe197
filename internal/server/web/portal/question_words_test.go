package portal_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"homeward/internal/server/verify"
	"homeward/internal/server/web/portal"
)

// TestEveryQuestionHasWords: 35 questions, each with words of its own in every language.
func TestEveryQuestionHasWords(t *testing.T) {
	engine, _, catalog := newSite(t)
	if n := len(verify.QuestionIDs()); n != 35 {
		t.Errorf("%d questions", n)
	}
	for _, lang := range catalog.Languages() {
		seen := map[string]string{}
		for _, id := range verify.QuestionIDs() {
			text := catalog.In(lang.Tag).T("question." + id)
			if other := seen[text]; other != "" || text == "" || text == "question."+id {
				t.Errorf("%s: %s says %q, as %q does", lang.Tag, id, text, other)
			}
			seen[text] = id
		}
		w := httptest.NewRecorder()
		if err := engine.Render(w, 200, portal.QuestionsPage{Frame: sampleFrame(catalog, lang.Tag, "/"), Create: true}); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(w.Body.String(), "<option value=\""); n < 35*verify.QuestionsMost {
			t.Errorf("%s: %d choices", lang.Tag, n)
		}
	}
}
