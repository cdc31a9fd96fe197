package activedirectory

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"homeward/internal/directory"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

func TestFilterRefusalIsNotCalledTooSimple(t *testing.T) {
	e := &Error{Reason: protocol.ReasonTooSimple}
	policy := directory.PasswordPolicy{Source: "domain", MinLength: 12, Complexity: true, History: 24}
	e.explain([]byte("Good-enough-4711"), Account{}, policy)
	if e.Reason != protocol.ReasonFilter {
		t.Errorf("got %s %+v", e.Reason, e.Rule)
	}
}

func TestExplainWindows(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	policy := directory.PasswordPolicy{Source: "domain", MinLength: 12, Complexity: true, History: 24, MinAge: 24 * time.Hour}
	old, young := Account{PasswordSet: now.AddDate(0, 0, -9), At: now}, Account{PasswordSet: now.Add(-time.Hour), At: now}
	for _, tt := range []struct {
		name, password string
		a              Account
		policy         directory.PasswordPolicy
		want           protocol.Reason
	}{
		{"short", "aB3", old, policy, protocol.ReasonTooShort},
		{"simple", "correcthorsebattery", old, policy, protocol.ReasonTooSimple},
		{"young", "Good-enough-4711", young, policy, protocol.ReasonTooYoung},
		{"only history or a filter is left", "Good-enough-4711", old, policy, protocol.ReasonRuleUnknown},
		{"policy not readable", "aB3", old, directory.PasswordPolicy{}, protocol.ReasonRuleUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := &Error{Reason: parseDiagnostic(53, "0000052D: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0\n\x00").reason()}
			e.explain([]byte(tt.password), tt.a, tt.policy)
			if e.Reason != tt.want {
				t.Errorf("got %s, want %s", e.Reason, tt.want)
			}
		})
	}
}

func TestPasswordFilter(t *testing.T) {
	script := filepath.Join(t.TempDir(), "filter")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nread -r password\ncase \"$password\" in *Kettle*) exit 1;; esac\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	dc := dctest.Private(t, lab.Options{PasswordFilter: script})
	d := open(t, configFor(t, dc))
	p := dc.NewPerson(t)
	before := account(t, d, p)
	e := wantReason(t, d.Reset(t.Context(), before, []byte("Copper-Kettle-42")), protocol.ReasonFilter)
	wantRule(t, e.Rule, protocol.Rule{})
	wantUntouched(t, d, p, before)
	if err := d.Reset(t.Context(), before, []byte("Copper-Teapot-42")); err != nil {
		t.Error(err)
	}
}
