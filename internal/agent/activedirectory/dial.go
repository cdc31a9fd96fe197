package activedirectory

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
	"homeward/internal/protocol"
)

// The two OIDs of the policy-hints control ([MS-ADTS] 3.1.1.3.4.1.27); the second is the older.
const (
	oidPolicyHints           = "1.2.840.113556.1.4.2239"
	oidPolicyHintsDeprecated = "1.2.840.113556.1.4.2066"
)

// oidPartialSecrets in supportedCapabilities is LDAP_CAP_ACTIVE_DIRECTORY_PARTIAL_SECRETS_OID: a read-only controller
// ([MS-ADTS] 3.1.1.3.4.3.8).
const oidPartialSecrets = "1.2.840.113556.1.4.1920"

// dial opens a connection to one controller and learns who answers. A read-only one is an error.
func (d *Directory) dial(ctx context.Context, t target) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.config.DialTimeout)
	defer cancel()
	bound, raw, err := d.open(ctx, t.host, t.address)
	if err != nil {
		return nil, err
	}
	c := &conn{
		ldap: bound, raw: raw, born: d.config.Clock(),
		dc: Controller{name: t.host, address: t.address},
	}
	if err := c.use(ctx, d.config.DialTimeout, d.learn); err != nil {
		c.kill()
		return nil, wrap("connect to "+t.host, err)
	}
	d.fleet.learn(c)
	if c.dc.ReadOnly {
		c.kill()
		return nil, readOnly(c.dc.Host)
	}
	return c, nil
}

func readOnly(host string) error {
	return &Error{
		Reason: protocol.ReasonReadOnly,
		doing:  host + " is a read-only controller, and no other one answers; open the way to a writable one",
	}
}

// learn reads the root DSE, whose tokenGroups are the token the controller made for this connection, the database's
// id, and who the PDC emulator is.
func (d *Directory) learn(c *conn) error {
	asked := time.Now()
	root, err := c.rootDSE()
	if err != nil {
		return err
	}
	c.latency = time.Since(asked)
	c.dc.Host = root.GetAttributeValue("dnsHostName")
	c.base = root.GetAttributeValue("defaultNamingContext")
	c.conf = root.GetAttributeValue("configurationNamingContext")
	c.hints = ""
	for _, oid := range root.GetAttributeValues("supportedControl") {
		if oid == oidPolicyHints || (oid == oidPolicyHintsDeprecated && c.hints == "") {
			c.hints = oid
		}
	}
	if err := c.learnToken(root); err != nil {
		return err
	}
	if c.dc.Offset, err = offset(root, d.config.Clock()); err != nil {
		return err
	}
	if err := c.learnService(root); err != nil {
		return err
	}
	return c.learnEmulator(d.base(c))
}

func (c *conn) learnToken(root *ldap.Entry) error {
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
	if c.self == "" { // whoever doesn't know itself could write itself
		return malformed("the agent's own token", errors.New("the controller doesn't say who has signed in"))
	}
	return nil
}

// learnService reads the NTDS Settings object, whose DN also names the site ([MS-ADTS] 6.1.1.2.2.1.2.1.2).
func (c *conn) learnService(root *ldap.Entry) error {
	c.dc.service = root.GetAttributeValue("dsServiceName")
	settings, err := c.one(c.dc.service, "invocationId", "msDS-isRODC")
	if err != nil {
		return err
	}
	c.dc.Invocation, err = directory.GUIDFromBytes(settings.GetRawAttributeValue("invocationId"))
	if err != nil {
		return malformed("the controller's database id (invocationId)", err)
	}
	c.dc.ReadOnly = slices.Contains(root.GetAttributeValues("supportedCapabilities"), oidPartialSecrets) ||
		string(attribute(settings, "msDS-isRODC")) == "TRUE"
	// NTDS Settings, server, Servers, site
	if dn, err := directory.ParseDN(c.dc.service); err == nil && len(dn) > 3 {
		c.dc.Site = dn[3].Value
	}
	return nil
}

// learnEmulator follows fSMORoleOwner of the domain to the server object of the PDC emulator ([MS-ADTS] 6.1.5.3).
// The SRV record of the PDC would be less work, but is wrong after a transfer. Not knowing is no error.
func (c *conn) learnEmulator(base string) error {
	head, err := c.one(base, "fSMORoleOwner")
	if err != nil {
		return unlessAnswered(err)
	}
	c.owner, c.ownerHost = string(attribute(head, "fSMORoleOwner")), ""
	if c.owner == "" || strings.EqualFold(c.owner, c.dc.service) {
		c.ownerHost = c.dc.Host
		return nil
	}
	_, server, ok := strings.Cut(c.owner, ",")
	if !ok {
		return nil
	}
	entry, err := c.one(server, "dNSHostName")
	if err != nil {
		return unlessAnswered(err)
	}
	c.ownerHost = string(attribute(entry, "dNSHostName"))
	return nil
}

// unlessAnswered passes on only errors that end a connection.
func unlessAnswered(err error) error {
	if lost(err) {
		return err
	}
	return nil
}

func (c *conn) rootDSE() (*ldap.Entry, error) {
	return c.one("", "dnsHostName", "defaultNamingContext", "configurationNamingContext", "supportedControl",
		"supportedCapabilities", "dsServiceName", "currentTime", "tokenGroups")
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
