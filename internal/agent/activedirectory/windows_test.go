package activedirectory

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
	"homeward/internal/protocol"
)

// DOCUMENTED, NOT MEASURED. What Windows controllers answer, as Microsoft's documentation and reports from the
// field give it; the lab has no Windows. The form is [MS-ADTS] 3.1.1.3.1.9, the codes are [MS-ERREF] 2.2. The
// DSID differs from build to build and must not matter; neither must whether the LDAP code is 19 or 53: both
// are seen for the same cause.

// attributeError is the answer to a change, as reported for unicodePwd.
func attributeError(code string) string {
	return fmt.Sprintf("%s: AtrErr: DSID-03191083, #1:\n\t0: %s: DSID-03191083, problem 1005 (CONSTRAINT_ATT_TYPE), data 0, Att 9005a (unicodePwd)\n\x00", code, code)
}

// serviceError is the answer to a reset.
func serviceError(code string) string {
	return code + ": SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0\n\x00"
}

func TestDocumentedWindowsRefusals(t *testing.T) {
	for win32, want := range map[string]protocol.Reason{
		"0000052D": protocol.ReasonRuleUnknown,
		"0000052C": protocol.ReasonRuleUnknown,
		"000008C5": protocol.ReasonRuleUnknown,
		"000008C4": protocol.ReasonUsedBefore,
		"000008C6": protocol.ReasonTooYoung,
		"000008C3": protocol.ReasonCannotChange,
		"00000056": protocol.ReasonWrongPassword,
		"00000775": protocol.ReasonLocked,
		"00000533": protocol.ReasonDisabled,
		"00000701": protocol.ReasonAccountExpired,
		"00000005": protocol.ReasonRights,
		"00002098": protocol.ReasonRights,
		"0000001F": protocol.ReasonNotEncrypted,
		"0000202D": protocol.ReasonNotEncrypted,
		"0000200E": protocol.ReasonDirectoryBusy,
		"0000200F": protocol.ReasonDirectoryDown,
		"0000202B": protocol.ReasonReferral,
		"00002030": protocol.ReasonNotFound,
		"0000208D": protocol.ReasonNotFound,
		"00002077": protocol.ReasonDirectoryError, // ERROR_DS_ILLEGAL_MOD_OPERATION
		"00002081": protocol.ReasonDirectoryError, // ERROR_DS_SINGLE_VALUE_CONSTRAINT
		"0000216C": protocol.ReasonDirectoryError, // ERROR_DS_UNICODEPWD_NOT_IN_QUOTES
		"00000057": protocol.ReasonDirectoryError, // ERROR_INVALID_PARAMETER
		"0000FFFF": protocol.ReasonDirectoryError, // one nobody has seen
	} {
		for _, text := range []string{attributeError(win32), serviceError(win32)} {
			for _, code := range []uint16{ldap.LDAPResultConstraintViolation, ldap.LDAPResultUnwillingToPerform} {
				var e *Error
				if !errors.As(sent("write", ldap.NewError(code, errors.New(text))), &e) {
					t.Fatal("no *Error")
				}
				if e.Reason != want || e.Sent || e.Detail == "" {
					t.Errorf("%d %.40q: %s, sent %v, detail %q; want %s", code, text, e.Reason, e.Sent, e.Detail, want)
				}
			}
		}
	}
}

func TestDocumentedWindowsAnswers(t *testing.T) {
	for _, tt := range []struct {
		name string
		code uint16
		text string
		want protocol.Reason
	}{
		{"reset without the right", 50, "00000005: SecErr: DSID-031A11ED, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0\n\x00", protocol.ReasonRights},
		{"attribute without the right", 50, "00002098: SecErr: DSID-03150F94, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0\n\x00", protocol.ReasonRights},
		{"referral", 10, "0000202B: RefErr: DSID-0310084A, data 0, 1 access points\n\tref 1: 'dc2.corp.example'\n\x00", protocol.ReasonReferral},
		{"referral without a word", 10, "", protocol.ReasonReferral},
		{"read-only controller", 10, "0000202B: RefErr: DSID-03152D7E, data 0, 1 access points\n\tref 1: 'corp.example'\n\x00", protocol.ReasonReferral},
		{"busy", 51, "0000200E: SvcErr: DSID-020A0A1C, problem 5001 (BUSY), data 0\n\x00", protocol.ReasonDirectoryBusy},
		{"busy without a word", 51, "", protocol.ReasonDirectoryBusy},
		{"unavailable", 52, "0000200F: SvcErr: DSID-02010582, problem 5002 (UNAVAILABLE), data 0\n\x00", protocol.ReasonDirectoryDown},
		{"time limit", 3, "00002022: SvcErr: DSID-020A0B3D, problem 5003 (WILL_NOT_PERFORM), data 0\n\x00", protocol.ReasonDirectoryBusy},
		{"time limit without a word", 3, "", protocol.ReasonDirectoryBusy},
		{"admin limit", 11, "00002024: SvcErr: DSID-02050E10, problem 5008 (ADMIN_LIMIT_EXCEEDED), data -1026\n\x00", protocol.ReasonDirectoryBusy},
		{"gone", 32, "0000208D: NameErr: DSID-0310028B, problem 2001 (NO_OBJECT), data 0, best match of:\n\t'DC=corp,DC=example'\n\x00", protocol.ReasonNotFound},
		{"must bind", 1, "000004DC: LdapErr: DSID-0C090A5C, comment: In order to perform this operation a successful bind must be completed on the connection., data 0, v4563\x00", protocol.ReasonServiceAccount},
		{"signing wanted", 8, "00002028: LdapErr: DSID-0C090259, comment: The server requires binds to turn on integrity checking if SSL\\TLS are not already active on the connection, data 0, v4563\x00", protocol.ReasonNotEncrypted},
		{"policy hints unknown", 12, "00000057: LdapErr: DSID-0C09038B, comment: Error processing control, data 0, v1db1\x00", protocol.ReasonNoPolicyHints},
		{"policy hints unavailable", 12, "0000202C: SvcErr: DSID-0315130B, problem 5010 (UNAVAIL_EXTENSION), data 0\n\x00", protocol.ReasonNoPolicyHints},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if e := wantReason(t, sent("write", ldap.NewError(tt.code, errors.New(tt.text))), tt.want); e.Sent {
				t.Error("an answer counts as none")
			}
		})
	}
}

// The words after "data " in a refused bind, and whether the same change may go over the agent's connection:
// only where the controller has not counted a wrong password.
func TestDocumentedWindowsSignIns(t *testing.T) {
	for data, onwards := range map[string]bool{
		"525": false, "52e": false, "533": false, "701": false, "775": false,
		"530": true, "531": true, "532": true, "773": true, "52f": true, "569": true, "418": true,
		"5b9": false, // one nobody has seen
	} {
		text := "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data " + data + ", v1db1\x00"
		var e *Error
		if !errors.As(bindError("dc1", identity{person: true}, ldap.NewError(ldap.LDAPResultInvalidCredentials, errors.New(text))), &e) {
			t.Fatal("no *Error")
		}
		if passable(e) != onwards {
			t.Errorf("data %s: goes on %v, want %v", data, !onwards, onwards)
		}
	}
	for _, code := range []uint16{ldap.LDAPResultStrongAuthRequired, ldap.LDAPResultAuthMethodNotSupported, ldap.LDAPResultInappropriateAuthentication} {
		var e *Error
		if !errors.As(bindError("dc1", identity{person: true}, ldap.NewError(code, errors.New(""))), &e) || !passable(e) {
			t.Errorf("code %d: no simple binds there, but the change does not go on (%v)", code, e)
		}
	}
	for _, code := range []uint16{ldap.LDAPResultBusy, ldap.LDAPResultUnavailable} {
		var e *Error
		if !errors.As(bindError("dc1", identity{person: true}, ldap.NewError(code, errors.New(""))), &e) || passable(e) {
			t.Errorf("code %d goes on (%v)", code, e)
		}
	}
}

func TestDocumentedWindowsChangeDenied(t *testing.T) {
	for _, tt := range []struct {
		name     string
		code     uint16
		text     string
		a        Account
		asPerson bool
		want     protocol.Reason
	}{
		{"to the person", 19, attributeError("00000005"), Account{mayChange: true}, true, protocol.ReasonCannotChange},
		{"to the person, 50", 50, "00000005: SecErr: DSID-031A1190, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0", Account{}, true, protocol.ReasonCannotChange},
		{"[MS-ADCAP]", 19, attributeError("0000202F"), Account{mayChange: true}, false, protocol.ReasonCannotChange},
		{"to the agent, and no sign that the person may", 50, attributeError("00002098"), Account{}, false, protocol.ReasonCannotChange},
		{"to the agent alone", 50, attributeError("00002098"), Account{mayChange: true}, false, protocol.ReasonRights},
		{"policy", 19, attributeError("0000052D"), Account{}, true, protocol.ReasonRuleUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantReason(t, tt.a.changeDenied(sent("change", ldap.NewError(tt.code, errors.New(tt.text))), tt.asPerson), tt.want)
		})
	}
}

// Windows names no rule: what it was is worked out from what the directory holds.
func TestWindowsRuleIsWorkedOut(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	policy := directory.PasswordPolicy{Source: "domain", MinLength: 12, Complexity: true, History: 24, MinAge: 24 * time.Hour}
	noHistory, lax := policy, directory.PasswordPolicy{Source: "domain"}
	noHistory.History = 0
	old := Account{SAM: "ifrah.b", DisplayName: "Ifrah Bekele", PasswordSet: now.AddDate(0, 0, -9), At: now}
	young, must, free := old, old, old
	young.PasswordSet = now.Add(-time.Hour)
	must.PasswordSet, must.MustChange = time.Time{}, true
	free.Control = directory.PasswordNotReqd
	set, notBefore := protocol.MilliOf(young.PasswordSet), protocol.MilliOf(young.PasswordSet.Add(24*time.Hour))
	for _, tt := range []struct {
		name, password string
		a              Account
		policy         directory.PasswordPolicy
		want           protocol.Reason
		rule           protocol.Rule
	}{
		{"short", "aB3", old, policy, protocol.ReasonTooShort, protocol.Rule{MinLength: 12}},
		{"simple", "correcthorsebattery", old, policy, protocol.ReasonTooSimple, protocol.Rule{}},
		{"name", "xBEKELEx-2026", old, policy, protocol.ReasonContainsName, protocol.Rule{Name: "bekele"}},
		{"young", "Good-enough-4711", young, policy, protocol.ReasonTooYoung, protocol.Rule{Changed: set, NotBefore: notBefore, MinAge: 86_400_000}},
		{"young, but it must be changed", "Good-enough-4711", must, policy, protocol.ReasonRuleUnknown, protocol.Rule{History: 24}},
		{"history or a filter", "Good-enough-4711", old, policy, protocol.ReasonRuleUnknown, protocol.Rule{History: 24}},
		{"only a filter is left", "Good-enough-4711", old, noHistory, protocol.ReasonFilter, protocol.Rule{}},
		{"no rules at all", "x", old, lax, protocol.ReasonFilter, protocol.Rule{}},
		{"policy not readable", "aB3", old, directory.PasswordPolicy{}, protocol.ReasonRuleUnknown, protocol.Rule{}},
		{"an account that needs no password", "aB3-", free, policy, protocol.ReasonRuleUnknown, protocol.Rule{History: 24}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, text := range []string{serviceError("0000052D"), attributeError("0000052D")} {
				e := &Error{Reason: parseDiagnostic(53, text).reason()}
				e.explain([]byte(tt.password), tt.a, tt.policy)
				if e.Reason != tt.want {
					t.Errorf("got %s, want %s", e.Reason, tt.want)
				}
				wantRule(t, e.Rule, tt.rule)
			}
		})
	}
}
