package sync_test

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"homeward/internal/demo"
	"homeward/internal/lab"
	"homeward/internal/server"
	"homeward/internal/server/control"
	"homeward/internal/server/provision"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
	"homeward/test/dctest"
)

// TestCloudPasswordBecomesThePassword: somebody who is joined keeps the password they know, under the directory's own rules, once.
func TestCloudPasswordBecomesThePassword(t *testing.T) {
	t.Parallel()
	s := start(t, sample())
	s.equal(t, patience)
	must(t, s.Agent.Stop())
	_, err := s.Store.ChangeTenant(t.Context(), demo.TenantID, func(_ *store.Store, now *tenant.Tenant) error {
		now.Settings.Sync.JoinPassword = tenant.KeepCloud
		return nil
	})
	must(t, err)

	s.admin.SetPolicy(t, dctest.Policy{MinLength: 12, Complexity: true, History: 24})
	good, weak, late := s.newcomer(t, "good"), s.newcomer(t, "weak"), s.newcomer(t, "late")
	s.account(t, good, "Cloud-Password-71")
	s.account(t, weak, "shortish1") // enough for the cloud, not for the directory
	must(t, s.LaunchAgent())
	s.equal(t, patience)
	s.passwords(t, good.UPN, weak.UPN)

	// A wrong password is nothing; the directory's own still opens.
	if _, err := s.signIn(t, good.UPN, "Wrong-Password-1"); err == nil {
		t.Error("a wrong password is right")
	}
	must(t, s.admin.Bind(good.UPN, good.Password))
	r, err := s.signIn(t, good.UPN, "Cloud-Password-71")
	if err != nil || r.State != string(provision.CloudWritten) {
		t.Fatalf("%+v %v", r, err)
	}
	must(t, s.admin.Bind(good.UPN, "Cloud-Password-71"))
	if err := s.admin.Bind(good.UPN, good.Password); err == nil {
		t.Error("the password before it still opens the directory")
	}
	times := s.admin.Attr(t, good.DN, "pwdLastSet")[0]
	// Once: the cloud's hash opens nothing any more, and nothing is written again.
	if _, err := s.signIn(t, good.UPN, "Cloud-Password-71"); err == nil {
		t.Error("the cloud's password still stands beside the directory's")
	}
	if again := s.admin.Attr(t, good.DN, "pwdLastSet")[0]; again != times {
		t.Errorf("written twice: %s, then %s", times, again)
	}

	r, err = s.signIn(t, weak.UPN, "shortish1")
	if err != nil || r.State != string(provision.CloudRefused) || r.Reason != "too_short" {
		t.Errorf("a password the directory refuses: %+v %v", r, err)
	}
	must(t, s.admin.Bind(weak.UPN, weak.Password))
	s.passwords(t, weak.UPN)
	// Who had no cloud password has nothing to become one.
	if _, err := s.signIn(t, late.UPN, "anything at all"); err == nil {
		t.Error("somebody without a cloud password signed in")
	}
}

// newcomer makes somebody in the directory whom the cloud doesn't know yet.
func (s *site) newcomer(t *testing.T, name string) lab.Person {
	t.Helper()
	return s.admin.NewPerson(t, dctest.Named("New "+name), dctest.WithMail(name+"@mail.example"), dctest.In(s.units[0]))
}

// account makes the cloud account of the same name, with a password of its own.
func (s *site) account(t *testing.T, p lab.Person, password string) {
	t.Helper()
	a, err := s.engine.CreateAccount(t.Context(), demo.TenantID, "test", provision.Account{UPN: p.UPN, DisplayName: p.DisplayName, Mail: p.Mail})
	must(t, err)
	must(t, server.CloudPasswords(s.Store, time.Now).Set(t.Context(), demo.TenantID, a.ID, []byte(password)))
}

// passwords checks who doesn't have one password yet.
func (s *site) passwords(t *testing.T, want ...string) {
	t.Helper()
	left, err := s.engine.NotYetOne(t.Context(), demo.TenantID, "", 100)
	must(t, err)
	var got []string
	for _, p := range left {
		got = append(got, p.UPN)
	}
	if len(got) != len(want) {
		t.Errorf("not yet one password: %v, want %v", got, want)
	}
	for _, upn := range want {
		if !strings.Contains(strings.Join(got, " "), upn) {
			t.Errorf("%s isn't in the report %v", upn, got)
		}
	}
}

// signIn checks a password as a sign-in does, through the running server.
func (s *site) signIn(t *testing.T, upn, password string) (control.SignedIn, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, "people", "check-password", "--json", "--config", s.Path("server.yaml"), upn)
	cmd.Stdin = strings.NewReader(password + "\n")
	out, err := cmd.Output()
	var r control.SignedIn
	if len(out) > 0 && json.Unmarshal(out, &r) != nil {
		return r, fmt.Errorf("it printed %q", out)
	}
	return r, err
}
