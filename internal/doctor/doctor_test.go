package doctor

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func one(s Status, text string) func(context.Context) []Finding {
	return func(context.Context) []Finding { return []Finding{{Status: s, Text: text}} }
}

func TestRunFollowsNeeds(t *testing.T) {
	var order []string
	check := func(name string, s Status, needs ...string) Check {
		return Check{Section: "A", Name: name, Needs: needs, Run: func(context.Context) []Finding {
			order = append(order, name)
			return []Finding{{Status: s}}
		}}
	}
	r := Run(t.Context(), []Check{
		check("last", OK, "broken", "first"), check("rights", OK, "bind"), check("bind", Warn, "A/first"), check("first", OK),
		check("broken", Fail), check("after last", OK, "last"), check("circle", OK, "circle"), check("orphan", OK, "B/nothing"),
	})
	if diff := cmp.Diff([]string{"first", "broken", "bind", "rights"}, order); diff != "" {
		t.Error(diff)
	}
	var got []string
	for _, f := range r.Sections[0].Findings {
		got = append(got, f.Name+" "+string(f.Status))
	}
	want := []string{"last skip", "rights ok", "bind warn", "first ok", "broken FAIL", "after last skip", "circle skip", "orphan skip"}
	if diff := cmp.Diff(want, got); diff != "" || r.Problems != 1 || r.Warnings != 1 {
		t.Errorf("%d, %d: %s", r.Problems, r.Warnings, diff)
	}
}

func sample(t *testing.T) Report {
	r := Run(t.Context(), []Check{
		{Section: "Server", Name: "clock", Run: one(OK, "0.2 s ahead of the portal (limit 30 s)")},
		{Section: "Directory corp.contoso.test", Name: "minimum age", Run: one(Warn, "1 day: a second reset that day is refused")},
		{Section: "Rights of CONTOSO\\svc-homeward", Name: "reset password", Run: func(context.Context) []Finding {
			return []Finding{
				{
					Status: Fail, Count: 214, Text: "missing on OU=Sales for 214 people, inheritance is off", Affected: []string{"CN=A", "CN=B", "CN=C\x1b[2J", "CN=D"},
					Remedies: []Remedy{{What: "Grant it.", Commands: []Command{
						{"Windows", `dsacls "OU=Sales,DC=corp,DC=contoso,DC=test" /I:S /G "CONTOSO\svc-homeward:CA;Reset Password;user"`},
						{"Samba", `samba-tool dsacl set --objectdn="OU=Sales,DC=corp,DC=contoso,DC=test" --sddl="(…)"`},
					}}},
				},
				{Name: "protected", Status: Note, Count: 3, Text: "3 people are or were administrators: never written, as it should be"},
			}
		}},
		{Section: "Cloud", Name: "portal", Run: one(Fail, "does not answer")},
		{Section: "Cloud", Name: "relay", Needs: []string{"portal"}, Run: one(OK, "")},
	})
	r.Title, r.At = "homeward-agent 1.0 on srv-hw01", "2026-03-10T14:30:02+01:00"
	return r
}

var update = flag.Bool("update", false, "write the golden files") //nolint:gochecknoglobals // a flag of the test

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestRendering(t *testing.T) {
	r := sample(t)
	for name, render := range map[string]func(*bytes.Buffer) error{
		"table.txt":   func(b *bytes.Buffer) error { return r.Table(b, false) },
		"color.txt":   func(b *bytes.Buffer) error { return r.Table(b, true) },
		"report.json": func(b *bytes.Buffer) error { return r.JSON(b) },
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := render(&b); err != nil {
				t.Fatal(err)
			}
			golden(t, name, b.Bytes())
		})
	}
	var plain, coloured bytes.Buffer
	_ = r.Table(&plain, false)
	_ = r.Table(&coloured, true)
	if strings.Contains(plain.String(), "\x1b") {
		t.Error("an escape sequence without colour")
	}
	without := strings.NewReplacer("\x1b[31m", "", "\x1b[32m", "", "\x1b[33m", "", "\x1b[0m", "").Replace(coloured.String())
	if without != plain.String() {
		t.Error("colour changes the words")
	}
}

func TestSummary(t *testing.T) {
	for want, r := range map[string]Report{
		"All is well.": {}, "1 problem, no warnings. Exit code 1.": {Problems: 1}, "No problems, 2 warnings. Exit code 0.": {Warnings: 2},
	} {
		if got := r.summary(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
