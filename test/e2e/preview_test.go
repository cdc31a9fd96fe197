package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"homeward/internal/lab"
	"homeward/test/dctest"
)

// copyFolder copies the files of a folder, which has no folders in it.
func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	must(t, os.MkdirAll(to, 0o700))
	files, err := os.ReadDir(from)
	must(t, err)
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(from, f.Name()))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(to, f.Name()), b, 0o600))
	}
}

// Before the first sync the agent's machine lists who would be joined, made, left out or in conflict, and why; and nothing changes,
// neither in the cloud nor in the directory.
func TestConnectPreview(t *testing.T) {
	t.Parallel()
	d := newConnectDesk(t, "new\n  name: svc-preview")
	if out, err := d.connect(t, d.code(t), d.dc.Administrator().Password); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	met, chief, fresh := d.dc.NewPerson(t, dctest.In(d.unit)), d.dc.NewPerson(t, dctest.In(d.unit)), d.dc.NewPerson(t, dctest.In(d.unit))
	d.mustOperate(t, "people", "create", "met.cloud@contoso.com", "Met Cloud", "--mail", met.Mail)
	d.mustOperate(t, "people", "create", "chief.cloud@contoso.com", "Chief Cloud", "--mail", chief.Mail)
	d.mustOperate(t, "role", "set", "chief.cloud@contoso.com", "Global Administrator")
	out := d.ignored(t)
	inCloud := d.mustOperate(t, "people", "accounts", "--cloud", "--json")
	inDirectory := d.versions(t, met, chief, fresh, out)

	text, err := verb(t, "", "connect", "preview", "--config", d.path("agent.yaml"))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	t.Log(text)
	for _, want := range [][]string{
		{"join soft", `CONTOSO\` + met.SAM, met.UPN, "met.cloud@contoso.com"},
		{"conflict", `CONTOSO\` + chief.SAM, chief.UPN, "chief.cloud@contoso.com", "admin role"},
		{"create", `CONTOSO\` + fresh.SAM, fresh.UPN},
		{"skip", `CONTOSO\` + out.SAM, out.UPN, "out.cloud@contoso.com", "admin role"},
		{"1 would be made, 1 joined to an account that exists, 0 changed, 0 restored, 0 left as they are, 1 left out, 1 in conflict."},
		{"admin role: "}, // what it means and what to do
		{"homeward sync preview"},
	} {
		if !hasLine(text, want) {
			t.Errorf("no line has %q", want)
		}
	}
	if strings.Index(text, chief.SAM) > strings.Index(text, fresh.SAM) {
		t.Error("what has to be decided doesn't come first")
	}
	if list := d.mustOperate(t, "sync", "preview"); !hasLine(list, []string{"join soft", met.SAM}) {
		t.Errorf("the server's list: %s", list)
	}
	if diff := cmp.Diff(accounts(t, inCloud), accounts(t, d.mustOperate(t, "people", "accounts", "--cloud", "--json"))); diff != "" {
		t.Errorf("the cloud was changed:\n%s", diff)
	}
	if diff := cmp.Diff(inDirectory, d.versions(t, met, chief, fresh, out)); diff != "" {
		t.Errorf("the directory was changed:\n%s", diff)
	}

	// The running agent isn't disturbed, neither from its folder nor from a copy of it.
	d.whileRunning(t, func() {
		copyFolder(t, d.path("state"), d.path("copied"))
		b, err := os.ReadFile(d.path("agent.yaml"))
		must(t, err)
		must(t, os.WriteFile(d.path("copied.yaml"), []byte(strings.Replace(string(b), d.path("state"), d.path("copied"), 1)), 0o600))
		_ = os.Remove(filepath.Join(d.path("copied"), "journal.db")) // it can't be copied whole while it is written to
		for _, conf := range []string{"agent.yaml", "copied.yaml"} {
			out, err := verb(t, "", "connect", "preview", "--config", d.path(conf))
			if err == nil || !strings.Contains(out, "can't disturb it. Stop it and try again") || !strings.Contains(out, "Sync status > Preview") {
				t.Errorf("%s: %v\n%s", conf, err, out)
			}
		}
	})
}

// ignored is somebody whom the other agent found in conflict, and whom an operator then chose to leave out for good. They come to
// the unit that is previewed.
func (d *connectDesk) ignored(t *testing.T) lab.Person {
	t.Helper()
	d.mustOperate(t, "people", "create", "out.cloud@contoso.com", "Out Cloud", "--mail", "out.of.it@mail.example")
	d.mustOperate(t, "role", "set", "out.cloud@contoso.com", "Global Administrator")
	p := d.dc.NewPerson(t, dctest.In(d.dc.OUs()[0]), dctest.WithMail("out.of.it@mail.example"))
	object := ""
	eventually(t, func() error {
		var all []struct{ Object, Name string }
		must(t, json.Unmarshal([]byte(d.mustOperate(t, "sync", "problems", "--json")), &all))
		for _, one := range all {
			if strings.HasSuffix(one.Name, `\`+p.SAM) {
				object = one.Object
				return nil
			}
		}
		return fmt.Errorf("nobody asks about %s: %+v", p.SAM, all)
	})
	d.mustOperate(t, "sync", "decide", object, "ignore")
	rdn, _, _ := strings.Cut(p.DN, ",")
	must(t, d.dc.Admin(t).ModifyDN(ldap.NewModifyDNRequest(p.DN, rdn, true, d.unit)))
	p.DN = rdn + "," + d.unit
	return p
}

func hasLine(text string, parts []string) bool {
	for line := range strings.Lines(text) {
		all := true
		for _, p := range parts {
			all = all && strings.Contains(line, p)
		}
		if all {
			return true
		}
	}
	return false
}

// accounts are what a list of accounts in JSON says of those that exist in the cloud only.
func accounts(t *testing.T, text string) []map[string]any {
	t.Helper()
	var all []map[string]any
	must(t, json.Unmarshal([]byte(text), &all))
	return all
}

// versions are the numbers of the last change of people in the directory.
func (d *connectDesk) versions(t *testing.T, people ...lab.Person) (all []string) {
	t.Helper()
	for _, p := range people {
		all = append(all, d.dc.Attr(t, p.DN, "uSNChanged")...)
	}
	return all
}

// whileRunning does something while the agent that the wizard has set up is connected.
func (d *connectDesk) whileRunning(t *testing.T, do func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, "agent", "run", "--config", d.path("agent.yaml"))
	log, err := os.Create(d.path("agent.log"))
	must(t, err)
	defer log.Close()
	cmd.Stderr = log
	must(t, cmd.Start())
	defer func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}()
	d.connected(t, "agent.log")
	do()
}
