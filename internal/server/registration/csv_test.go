package registration

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/server/provision"
	"homeward/internal/server/verify"
)

func TestParseRows(t *testing.T) {
	const file = "\uFEFFUserPrincipalName;method;value\r\n" +
		"amara@contoso.com;mail;amara@home.example\r\n" +
		"amara@contoso.com;Text; +46 70 123 45 42 \r\n" +
		"Amara@Contoso.com;mail;AMARA@home.example\r\n" +
		"sam;mail;sam@home.example\r\n" +
		"sam@contoso.com;app;ABCD\r\n" +
		"sam@contoso.com;text;070 123\r\n" +
		"sam@contoso.com;mail;two words\r\n" +
		"sam@contoso.com;mail\r\n"
	rows, wrong, err := ParseRows(strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	want := []Row{
		{Line: 2, UPN: "amara@contoso.com", Kind: verify.Mail, To: "amara@home.example", Masked: "a•••@home.example"},
		{Line: 3, UPN: "amara@contoso.com", Kind: verify.Text, To: "+46701234542", Masked: "•••• 42"},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Error(diff)
	}
	wantWrong := []provision.LineError{
		{Line: 4, Message: "The same is on line 2."},
		{Line: 5, Message: "The first column isn't a user principal name."},
		{Line: 6, Message: "The method has to be mail or text. Apps, passkeys and questions are registered by people themselves."},
		{Line: 7, Message: "The value isn't a telephone number with its country code, such as +46 70 123 45 42."},
		{Line: 8, Message: "The value isn't a mail address."},
		{Line: 9, Message: "The line has 2 columns, not 3."},
	}
	if diff := cmp.Diff(wantWrong, wrong); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"", "upn,method,value\n", "userPrincipalName,method\n", "userPrincipalName,method,value,more\n", "\xff\xfe"} {
		if _, _, err := ParseRows(strings.NewReader(bad)); !errors.Is(err, ErrImport) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// FuzzParseRows: whatever the file holds, each line is taken whole or told, and what is taken can be dialled or written to.
func FuzzParseRows(f *testing.F) {
	f.Add("userPrincipalName,method,value\na@b.example,mail,c@d.example\n")
	f.Add("userPrincipalName;method;value\na@b.example;text;+46 70 123\n\"open")
	f.Add("userPrincipalName,method,value\na@b.example,mail,\"c@d.example\r\nBcc: x\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		rows, wrong, err := ParseRows(strings.NewReader(text))
		if err != nil && (rows != nil || wrong != nil) {
			t.Error("something is read in spite of an error")
		}
		last := 1
		for _, r := range rows {
			if r.Line <= last {
				t.Errorf("line %d after line %d", r.Line, last)
			}
			last = r.Line
			again, masked, err := destination(r.Kind, r.To)
			if err != nil || again != r.To || masked != r.Masked || strings.ContainsAny(r.To, "\r\n") {
				t.Errorf("%+v: %q %q %v", r, again, masked, err)
			}
		}
		for _, w := range wrong {
			if w.Line < 1 || w.Message == "" {
				t.Errorf("%+v", w)
			}
		}
	})
}
