package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"homeward/internal/demo"
	"homeward/test/dctest"
)

// The demo is told to stop, by Ctrl-C as people do, and leaves nothing behind.
func TestDemoLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	temp := t.TempDir()
	file := filepath.Join(t.TempDir(), "ready.json")
	cmd := exec.CommandContext(t.Context(), program, "demo", "--listen", freePort(t), "--ready-file", file)
	cmd.Env = append(os.Environ(), "TMPDIR="+temp)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	must(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var r demo.Ready
	dctest.Eventually(t, startTime, func() error {
		select {
		case err := <-ended:
			t.Fatalf("the demo ended by itself: %v\n%s", err, out.String())
		default:
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		return json.Unmarshal(b, &r)
	})
	complete(t, r)
	family := descendants(t, cmd.Process.Pid)
	if len(family) < 10 {
		t.Errorf("only %d processes below the demo", len(family))
	}
	began := time.Now()
	must(t, cmd.Process.Signal(os.Interrupt))
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the demo ended with %v:\n%s", err, out.String())
		}
	case <-time.After(patience):
		t.Fatal("the demo didn't end")
	}
	t.Logf("stopped after %v", time.Since(began).Round(time.Millisecond))
	eventually(t, func() error { return gone(family) })
	for _, address := range []string{strings.TrimPrefix(strings.TrimSuffix(r.Portal, "/"), "https://"), strings.TrimSuffix(strings.TrimPrefix(r.Mailbox, "http://"), "/"), strings.TrimPrefix(r.LDAPS, "ldaps://"), r.Kerberos} {
		if c, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			_ = c.Close()
			t.Errorf("%s still answers", address)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	must(t, err)
	dc := filepath.Dir(filepath.Dir(r.LDAPSCA))
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, temp) || strings.Contains(line, dc) {
			t.Errorf("a mount is left: %s", line)
		}
	}
	if _, err := os.Stat(dc); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the DC's folder %s is left: %v", dc, err)
	}
	left, err := filepath.Glob(filepath.Join(temp, "*"))
	must(t, err)
	if len(left) > 0 {
		t.Errorf("files are left: %v", left)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

// complete asserts that every field of the ready file is there.
func complete(t *testing.T, r demo.Ready) {
	t.Helper()
	for name, value := range map[string]string{
		"portal_url": r.Portal, "admin_url": r.Admin, "mailbox_url": r.Mailbox, "portal_ca_file": r.PortalCA, "ldaps": r.LDAPS,
		"ldaps_ca_file": r.LDAPSCA, "base_dn": r.BaseDN, "kerberos": r.Kerberos, "realm": r.Realm, "work_folder": r.WorkFolder,
	} {
		if value == "" {
			t.Errorf("the ready file has no %s", name)
		}
	}
	for _, f := range []string{r.PortalCA, r.LDAPSCA, r.WorkFolder} {
		if _, err := os.Stat(f); err != nil {
			t.Error(err)
		}
	}
	for _, pid := range []int{r.ServerPID, r.AgentPID} {
		if err := syscall.Kill(pid, 0); pid <= 1 || err != nil {
			t.Errorf("process %d of the ready file: %v", pid, err)
		}
	}
	if len(r.People) < 10 {
		t.Errorf("%d people in the ready file", len(r.People))
	}
	for _, p := range r.People {
		if p.UPN == "" || p.SAM == "" || p.Name == "" || p.Password == "" || p.Kind == "" || (p.Mail == "" && p.Kind != "no-mail") {
			t.Errorf("incomplete person: %s, %s", p.UPN, p.Kind)
		}
	}
}

// process is one running process, known by more than its number, which is used again.
type process struct{ pid, start string }

// descendants are all processes below one.
func descendants(t *testing.T, pid int) []process {
	t.Helper()
	children := map[string][]process{}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	must(t, err)
	for _, path := range stats {
		if p, parent, err := readStat(path); err == nil {
			children[parent] = append(children[parent], p)
		}
	}
	all := children[fmt.Sprint(pid)]
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i].pid]...)
	}
	return all
}

// readStat reads what proc(5) calls pid, ppid and starttime.
func readStat(path string) (p process, parent string, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return p, "", err
	}
	pid, _, _ := strings.Cut(string(b), " ")
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(fields) < 20 {
		return p, "", errors.New("short stat")
	}
	return process{pid, fields[19]}, fields[1], nil
}

func gone(family []process) error {
	for _, p := range family {
		now, _, err := readStat("/proc/" + p.pid + "/stat")
		if err == nil && now == p {
			name, _ := os.ReadFile("/proc/" + p.pid + "/cmdline")
			return fmt.Errorf("process %s is still there: %q", p.pid, name)
		}
	}
	return nil
}
