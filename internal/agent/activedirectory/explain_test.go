package activedirectory

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

// Samba words a filter's refusal like one for complexity.
func TestFilterRefusalIsNotCalledTooSimple(t *testing.T) {
	policy := directory.PasswordPolicy{Source: "domain", MinLength: 12, Complexity: true, History: 24}
	lax := policy
	lax.Complexity = false
	for _, tt := range []struct {
		name, password string
		policy         directory.PasswordPolicy
		want           protocol.Reason
	}{
		{"three kinds in ASCII", "Good-enough-4711", policy, protocol.ReasonFilter},
		{"three kinds, policy unknown", "Good-enough-4711", directory.PasswordPolicy{}, protocol.ReasonFilter},
		{"complexity is off", "correcthorsebattery", lax, protocol.ReasonFilter},
		{"three kinds by our count only", "привет-Привет-привет", policy, protocol.ReasonRuleUnknown},
		{"two kinds", "correct horse battery", policy, protocol.ReasonTooSimple},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := &Error{Reason: protocol.ReasonTooSimple}
			e.explain([]byte(tt.password), Account{}, tt.policy)
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

// The rules are those of the moment, not of the minute for which they are remembered.
func TestRulesThatChangedWithinTheMinute(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	p := dc.NewPerson(t)
	pso := dc.ApplyPSO(t, p, dctest.Policy{MinLength: 30, Complexity: true})
	a := account(t, d, p)
	policy, err := d.Policy(t.Context(), a)
	if err != nil || policy.MinLength != 30 {
		t.Fatalf("%+v, %v", policy, err)
	}
	// Tightened: the controller refuses, and the number is the new one.
	dc.Set(t, pso, "msDS-MinimumPasswordLength", "40")
	e := wantReason(t, d.Reset(t.Context(), a, []byte("Long-enough-for-thirty-characters-7")), protocol.ReasonTooShort)
	wantRule(t, e.Rule, protocol.Rule{MinLength: 40})
	if e.Detail == "" {
		t.Error("the controller was not asked")
	}
	// Relaxed: nobody is refused for what was.
	dc.Set(t, pso, "msDS-MinimumPasswordLength", "4")
	next := lab.RandomPassword()
	if err := d.Reset(t.Context(), a, []byte(next)); err != nil {
		t.Fatal(err)
	}
	wantBind(t, dc, p, next, "")
}

// What Windows leaves unsaid is worked out from what the very controller holds after its refusal.
func TestExplanationReadsAgain(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	p := dc.NewPerson(t)
	a := account(t, d, p)
	if _, err := d.Policy(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	dc.ApplyPSO(t, p, dctest.Policy{MinLength: 40, Complexity: true, History: 5, LockoutThreshold: 3})
	windows := sent("reset the password", ldap.NewError(53, errors.New(serviceError("0000052D"))))
	e := wantReason(t, d.explained(t.Context(), windows, a, []byte("Good-enough-4711")), protocol.ReasonTooShort)
	wantRule(t, e.Rule, protocol.Rule{MinLength: 40})
}
