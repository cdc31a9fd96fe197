package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/agent/identity"
	"homeward/internal/config"
	"homeward/internal/lab"
	"homeward/internal/server/enrol"
	"homeward/internal/server/status"
	"homeward/test/dctest"
)

// tasked is the desk after the first set-up, with nobody else to do the work: the agent of the wizard is the only one.
type tasked struct {
	*connectDesk

	stop func()
	n    int
}

// additionalTasks plays every task of the page Additional tasks once on the real parts, with answers typed line by line:
// each is done, and what it says of itself holds.
func (d *connectDesk) additionalTasks(t *testing.T) {
	t.Helper()
	must(t, d.Agent.Stop()) // the stack's own would do what this one refuses
	own := d.firstAgent(t)
	d.mustOperate(t, "agent", "cut-off", own)
	d.mustOperate(t, "sync", "rules", "--delete-percent", "100") // another choice of OUs than that agent's
	k := &tasked{connectDesk: d}
	t.Cleanup(func() { k.halt() })
	p := d.dc.NewPerson(t, dctest.In(d.unit))
	k.launch(t)
	d.cloudOnce(t, p, p.UPN)
	first := k.enrolled(t)
	k.resets(t, p, true)

	out := k.task(t, "2", nil)
	for _, want := range []string{"Portal      " + d.portal, "Directory   " + d.dc.Domain(), "Account     svc-connect@" + d.dc.Domain(), "Writeback   on, unlock on", "OU          " + d.unit} {
		if !strings.Contains(out, want) {
			t.Errorf("the current configuration doesn't say %q:\n%s", want, out)
		}
	}
	second := k.offAndOn(t, p, first)
	k.staging(t, p)

	// New keys without anything else: the former agent is ended here as well.
	out = k.task(t, "6", map[string]string{"One-time code": d.code(t)})
	k.says(t, "rotated", out, "The former agent "+second.ID[:8])
	k.launch(t)
	k.ended(t, second)
	k.resets(t, p, true)

	k.says(t, "schema", k.task(t, "4", nil), "schema read through", "everything checked")

	// Somebody took a right away: the doctor says so, and the task gives it back.
	admin := d.dc.Administrator()
	if out, err := verb(t, admin.Password+"\n", "agent", "revoke", "--as", admin.UPN, "--config", d.path("agent.yaml")); err != nil {
		t.Fatalf("revoke: %v\n%s", err, out)
	}
	if out, err := verb(t, "", "agent", "doctor", "--config", d.path("agent.yaml")); err == nil {
		t.Errorf("the doctor is content without rights:\n%s", out)
	}
	byAdmin := map[string]string{"User [": admin.UPN, "Password (not shown)": admin.Password}
	k.says(t, "repair", k.task(t, "7", byAdmin), "8 rights given", "everything checked")

	k.halt()
	k.says(t, "remove", k.task(t, "8", byAdmin), "rights taken back", "account deleted", "password removed", "files removed")
	for _, name := range []string{"agent.yaml", "service.password", filepath.Join("state", identity.File)} {
		if _, err := os.Stat(d.path(name)); err == nil {
			t.Errorf("%s is still there", name)
		}
	}
	if _, err := d.dc.Admin(t).Search(ldap.NewSearchRequest("CN=svc-connect,CN=Users,"+d.dc.BaseDN(), ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false,
		"(objectClass=*)", nil, nil)); !ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
		t.Errorf("the service account is still there: %v", err)
	}
}

// task begins at the page Additional tasks with one of its choices, answers what is named and takes Enter for the rest.
func (k *tasked) task(t *testing.T, choice string, answers map[string]string) string {
	t.Helper()
	says := map[string]string{"Which one, 1 to 8": choice, "Configure now?": "y", "Answer this page again?": "n"}
	maps.Copy(says, answers)
	out, err := k.answer(t, []string{"--config", k.path("agent.yaml")}, says)
	if err != nil {
		t.Fatalf("task %s: %v\n%s", choice, err, out)
	}
	for _, secret := range []string{"One-time code", "Password (not shown)"} {
		if s := answers[secret]; s != "" && strings.Contains(out, s) {
			t.Errorf("task %s printed a secret", choice)
		}
	}
	return out
}

// enrolled is the agent of the state folder, as the portal knows it.
func (k *tasked) enrolled(t *testing.T) enrol.Agent {
	t.Helper()
	id, err := identity.Load(k.path("state"))
	must(t, err)
	return k.agent(t, id.Agent())
}

func (*tasked) says(t *testing.T, name, out string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(out, w) {
			t.Errorf("%s: it doesn't say %q:\n%s", name, w, out)
		}
	}
}

// launch starts the agent anew, as a service manager would for the wizard.
func (k *tasked) launch(t *testing.T) {
	t.Helper()
	k.halt()
	k.n++
	log := fmt.Sprintf("agent%d.log", k.n)
	cmd := k.start(t, k.path("agent.yaml"), log)
	k.stop = func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}
}

func (k *tasked) halt() {
	if k.stop != nil {
		k.stop()
	}
	k.stop = nil
}

// resets expects that somebody can reset their password now, or that the portal says no and the directory is untouched.
func (k *tasked) resets(t *testing.T, p lab.Person, can bool) {
	t.Helper()
	before := k.writes(t, p)
	if !can {
		eventually(t, func() error { // the server has to hear of it first
			page, err := k.visitor(t).Start(t.Context(), p.UPN, "forgot")
			if err != nil {
				return err
			}
			if mark(page) != "failed" || !strings.Contains(page.Title(), "You can’t reset your password here yet") {
				return fmt.Errorf("the first page leads to %q at %s", page.Title(), page.Path)
			}
			return nil
		})
		if after := k.writes(t, p); after != before {
			t.Errorf("the password was written: %d, then %d", before, after)
		}
		return
	}
	eventually(t, func() error { // the agent has connected; the server has to hear that it can write
		if r, works := k.report(t); !works {
			return errors.New(r.Sentence)
		}
		return nil
	})
	fresh := lab.RandomPassword()
	shows(t, reset(t, k.visitor(t), p, fresh), "changed")
	k.changed(t, p, before, fresh)
}

// offAndOn turns writeback off and on again. Off, the portal closes and says whose configuration does it; on, keys and enrolment are
// new, neither the former credential nor a copy of it opens anything, and both stand in the wizard's event log.
func (k *tasked) offAndOn(t *testing.T, p lab.Person, first enrol.Agent) enrol.Agent {
	t.Helper()
	k.task(t, "3", map[string]string{"Password writeback?": "n"})
	k.events(t, "31041")
	k.launch(t)
	eventually(t, func() error {
		r, works := k.report(t)
		if works || !slices.ContainsFunc(r.Off, func(c status.Cause) bool { return c.ID == "connect" && strings.Contains(c.Says, k.dc.Domain()) }) {
			return fmt.Errorf("works %v, %s: %+v", works, r.Sentence, r.Off)
		}
		return nil
	})
	k.resets(t, p, false)
	if a := k.agent(t, first.ID); a.Status != enrol.Approved || a.KeyID != first.KeyID {
		t.Errorf("turning it off changed the enrolment: %+v", a)
	}

	before, err := identity.Load(k.path("state"))
	must(t, err)
	copyFolder(t, k.path("state"), k.path("former"))
	out := k.task(t, "3", map[string]string{"Password writeback?": "y", "One-time code": k.code(t)})
	k.says(t, "on again", out, "make new keys and enrol anew", "enrolled with", "The former agent "+first.ID[:8])
	k.events(t, "31041", "31040", "31042")
	now, err := identity.Load(k.path("state"))
	must(t, err)
	second := k.enrolled(t)
	if second.ID == first.ID || second.KeyID == first.KeyID || now.KeyID().String() != second.KeyID {
		t.Errorf("the keys aren't new: agent %s with key %s after %s with %s; the portal has %s",
			now.Agent(), now.KeyID(), first.ID, first.KeyID, second.KeyID)
	}
	if _, kept := now.SealKey(before.KeyID()); kept {
		t.Error("the former sealing key still opens")
	}
	if k.agent(t, first.ID).Status != enrol.Approved {
		t.Error("the former agent was ended before the next one works")
	}
	k.launch(t)
	k.ended(t, first)
	k.resets(t, p, true)
	k.formerIsRefused(t)
	return second
}

// ended waits until the server has cut an agent off.
func (k *tasked) ended(t *testing.T, a enrol.Agent) {
	t.Helper()
	eventually(t, func() error {
		if s := k.agent(t, a.ID).Status; s != enrol.Revoked {
			return fmt.Errorf("the former agent is %s", s)
		}
		return nil
	})
}

// formerIsRefused runs an agent with a copy of the identity from before.
func (k *tasked) formerIsRefused(t *testing.T) {
	t.Helper()
	b, err := os.ReadFile(k.path("agent.yaml"))
	must(t, err)
	must(t, os.WriteFile(k.path("former.yaml"), bytes.ReplaceAll(b, []byte(k.path("state")), []byte(k.path("former"))), 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "agent", "run", "--config", k.path("former.yaml"))
	log, err := os.Create(k.path("former.log"))
	must(t, err)
	defer log.Close()
	cmd.Stderr = log
	must(t, cmd.Start())
	untilLog(t, k.path("former.log"), "isn't enrolled here, or was revoked")
	cancel()
	_ = cmd.Wait() // it was killed
	if said := logSince(t, k.path("former.log"), 0); strings.Contains(said, "relay is connected") {
		t.Errorf("the former identity was let in:\n%s", said)
	}
}

// events expects these in the wizard's log, in this order and no others of the kind.
func (k *tasked) events(t *testing.T, want ...string) {
	t.Helper()
	b, err := os.ReadFile(k.path("connect.log"))
	must(t, err)
	var got []string
	for line := range bytes.Lines(b) {
		var r struct {
			Event int `json:"event"`
		}
		must(t, json.Unmarshal(line, &r))
		if r.Event >= 31040 && r.Event <= 31042 {
			got = append(got, fmt.Sprint(r.Event))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
}

// staging turns staging mode on: a newcomer is shown and not made, and no password is written. Off again, both are done.
func (k *tasked) staging(t *testing.T, p lab.Person) {
	t.Helper()
	mode := func(want string) {
		t.Helper()
		c, err := config.LoadAgent(k.path("agent.yaml"), nil)
		must(t, err)
		if got := c.Directories[0].Sync.Mode; got != want {
			t.Fatalf("the mode is %q, not %q", got, want)
		}
		k.launch(t)
	}
	k.task(t, "5", map[string]string{"Staging mode?": "y"})
	mode("staging")
	q := k.dc.NewPerson(t, dctest.In(k.unit))
	eventually(t, func() error {
		if list, err := k.operate(t, "sync", "preview"); err != nil || !hasLine(list, []string{"create", q.SAM}) {
			return fmt.Errorf("%w: the preview doesn't show the newcomer: %s", err, list)
		}
		return nil
	})
	if out := k.mustOperate(t, "people", "accounts", q.SAM, "--json"); strings.Contains(out, q.UPN) {
		t.Errorf("an agent in staging mode made somebody: %s", out)
	}
	k.resets(t, p, false)
	k.task(t, "5", map[string]string{"Staging mode?": "n"})
	mode("on")
	k.cloudOnce(t, q, q.UPN)
	k.resets(t, p, true)
}
