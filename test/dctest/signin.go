package dctest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
	"unicode/utf16"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

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
	c, err := d.kerberos(sam, password)
	if err != nil {
		return err
	}
	defer c.Destroy()
	return c.Login()
}

func (d *DC) kerberos(sam, password string) (*client.Client, error) {
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
		return nil, fmt.Errorf("configuration of Kerberos: %w", err)
	}
	// gokrb5 offers FAST negotiation, which it cannot finish with Active Directory's kind of KDC.
	return client.NewWithPassword(sam, d.Realm(), password, conf, client.DisablePAFXFAST(true)), nil
}

// Tickets is what kinit -c FILE would write for an account: a credential cache of version 4, as MIT documents it.
func (d *DC) Tickets(who lab.Account) ([]byte, error) {
	c, err := d.kerberos(who.SAM, who.Password)
	if err != nil {
		return nil, err
	}
	defer c.Destroy()
	request, err := messages.NewASReqForTGT(d.Realm(), c.Config, c.Credentials.CName())
	if err != nil {
		return nil, err
	}
	reply, err := c.ASExchange(d.Realm(), request, 0)
	if err != nil {
		return nil, err
	}
	ticket, err := reply.Ticket.Marshal()
	if err != nil {
		return nil, err
	}
	part := reply.DecryptedEncPart
	var out []byte
	number := func(n int64) { out = binary.BigEndian.AppendUint32(out, uint32(n)) }
	text := func(b []byte) { number(int64(len(b))); out = append(out, b...) }
	name := func(n types.PrincipalName) {
		number(int64(n.NameType))
		number(int64(len(n.NameString)))
		text([]byte(d.Realm()))
		for _, s := range n.NameString {
			text([]byte(s))
		}
	}
	out = append(out, 5, 4, 0, 0) // no header
	name(reply.CName)
	name(reply.CName)
	name(types.PrincipalName{NameType: 2, NameString: []string{"krbtgt", d.Realm()}})
	out = binary.BigEndian.AppendUint16(out, uint16(part.Key.KeyType))
	text(part.Key.KeyValue)
	for _, at := range []time.Time{part.AuthTime, part.StartTime, part.EndTime, part.RenewTill} {
		number(at.Unix())
	}
	out = append(out, 0) // for no other ticket's key
	number(0)            // flags
	number(0)            // addresses
	number(0)            // authorisation data
	text(ticket)
	number(0) // no second ticket
	return out, nil
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
