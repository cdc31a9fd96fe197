package command

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/doctor"
	"homeward/internal/lab"
	"homeward/test/dctest"
)

func TestMain(m *testing.M) { os.Exit(dctest.Main(m)) }

// desk is an administrator's desk: a configuration, and the verbs.
type desk struct {
	dc   *dctest.DC
	file File
}

func newDesk(t *testing.T, units ...string) desk {
	t.Helper()
	dc := dctest.Private(t, lab.Options{})
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if units == nil {
		units = dc.OUs()
	}
	quoted, err := json.Marshal(units)
	if err != nil {
		t.Fatal(err)
	}
	svc := dc.ServiceAccount()
	password := write("password", svc.Password)
	return desk{dc, File{write("agent.yaml", fmt.Sprintf("server: https://localhost:1\nstate: %s\ndirectories:\n"+
		"  - {urls: [%q], ca_file: %s, user: %s, password_file: %s, sync: {mode: off}, organizational_units: %s}\n",
		dir, dc.LDAPSURL(), dc.CAFile(), svc.UPN, password, quoted))}}
}

// run runs a grant or a revoke with what is typed, and returns what was printed.
func (d desk) run(t *testing.T, verb interface {
	Run(ctx context.Context, s Streams) error
}, typed string,
) (string, error) {
	t.Helper()
	var out, asked bytes.Buffer
	err := verb.Run(t.Context(), Streams{In: strings.NewReader(typed), Out: &out, Err: &asked})
	for _, text := range []string{out.String(), asked.String(), fmt.Sprint(err)} {
		if strings.Contains(text, d.dc.Administrator().Password) {
			t.Error("the administrator's password was printed")
		}
	}
	return out.String(), err
}

// doctor returns the findings of the sections whose name begins so.
func (d desk) doctor(t *testing.T, person, section string) []doctor.Finding {
	t.Helper()
	var out bytes.Buffer
	verb := Doctor{File: d.file, Person: person, JSON: true}
	if err := verb.Run(t.Context(), Streams{Out: &out, Err: &out}); err == nil {
		t.Error("there is no portal, but the doctor found nothing to mend")
	}
	var r doctor.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%v in %s", err, out.String())
	}
	i := slices.IndexFunc(r.Sections, func(s doctor.Section) bool { return strings.HasPrefix(s.Name, section) })
	if i < 0 {
		t.Fatalf("no section %q in %s", section, out.String())
	}
	return r.Sections[i].Findings
}

func failed(findings []doctor.Finding) []doctor.Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f doctor.Finding) bool { return f.Status != doctor.Fail })
}

func (d desk) admin() string {
	return d.dc.NetBIOSName() + `\` + d.dc.Administrator().SAM + "\n" + d.dc.Administrator().Password + "\n"
}

// lists are the access control lists of everything grant may touch.
func (d desk) lists(t *testing.T, units ...string) string {
	t.Helper()
	var all strings.Builder
	for _, dn := range append(units, d.dc.BaseDN(), "CN=Password Settings Container,CN=System,"+d.dc.BaseDN()) {
		r, err := d.dc.Admin(t).Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)",
			[]string{"nTSecurityDescriptor"}, nil))
		if err != nil || len(r.Entries) != 1 {
			t.Fatalf("%s: %v", dn, err)
		}
		fmt.Fprintf(&all, "%s %x\n", dn, r.Entries[0].GetRawAttributeValue("nTSecurityDescriptor"))
	}
	return all.String()
}

func newUnit(t *testing.T, dc *dctest.DC, rdn string) string {
	t.Helper()
	req := ldap.NewAddRequest(rdn+","+dc.BaseDN(), nil)
	req.Attribute("objectClass", []string{"organizationalUnit"})
	if err := dc.Admin(t).Add(req); err != nil {
		t.Fatal(err)
	}
	return req.DN
}

// withUnit is a desk whose only OU has a name full of reserved characters and no rights.
func withUnit(t *testing.T) (desk, string) {
	t.Helper()
	const rdn = `OU=R\, D \"x\" $HOME %PATH% ` + "`id`" + ` & \\ #1`
	d := newDesk(t, rdn+",DC=corp,DC=contoso,DC=test")
	return d, newUnit(t, d.dc, rdn)
}

func TestDoctorGrantResetRevoke(t *testing.T) {
	d, unit := withUnit(t)
	p := d.dc.NewPerson(t, dctest.In(unit))
	svc := d.dc.ServiceAccount()
	// As in a new domain: the service account reads no fine-grained policies.
	d.dc.Revoke(t, "CN=Password Settings Container,CN=System,"+d.dc.BaseDN(), lab.ACEReadPSOs)
	before := d.lists(t, unit)
	if err := d.dc.ResetAs(svc, p.DN, lab.RandomPassword()); err == nil {
		t.Fatal("a reset worked without the right")
	}
	missing := failed(d.doctor(t, "", "Rights"))
	if len(missing) != 1 || missing[0].Count != 1 || !strings.Contains(missing[0].Text, "Reset Password, Write lockoutTime, Write pwdLastSet missing for 1 person: not granted on") {
		t.Fatalf("%+v", missing)
	}
	if one := failed(d.doctor(t, p.UPN, "Person")); len(one) != 3 {
		t.Errorf("%+v", one)
	}

	out, err := d.run(t, &Grant{change{File: d.file, DryRun: true}}, "")
	if err != nil || !strings.Contains(out, "(OA;CIIO;CR;00299570-246d-11d0-a768-00aa006e0529;bf967aba-0de6-11d0-a285-00aa003049e2;S-1-5-21-") ||
		!strings.Contains(out, "present Unexpire Password") || !strings.Contains(out, "Nothing was changed") {
		t.Errorf("%v: %s", err, out)
	}
	if d.lists(t, unit) != before {
		t.Fatal("a dry run changed something")
	}
	if out, err = d.run(t, &Grant{change{File: d.file}}, d.admin()); err != nil || !strings.Contains(out, "4 changed") {
		t.Fatalf("%v: %s", err, out)
	}
	granted := d.lists(t, unit)
	if err := d.dc.ResetAs(svc, p.DN, lab.RandomPassword()); err != nil {
		t.Errorf("reset with the right: %v", err)
	}
	if left := failed(d.doctor(t, "", "Rights")); len(left) != 0 {
		t.Errorf("%+v", left)
	}
	if one := failed(d.doctor(t, p.DN, "Person")); len(one) != 0 {
		t.Errorf("%+v", one)
	}
	// The second time nobody is asked for a password.
	if out, err = d.run(t, &Grant{change{File: d.file}}, ""); err != nil || !strings.Contains(out, "Nothing to do") || d.lists(t, unit) != granted {
		t.Errorf("%v: %s", err, out)
	}
	if out, err = d.run(t, &Revoke{change{File: d.file, DryRun: true}}, ""); err != nil || d.lists(t, unit) != granted {
		t.Errorf("%v: %s", err, out)
	}
	if out, err = d.run(t, &Revoke{change{File: d.file, Unit: []string{unit}, As: d.dc.Administrator().UPN}}, d.dc.Administrator().Password); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if after := d.lists(t, unit); after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
	if err := d.dc.ResetAs(svc, p.DN, lab.RandomPassword()); err == nil {
		t.Error("a reset worked after the right was taken back")
	}
}

func TestGrantRefuses(t *testing.T) {
	d, unit := withUnit(t)
	before := d.lists(t, unit)
	p := d.dc.NewPerson(t)
	for name, tt := range map[string]struct{ typed, want string }{
		"an ordinary person": {p.UPN + "\n" + p.Password + "\n", "nothing was changed: this account may not change permissions on"},
		"a wrong password":   {d.dc.Administrator().UPN + "\nwrong\n", "password is wrong"},
		"no password":        {d.dc.Administrator().UPN + "\n\n", "no password was given"},
		"a bare name":        {"Administrator\nsomething\n", "bare logon name"},
		"nothing":            {"", "no password was given"},
	} {
		out, err := d.run(t, &Grant{change{File: d.file}}, tt.typed)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
	if _, err := d.run(t, &Grant{change{File: d.file, Domain: "other.test"}}, ""); err == nil || !strings.Contains(err.Error(), "--domain") {
		t.Errorf("another domain: %v", err)
	}
	if _, err := d.run(t, &Revoke{change{File: d.file, Unit: []string{"OU=Nowhere," + d.dc.BaseDN()}}}, ""); err == nil || !strings.Contains(err.Error(), "OU=Nowhere") {
		t.Errorf("an OU that isn't there: %v", err)
	}
	if d.lists(t, unit) != before {
		t.Error("something was changed")
	}
}

// The commands that the doctor prints are run as they are, after a shell has read them.
func TestPrintedCommandsMendIt(t *testing.T) {
	d, unit := withUnit(t)
	p := d.dc.NewPerson(t, dctest.In(unit))
	ran := 0
	for _, f := range failed(d.doctor(t, "", "Rights")) {
		for _, r := range f.Remedies {
			for _, c := range r.Commands {
				if strings.ContainsAny(c.Line, "\n$`%!") && !strings.Contains(c.Line, "svc-homeward") {
					t.Errorf("a shell reads this: %s", c.Line)
				}
				if !strings.HasPrefix(c.Where, "Samba") {
					continue
				}
				words, err := exec.CommandContext(t.Context(), "sh", "-c", "for w in "+c.Line+`; do printf '%s\n' "$w"; done`).Output()
				if err != nil {
					t.Fatalf("%s: %v", c.Line, err)
				}
				args := strings.Split(strings.TrimSpace(string(words)), "\n")
				if out, err := d.dc.Tool(t.Context(), append(args[1:], "-H", "/lab/dc/private/sam.ldb")...); err != nil {
					t.Fatalf("%s: %v: %s", c.Line, err, out)
				}
				ran++
			}
		}
	}
	if ran == 0 {
		t.Fatal("no command for Samba")
	}
	if left := failed(d.doctor(t, "", "Rights")); len(left) != 0 {
		t.Errorf("%+v", left)
	}
	if err := d.dc.ResetAs(d.dc.ServiceAccount(), p.DN, lab.RandomPassword()); err != nil {
		t.Error(err)
	}
}

func TestDoctorTellsOfOnePerson(t *testing.T) {
	d := newDesk(t)
	p := d.dc.NewPerson(t)
	d.dc.Lock(t, p)
	protected := d.dc.NewPerson(t)
	d.dc.SetAdminCount(t, protected)
	for name, want := range map[string]string{
		p.UPN: "locked", d.dc.NetBIOSName() + `\` + protected.SAM: "adminCount=1", "nobody@contoso.com": "nobody is called",
	} {
		findings := d.doctor(t, name, "Person")
		if !slices.ContainsFunc(findings, func(f doctor.Finding) bool { return strings.Contains(f.Text, want) }) {
			t.Errorf("%s: %+v", name, findings)
		}
	}
	if f := d.doctor(t, "", "Cloud"); len(failed(f)) != 1 || f[1].Status != doctor.Skip {
		t.Errorf("%+v", f)
	}
}

func TestReadLine(t *testing.T) {
	in := strings.NewReader("first\r\nsecond\nthird")
	for _, want := range []string{"first", "second", "third", ""} {
		if got, err := readLine(in); err != nil || string(got) != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	if got, err := readLine(strings.NewReader(strings.Repeat("x", maxLine+5))); err != nil || len(got) != maxLine {
		t.Errorf("%d, %v", len(got), err)
	}
}

// What sync lacks is a warning with its remedy, for the agent goes on without it; grant gives it and revoke takes it back.
func TestSyncRightsAreWarnings(t *testing.T) {
	d, unit := withUnit(t)
	p := d.dc.NewPerson(t, dctest.In(unit))
	text, err := os.ReadFile(d.file.Config)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte("sync: {mode: off}"), []byte("sync: {mode: on}"), 1)
	if err := os.WriteFile(d.file.Config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	status := func() map[string]doctor.Status {
		out := map[string]doctor.Status{}
		for _, f := range d.doctor(t, "", "Rights") {
			out[f.Name] = f.Status
			if (f.Name == "changes" || f.Name == "deleted objects") && f.Status == doctor.Warn && len(f.Remedies) != 1 {
				t.Errorf("%s has %d remedies", f.Name, len(f.Remedies))
			}
		}
		return out
	}
	// The lab's account begins with what sync needs.
	if out, err := d.run(t, &Revoke{change{File: d.file}}, d.admin()); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if s := status(); s["changes"] != doctor.Warn || s["deleted objects"] != doctor.Warn || s["rights"] != doctor.Fail {
		t.Errorf("before: %v", s)
	}
	if out, err := d.run(t, &Grant{change{File: d.file}}, d.admin()); err != nil || !strings.Contains(out, "Replicating Directory Changes") {
		t.Fatalf("%v: %s", err, out)
	}
	if s := status(); s["changes"] != doctor.OK || s["deleted objects"] != doctor.OK || s["rights"] == doctor.Fail || s["too much"] != "" {
		t.Errorf("after: %v", s)
	}
	// Without the right to write the source anchor alone: a warning too.
	d.dc.Revoke(t, unit, lab.ACESourceAnchor)
	if s := status(); s["rights"] != doctor.Warn {
		t.Errorf("without the source anchor: %v", s)
	}
	if err := d.dc.ResetAs(d.dc.ServiceAccount(), p.DN, lab.RandomPassword()); err != nil {
		t.Error(err)
	}
	if out, err := d.run(t, &Revoke{change{File: d.file}}, d.admin()); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if s := status(); s["changes"] != doctor.Warn || s["rights"] != doctor.Fail {
		t.Errorf("after revoke: %v", s)
	}
}
