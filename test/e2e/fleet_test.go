package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"homeward/internal/demo"
	"homeward/internal/lab"
	"homeward/internal/server/enrol"
	"homeward/internal/server/status"
)

// Several agents: who serves, who is drained, cut off, copied, moved or replaced, and what operators are told.

// operate runs an operator's verb against the stack's server.
func (s *site) operate(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return verb(t, "", append(args, "--config", s.Path("server.yaml"))...)
}

func (s *site) mustOperate(t *testing.T, args ...string) string {
	t.Helper()
	out, err := s.operate(t, args...)
	if err != nil {
		t.Fatalf("homeward %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// report is what homeward status says, and whether it ended with exit code 0.
func (s *site) report(t *testing.T) (status.Report, bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, "status", "--json", "--config", s.Path("server.yaml"))
	out, err := cmd.Output()
	var r status.Report
	if json.Unmarshal(out, &r) != nil {
		t.Fatalf("homeward status --json printed %q, %v", out, err)
	}
	return r, err == nil
}

// firstAgent is the agent that the stack starts with.
func (s *site) firstAgent(t *testing.T) string {
	t.Helper()
	all, err := s.Store.Agents(t.Context(), demo.TenantID)
	must(t, err)
	return all[0].ID
}

func (s *site) agent(t *testing.T, id string) enrol.Agent {
	t.Helper()
	a, err := s.Store.Agent(t.Context(), id)
	must(t, err)
	return a
}

func stateOf(r status.Report, id string) string {
	for _, a := range r.Agents {
		if a.ID == id {
			return a.State
		}
	}
	return "gone"
}

func (s *site) untilState(t *testing.T, id, want string) {
	t.Helper()
	eventually(t, func() error {
		r, _ := s.report(t)
		if got := stateOf(r, id); got != want {
			return fmt.Errorf("agent is %s, not %s", got, want)
		}
		return nil
	})
}

// served does one reset and returns which agent carried it out.
func (s *site) served(t *testing.T) string {
	t.Helper()
	p, fresh := s.person(t, lab.KindOrdinary), lab.RandomPassword()
	before := s.writes(t, p)
	v := s.visitor(t)
	page := reset(t, v, p, fresh)
	shows(t, page, "changed")
	s.changed(t, p, before, fresh)
	a, err := s.Store.AttemptBySession(t.Context(), demo.TenantID, sessionHash(t, s, v))
	must(t, err)
	return a.Agent
}

// servedBy expects the next resets from one agent alone.
func (s *site) servedBy(t *testing.T, id string) {
	t.Helper()
	for range 2 {
		if got := s.served(t); got != id {
			t.Fatalf("%s carried it out, not %s", got, id)
		}
	}
}

// Two agents share the work. One that is killed between the ticket and the submission costs the person nothing but a
// second seal; drained, an agent gets nothing and is soon idle; revoked, it is cut off within a second, for good.
func TestTwoAgents(t *testing.T) {
	t.Parallel()
	s := own(t, demo.Options{}, supply{lab.KindOrdinary: 40})
	one := s.firstAgent(t)
	second, err := s.AddAgent(t.Context(), "second")
	must(t, err)
	two := second.ID
	seen := map[string]bool{}
	for range 15 { // each agent is chosen half of the time
		if seen[s.served(t)] = true; len(seen) == 2 {
			break
		}
	}
	if len(seen) != 2 {
		t.Errorf("only %v served", seen)
	}
	if r, works := s.report(t); !works || r.State != status.Working || r.Sentence != "Your on-premises writeback agents are up and running." {
		t.Errorf("status %s: %s %v", r.State, r.Sentence, r.Notes)
	}

	// Killed in the middle: the ticket names an agent that is gone when the password is sent.
	r := s.ready(t)
	a, err := s.Store.AttemptByRequest(t.Context(), demo.TenantID, r.ticket.Request)
	must(t, err)
	kill, again, left := s.Agent.Kill, s.LaunchAgent, two
	if a.Agent == two {
		kill, left = second.Kill, one
		again = func() error { return second.Start(t.Context()) }
	}
	must(t, kill())
	must(t, r.Choose(t.Context(), []byte(r.fresh))) // asks for another ticket by itself, as the page does
	page, err := r.Outcome(t.Context())
	must(t, err)
	shows(t, page, "changed")
	s.changed(t, r.person, r.before, r.fresh)
	s.servedBy(t, left)
	began := time.Now()
	must(t, again())
	s.untilState(t, a.Agent, "ready")
	t.Logf("back %v after the restart", time.Since(began))

	// Drained: nothing new, idle, also after a restart of the server; then back.
	s.mustOperate(t, "agent", "drain", one, "--wait")
	s.servedBy(t, two)
	if out, err := s.operate(t, "agent", "drain", two); err == nil || !strings.Contains(out, "--force") {
		t.Errorf("the last agent is drained without a word: %s", out)
	}
	must(t, s.Server.Stop())
	s.restartServer(t)
	s.untilState(t, one, "draining")
	s.untilState(t, two, "ready")
	s.servedBy(t, two)
	s.mustOperate(t, "agent", "resume", one)
	s.untilState(t, one, "ready")

	s.revoked(t, one, two)
}

// revoked cuts off the stack's first agent and proves that it stays out.
func (s *site) revoked(t *testing.T, one, other string) {
	t.Helper()
	from := logSize(t, s.Path("agent.log"))
	began := time.Now()
	s.mustOperate(t, "agent", "cut-off", one)
	cmdTook := time.Since(began)
	eventually(t, func() error {
		if log := logSince(t, s.Path("agent.log"), from); !strings.Contains(log, "relay isn't connected") {
			return errors.New("the agent hasn't noticed")
		}
		return nil
	})
	took := time.Since(began)
	t.Logf("revoked in %v; the agent's connection was closed %v after the command began", cmdTook, took)
	if took > time.Second {
		t.Errorf("cut off after %v", took)
	}
	s.servedBy(t, other)
	told := func() {
		t.Helper()
		eventually(t, func() error {
			if log := logSince(t, s.Path("agent.log"), from); !strings.Contains(log, "was revoked") {
				return errors.New("the agent wasn't told")
			}
			return nil
		})
	}
	must(t, s.Server.Stop())
	s.restartServer(t)
	from = logSize(t, s.Path("agent.log"))
	must(t, s.Agent.Kill()) // started anew it asks at once, and not in some minutes
	must(t, s.LaunchAgent())
	told()
	if r, _ := s.report(t); stateOf(r, one) != "gone" {
		t.Errorf("the revoked agent is %s", stateOf(r, one))
	}
	if _, err := s.operate(t, "agent", "resume", one); err == nil {
		t.Error("a revoked agent can be resumed")
	}
	s.servedBy(t, other)
}

// copied makes a second state folder with the agent's identity, and runs an agent on it behind a command.
func (s *site) copied(t *testing.T, name string, wrap ...string) (log string, stop func()) {
	t.Helper()
	state := s.Path(name)
	must(t, os.MkdirAll(state, 0o700))
	b, err := os.ReadFile(filepath.Join(s.Path("agent"), "identity.json"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(state, "identity.json"), b, 0o600))
	conf := s.Path(name + ".yaml")
	s.reconfigure(t, conf, func(c map[string]any) { c["state"] = state })
	log = s.Path(name + ".log")
	f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	argv := slices.Concat(wrap, []string{program, "agent", "run", "--config", conf})
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = f, f
	must(t, cmd.Start())
	stop = func() {
		cancel()
		_ = cmd.Wait() // it was killed
		_ = f.Close()
	}
	t.Cleanup(stop)
	return log, stop
}

func untilLog(t *testing.T, path, want string) {
	t.Helper()
	eventually(t, func() error {
		if log := logSince(t, path, 0); !strings.Contains(log, want) {
			return fmt.Errorf("the log doesn't say %q: %s", want, end(path))
		}
		return nil
	})
}

// A copy of a serving agent is refused and the operator told; the one that serves never loses its connection. The
// identity on another machine, while nobody serves, waits for approval, and the status says so at once; the machine it
// left can't come back then. A restart on the same machine is never refused.
func TestCopiedAndMovedAgent(t *testing.T) {
	t.Parallel()
	s := own(t, demo.Options{}, supply{lab.KindOrdinary: 20})
	id := s.firstAgent(t)
	from := logSize(t, s.Path("agent.log"))
	log, stop := s.copied(t, "copy")
	untilLog(t, log, "so this copy is refused")
	s.servedBy(t, id)
	if said := logSince(t, s.Path("agent.log"), from); strings.Contains(said, "isn't connected") {
		t.Errorf("the serving agent lost its connection: %s", said)
	}
	r, works := s.report(t)
	if !works || r.State != status.Degraded || len(r.Notes) != 1 || r.Notes[0].Name != "Cloned agent" {
		t.Errorf("status %s, notes %v", r.State, r.Notes)
	}
	stop()

	// Killed and started again on its own machine, at once.
	must(t, s.Agent.Kill())
	began := time.Now()
	must(t, s.StartAgent(t.Context()))
	t.Logf("a killed agent serves again after %v", time.Since(began))
	s.servedBy(t, id)

	// Stopped, the status says so at once; on another machine it waits.
	must(t, s.Agent.Stop())
	r, works = s.report(t)
	if works || !strings.HasPrefix(r.Sentence, "No agent has answered since ") {
		t.Errorf("status right after the stop: %s", r.Sentence)
	}
	log, _ = s.copied(t, "moved", elsewhere("moved-srv")...)
	untilLog(t, log, "This identity belongs to the agent on")
	r, works = s.report(t)
	if works || len(r.Off) < 2 || r.Off[1].Name != "Agent not approved" || !strings.Contains(r.Off[1].Next, "accept-move "+status.ShortID(id)) {
		t.Errorf("status doesn't tell of the move: %s %v", r.Sentence, r.Off)
	}
	s.mustOperate(t, "agent", "accept-move", id)
	s.untilState(t, id, "ready")
	s.servedBy(t, id)
	if a := s.agent(t, id); a.Machine != "moved-srv" {
		t.Errorf("it serves from %s", a.Machine)
	}
	from = logSize(t, s.Path("agent.log"))
	must(t, s.LaunchAgent())
	eventually(t, func() error {
		if said := logSince(t, s.Path("agent.log"), from); !strings.Contains(said, "so this copy is refused") {
			return errors.New("the machine it left isn't refused: " + said)
		}
		return nil
	})
	s.servedBy(t, id)
}

// A new agent takes the place of an old one in one step: the old one serves until the new one does.
func TestReplacedAgent(t *testing.T) {
	t.Parallel()
	s := own(t, demo.Options{}, supply{lab.KindOrdinary: 12})
	old := s.firstAgent(t)
	state, conf := s.Path("next"), s.Path("next.yaml")
	s.reconfigure(t, conf, func(c map[string]any) { c["state"] = state })
	out, err := exec.CommandContext(t.Context(), program, "agent", "code", "--replaces", old, "--config", s.Path("server.yaml")).Output()
	must(t, err)
	if said, err := verb(t, string(out), "agent", "enrol", "--config", conf); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	s.servedBy(t, old) // enrolled isn't working yet
	if a := s.agent(t, old); a.Status != enrol.Approved || !a.Draining.IsZero() {
		t.Errorf("the old agent is %s before the new one works", a.Status)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext(ctx, program, "agent", "run", "--config", conf)
	must(t, cmd.Start())
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed
	})
	eventually(t, func() error {
		if s.agent(t, old).Status != enrol.Revoked {
			return errors.New("the old agent isn't retired")
		}
		return nil
	})
	if now := s.served(t); now == old {
		t.Error("the old agent still serves")
	}
	if r, works := s.report(t); !works || len(r.Agents) != 1 {
		t.Errorf("status %s with %d agents", r.Sentence, len(r.Agents))
	}
}

// The key that signs commands is replaced while people reset their passwords: nobody notices, and the agent obeys the
// new one. An operator resets, unlocks and asks about somebody at the command line.
func TestCommandKeyRollsAndOperatorHelps(t *testing.T) {
	t.Parallel()
	s := own(t, demo.Options{}, supply{lab.KindOrdinary: 12})
	id := s.firstAgent(t)
	first := s.agent(t, id).CommandKey
	s.mustOperate(t, "keys", "roll")
	s.servedBy(t, id) // signed with the key the agent still knows alone
	eventually(t, func() error {
		if s.agent(t, id).CommandKey == first {
			return errors.New("the agent hasn't taken the new key")
		}
		return nil
	})
	s.servedBy(t, id)
	if out := s.mustOperate(t, "keys", "status"); !strings.Contains(out, "newest") || !strings.Contains(out, "replaced") {
		t.Errorf("keys status: %s", out)
	}

	p, fresh := s.person(t, lab.KindOrdinary), lab.RandomPassword()
	before := s.writes(t, p)
	out, err := verb(t, fresh+"\n", "people", "reset", p.UPN, "--config", s.Path("server.yaml"))
	if err != nil || strings.Contains(out, fresh) {
		t.Fatalf("people reset: %v: %s", err, out)
	}
	if n := s.writes(t, p) - before; n != 1 {
		t.Errorf("%d writes", n)
	}
	s.mustOperate(t, "people", "probe", p.UPN)
	s.mustOperate(t, "people", "unlock", p.UPN)
	if out, err := s.operate(t, "people", "reset", "nobody@contoso.com", "--generate"); err == nil || !strings.Contains(out, "nobody has this name") {
		t.Errorf("reset of nobody: %v: %s", err, out)
	}
	must(t, s.Server.Stop())
	if out, err := s.operate(t, "status"); err == nil || !strings.Contains(out, "the server isn't running here") {
		t.Errorf("without a server: %v: %s", err, out)
	}
	must(t, s.StartServer(t.Context()))
}

// A test write goes to the account that the agent's own configuration names, is part of the status, and of the audit
// log; nobody else's password changes.
func TestTestWrite(t *testing.T) {
	t.Parallel()
	const account = "ordinary.e00@contoso.com"
	s := own(t, demo.Options{Edit: func(conf map[string]any) {
		if all, ok := conf["directories"].([]any); ok {
			if first, ok := all[0].(map[string]any); ok {
				first["test_account"] = account
			}
		}
	}}, supply{lab.KindOrdinary: 2})
	tested, other := s.person(t, lab.KindOrdinary), s.person(t, lab.KindOrdinary)
	if tested.UPN != account {
		t.Fatalf("the supply begins with %s", tested.UPN)
	}
	before, bystander := s.writes(t, tested), s.writes(t, other)
	out := s.mustOperate(t, "test-write")
	if !strings.Contains(out, "written in") {
		t.Errorf("test-write says %s", out)
	}
	if n := s.writes(t, tested) - before; n != 1 {
		t.Errorf("the test account was written %d times", n)
	}
	if n := s.writes(t, other) - bystander; n != 0 {
		t.Errorf("somebody else was written %d times", n)
	}
	r, works := s.report(t)
	if !works || len(r.Domains) != 1 || r.Domains[0].Test == nil || !r.Domains[0].Test.Passed {
		t.Errorf("status %s: %+v", r.Sentence, r.Domains)
	}
	if out, err := s.operate(t, "test-write", "--domain", "elsewhere.test"); err == nil || !strings.Contains(out, "test_account") {
		t.Errorf("another domain: %v: %s", err, out)
	}
}
