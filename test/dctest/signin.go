package dctest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf16"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"

	"homeward/internal/lab"
)

// Bind signs in by simple bind over LDAPS. [BindCode] reads a refusal.
func (d *DC) Bind(upn, password string) error {
	ctx, cancel := context.WithTimeout(context.Background(), requestTime)
	defer cancel()
	return d.DC.Bind(ctx, upn, password)
}

// Kinit gets a ticket from the DC's Kerberos with AES keys, as signing in to Windows does. It goes by the
// account's sAMAccountName, which it looks up: a UPN suffix is no Kerberos realm.
func (d *DC) Kinit(upn, password string) error {
	sam, err := d.samOf(upn)
	if err != nil {
		return err
	}
	conf, err := config.NewFromString(fmt.Sprintf(`[libdefaults]
default_realm = %[1]s
dns_lookup_kdc = false
udp_preference_limit = 1
default_tkt_enctypes = aes256-cts-hmac-sha1-96 aes128-cts-hmac-sha1-96
default_tgs_enctypes = aes256-cts-hmac-sha1-96 aes128-cts-hmac-sha1-96
[realms]
%[1]s = {
 kdc = %[2]s
}
`, d.Realm(), d.KDC()))
	if err != nil {
		return fmt.Errorf("configuration of Kerberos: %w", err)
	}
	// gokrb5 offers FAST negotiation, which it cannot finish with Active Directory's kind of KDC.
	c := client.NewWithPassword(sam, d.Realm(), password, conf, client.DisablePAFXFAST(true))
	defer c.Destroy()
	return c.Login()
}

func (d *DC) samOf(upn string) (string, error) {
	who := d.Administrator()
	conn, err := d.connect(who.UPN, who.Password)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	found, err := conn.Search(ldap.NewSearchRequest(d.BaseDN(), ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 2, 0,
		false, "(userPrincipalName="+ldap.EscapeFilter(upn)+")", []string{"sAMAccountName"}, nil))
	if err != nil {
		return "", fmt.Errorf("looking up %s: %w", upn, err)
	}
	if len(found.Entries) != 1 {
		return "", fmt.Errorf("looking up %s: %d accounts", upn, len(found.Entries))
	}
	return found.Entries[0].GetAttributeValue("sAMAccountName"), nil
}

// Policy-hints control, [MS-ADTS] 3.1.1.3.4.1.27, and its older number.
const (
	OIDPolicyHints           = "1.2.840.113556.1.4.2239"
	OIDPolicyHintsDeprecated = "1.2.840.113556.1.4.2066"
)

// ResetAs resets a password with policy hints, bound as the given account. It is written apart from the
// product's own code, so that a test can compare the two.
func (d *DC) ResetAs(as lab.Account, dn, password string) error {
	conn, err := d.connect(as.UPN, as.Password)
	if err != nil {
		return err
	}
	hints := control{oid: OIDPolicyHints, critical: true, value: []byte{0x30, 0x03, 0x02, 0x01, 0x01}}
	req := ldap.NewModifyRequest(dn, []ldap.Control{hints})
	req.Replace("unicodePwd", []string{quoted(password)})
	return errors.Join(conn.Modify(req), conn.Close())
}

// quoted is a value of unicodePwd: the password in quotation marks, UTF-16LE ([MS-ADTS] 3.1.1.3.1.5.1).
func quoted(password string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(`"` + password + `"`)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return string(b)
}

// control is an LDAP control whose criticality is TRUE as LDAP demands it (0xFF, RFC 4511 5.1); go-ldap's
// own Microsoft controls write 0x01, which Samba reads as FALSE.
type control struct {
	oid      string
	critical bool
	value    []byte
}

func (c control) GetControlType() string { return c.oid }

func (c control) String() string { return c.oid }

func (c control) Encode() *ber.Packet {
	p := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "Control")
	p.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, c.oid, "OID"))
	p.AppendChild(ber.NewLDAPBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, c.critical, "Criticality"))
	p.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, string(c.value), "Value"))
	return p
}
