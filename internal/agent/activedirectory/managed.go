package activedirectory

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/agent/activedirectory/kerberos"
	"homeward/internal/directory"
	"homeward/internal/directory/security"
	"homeward/internal/protocol"
)

// managed is the group managed service account, with the password that the controllers compute for it and that the
// reader, who is given, may read ([MS-ADTS] 3.1.1.4.5.39). It is read for each connection and kept nowhere, so that it
// is never one of yesterday.
func (d *Directory) managed(ctx context.Context, host, address string, reader identity) (identity, error) {
	ctx, cancel := context.WithTimeout(ctx, d.config.DialTimeout)
	defer cancel()
	l, raw, err := d.signIn(ctx, host, address, reader)
	if err != nil {
		return identity{}, err
	}
	defer raw.Close() //nolint:errcheck // nothing is left to be sent
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	l.SetTimeout(d.config.ReadTimeout)
	blob, err := managedPassword(l, d.config.BaseDN, d.config.User)
	defer clear(blob)
	if err != nil {
		if told, ok := errors.AsType[*Error](err); ok {
			return identity{}, told
		}
		return identity{}, down("read the password of "+d.config.User+" from "+host, err)
	}
	current, err := parseManagedPassword(blob)
	defer clear(current)
	if err != nil {
		return identity{}, &Error{Reason: protocol.ReasonServiceAccount, doing: "read the password of " + d.config.User, err: err}
	}
	password := stringToKeyText(current)
	return identity{user: d.config.User, password: password, managed: true, sum: sha256.Sum256(password)}, nil
}

// managedPassword reads the attribute. The reader sees it, or sees the account without it.
func managedPassword(l *ldap.Conn, base, account string) ([]byte, error) {
	if base == "" {
		r, err := l.Search(ldap.NewSearchRequest("", ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, 0, false, "(objectClass=*)", []string{"defaultNamingContext"}, nil))
		if err != nil {
			return nil, err
		}
		if len(r.Entries) == 1 {
			base = r.Entries[0].GetAttributeValue("defaultNamingContext")
		}
	}
	name := samOf(account)
	r, err := l.Search(ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 1, 0, false,
		"(sAMAccountName="+ldap.EscapeFilter(name)+")", []string{"objectClass", "msDS-ManagedPassword"}, nil))
	if err != nil {
		return nil, err
	}
	switch {
	case len(r.Entries) == 0:
		return nil, &Error{Reason: protocol.ReasonServiceAccount, doing: "there is no managed account " + name + " in the domain (its name ends with $)"}
	case classOf(r.Entries[0]) != classManaged:
		return nil, &Error{Reason: protocol.ReasonServiceAccount, doing: name + " is not a group managed service account: take it as an existing account"}
	}
	if blob := attribute(r.Entries[0], "msDS-ManagedPassword"); len(blob) > 0 {
		return blob, nil
	}
	return nil, &Error{
		Reason: protocol.ReasonServiceAccount,
		doing: "the reader may not read the password of " + name + ": allow it with Set-ADServiceAccount -PrincipalsAllowedToRetrieveManagedPassword, or " +
			"samba-tool service-account group-msa-membership add; a group that was joined counts from the next sign-in on",
	}
}

// classManaged is the class of a gMSA.
const classManaged = "msDS-GroupManagedServiceAccount"

// samOf is the logon name in user@domain or DOMAIN\user.
func samOf(user string) string {
	if _, sam, ok := strings.Cut(user, `\`); ok {
		return sam
	}
	sam, _, _ := strings.Cut(user, "@")
	return sam
}

// Sizes of MSDS-MANAGEDPASSWORD_BLOB ([MS-ADTS] 2.2.19): version, reserved, length, four offsets; and of the password.
const (
	managedHeader = 16
	managedSize   = 256
	maxManaged    = 64 << 10
)

var errManaged = errors.New("the controller's answer is not a managed password (MSDS-MANAGEDPASSWORD_BLOB)")

// parseManagedPassword returns the current password, UTF-16 in little-endian bytes: a copy, which the caller wipes.
// Errors show nothing of it.
func parseManagedPassword(b []byte) ([]byte, error) {
	if len(b) < managedHeader || len(b) > maxManaged || binary.LittleEndian.Uint16(b) != 1 || int64(binary.LittleEndian.Uint32(b[4:])) != int64(len(b)) {
		return nil, errManaged
	}
	current, previous := int(binary.LittleEndian.Uint16(b[8:])), int(binary.LittleEndian.Uint16(b[10:]))
	query, unchanged := int(binary.LittleEndian.Uint16(b[12:])), int(binary.LittleEndian.Uint16(b[14:]))
	if query < managedHeader || query+8 > len(b) || unchanged < managedHeader || unchanged+8 > len(b) {
		return nil, errManaged
	}
	end := query
	if previous != 0 {
		end = previous
	}
	if current < managedHeader || current >= end || end > query {
		return nil, errManaged
	}
	field := b[current:end]
	// The password is random and may hold a zero itself; only what is shorter is ended by the first one.
	if len(field) >= managedSize+2 && field[managedSize] == 0 && field[managedSize+1] == 0 {
		return slices.Clone(field[:managedSize]), nil
	}
	for i := 0; i+1 < len(field); i += 2 {
		if field[i] == 0 && field[i+1] == 0 {
			if i == 0 {
				break
			}
			return slices.Clone(field[:i]), nil
		}
	}
	return nil, errManaged
}

// stringToKeyText is UTF-16 as the text that Kerberos keys are derived from: random bytes are not always UTF-16, so a
// half of a pair that stands alone counts as U+FFFD, and a zero as U+0001, as the controllers do it.
func stringToKeyText(password []byte) []byte {
	out := make([]byte, 0, len(password)/2*3)
	for i := 0; i+1 < len(password); i += 2 {
		r := rune(binary.LittleEndian.Uint16(password[i:]))
		switch {
		case r == 0:
			r = 1
		case utf16.IsSurrogate(r):
			next := rune(0)
			if i+3 < len(password) {
				next = rune(binary.LittleEndian.Uint16(password[i+2:]))
			}
			if r = utf16.DecodeRune(r, next); r != utf8.RuneError {
				i += 2
			}
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

// NewManaged is a group managed service account to be made.
type NewManaged struct {
	Name        string // without the $ at its end
	Container   string // DN; empty: the container for managed accounts
	Description string
	Reader      string // who may read its password, as user@domain or DOMAIN\user
}

// managedDays is the interval after which the controllers change its password; it can't be set later.
const managedDays = 30

// CreateManaged makes a group managed service account whose password the reader may read, as whoever the directory
// signs in as. One of that name that carries the very same description was made by an earlier run and stays, with the
// reader as its only one; any other is an *Error.
func (d *Directory) CreateManaged(ctx context.Context, a NewManaged) (Made, error) {
	if err := checkManagedName(a.Name); err != nil {
		return Made{}, err
	}
	if a.Description == "" || a.Reader == "" {
		return Made{}, errors.New("a managed account needs a description, and who may read its password")
	}
	c, err := d.dialAny(ctx)
	if err != nil {
		return Made{}, err
	}
	defer c.kill()
	var made Made
	err = c.use(ctx, d.config.WriteTimeout, func(c *conn) error {
		s := State{BaseDN: d.base(c)}
		if err := c.names(&s); err != nil {
			return err
		}
		readers, err := c.readers(s, a.Reader)
		if err != nil {
			return err
		}
		sam := a.Name + "$"
		made = Made{UPN: sam + "@" + s.Domain, Account: s.NetBIOS + `\` + sam}
		r, err := c.ldap.Search(ldap.NewSearchRequest(s.BaseDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 1, 0, false,
			"(sAMAccountName="+ldap.EscapeFilter(sam)+")", []string{"description", "objectClass"}, nil))
		if err != nil {
			return err
		}
		if len(r.Entries) > 0 {
			e := r.Entries[0]
			if classOf(e) != classManaged || string(attribute(e, "description")) != a.Description {
				return &Error{Reason: protocol.ReasonAmbiguous, doing: "an account named " + sam + " exists already (" + e.DN +
					") and wasn't made by Homeward: choose another name, or take it as an existing managed account"}
			}
			made.DN, made.Existed = e.DN, true
			m := ldap.NewModifyRequest(e.DN, nil)
			m.Replace("msDS-GroupMSAMembership", []string{string(readers)})
			return c.ldap.Modify(m)
		}
		container := a.Container
		if container == "" {
			container = "CN=Managed Service Accounts," + s.BaseDN
		}
		made.DN = directory.DN{{Type: "CN", Value: a.Name}}.String() + "," + container
		return c.createManaged(made, a, s.Domain, readers)
	})
	return made, wrap("create the managed account", err)
}

// maxManagedName leaves room for the $: what a computer may be called, 15 characters ([MS-ADTS] 3.1.1.3.4.4).
const maxManagedName = 15

func checkManagedName(name string) error {
	if len(name) > maxManagedName || checkName(name) != nil || strings.HasSuffix(name, "$") {
		return fmt.Errorf("%q can't be a managed account's name: 1 to %d letters, digits and hyphens, without the $", name, maxManagedName)
	}
	return nil
}

// readers is who may read the password, as msDS-GroupMSAMembership holds it.
func (c *conn) readers(s State, reader string) ([]byte, error) {
	r, err := c.ldap.Search(ldap.NewSearchRequest(s.BaseDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 1, 0, false,
		"(|"+accountFilter(reader, s.Domain)+"(sAMAccountName="+ldap.EscapeFilter(samOf(reader))+"))", []string{"objectSid"}, nil))
	if err != nil {
		return nil, err
	}
	if len(r.Entries) == 0 {
		return nil, &Error{Reason: protocol.ReasonNotFound, doing: "there is no account " + reader + " that could read the managed account's password"}
	}
	sid, err := directory.SIDFromBytes(attribute(r.Entries[0], "objectSid"))
	if err != nil {
		return nil, malformed("the reader's SID", err)
	}
	const fullControl = 0x000F01FF
	return security.Descriptor{ACEs: []security.ACE{{Kind: security.Allow, Mask: fullControl, SID: sid.String()}}}.EncodeOwned(security.Administrators)
}

func (c *conn) createManaged(m Made, a NewManaged, domain string, readers []byte) error {
	req := ldap.NewAddRequest(m.DN, nil)
	req.Attribute("objectClass", []string{classManaged})
	req.Attribute("sAMAccountName", []string{a.Name + "$"})
	req.Attribute("dNSHostName", []string{a.Name + "." + domain})
	req.Attribute("description", []string{a.Description})
	req.Attribute("userAccountControl", []string{strconv.FormatUint(workstationTrust, 10)})
	req.Attribute("msDS-SupportedEncryptionTypes", []string{strconv.Itoa(aesOnly)})
	req.Attribute("msDS-ManagedPasswordInterval", []string{strconv.Itoa(managedDays)})
	req.Attribute("msDS-GroupMSAMembership", []string{string(readers)})
	err := c.ldap.Add(req)
	if le, ok := errors.AsType[*ldap.Error](err); ok && le.ResultCode == ldap.LDAPResultNoSuchObject {
		return &Error{Reason: protocol.ReasonNotFound, err: err, doing: "the domain has no container for managed accounts, or no KDS root key: make one with " +
			"Add-KdsRootKey (samba-tool domain kds root-key create), which counts after 10 hours"}
	}
	return err
}

const (
	workstationTrust = 0x1000 // [MS-ADTS] 2.2.16: what every gMSA has
	aesOnly          = 0x18   // [MS-KILE] 2.2.7: AES128 and AES256
)

// identity of Kerberos for who signs in.
func (i identity) kerberos() (kerberos.Identity, error) {
	name, err := kerberosName(i.user)
	if i.managed { // it has no user principal name
		name = samOf(i.user)
	}
	return kerberos.Identity{Name: name, Password: i.password, Keytab: i.keytab, Cache: i.cache}, err
}
