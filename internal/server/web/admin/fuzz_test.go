package admin

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"homeward/internal/server/audit"
	"homeward/internal/server/locale"
	"homeward/internal/server/provision"
)

// FuzzInside: wherever somebody is sent after the sign-in, it is a page of this portal.
func FuzzInside(f *testing.F) {
	for _, s := range []string{"/admin", "/admin/audit?who=x", "//evil.test/admin", "https://evil.test/admin", "/admin/\\evil", "/admin/../start", "/\t/evil.test", "/admin%2f..%2f", "/adminx"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, next string) {
		got := inside(next)
		u, err := url.Parse(got)
		if err != nil || u.IsAbs() || u.Host != "" || strings.HasPrefix(got, "//") || strings.ContainsAny(got, "\\\r\n") || u.Path != "/admin" && !strings.HasPrefix(u.Path, "/admin/") {
			t.Errorf("%q leads to %q", next, got)
		}
	})
}

// FuzzSupportCode: what is taken for a support code looks like one.
func FuzzSupportCode(f *testing.F) {
	f.Add("HW-7K3Q-92MD")
	f.Add("HW-7k3q-92md")
	f.Fuzz(func(t *testing.T, s string) {
		if audit.IsSupport(s) && (len(s) != 12 || s[:3] != "HW-" || s[7] != '-' || strings.ToUpper(s) != s || strings.ContainsAny(s, " :;<=>?@")) {
			t.Errorf("%q is taken for a support code", s)
		}
	})
}

// TestWordsOfEveryCause holds the reasons of package status against the words here.
func TestWordsOfEveryCause(t *testing.T) {
	t.Parallel()
	for id := range strings.FieldsSeq("none offline never moved outdated draining rights account hints encrypted readonly unreachable cloned away test connect turned_off") {
		if w := wordsOfCause(id); w.name == "" || w.says == "" || w.next == "" {
			t.Errorf("%s has no words", id)
		}
	}
	for id := range strings.FieldsSeq("unset off off_there relay silent unchecked broken outdated working") {
		if sentenceID(id) == "" {
			t.Errorf("sentence %s has no words", id)
		}
	}
}

// FuzzHarmless: no spreadsheet program takes a cell for a formula, and nothing of it is lost.
func FuzzHarmless(f *testing.F) {
	for _, s := range []string{"", "=1+1", "+46 70", "-1", "@SUM(A1)", "\t=1", " =1", "Anna", "＝1", "\"=1", "a=1", "\r\n=1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, cell string) {
		got := harmless(cell)
		if got != cell && got != "'"+cell {
			t.Errorf("%q becomes %q", cell, got)
		}
		if first := strings.TrimLeft(got, " \t\r\n\v\f\u00a0\""); first != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(first)[0]) {
			t.Errorf("%q is a formula", got)
		}
	})
}

// FuzzUnitOf: whatever the DN, the container is a part of it.
func FuzzUnitOf(f *testing.F) {
	for dn, want := range map[string]string{
		"CN=a,OU=Staff,DC=corp": "OU=Staff", `CN=Doe\, Jane,OU=A\,B,DC=x`: `OU=A\,B`, "CN=a": "", "": "", "CN=a,OU=b": "OU=b", `CN=a\`: "",
	} {
		if got := unitOf(dn); got != want {
			f.Errorf("%q lies in %q, want %q", dn, got, want)
		}
		f.Add(dn)
	}
	f.Fuzz(func(t *testing.T, dn string) {
		if got := unitOf(dn); !strings.Contains(dn, got) {
			t.Errorf("%q lies in %q", dn, got)
		}
	})
}

// TestEveryReasonHasACard: what sync can find wrong is told in the reader's language.
func TestEveryReasonHasACard(t *testing.T) {
	t.Parallel()
	for _, r := range provision.Reasons() {
		if w := wordsOfCase(r); w.tag == "" || w.title == "" || w.says == "" {
			t.Errorf("%s has no words", r)
		}
	}
	for _, g := range verdictGroups() {
		if groupWord(g) == "" || len(verdictsOf(g)) == 0 {
			t.Errorf("%s has no words", g)
		}
		for _, v := range verdictsOf(g) {
			if verdictWord(v) == "" {
				t.Errorf("%s has no words", v)
			}
		}
	}
}

// TestRefusalsAreInTheReadersLanguage: whatever the engine refuses on the sync page is told in words of the reader's, which name
// who stands in the way; none stays English.
func TestRefusalsAreInTheReadersLanguage(t *testing.T) {
	t.Parallel()
	catalog, err := locale.New()
	if err != nil {
		t.Fatal(err)
	}
	english := Frame{Localizer: catalog.In("en")}
	for _, l := range catalog.Languages() {
		f := Frame{Localizer: catalog.In(l.Tag)}
		for _, why := range provision.Refusals() {
			no := &provision.Error{Kind: provision.ErrRefused, Message: "said to the command line", Why: why, Who: "WHO", Value: "VALUE", Case: provision.SoftMatchRole}
			text, ok := f.refusal(no)
			if !ok || text == "" || text == no.Message || strings.Contains(text, "{{") || strings.Contains(text, "<no value>") {
				t.Errorf("%s, %s: %q", l.Tag, why, text)
			}
			same, _ := english.refusal(no)
			if l.Tag != "en" && text == same {
				t.Errorf("%s, %s is English: %q", l.Tag, why, text)
			}
			for _, word := range []string{"WHO", "VALUE"} {
				if strings.Contains(same, word) != strings.Contains(text, word) {
					t.Errorf("%s, %s names other things than in English: %q", l.Tag, why, text)
				}
			}
		}
	}
	if text, ok := english.refusal(errors.New("ours")); ok {
		t.Errorf("an error of ours is told: %q", text)
	}
}

// FuzzGroupRoles: what is read of lines of groups is what its own text says again.
func FuzzGroupRoles(f *testing.F) {
	for _, s := range []string{"hw-admins = Global Administrator", "CN=a,OU=b = reports-reader\n\nx=Reports Reader", "a", "=", "a = root"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		all, err := groupRoles(text)
		if err != nil {
			return
		}
		again, err := groupRoles(groupLines(all))
		if err != nil || !slices.Equal(all, again) {
			t.Errorf("%q is read as %v, and again as %v, %v", text, all, again, err)
		}
	})
}
