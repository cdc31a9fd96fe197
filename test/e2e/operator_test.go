package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"homeward/internal/demo"
	"homeward/internal/lab"
	"homeward/test/dctest"
)

// What operators see: enrolment, checks, the audit log, memory.

// verb runs the program and returns what it wrote, and whether it ended with exit code 0.
func verb(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// reconfigure changes the agent's configuration file, which is JSON here.
func (s *site) reconfigure(t *testing.T, path string, change func(conf map[string]any)) {
	t.Helper()
	b, err := os.ReadFile(s.Path("agent.yaml"))
	must(t, err)
	conf := map[string]any{}
	must(t, json.Unmarshal(b, &conf))
	change(conf)
	b, err = json.Marshal(conf)
	must(t, err)
	must(t, os.WriteFile(path, b, 0o600))
}

// A DC that doesn't know the policy-hints control would let people around its own rules, so it is not used.
func TestDCWithoutPolicyHintsIsRefused(t *testing.T) {
	t.Parallel()
	s := own(t, demo.Options{}, nil)
	must(t, s.Agent.Stop())
	old := dctest.ProxyWithoutControl(t, s.admin(t))
	s.reconfigure(t, s.Path("agent.yaml"), func(conf map[string]any) {
		list, ok := conf["directories"].([]any)
		if !ok || len(list) != 1 {
			t.Fatalf("the configuration has directories %v", conf["directories"])
		}
		directory, ok := list[0].(map[string]any)
		if !ok {
			t.Fatal("the first directory has no keys")
		}
		directory["urls"], directory["ca_file"] = []string{old.LDAPSURL}, old.CAFile
	})
	out, err := verb(t, "", "agent", "check", "--config", s.Path("agent.yaml"))
	if err == nil {
		t.Errorf("agent check is content with a DC without policy hints:\n%s", out)
	}
	t.Logf("agent check says: %s", out)
	if !strings.Contains(out, "polic") {
		t.Errorf("agent check doesn't say why: %s", out)
	}
	from := logSize(t, s.Path("agent.log"))
	must(t, s.LaunchAgent())
	eventually(t, func() error {
		if log := logSince(t, s.Path("agent.log"), from); !strings.Contains(log, "reason=no_policy_hints") {
			return errors.New("the agent's log doesn't say why: " + log)
		}
		return nil
	})
	eventually(t, func() error { return s.firstPage(t, "offline") })
}

func TestEnrolmentRefusals(t *testing.T) {
	t.Parallel()
	s := own(t, demo.Options{}, nil)
	conf, state := s.Path("second.yaml"), s.Path("second")
	s.reconfigure(t, conf, func(c map[string]any) { c["state"] = state })
	code := func(args ...string) string {
		out, err := exec.CommandContext(t.Context(), program, append([]string{"agent", "code", "--config", s.Path("server.yaml")}, args...)...).Output()
		must(t, err)
		return strings.TrimSpace(string(out))
	}
	fresh, over := code(), code("--life", "1ms")
	for _, c := range []struct{ name, code, says string }{
		{"expired", over, "code"},
		{"garbage", "HELLO-WORLD", "code"},
		{"empty", "", "code"},
		{"far too long", strings.Repeat("A", 10000), "code"},
		{"hostile", "'; DROP TABLE agents; --\x00", "code"},
	} {
		out, err := verb(t, c.code+"\n", "agent", "enrol", "--config", conf)
		if err == nil || !strings.Contains(out, c.says) {
			t.Errorf("%s code: %v: %s", c.name, err, out)
		}
		t.Logf("%s code: %s", c.name, strings.TrimSpace(out))
		if len(out) > 2000 || strings.Contains(out, "panic") || strings.Contains(out, "goroutine") {
			t.Errorf("%s code: that is no sentence: %.300s", c.name, out)
		}
	}
	out, err := verb(t, fresh+"\n", "agent", "enrol", "--config", conf)
	if err != nil {
		t.Fatalf("the good code after all those: %v: %s", err, out)
	}
	out, err = verb(t, code()+"\n", "agent", "enrol", "--config", conf)
	if err == nil || !strings.Contains(out, "enrolled already") {
		t.Errorf("a second enrolment of one state folder: %v: %s", err, out)
	}
	must(t, os.RemoveAll(state))
	out, err = verb(t, fresh+"\n", "agent", "enrol", "--config", conf)
	if err == nil || !strings.Contains(out, "used") {
		t.Errorf("a used code: %v: %s", err, out)
	}
	t.Logf("used code: %s", strings.TrimSpace(out))
}

// Every hop of an attempt is one row under its support code, and the log proves that none is missing.
func TestAuditHasEveryHop(t *testing.T) {
	t.Parallel()
	s := shared(t)
	r := s.ready(t)
	_, err := r.Send(t.Context(), r.ticket, r.sealed)
	must(t, err)
	page, err := r.Outcome(t.Context())
	must(t, err)
	shows(t, page, "changed")
	a, err := s.Store.AttemptByRequest(t.Context(), demo.TenantID, r.ticket.Request)
	must(t, err)
	want := []string{"start", "verify", "verify", "portal", "accepted", "result", "notify"}
	var seen []string
	eventually(t, func() error { // the last rows follow the outcome
		records, err := s.Store.Records(t.Context(), demo.TenantID, a.Support)
		if err != nil {
			return err
		}
		seen = nil
		for _, rec := range records {
			seen = append(seen, rec.Hop)
		}
		for _, hop := range want[1:] {
			if !strings.Contains(" "+strings.Join(seen, " ")+" ", " "+hop+" ") {
				return fmt.Errorf("no row for hop %q among %v", hop, seen)
			}
		}
		return nil
	})
	t.Logf("hops: %v", seen)
	conf := s.Path("server.yaml")
	out, err := verb(t, "", "audit", "show", "--config", conf, a.Support)
	if err != nil || strings.Count(out, "\n") != len(seen)+1 {
		t.Errorf("audit show: %v:\n%s", err, out)
	}
	out, err = verb(t, "", "audit", "check", "--config", conf)
	if err != nil || !strings.Contains(out, "whole") {
		t.Errorf("audit check: %v: %s", err, out)
	}
	if strings.Contains(out+logSince(t, s.Path("server.log"), 0), r.person.UPN) {
		t.Error("the server's log names the person")
	}
}

// Limits of memory, in kB of resident set.
const (
	serverMemory = 80 << 10
	agentMemory  = 30 << 10
)

// Resident memory after some resets, when nothing has happened for a moment.
func TestIdleMemory(t *testing.T) {
	t.Parallel()
	s := own(t, demo.Options{}, nil)
	for range 3 {
		p := s.person(t, lab.KindOrdinary)
		shows(t, reset(t, s.visitor(t), p, lab.RandomPassword()), "changed")
	}
	agent := s.agentAlone(t)
	pass(t, time.Now().Add(5*time.Second)) // "idle" is a matter of time
	for _, c := range []struct {
		name  string
		pid   int
		limit int
	}{{"server", s.Server.PID(), serverMemory}, {"agent", agent, agentMemory}} {
		kb := resident(t, c.pid)
		t.Logf("%s: %.1f MB resident", c.name, float64(kb)/1024)
		if kb > c.limit {
			t.Errorf("the %s uses %d kB, more than %d", c.name, kb, c.limit)
		}
	}
}

// agentAlone runs the stack's agent as the program that is installed beside a directory, homeward-agent, and returns its
// process id. In homeward agent a third of the memory is the server's code.
func (s *site) agentAlone(t *testing.T) int {
	t.Helper()
	alone := filepath.Join(t.TempDir(), "homeward-agent")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", alone, "homeward/cmd/homeward-agent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	must(t, s.Agent.Stop())
	began := time.Now()
	cmd := exec.CommandContext(t.Context(), alone, "run", "--config", s.Path("agent.yaml"))
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	eventually(t, func() error {
		agents, err := s.Store.Agents(t.Context(), demo.TenantID)
		if err != nil || len(agents) != 1 || !agents[0].Seen.After(began) || !agents[0].DirectoryOK {
			return fmt.Errorf("%d agents, %w", len(agents), err)
		}
		return nil
	})
	for range 3 {
		p := s.person(t, lab.KindOrdinary)
		shows(t, reset(t, s.visitor(t), p, lab.RandomPassword()), "changed")
	}
	return cmd.Process.Pid
}

func resident(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	must(t, err)
	_, after, _ := strings.Cut(string(b), "VmRSS:")
	kb, err := strconv.Atoi(strings.Fields(after)[0])
	must(t, err)
	return kb
}
