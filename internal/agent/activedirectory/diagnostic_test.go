package activedirectory

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
	"homeward/internal/protocol"
)

// Every diagnostic seen on Samba 4.24 and 4.22, and the forms Windows uses ([MS-ADTS] 3.1.1.3.1.9).
func TestDiagnostics(t *testing.T) {
	const samba = "0000052D: Constraint violation - check_password_restrictions: "
	for _, tt := range []struct {
		name string
		code uint16
		text string
		want protocol.Reason
	}{
		{"previous password", 53, samba + "the password was already used (previous password)!", protocol.ReasonUsedBefore},
		{"in history", 53, samba + "the password was already used (in history)!", protocol.ReasonUsedBefore},
		{"short", 53, samba + "the password is too short. It should be equal to or longer than 12 characters!", protocol.ReasonTooShort},
		{"complexity", 53, samba + "the password does not meet the complexity criteria!", protocol.ReasonTooSimple},
		{"young", 53, samba + "password is too young to change!", protocol.ReasonTooYoung},
		{"young on 4.22", 19, samba + "password is too young to change!", protocol.ReasonTooYoung},
		{"Windows, reset", 53, "0000052D: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0\n\x00", protocol.ReasonRuleUnknown},
		{"Windows, change", 19, "0000052D: AtrErr: DSID-03191083, #1:\n\t0: 0000052D: DSID-03191083, problem 1005 (CONSTRAINT_ATT_TYPE), data 0, Att 9005a (unicodePwd)\n\x00", protocol.ReasonRuleUnknown},
		{"Windows, ill-formed", 53, "0000052C: SvcErr: DSID-031A1236, problem 5003 (WILL_NOT_PERFORM), data 0", protocol.ReasonRuleUnknown},
		{"not quoted", 53, "00002035: setup_io: it's not allowed to set the NT hash password directly'", protocol.ReasonDirectoryError},
		{"not encrypted, Samba", 53, "0000001F: Password modification over LDAP must be over an encrypted connection", protocol.ReasonNotEncrypted},
		{"not encrypted, Windows", 53, "0000001F: SvcErr: DSID-031A1262, problem 5003 (WILL_NOT_PERFORM), data 0", protocol.ReasonNotEncrypted},
		{"no right, Samba", 50, "error in module acl: insufficient access rights during LDB_MODIFY (50)", protocol.ReasonRights},
		{"no property right", 50, "00002098: Object CN=x has no write property access", protocol.ReasonRights},
		{"no right, Windows", 50, "00000005: SecErr: DSID-031A1190, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0", protocol.ReasonRights},
		{"no right, Windows, attribute", 50, "00002098: SecErr: DSID-03150F94, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0", protocol.ReasonRights},
		{"DN gone", 32, "00002030: No such Base DN: CN=x", protocol.ReasonNotFound},
		{"GUID gone", 32, "Base-DN '<GUID=00000000-0000-0000-0000-000000000000>' not found", protocol.ReasonNotFound},
		{"gone, Windows", 32, "0000208D: NameErr: DSID-0310028F, problem 2001 (NO_OBJECT), data 0, best match of: ''", protocol.ReasonNotFound},
		{"bad DN", 34, "00002032: ldb_modify: invalid dn '(null)'", protocol.ReasonDirectoryError},
		{"not bound", 1, "00002020: Operation unavailable without authentication", protocol.ReasonServiceAccount},
		{"bind refused", 49, "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 52e, v1db1", protocol.ReasonServiceAccount},
		{"channel binding", 49, "80090346: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 35b, v1db1", protocol.ReasonServiceAccount},
		{"encryption required", 8, "BindSimple: Transport encryption required.", protocol.ReasonNotEncrypted},
		{"critical control, Windows", 12, "00000057: LdapErr: DSID-0C090E11, comment: Error processing control, data 0, v2580", protocol.ReasonNoPolicyHints},
		{"busy", 51, "0000200E: SvcErr: DSID-03, problem 5001 (BUSY), data 0", protocol.ReasonDirectoryBusy},
		{"stopping", 52, "", protocol.ReasonDirectoryDown},
		{"refused without a word", 53, "", protocol.ReasonDirectoryError},
		{"change denied, Samba", 19, "error in module acl: Constraint violation during LDB_MODIFY (19)", protocol.ReasonCannotChange},
		{"constraint without a code", 19, "", protocol.ReasonDirectoryError},
		{"a policy's words without the code", 53, "password is too young to change!", protocol.ReasonDirectoryError},
		{"lower-case head is no code", 53, "0000052d: the password is too short", protocol.ReasonDirectoryError},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := parseDiagnostic(tt.code, tt.text).reason(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestMinLengthOfDiagnostic(t *testing.T) {
	for text, want := range map[string]int{
		"It should be equal to or longer than 12 characters!": 12, "equal to or longer than x characters": 0,
		"equal to or longer than -3 characters": 0, "equal to or longer than 99999999999999999999 ": 0, "": 0,
	} {
		if got := parseDiagnostic(53, "0000052D: "+text).minLength(); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func TestNoAnswerIsNotADiagnostic(t *testing.T) {
	for _, err := range []error{
		ldap.NewError(ldap.ErrorNetwork, errors.New("ldap: connection timed out")),
		ldap.NewError(ldap.ErrorNetwork, errors.New("ldap: connection closed")),
		errors.New("unable to read LDAP response packet: EOF"),
	} {
		if e := wantReason(t, sent("reset", err), protocol.ReasonTimeout); !e.Sent || !lost(e) {
			t.Errorf("%v: sent %v", err, e.Sent)
		}
	}
	for _, err := range []error{errors.New("ldap: unexpected response: 24"), ldap.NewError(53, errors.New("0000052D: x"))} {
		var e *Error
		if !errors.As(sent("reset", err), &e) || e.Sent || lost(e) {
			t.Errorf("%v counts as lost", err)
		}
	}
}

func FuzzParseDiagnostic(f *testing.F) {
	f.Add(uint16(53), "0000052D: Constraint violation - check_password_restrictions: the password is too short. It should be equal to or longer than 12 characters!")
	f.Add(uint16(49), "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 52e, v1db1")
	f.Add(uint16(50), "error in module acl: insufficient access rights during LDB_MODIFY (50)")
	f.Add(uint16(32), "\x00\xff:")
	f.Add(uint16(19), attributeError("00000056"))
	f.Add(uint16(53), serviceError("000008C5"))
	f.Add(uint16(10), "0000202B: RefErr: DSID-0310084A, data 0, 1 access points\n\tref 1: 'dc2.corp.example'\n\x00")
	f.Fuzz(func(t *testing.T, code uint16, text string) {
		d := parseDiagnostic(code, text)
		if d.reason() == protocol.ReasonNone {
			t.Error("a failure without a reason")
		}
		if len(d.text) > maxDetail || !utf8.ValidString(d.text) {
			t.Errorf("detail of %d bytes, valid %v", len(d.text), utf8.ValidString(d.text))
		}
		if d.minLength() < 0 || d.bindMeaning() == "" {
			t.Error("numbers or words are missing")
		}
		if d.reason() == protocol.ReasonRuleUnknown && !slices.Contains([]uint32{winRestriction, winIllFormed, winTooShort}, d.win32) {
			t.Errorf("a policy refusal without its code: %q", text)
		}
		if d.win32 == 0 && (d.reason() == protocol.ReasonWrongPassword || d.reason() == protocol.ReasonUsedBefore) {
			t.Errorf("a statement about a password without a code: %q", text)
		}
	})
}

func metadata(entries ...[]byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 1)
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(entries)))
	b = binary.LittleEndian.AppendUint32(b, 0)
	for _, e := range entries {
		b = append(b, e...)
	}
	return b
}

func metadataOf(att, version uint32, at time.Time, origin directory.GUID) []byte {
	b := binary.LittleEndian.AppendUint32(nil, att)
	b = binary.LittleEndian.AppendUint32(b, version)
	b = binary.LittleEndian.AppendUint64(b, uint64(at.Unix()+secondsTo1970))
	b = append(b, origin[:]...)
	b = binary.LittleEndian.AppendUint64(b, 4711)
	return binary.LittleEndian.AppendUint64(b, 4712)
}

func TestParseMetadata(t *testing.T) {
	at := time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)
	blob := metadata(metadataOf(attLockoutTime, 3, at, directory.GUID{9}), metadataOf(attUnicodePwd, 7, at, directory.GUID{1, 2}))
	got, err := parseMetadata(blob)
	if err != nil {
		t.Fatal(err)
	}
	if v := got[attUnicodePwd]; v != (Version{Number: 7, At: at, Origin: directory.GUID{1, 2}}) || len(got) != 2 {
		t.Errorf("got %+v", got)
	}
	for name, b := range map[string][]byte{
		"empty": nil, "cut off": blob[:len(blob)-1], "version 2": append([]byte{2}, blob[1:]...), "count too high": metadata()[:15],
	} {
		if _, err := parseMetadata(b); !errors.Is(err, directory.ErrSyntax) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseMetadata(f *testing.F) {
	f.Add(metadata(metadataOf(attUnicodePwd, 7, time.Now(), directory.GUID{1})))
	f.Add(metadata())
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := parseMetadata(b)
		if err == nil && len(got)*metadataEntry > len(b) {
			t.Errorf("%d entries in %d bytes", len(got), len(b))
		}
	})
}
