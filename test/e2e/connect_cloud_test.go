package e2e_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"homeward/internal/protocol"
	"homeward/test/dctest"
)

// change writes the file of answers anew with some of it replaced, always from what write wrote.
func (d *connectDesk) change(t *testing.T, oldNew ...string) {
	t.Helper()
	d.write(t, "new\n  name: svc-cloud", "")
	b, err := os.ReadFile(d.answers)
	must(t, err)
	for i := 0; i < len(oldNew); i += 2 {
		if !strings.Contains(string(b), oldNew[i]) {
			t.Fatalf("the answers don't say %q", oldNew[i])
		}
	}
	must(t, os.WriteFile(d.answers, []byte(strings.NewReplacer(oldNew...).Replace(string(b))), 0o600))
}

// stopped fails the test unless the wizard stopped with exit code 1, said all of want on the page with that title, and
// wrote nothing.
func (d *connectDesk) stopped(t *testing.T, name, page, out string, err error, want ...string) {
	t.Helper()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 {
		t.Errorf("%s: %v", name, err)
	}
	last := -1
	for i, title := range []string{"Welcome", "Connect to cloud", "Connect directories", "Domain/OU filtering", "Optional features", "Ready to configure"} {
		if strings.Contains(out, "\n"+title+"\n") {
			last = i
		}
		if title == page && last != i {
			t.Errorf("%s: it didn't come to %s", name, page)
		}
		if last == i && strings.Index(out, "\n"+title+"\n") > strings.Index(out, "\n"+page+"\n") {
			t.Errorf("%s: it went on to %s", name, title)
		}
	}
	flat := strings.Join(strings.Fields(out), " ")
	for _, w := range want {
		if !strings.Contains(flat, w) {
			t.Errorf("%s: it doesn't say %q:\n%s", name, w, out)
		}
	}
	if _, err := os.Stat(d.path("agent.yaml")); err == nil {
		t.Errorf("%s: something was written", name)
	}
}

// What the portal knows stops the wizard on the page that asks for it, with the reason and what to do, and nothing is
// changed: the code, the licence, the domains, the clock, and the operator who says no.
func TestConnectStopsAtTheCloud(t *testing.T) {
	t.Parallel()
	const cloud = "Connect to cloud"
	d := newConnectDesk(t, "new\n  name: svc-cloud")
	d.dc.NewPerson(t, dctest.In(d.unit))
	admin := d.dc.Administrator().Password

	out, err := d.connect(t, "AAAA-BBBB-CCCC-DDDD", admin)
	d.stopped(t, "no such code", cloud, out, err, "the portal doesn’t take this code", "doesn't exist, was used already, or is over", "homeward agent code")
	used := d.code(t)
	d.reconfigure(t, d.path("other.yaml"), func(conf map[string]any) { conf["state"] = d.path("other") })
	if out, err := verb(t, used, "agent", "enrol", "--config", d.path("other.yaml")); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err = d.connect(t, used, admin)
	d.stopped(t, "used code", cloud, out, err, "the portal doesn’t take this code", "was used already", "homeward agent code")

	d.mustOperate(t, "licence", "need", "on")
	d.licensed(t, false)
	out, err = d.connect(t, d.code(t), admin)
	d.stopped(t, "licence", cloud, out, err, "no plan that includes password writeback", "homeward licence add", "homeward licence need off")
	d.mustOperate(t, "licence", "need", "off")
	d.licensed(t, true)

	d.mustOperate(t, "domain", "verify", "other.example", "--trust")
	out, err = d.connect(t, d.code(t), admin)
	d.stopped(t, "suffix", "Domain/OU filtering", out, err, "contoso.com: 1 person, but the domain isn’t verified", "homeward domain add contoso.com",
		`accepted: ["suffix contoso.com"]`)
	d.mustOperate(t, "domain", "remove", "other.example")

	clock := filepath.Join(t.TempDir(), "clock")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", clock, "homeward/test/clock").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	wrong := func(by string) (string, error) {
		cmd := exec.CommandContext(t.Context(), clock, by, program, "connect", "--config", d.path("agent.yaml"), "--answers", d.answers)
		cmd.Stdin = strings.NewReader(d.code(t) + "\n" + admin + "\n")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for _, by := range []string{"5m", "-5m"} {
		out, err = wrong(by)
		d.stopped(t, "clock "+by, cloud, out, err, "from the portal: the limit is 30 s", "timedatectl set-ntp true; w32tm /resync")
	}
	must(t, d.Server.Stop())
	must(t, d.StartServerUnder(t.Context(), clock, "6m")) // machine and portal are of one mind, the controller is of another
	out, err = wrong("6m")
	d.stopped(t, "clock of the domain", "Connect directories", out, err, "Kerberos allows 5 minutes", "Set this machine’s clock by the domain’s")
	must(t, d.Server.Stop())
	must(t, d.StartServer(t.Context()))

	d.change(t, "how: code", "how: device")
	out, err = d.byDevice(t, admin, "--refuse")
	d.stopped(t, "refused", cloud, out, err, "an administrator refused this machine", "Ask whoever runs the server")
	if out, err = d.byDevice(t, admin); err != nil {
		t.Fatalf("approved: %v\n%s", err, out)
	}
	for _, want := range []string{"approved ", " by ", "enrolled with", "everything checked"} {
		if !strings.Contains(out, want) {
			t.Errorf("approved, and it doesn't say %q:\n%s", want, out)
		}
	}
	d.serves(t)
}

// licensed waits until the running server knows what the command line has said of licences.
func (d *connectDesk) licensed(t *testing.T, want bool) {
	t.Helper()
	body, err := protocol.Encode(protocol.SetupRequest{Version: protocol.Version, Code: d.code(t)})
	must(t, err)
	eventually(t, func() error {
		resp, err := d.visitor(t).HTTP.Post(d.portal+"/enrol/check", "application/json", bytes.NewReader(body))
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		var answer protocol.SetupAnswer
		if err := protocol.Decode(b, &answer); err != nil || answer.Licensed != want {
			return fmt.Errorf("licensed: %v, %w: %s", answer.Licensed, err, b)
		}
		return nil
	})
}

var userCode = regexp.MustCompile(`homeward agent approve ([A-Z0-9]{4}-[A-Z0-9]{4})`)

// byDevice runs the wizard, which asks to be approved, and answers on the server as it says.
func (d *connectDesk) byDevice(t *testing.T, password string, more ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, "connect", "--config", d.path("agent.yaml"), "--answers", d.answers)
	cmd.Stdin = strings.NewReader(password + "\n")
	pipe, err := cmd.StdoutPipe()
	must(t, err)
	cmd.Stderr = cmd.Stdout
	must(t, cmd.Start())
	var out strings.Builder
	lines := bufio.NewReader(pipe)
	for asked := false; ; {
		line, err := lines.ReadString('\n')
		out.WriteString(line)
		if found := userCode.FindStringSubmatch(line); found != nil && !asked {
			asked = true
			d.mustOperate(t, append([]string{"agent", "approve", found[1]}, more...)...)
			if again, err := verb(t, "", "agent", "approve", found[1], "--config", d.Path("server.yaml")); err == nil || !strings.Contains(again, "no machine waits with the code") {
				t.Errorf("approved twice: %v\n%s", err, again)
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
	}
	if err := cmd.Wait(); err != nil {
		return out.String(), fmt.Errorf("the wizard: %w", err)
	}
	return out.String(), nil
}
