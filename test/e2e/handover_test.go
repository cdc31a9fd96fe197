package e2e_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"homeward/internal/demo"
	"homeward/internal/lab"
	"homeward/internal/server/enrol"
	"homeward/internal/server/provision"
	"homeward/test/dctest"
)

// start runs an agent until the test is over.
func (d *connectDesk) start(t *testing.T, config, log string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, "agent", "run", "--config", config)
	file, err := os.Create(d.path(log))
	must(t, err)
	cmd.Stderr = file
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = file.Close()
		if t.Failed() {
			t.Logf("%s:\n%s", log, end(d.path(log)))
		}
	})
	d.connected(t, log)
	return cmd
}

// newest is the agent that was enrolled last.
func (d *connectDesk) newest(t *testing.T, but ...string) enrol.Agent {
	t.Helper()
	all, err := d.Store.Agents(t.Context(), demo.TenantID)
	must(t, err)
	for _, a := range all {
		known := false
		for _, id := range but {
			known = known || id == a.ID
		}
		if !known {
			return a
		}
	}
	t.Fatal("no agent was enrolled")
	return enrol.Agent{}
}

func (d *connectDesk) history(t *testing.T) (runs []provision.Run) {
	t.Helper()
	must(t, json.Unmarshal([]byte(d.mustOperate(t, "sync", "history", "--json", "--limit", "1000")), &runs))
	return runs
}

func fulls(runs []provision.Run) (n int) {
	for _, r := range runs {
		if r.Full {
			n++
		}
	}
	return n
}

// cloudOnce waits until the cloud knows somebody of the directory by that name that is shown.
func (d *connectDesk) cloudOnce(t *testing.T, p lab.Person, shown string) {
	t.Helper()
	eventually(t, func() error {
		out := d.mustOperate(t, "people", "accounts", p.SAM, "--json")
		if !strings.Contains(out, shown) {
			return fmt.Errorf("%s isn't %s in the cloud: %s", p.SAM, shown, out)
		}
		return nil
	})
}

// answer runs the wizard line by line and answers each question by its words: those of none are answered by Enter.
func (d *connectDesk) answer(t *testing.T, args []string, answers map[string]string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, append([]string{"connect", "--plain"}, args...)...)
	in, err := cmd.StdinPipe()
	must(t, err)
	pipe, err := cmd.StdoutPipe()
	must(t, err)
	cmd.Stderr = cmd.Stdout
	must(t, cmd.Start())
	var out bytes.Buffer
	part, answered := make([]byte, 4096), 0
	for {
		n, err := pipe.Read(part)
		out.Write(part[:n])
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			break
		}
		// What is typed isn't echoed, so the next question may stand behind the one before.
		question := out.String()[max(answered, strings.LastIndexByte(out.String(), '\n')+1):]
		if !strings.HasSuffix(question, ": ") {
			continue
		}
		said := ""
		for words, a := range answers {
			if strings.HasPrefix(question, words) {
				said = a
			}
		}
		answered = out.Len()
		if _, err := io.WriteString(in, said+"\n"); err != nil {
			t.Fatal(err)
		}
	}
	return out.String(), cmd.Wait()
}

// writeBoth writes answers about two forests: an account that is made in the first, and one with a keytab in the second,
// whose controllers are found in DNS.
func (d *connectDesk) writeBoth(t *testing.T, other *dctest.DC, keytab string) {
	t.Helper()
	one, two := d.dc.Administrator(), other.Administrator()
	must(t, os.WriteFile(d.answers, fmt.Appendf(nil, `version: 2
task: set-up
cloud: {portal: %q, ca_file: %q, state: %q}
directories:
  - domain: %q
    controllers: %q
    ca_file: %q
    account: new
    name: svc-handover
    password_file: %q
    admin: %q
    organizational_units: [%q]
  - domain: %q
    dns: %q
    ca_file: %q
    account: existing
    user: %q
    keytab: %q
    admin: %q
    organizational_units: [%q]
`, d.portal, d.ca, d.path("state"), d.dc.Domain(), d.dc.LDAPSURL(), d.dc.CAFile(), d.path("service.password"), one.UPN, d.unit,
		other.Domain(), other.DNS(), other.CAFile(), other.ServiceAccount().UPN, keytab, two.UPN, other.OUs()[0]), 0o600))
}

// keytab exports the keys of an account as an administrator would.
func (d *connectDesk) keytab(t *testing.T, dc *dctest.DC, sam string) string {
	t.Helper()
	name := strings.Trim(sam, "$") + ".keytab"
	out, err := dc.Tool(t.Context(), "domain", "exportkeytab", "/lab/"+name, "--principal="+sam)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(dc.Dir(), name))
	must(t, err)
	must(t, os.WriteFile(d.path(name), b, 0o600))
	return d.path(name)
}

// An agent's machine, which serves two forests, is replaced: what one wizard exported another one imports, with a code that
// names whom it replaces. The former agent is retired by itself, no directory is read anew, and resets go on in both.
func TestHandover(t *testing.T) {
	t.Parallel()
	d := newConnectDesk(t, "new\n  name: svc-handover")
	abroad := dctest.Private(t, lab.Options{Domain: lab.Fabrikam()})
	abroad.Set(t, abroad.BaseDN(), "minPwdAge", "0")
	there := abroad.NewPerson(t)
	d.writeBoth(t, abroad, d.keytab(t, abroad, abroad.ServiceAccount().SAM))
	must(t, d.Agent.Stop()) // the stack's own would bring the domain in as well
	own := d.firstAgent(t)
	d.mustOperate(t, "agent", "cut-off", own)
	d.mustOperate(t, "sync", "rules", "--delete-percent", "100") // another choice of OUs than the first agent's
	p := d.dc.NewPerson(t, dctest.In(d.unit))
	if out, err := d.connect(t, d.code(t), d.dc.Administrator().Password, abroad.Administrator().Password); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// What the wizard doesn't ask is handed over too.
	b, err := os.ReadFile(d.path("agent.yaml"))
	must(t, err)
	b = bytes.Replace(b, []byte("sync:\n"), []byte("sync:\n      attributes: {officeLocation: l}\n"), 1)
	must(t, os.WriteFile(d.path("agent.yaml"), b, 0o600))
	first := d.newest(t, own)
	d.start(t, d.path("agent.yaml"), "first.log")
	d.cloudOnce(t, p, p.UPN)
	d.cloudOnce(t, there, there.UPN)
	q := d.dc.NewPerson(t, dctest.In(d.unit))
	d.cloudOnce(t, q, q.UPN)
	before := d.history(t)

	if out, err := verb(t, "", "connect", "--config", d.path("agent.yaml"), "--export", d.path("export.yaml")); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b, err = os.ReadFile(d.path("export.yaml"))
	must(t, err)
	other := t.TempDir() // the other machine has folders of its own
	for _, name := range []string{"state", "service.password", abroad.ServiceAccount().SAM + ".keytab"} {
		b = bytes.ReplaceAll(b, []byte(d.path(name)), []byte(filepath.Join(other, name)))
	}
	must(t, os.WriteFile(filepath.Join(other, "export.yaml"), b, 0o600))
	code, err := exec.CommandContext(t.Context(), program, "agent", "code", "--replaces", first.ID, "--config", d.Path("server.yaml")).Output()
	must(t, err)
	service, err := os.ReadFile(d.path("service.password"))
	must(t, err)
	secrets := []string{strings.TrimSpace(string(code)), strings.TrimSpace(string(service))} // no administrator: the rights are there
	says := map[string]string{
		"One-time code": secrets[0], "Its password": secrets[1], "Configure now?": "y", "Go on, knowing this": "y", "Answer this page again?": "n",
	}
	args := []string{"--config", filepath.Join(other, "agent.yaml"), "--import", filepath.Join(other, "export.yaml")}
	out, err := d.answer(t, args, says)
	if err == nil || !strings.Contains(out, "there is no keytab at "+filepath.Join(other, abroad.ServiceAccount().SAM)) {
		t.Errorf("the keytab wasn't copied, and the wizard says: %v\n%s", err, out)
	}
	b, err = os.ReadFile(d.path(abroad.ServiceAccount().SAM + ".keytab"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(other, abroad.ServiceAccount().SAM+".keytab"), b, 0o600))
	if out, err = d.answer(t, args, says); err != nil {
		t.Fatalf("import: %v\n%s", err, out)
	}
	for _, s := range secrets {
		if strings.Contains(out, s) {
			t.Error("the wizard printed a secret")
		}
	}
	second := d.newest(t, own, first.ID)
	if d.agent(t, first.ID).Status != enrol.Approved {
		t.Error("the former agent was ended before the next one serves")
	}
	d.start(t, filepath.Join(other, "agent.yaml"), "second.log")
	eventually(t, func() error {
		if a := d.agent(t, first.ID); a.Status != enrol.Revoked {
			return fmt.Errorf("the former agent is %s", a.Status)
		}
		return nil
	})
	// Sync goes on where the former agent was.
	r := d.dc.NewPerson(t, dctest.In(d.unit))
	d.cloudOnce(t, r, r.UPN)
	after := d.history(t)
	if fulls(before) != fulls(after) {
		t.Errorf("%d full runs before, %d after: %+v", fulls(before), fulls(after), after)
	}
	if after[0].Agent != second.ID || after[0].Full || after[0].Added != 1 {
		t.Errorf("the newest run: %+v", after[0])
	}
	// And so do resets: nobody else is left to do them.
	writes, fresh := d.writes(t, p), lab.RandomPassword()
	shows(t, reset(t, d.visitor(t), p, fresh), "changed")
	d.changed(t, p, writes, fresh)
	fresh = lab.RandomPassword()
	shows(t, reset(t, d.visitor(t), there, fresh), "changed")
	must(t, abroad.DC.Bind(t.Context(), there.UPN, fresh))
}
