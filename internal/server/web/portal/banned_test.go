package portal_test

import (
	"encoding/json"
	"os"
	"testing"

	"homeward/test/webtest"
)

// TestBannedInTheBrowser: the script judges every case of the agent's own table as the agent does.
func TestBannedInTheBrowser(t *testing.T) {
	raw, err := os.ReadFile("../../../banned/testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Words          []string
		Password, Word string
	}
	if err := json.Unmarshal(raw, &cases); err != nil || len(cases) < 30 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	server, b := sampleServer(t, nil), webtest.Open(t)
	b.Go(t, server.URL+"/sample/en/password-words")
	for _, c := range cases {
		words, errWords := json.Marshal(c.Words)
		password, errPassword := json.Marshal(c.Password)
		if errWords != nil || errPassword != nil {
			t.Fatal(errWords, errPassword)
		}
		if got := webtest.Value[string](t, b, "homewardBanned.find("+string(password)+", homewardBanned.list("+string(words)+"))"); got != c.Word {
			t.Errorf("%v: %q is banned by %q, want %q", c.Words, c.Password, got, c.Word)
		}
	}
	// The checklist and the button say it.
	for typed, state := range map[string]string{"C0ntoso-Harbour": "todo", "quiet harbour lamp 7": "ok", "": "todo"} {
		quoted, err := json.Marshal(typed)
		if err != nil {
			t.Fatal(err)
		}
		b.Do(t, `const f = document.getElementById("password"); f.value = `+string(quoted)+`; f.dispatchEvent(new Event("input"))`)
		if got := webtest.Value[string](t, b, `document.querySelector('[data-rule="banned"]').dataset.state`); got != state {
			t.Errorf("%q: the rule is %s, want %s", typed, got, state)
		}
	}
	b.Do(t, `const f = document.getElementById("password"); f.value = "C0ntoso-Harbour1"; document.getElementById("change").click()`)
	const want = "Your password is little more than “contoso”, which is on Contoso’s list of banned words. Try something quite different."
	if got := webtest.Value[string](t, b, `document.querySelector("#problems li").textContent`); got != want {
		t.Errorf("%q", got)
	}
	b.Quiet(t, "password-words")
}
