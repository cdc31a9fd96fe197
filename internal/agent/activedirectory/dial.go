package activedirectory

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
)

// The two OIDs of the policy-hints control ([MS-ADTS] 3.1.1.3.4.1.27); the second is the older.
const (
	oidPolicyHints           = "1.2.840.113556.1.4.2239"
	oidPolicyHintsDeprecated = "1.2.840.113556.1.4.2066"
)

// dial opens a connection to one address of one URL, and learns who answers.
func (d *Directory) dial(ctx context.Context, index int, address string) (*conn, error) {
	u := d.urls[index]
	ctx, cancel := context.WithTimeout(ctx, d.config.DialTimeout)
	defer cancel()
	bound, raw, err := d.open(ctx, u.Hostname(), address)
	if err != nil {
		return nil, err
	}
	c := &conn{
		ldap: bound, raw: raw, born: d.config.Clock(),
		dc: Controller{url: index, address: raw.RemoteAddr().String()},
	}
	if err := c.use(ctx, d.config.DialTimeout, d.learn); err != nil {
		c.kill()
		return nil, wrap("connect to "+u.Host, err)
	}
	return c, nil
}

// learn reads the root DSE, whose tokenGroups are the token the controller made for this connection, and the database's id.
func (d *Directory) learn(c *conn) error {
	root, err := c.rootDSE()
	if err != nil {
		return err
	}
	c.dc.Host = root.GetAttributeValue("dnsHostName")
	c.base = root.GetAttributeValue("defaultNamingContext")
	c.conf = root.GetAttributeValue("configurationNamingContext")
	for _, oid := range root.GetAttributeValues("supportedControl") {
		if oid == oidPolicyHints || (oid == oidPolicyHintsDeprecated && c.hints == "") {
			c.hints = oid
		}
	}
	c.token = map[string]bool{}
	for i, raw := range root.GetRawAttributeValues("tokenGroups") {
		sid, err := directory.SIDFromBytes(raw)
		if err != nil {
			return malformed("the agent's own token", err)
		}
		if i == 0 {
			c.self = sid.String() // the account comes before its groups
		}
		c.token[sid.String()] = true
	}
	if c.dc.Offset, err = offset(root, d.config.Clock()); err != nil {
		return err
	}
	settings, err := c.one(root.GetAttributeValue("dsServiceName"), "invocationId")
	if err != nil {
		return err
	}
	c.dc.Invocation, err = directory.GUIDFromBytes(settings.GetRawAttributeValue("invocationId"))
	if err != nil {
		return malformed("the controller's database id (invocationId)", err)
	}
	return nil
}

func (c *conn) rootDSE() (*ldap.Entry, error) {
	return c.one("", "dnsHostName", "defaultNamingContext", "configurationNamingContext", "supportedControl",
		"dsServiceName", "currentTime", "tokenGroups")
}

// offset compares currentTime, which has whole seconds, with now.
func offset(root *ldap.Entry, now time.Time) (time.Duration, error) {
	t, err := time.Parse("20060102150405.0Z", root.GetAttributeValue("currentTime"))
	if err != nil {
		return 0, malformed("the controller's clock", err)
	}
	// Half a second is what the missing fraction is on average.
	return t.Add(500 * time.Millisecond).Sub(now).Round(100 * time.Millisecond), nil
}

// one reads exactly one object. dn may be the form <GUID=…>.
func (c *conn) one(dn string, attributes ...string) (*ldap.Entry, error) {
	return c.oneWith(nil, dn, attributes)
}

func (c *conn) oneWith(controls []ldap.Control, dn string, attributes []string) (*ldap.Entry, error) {
	r, err := c.ldap.Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, 0, false,
		"(objectClass=*)", attributes, controls))
	if err != nil {
		return nil, err
	}
	if len(r.Entries) != 1 {
		return nil, &ldap.Error{
			ResultCode: ldap.LDAPResultNoSuchObject,
			Err:        errors.New("the search found nothing: the object is gone, or may not be read"),
		}
	}
	return r.Entries[0], nil
}

// attribute compares names without regard to case, as LDAP does.
func attribute(e *ldap.Entry, name string) []byte {
	for _, a := range e.Attributes {
		if strings.EqualFold(a.Name, name) && len(a.ByteValues) > 0 {
			return a.ByteValues[0]
		}
	}
	return nil
}
