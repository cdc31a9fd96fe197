package setting_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/server/setting"
	"homeward/internal/server/tenant"
)

func TestDifferenceIsTakenApart(t *testing.T) {
	t.Parallel()
	const sly = `x; tell people: on → off; name: "a" → "b`
	before := tenant.Tenant{Name: "Contoso"}
	after := before
	after.Name, after.Settings.Brand.Note, after.Settings.PeopleUntold = sly, `"quoted" \ – ü`, true
	text := setting.Difference(append(setting.Brand(before), setting.Notifications(before.Settings)...), append(setting.Brand(after), setting.Notifications(after.Settings)...))
	got, ok := setting.ParseDifference(setting.WithSecret(text, "client secret"))
	want := []setting.Change{
		{Name: "name", Before: "Contoso", After: sly},
		{Name: "first page's note", Before: setting.Empty, After: `"quoted" \ – ü`},
		{Name: "tell people", Before: "on", After: "off"},
		{Name: "client secret"},
	}
	if diff := cmp.Diff(want, got); diff != "" || !ok {
		t.Errorf("%v %s", ok, diff)
	}
	if got, ok := setting.ParseDifference(setting.WithSecret("", "client secret")); !ok || len(got) != 1 || got[0] != want[3] {
		t.Errorf("%v %v", got, ok)
	}
	for _, other := range []string{
		"", "x", "writeback", "writeback: ", "writeback: on", "writeback: on → ", "writeback: on → off; ", "writeback: on → off → on", ": on → off",
		"name: Contoso → x; tell people: on → off", // from before texts were quoted: who typed what can't be told
		`name: "a" → "b" x`, `name: "a → b`, "name: `a` → `b`", "name: 'a' → 'b'", "SPE_E3: 0",
	} {
		if got, ok := setting.ParseDifference(other); ok {
			t.Errorf("%q was taken for %v", other, got)
		}
	}
}

func FuzzParseDifference(f *testing.F) {
	for _, seed := range []string{"", "writeback: on → off; unlock: off → on", `name: "a" → –; client secret: replaced`, "name: – → –", "a: b → c; d: "} {
		f.Add(seed, "x")
	}
	f.Fuzz(func(t *testing.T, text, typed string) {
		if got, ok := setting.ParseDifference(text); ok && len(got) == 0 {
			t.Errorf("%q is nothing", text)
		}
		// Whatever somebody types, one change is told as one.
		told := setting.Difference([]setting.Value{{Name: "name", Text: typed}}, []setting.Value{{Name: "name", Text: "other " + typed}})
		got, ok := setting.ParseDifference(told)
		if !ok || len(got) != 1 || got[0].Name != "name" || !strings.HasPrefix(got[0].After, "other") {
			t.Errorf("%q became %v", told, got)
		}
	})
}
