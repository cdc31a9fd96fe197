package checkup

import (
	"context"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"homeward/internal/doctor"
	"homeward/internal/protocol"
)

// TestFindingsAreBounded: texts are cut, commands are whole or not told, and nothing that doesn't print travels.
func TestFindingsAreBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("å", protocol.MaxFindingText)
	f := travelling(doctor.Finding{
		Name: "State Folder", Status: doctor.Fail, Text: long, Where: "OU=A\x1b[31m\x00,DC=x", Affected: []string{"CN=Ruth"},
		Remedies: []doctor.Remedy{
			{What: long, Commands: []doctor.Command{{Where: "here", Line: "chmod go-rwx '/x'"}, {Where: "here", Line: long}, {Where: "here", Line: "rm\n-rf /"}}},
			{},
			{},
			{},
			{},
			{},
		},
	})
	if len(f.Text) > protocol.MaxFindingText || !utf8.ValidString(f.Text) || !strings.HasSuffix(f.Text, "å…") {
		t.Errorf("%d bytes: %.20s", len(f.Text), f.Text)
	}
	if f.Check != "state_folder" || f.Status != protocol.FindingFail || f.Where != "OU=A[31m,DC=x" || len(f.Fix) != mostFix {
		t.Errorf("%+v", f)
	}
	if c := f.Fix[0].Commands; len(c) != 1 || c[0].Line != "chmod go-rwx '/x'" {
		t.Errorf("%+v", c)
	}
}

func FuzzClip(f *testing.F) {
	f.Add("OU=Sales\x00")
	f.Fuzz(func(t *testing.T, s string) {
		if got := clip(s); len(got) > protocol.MaxFindingText || !utf8.ValidString(got) {
			t.Errorf("%q", got)
		}
	})
}

// TestLateChecksSayThatTheTimeWasUp, and those that follow aren't run.
func TestLateChecksSayThatTheTimeWasUp(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	var done, of int
	checks := paced([]doctor.Check{
		{Section: "Cloud", Name: "portal", Run: func(context.Context) []doctor.Finding { return found(doctor.Fail, "no answer in time") }},
	}, func(d, o int) { done, of = d, o })
	got := checks[0].Run(ctx)
	if len(got) != 1 || !strings.Contains(got[0].Text, "homeward-agent doctor") || done != 1 || of != 1 {
		t.Errorf("%+v, %d of %d", got, done, of)
	}
	r := doctor.Run(ctx, checks)
	if f := r.Sections[0].Findings[0]; f.Status != doctor.Skip || !strings.Contains(f.Text, "no time left") {
		t.Errorf("%+v", f)
	}
	visit := &Checkup{}
	told := visit.tell(doctor.Report{Sections: []doctor.Section{{Name: "Rights in corp.contoso.test", Findings: got}, {Name: "Cloud", Findings: got}, {Name: "Server", Findings: got}, {Name: "Directory x", Findings: got}}})
	want := []string{"rights corp.contoso.test", "cloud ", "machine ", "directory x"}
	for i, f := range told {
		if f.Section+" "+f.Domain != want[i] {
			t.Errorf("%q %q, want %q", f.Section, f.Domain, want[i])
		}
	}
}
