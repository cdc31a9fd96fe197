package dctest

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
	"homeward/internal/lab"
)

// Layout of a self-relative security descriptor, [MS-DTYP] 2.4.6, its ACL, 2.4.5, and ACE headers, 2.4.4.1.
const (
	sdControl       = 2
	sdDACL          = 16
	sdHeader        = 20
	daclPresent     = 0x0004
	daclProtected   = 0x1000
	selfRelative    = 0x8000
	aclSize         = 2
	aclCount        = 4
	aclHeader       = 8
	aceInherited    = 0x10
	aceSize         = 2
	daclOnly        = 4 // DACL_SECURITY_INFORMATION, [MS-ADTS] 3.1.1.3.4.1.11
	controlSDFlags  = ldap.ControlTypeMicrosoftSDFlags
	protectedHolder = "CN=AdminSDHolder,CN=System,"
)

// SetAdminCount makes a person protected as SDProp does in Active Directory: adminCount 1 and the DACL of
// AdminSDHolder. Samba has no SDProp, so membership of an administrators' group alone changes nothing.
func (d *DC) SetAdminCount(t testing.TB, p lab.Person) {
	t.Helper()
	d.writeProtected(t, p.DN, d.dacl(t, protectedHolder+d.BaseDN()))
	d.Set(t, p.DN, "adminCount", "1")
}

// CutInheritance turns inheritance off: the person keeps its own ACEs and loses those of its OU, the
// service account's rights among them.
func (d *DC) CutInheritance(t testing.TB, p lab.Person) {
	t.Helper()
	d.writeProtected(t, p.DN, withoutInherited(d.dacl(t, p.DN)))
}

// Rights that can be denied on a person ([MS-ADTS] 5.1.3.2.1).
const (
	RightResetPassword  = "00299570-246d-11d0-a768-00aa006e0529"
	RightChangePassword = "ab721a53-1e2f-11d0-9819-00aa0040529b"
)

// Types of ACEs, [MS-DTYP] 2.4.4.1: ACCESS_ALLOWED_OBJECT and ACCESS_DENIED_OBJECT.
const (
	aceAllowObject = 0x05
	aceDenyObject  = 0x06
)

// Security identifiers in binary form, [MS-DTYP] 2.4.2.2: Everyone (S-1-1-0) and SELF (S-1-5-10).
const (
	sidEveryone = "\x01\x01\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00"
	sidSelf     = "\x01\x01\x00\x00\x00\x00\x00\x05\x0a\x00\x00\x00"
)

// DenyChange sets "user cannot change password", as Active Directory Users and Computers does.
func (d *DC) DenyChange(t testing.TB, p lab.Person) {
	t.Helper()
	d.prepend(t, p, aceDenyObject, RightChangePassword, sidEveryone, sidSelf)
}

// AllowChange lets everybody change one person's password who knows it. Every person is made so; the
// AdminSDHolder of Windows has it too, Samba's has not.
func (d *DC) AllowChange(t testing.TB, p lab.Person) {
	t.Helper()
	d.prepend(t, p, aceAllowObject, RightChangePassword, sidEveryone, sidSelf)
}

// DenyReset denies the service account the resetting of one person's password.
func (d *DC) DenyReset(t testing.TB, p lab.Person) {
	t.Helper()
	d.prepend(t, p, aceDenyObject, RightResetPassword, d.Attr(t, d.ServiceAccount().DN, "objectSid")...)
}

// prepend puts ACEs about one extended right in front of the person's DACL, by LDAP: many times as fast as Grant.
func (d *DC) prepend(t testing.TB, p lab.Person, kind byte, right string, sids ...string) {
	t.Helper()
	guid, err := directory.ParseGUID(right)
	if err != nil {
		t.Fatal(err)
	}
	old := d.dacl(t, p.DN)
	acl := append([]byte(nil), old[:aclHeader]...)
	for _, sid := range sids {
		// ADS_RIGHT_DS_CONTROL_ACCESS, with ACE_OBJECT_TYPE_PRESENT.
		size := 4 + 4 + 4 + len(guid) + len(sid)
		ace := []byte{kind, 0, byte(size), 0, 0x00, 0x01, 0, 0, 0x01, 0, 0, 0}
		acl = slices.Concat(acl, ace, guid[:], []byte(sid))
	}
	acl = append(acl, old[aclHeader:]...)
	binary.LittleEndian.PutUint16(acl[aclSize:], uint16(len(acl)))
	binary.LittleEndian.PutUint16(acl[aclCount:], binary.LittleEndian.Uint16(old[aclCount:])+uint16(len(sids)))
	d.writeDACL(t, p.DN, acl, 0)
}

// Grant adds ACEs in SDDL to an object ($S stands for the service account's SID) and takes them away after
// the test. They reach the people below it before Grant returns. Use it on a private DC or on own objects.
func (d *DC) Grant(t testing.TB, dn, aces string) {
	t.Helper()
	d.dsacl(t, "set", dn, aces)
	t.Cleanup(func() { d.dsacl(t, "delete", dn, aces) })
}

// GrantForGood is Grant that is not undone: for DCs that end with the test.
func (d *DC) GrantForGood(t testing.TB, dn, aces string) {
	t.Helper()
	d.dsacl(t, "set", dn, aces)
}

// Revoke takes ACEs away from an object and puts them back after the test. [lab.ACEResetPassword] and its
// neighbours are those the service account has on each OU.
func (d *DC) Revoke(t testing.TB, dn, aces string) {
	t.Helper()
	d.dsacl(t, "delete", dn, aces)
	t.Cleanup(func() { d.dsacl(t, "set", dn, aces) })
}

func (d *DC) dsacl(t testing.TB, verb, dn, aces string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), requestTime) // also called after the test
	defer cancel()
	_, err := d.Tool(ctx, "dsacl", verb, "-H", "/lab/dc/private/sam.ldb", "--objectdn="+dn,
		"--sddl="+strings.ReplaceAll(aces, "$S", d.serviceSID(t)))
	if err != nil {
		t.Fatalf("%s of rights on %s: %v", verb, dn, err)
	}
}

// serviceSID is the service account's SID in text form, [MS-DTYP] 2.4.2.
func (d *DC) serviceSID(t testing.TB) string {
	t.Helper()
	raw := []byte(strings.Join(d.Attr(t, d.ServiceAccount().DN, "objectSid"), ""))
	if len(raw) < 8 || len(raw) != 8+4*int(raw[1]) {
		t.Fatalf("objectSid of the service account has %d bytes", len(raw))
	}
	var sid strings.Builder
	fmt.Fprintf(&sid, "S-%d-%d", raw[0], raw[7])
	for sub := raw[8:]; len(sub) > 0; sub = sub[4:] {
		fmt.Fprintf(&sid, "-%d", binary.LittleEndian.Uint32(sub))
	}
	return sid.String()
}

// dacl reads the DACL as administrator.
func (d *DC) dacl(t testing.TB, dn string) []byte {
	t.Helper()
	found, err := d.Admin(t).Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0,
		false, "(objectClass=*)", []string{"nTSecurityDescriptor"}, []ldap.Control{sdFlags()}))
	if err != nil || len(found.Entries) != 1 {
		t.Fatalf("reading the security descriptor of %s: %d entries, %v", dn, len(found.Entries), err)
	}
	sd := found.Entries[0].GetRawAttributeValue("nTSecurityDescriptor")
	if len(sd) < sdHeader {
		t.Fatalf("security descriptor of %s has %d bytes", dn, len(sd))
	}
	acl := sd[binary.LittleEndian.Uint32(sd[sdDACL:]):]
	return acl[:binary.LittleEndian.Uint16(acl[aclSize:])]
}

func withoutInherited(acl []byte) []byte {
	out := append([]byte(nil), acl[:aclHeader]...)
	count := uint16(0)
	for rest := acl[aclHeader:]; len(rest) >= 4; {
		size := binary.LittleEndian.Uint16(rest[aceSize:])
		if rest[1]&aceInherited == 0 {
			out = append(out, rest[:size]...)
			count++
		}
		rest = rest[size:]
	}
	binary.LittleEndian.PutUint16(out[aclSize:], uint16(len(out)))
	binary.LittleEndian.PutUint16(out[aclCount:], count)
	return out
}

// writeProtected writes a DACL that inherits nothing.
func (d *DC) writeProtected(t testing.TB, dn string, acl []byte) {
	t.Helper()
	d.writeDACL(t, dn, acl, daclProtected)
}

func (d *DC) writeDACL(t testing.TB, dn string, acl []byte, flags uint16) {
	t.Helper()
	sd := make([]byte, sdHeader, sdHeader+len(acl))
	sd[0] = 1 // revision
	binary.LittleEndian.PutUint16(sd[sdControl:], selfRelative|daclPresent|flags)
	binary.LittleEndian.PutUint32(sd[sdDACL:], sdHeader)
	req := ldap.NewModifyRequest(dn, []ldap.Control{sdFlags()})
	req.Replace("nTSecurityDescriptor", []string{string(append(sd, acl...))})
	if err := d.Admin(t).Modify(req); err != nil {
		t.Fatalf("writing the security descriptor of %s: %v", dn, err)
	}
}

func sdFlags() ldap.Control {
	return control{oid: controlSDFlags, value: []byte{0x30, 0x03, 0x02, 0x01, daclOnly}}
}
