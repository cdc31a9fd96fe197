package activedirectory

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
	"homeward/internal/protocol"
)

// Account is a person's account as one controller held it at one moment.
type Account struct {
	GUID        directory.GUID
	SID         directory.SID
	DN          string
	SAM         string
	UPN         string
	DisplayName string
	Mail        string

	Control   directory.AccountControl // userAccountControl
	Computed  directory.AccountControl // msDS-User-Account-Control-Computed: locked and expired as of now
	Protected bool                     // adminCount is 1
	Critical  bool                     // isCriticalSystemObject, such as krbtgt and Guest
	Own       bool                     // the account the agent itself signs in with

	CannotChange bool // "user cannot change password": its DACL denies the person Change Password

	PasswordSet     time.Time // pwdLastSet; zero when it must be changed at the next sign-in
	MustChange      bool      // pwdLastSet is 0
	PasswordExpires time.Time // zero: never, or must change
	AccountExpires  time.Time // zero: never
	PSO             string    // DN of the fine-grained policy that wins, or empty

	// Wrong passwords this controller has seen, and when the last one was. Neither replicates ([MS-ADA1]).
	BadPasswords  int
	BadPasswordAt time.Time

	// What the replication metadata says of unicodePwd and lockoutTime: when the attribute was written
	// and how often. Zero when it never was.
	Password Version
	Lockout  Version

	DC Controller // who answered
	At time.Time  // when, by the agent's clock

	grants    grants
	mayChange bool // the DACL gives Change Password to everybody or to the person
	home      *Directory
}

// Locked reports whether the account is locked out now, lockout duration considered.
func (a Account) Locked() bool { return a.Computed.Has(directory.Locked) }

// Names returns what a complex password of this person must not contain.
func (a Account) Names() []string { return directory.NameParts(a.SAM, a.DisplayName) }

func accountAttributes() []string {
	return []string{
		"objectGUID", "objectSid", "objectClass", "sAMAccountName", "userPrincipalName", "displayName", "mail", "userAccountControl",
		"msDS-User-Account-Control-Computed", "adminCount", "isCriticalSystemObject", "pwdLastSet", "accountExpires",
		"badPwdCount", "badPasswordTime",
		"msDS-ResultantPSO", "msDS-UserPasswordExpiryTimeComputed", "replPropertyMetaData", "nTSecurityDescriptor",
	}
}

// LDAP_SERVER_SD_FLAGS_OID with DACL_SECURITY_INFORMATION ([MS-ADTS] 3.1.1.3.4.1.11). Without it an ordinary
// account gets no security descriptor, because it may not read the SACL.
const (
	oidSDFlags = "1.2.840.113556.1.4.801"
	onlyDACL   = "\x30\x03\x02\x01\x04"
)

func newAccount(e *ldap.Entry) (Account, error) {
	f := fields{entry: e}
	a := Account{
		DN: e.DN, SAM: f.text("sAMAccountName"), UPN: f.text("userPrincipalName"),
		DisplayName: f.text("displayName"), Mail: f.text("mail"), PSO: f.text("msDS-ResultantPSO"),
		Control:   directory.AccountControl(f.integer("userAccountControl")),                 //nolint:gosec // a bit field
		Computed:  directory.AccountControl(f.integer("msDS-User-Account-Control-Computed")), //nolint:gosec // a bit field
		Protected: f.integer("adminCount") == 1, Critical: f.text("isCriticalSystemObject") == "TRUE",
		PasswordSet:     directory.FromFiletime(f.integer("pwdLastSet")),
		PasswordExpires: directory.FromFiletime(f.integer("msDS-UserPasswordExpiryTimeComputed")),
		AccountExpires:  directory.FromFiletime(f.integer("accountExpires")),
		BadPasswords:    int(f.integer("badPwdCount")), BadPasswordAt: directory.FromFiletime(f.integer("badPasswordTime")),
	}
	a.MustChange = f.text("pwdLastSet") == "0"
	var err error
	if a.GUID, err = directory.GUIDFromBytes(attribute(e, "objectGUID")); err != nil {
		f.fail("objectGUID", err)
	}
	if !isUser(e) {
		return Account{}, &Error{Reason: protocol.ReasonNotFound, doing: "the object is not a user, or the agent may not read it"}
	}
	// Neither attribute is in the sets everybody may read. Who cannot read the metadata could not see adminCount
	// either, and could not prove what became of a write: such an account is not written.
	if a.SAM == "" || !f.has("userAccountControl") || !f.has("replPropertyMetaData") {
		return Account{}, &Error{
			Reason: protocol.ReasonRights,
			doing:  "the agent may not read all of the account; it may not inherit rights from its OU",
		}
	}
	if a.SID, err = directory.SIDFromBytes(attribute(e, "objectSid")); err != nil {
		f.fail("objectSid", err)
	}
	a.mayChange, a.CannotChange = ownChange(attribute(e, "nTSecurityDescriptor"), a.SID.String())
	versions, err := parseMetadata(attribute(e, "replPropertyMetaData"))
	if err != nil {
		f.fail("replPropertyMetaData", err)
	}
	a.Password, a.Lockout = versions[attUnicodePwd], versions[attLockoutTime]
	return a, f.err
}

func isUser(e *ldap.Entry) bool {
	return slices.ContainsFunc(e.GetAttributeValues("objectClass"), func(class string) bool { return strings.EqualFold(class, "user") })
}

// fields reads attributes and keeps the first error.
type fields struct {
	entry *ldap.Entry
	err   error
}

func (f *fields) text(name string) string { return string(attribute(f.entry, name)) }

func (f *fields) has(name string) bool { return attribute(f.entry, name) != nil }

// integer returns zero for an attribute that is not there.
func (f *fields) integer(name string) int64 {
	s := strings.TrimSpace(f.text(name))
	if s == "" {
		return 0
	}
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		f.fail(name, directory.ErrSyntax)
	}
	return v
}

func (f *fields) fail(name string, err error) {
	if f.err == nil {
		f.err = malformed("attribute "+name, fmt.Errorf("unexpected value: %w", err))
	}
}
