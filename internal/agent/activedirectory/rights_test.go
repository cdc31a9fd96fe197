package activedirectory

import (
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

// What Missing says is compared with what the controller does.
func TestMissingIsWhatTheControllerRefuses(t *testing.T) {
	dc := dctest.Private(t, lab.Options{})
	d := open(t, configFor(t, dc))
	const denyReset, denyUnlock = "(OD;;CR;" + resetPasswordRight + ";;$S)", "(OD;;WP;" + lockoutTimeGUID + ";;$S)"
	for _, tt := range []struct {
		name    string
		prepare func(*testing.T, lab.Person)
		missing string
	}{
		{name: "delegated"},
		{name: "reset denied", prepare: func(t *testing.T, p lab.Person) { dc.Grant(t, p.DN, denyReset) }, missing: "Reset Password"},
		{name: "unlock denied", prepare: func(t *testing.T, p lab.Person) { dc.Grant(t, p.DN, denyUnlock) }, missing: "Write lockoutTime"},
		{name: "denied to everybody", prepare: func(t *testing.T, p lab.Person) {
			dc.Grant(t, p.DN, "(OD;;CR;"+resetPasswordRight+";;WD)")
		}, missing: "Reset Password"},
		{name: "denied to others", prepare: func(t *testing.T, p lab.Person) { dc.Grant(t, p.DN, "(OD;;CR;"+resetPasswordRight+";;BG)") }},
		{
			name: "right not delegated", prepare: func(t *testing.T, _ lab.Person) { dc.Revoke(t, dc.OUs()[0], lab.ACEResetPassword) },
			missing: "Reset Password",
		},
		{name: "nothing delegated, full control on the person", prepare: func(t *testing.T, p lab.Person) {
			dc.Revoke(t, dc.OUs()[0], lab.ACEResetPassword)
			dc.Grant(t, p.DN, "(A;;GA;;;$S)")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := dc.NewPerson(t)
			if tt.prepare != nil {
				tt.prepare(t, p)
			}
			a := account(t, d, p)
			missing := a.Missing()
			refused := d.Reset(t.Context(), a, []byte(lab.RandomPassword()))
			if (missing != nil) != (refused != nil) {
				t.Fatalf("missing: %v; the controller: %v", missing, refused)
			}
			if tt.missing == "" {
				return
			}
			if e := wantReason(t, missing, protocol.ReasonRights); !strings.HasSuffix(e.doing, ": "+tt.missing) {
				t.Errorf("%v, want %s missing", e, tt.missing)
			}
			wantReason(t, refused, protocol.ReasonRights)
		})
	}
}

func TestMissingWithoutDACL(t *testing.T) {
	d := open(t, configFor(t, dctest.Start(t)))
	if err := (Account{grants: d.evaluate(nil, nil)}).Missing(); err != nil {
		t.Error(err)
	}
	a := Account{grants: grants{known: true, missing: peopleRights()}}
	for want, err := range map[string]error{
		": Reset Password, Write lockoutTime": a.Missing(), ": Write pwdLastSet": a.MissingMustChange(), ": Write lockoutTime": a.MissingUnlock(),
	} {
		if e := wantReason(t, err, protocol.ReasonRights); !strings.HasSuffix(e.doing, want) {
			t.Errorf("%v, want %s", e, want)
		}
	}
}

// An agent that doesn't know who it is could write its own account.
func TestTokenWithoutItsOwner(t *testing.T) {
	if err := new(conn).learnToken(&ldap.Entry{}); ReasonOf(err) != protocol.ReasonDirectoryError {
		t.Errorf("got %v", err)
	}
}
