package admin

import (
	"net/url"
	"strings"
	"testing"
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
		if isSupport(s) && (len(s) != 12 || s[:3] != "HW-" || s[7] != '-' || strings.ToUpper(s) != s || strings.ContainsAny(s, " :;<=>?@")) {
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
