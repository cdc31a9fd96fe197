package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/demo"
	"homeward/internal/lab"
	"homeward/test/dctest"
)

// connectDesk is a machine on which the wizard runs.
type connectDesk struct {
	*site
	dc      *dctest.DC
	unit    string
	dir     string
	portal  string
	ca      string
	answers string
}

func newConnectDesk(t *testing.T, account string) connectDesk {
	t.Helper()
	s := own(t, demo.Options{}, nil)
	dc := s.admin(t)
	d := connectDesk{site: s, dc: dc, unit: "OU=Connect," + dc.BaseDN(), dir: t.TempDir()}
	req := ldap.NewAddRequest(d.unit, nil)
	req.Attribute("objectClass", []string{"organizationalUnit"})
	must(t, dc.Admin(t).Add(req))
	d.portal, d.ca = s.Portal(), s.CAFile()
	d.write(t, account, "")
	return d
}

func (d *connectDesk) path(name string) string { return filepath.Join(d.dir, name) }

// write writes the file of answers.
func (d *connectDesk) write(t *testing.T, account, more string) {
	t.Helper()
	d.answers = d.path("answers.yaml")
	as := d.dc.Administrator()
	must(t, os.WriteFile(d.answers, fmt.Appendf(nil, `version: 1
task: set-up
cloud: {portal: %q, ca_file: %q, how: code, state: %q}
directory:
  domain: %q
  controllers: %q
  security: ldaps
  ca_file: %q
  account: %s
  password_file: %q
  admin: %q
organizational_units: [%q]
features: {password_writeback: true, unlock: true, sync: true, staging: false}
start: true
%s`, d.portal, d.ca, d.path("state"), d.dc.Domain(), d.dc.LDAPSURL(), d.dc.CAFile(), account, d.path("service.password"), as.UPN, d.unit, more), 0o600))
}

// connect runs the wizard unattended with these lines on standard input.
func (d *connectDesk) connect(t *testing.T, lines ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, "connect", "--config", d.path("agent.yaml"), "--answers", d.answers)
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	out, err := cmd.CombinedOutput()
	for _, line := range lines {
		if line != "" && bytes.Contains(out, []byte(line)) {
			t.Error("the wizard printed a secret")
		}
	}
	return string(out), err
}

func (d *connectDesk) code(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, "agent", "code", "--config", d.Path("server.yaml")).Output()
	must(t, err)
	return strings.Fields(string(out))[0]
}

// From nothing to an agent that serves: the account is made, the rights are given, the agent is enrolled and everything
// is checked, in one run without a question; the second run finds nothing to do.
func TestConnectFromNothing(t *testing.T) {
	t.Parallel()
	d := newConnectDesk(t, "new\n  name: svc-connect")
	p := d.dc.NewPerson(t, dctest.In(d.unit))
	code, admin := d.code(t), d.dc.Administrator().Password
	out, err := d.connect(t, code, admin)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"account CONTOSO\\svc-connect created", "enrolled with", "8 rights given", "everything checked"} {
		if !strings.Contains(out, want) {
			t.Errorf("it doesn't say %q:\n%s", want, out)
		}
	}
	found := map[string]needle{}
	for name, n := range forms(code) {
		found["code "+name] = n
	}
	for name, n := range forms(admin) {
		found["administrator "+name] = n
	}
	must(t, filepath.WalkDir(d.dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		hunt(t, path, b, found)
		if st, err := e.Info(); err == nil && st.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s can be read by others: %v", path, st.Mode())
		}
		return err
	}))
	if out, err := verb(t, "", "agent", "doctor", "--config", d.path("agent.yaml")); err != nil {
		t.Errorf("the doctor: %v\n%s", err, out)
	}
	if out, err := verb(t, "", "agent", "doctor", "--config", d.path("agent.yaml"), "--person", p.UPN); err != nil {
		t.Errorf("the doctor about one person: %v\n%s", err, out)
	}
	d.serves(t)
	again, err := d.connect(t, "", admin)
	if err != nil || !strings.Contains(again, "0 rights given") || strings.Contains(again, "enrolled with") {
		t.Errorf("the second run: %v\n%s", err, again)
	}
	// What was handed out can be handed over.
	if out, err := verb(t, "", "connect", "--config", d.path("agent.yaml"), "--export", d.path("export.yaml")); err != nil {
		t.Errorf("export: %v\n%s", err, out)
	}
	d.managedAccount(t)
	d.additionalTasks(t)
}

// managedAccount sets another agent up on the same machine, in another folder: it runs as a managed account that the wizard
// makes and whose password the machine's own account reads by its keytab, with Kerberos all the way and controllers from DNS.
func (d *connectDesk) managedAccount(t *testing.T) {
	t.Helper()
	if out, err := d.dc.Tool(t.Context(), "computer", "create", "HOST1"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	host := "CN=HOST1,CN=Computers," + d.dc.BaseDN()
	d.dc.SetPassword(t, lab.Person{DN: host}, lab.RandomPassword())
	d.dc.Set(t, host, "userAccountControl", "4096") // as it is when a machine has joined
	m := *d
	m.dir = t.TempDir()
	m.answers = m.path("answers.yaml")
	as, keytab := d.dc.Administrator(), m.keytab(t, d.dc, "HOST1$")
	answers := func(account, admin string) {
		must(t, os.WriteFile(m.answers, fmt.Appendf(nil, `version: 2
task: set-up
cloud: {portal: %q, ca_file: %q, state: %q}
directories:
  - domain: %q
    dns: %q
    security: kerberos
    %s
    password_reader: HOST1$@%s
    keytab: %q
    %s
    organizational_units: [%q]
`, m.portal, m.ca, m.path("state"), d.dc.Domain(), d.dc.DNS(), account, d.dc.Domain(), keytab, admin, m.unit), 0o600))
	}
	byPassword := fmt.Sprintf("admin: %q", as.UPN)
	answers(fmt.Sprintf("account: managed\n    user: gmsa-none$@%s", d.dc.Domain()), byPassword)
	if out, err := m.connect(t, m.code(t), as.Password); err == nil || !strings.Contains(out, "there is no managed account gmsa-none$") {
		t.Errorf("no such managed account: %v\n%s", err, out)
	}
	answers("account: new-managed\n    name: gmsa-connect", byPassword)
	out, err := m.connect(t, m.code(t), as.Password)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{`password read by CONTOSO\HOST1$`, `account CONTOSO\gmsa-connect$ created`, "enrolled with", "8 rights given", "everything checked"} {
		if !strings.Contains(out, want) {
			t.Errorf("it doesn't say %q:\n%s", want, out)
		}
	}
	m.serves(t)
	// Again, as an administrator who types no password: tickets say who it is.
	tickets, err := d.dc.Tickets(as)
	must(t, err)
	must(t, os.WriteFile(m.path("tickets"), tickets, 0o600))
	answers("account: new-managed\n    name: gmsa-connect", fmt.Sprintf("admin_tickets: %q", "FILE:"+m.path("tickets")))
	again, err := m.connect(t, "")
	if err != nil || !strings.Contains(again, "0 rights given") || !strings.Contains(again, `signed in as CONTOSO\Administrator`) {
		t.Errorf("the second run: %v\n%s", err, again)
	}
	must(t, os.WriteFile(m.path("tickets"), tickets[:len(tickets)-9], 0o600))
	if again, err = m.connect(t, ""); err == nil || !strings.Contains(again, "Run kinit for that domain again") {
		t.Errorf("damaged tickets: %v\n%s", err, again)
	}
}

// serves starts the agent that the wizard has set up and waits until the server counts on it.
func (d *connectDesk) serves(t *testing.T) {
	t.Helper()
	d.whileRunning(t, func() {})
}

// connected waits until an agent with that log is connected to the server.
func (d *connectDesk) connected(t *testing.T, log string) {
	t.Helper()
	dctest.Eventually(t, patience, func() error {
		b, err := os.ReadFile(d.path(log))
		if err != nil {
			return err
		}
		if !bytes.Contains(b, []byte("relay is connected")) {
			return fmt.Errorf("not yet: %s", b)
		}
		return nil
	})
}

// Every stop, against the real parts: nothing is changed.
func TestConnectStops(t *testing.T) {
	t.Parallel()
	d := newConnectDesk(t, "new\n  name: svc-stop")
	admin := d.dc.Administrator().Password
	outsider := d.dc.NewPerson(t)
	stop := func(name, want string, lines ...string) {
		t.Helper()
		out, err := d.connect(t, lines...)
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 || !strings.Contains(out, want) {
			t.Errorf("%s: %v, and it doesn't say %q:\n%s", name, err, want, out)
		}
		if _, err := os.Stat(d.path("agent.yaml")); err == nil {
			t.Errorf("%s: something was written", name)
		}
	}
	stop("wrong password", "password is wrong", d.code(t), "Not-The-Password-1")
	as := d.dc.Administrator().UPN
	b, err := os.ReadFile(d.answers)
	must(t, err)
	change := func(old, new string) {
		must(t, os.WriteFile(d.answers, bytes.Replace(b, []byte(old), []byte(new), 1), 0o600))
	}
	change(d.dc.LDAPSURL(), "ldaps://127.0.0.1:1")
	stop("unreachable", "Check the names of the controllers", d.code(t), admin)
	locked := d.dc.NewPerson(t)
	d.dc.Disable(t, locked)
	change("account: new\n  name: svc-stop", "account: existing\n  user: "+locked.UPN)
	stop("disabled account", "Enable the service account", d.code(t), admin, locked.Password)
	change("account: new\n  name: svc-stop", "account: existing\n  keytab: "+d.path("none.keytab")+"\n  user: "+locked.UPN)
	stop("no keytab", "there is no keytab at", d.code(t), admin)
	change("organizational_units: [", `organizational_units: ["OU=Nowhere,`+d.dc.BaseDN()+`"] #`)
	stop("no such OU", "there is no OU=Nowhere", d.code(t), admin)
	change("account: new\n  name: svc-stop", "account: existing\n  user: "+as)
	stop("administrator as service account", "Domain Admins", d.code(t), admin, admin)
	change("account: new\n  name: svc-stop", "account: existing\n  user: "+outsider.UPN)
	b2, err := os.ReadFile(d.answers)
	must(t, err)
	must(t, os.WriteFile(d.answers, bytes.Replace(b2, []byte(fmt.Sprintf("admin: %q", as)), []byte(`site: ""`), 1), 0o600))
	stop("missing rights", "rights are missing", d.code(t), outsider.Password)
	if _, err := d.dc.Admin(t).Search(ldap.NewSearchRequest("CN=svc-stop,CN=Users,"+d.dc.BaseDN(), ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", nil, nil)); err == nil {
		t.Error("the account was made")
	}
}
