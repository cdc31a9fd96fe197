package activedirectory

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
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

// dial connects to one address of one URL, binds, and learns who answers.
func (d *Directory) dial(ctx context.Context, index int, address string) (*conn, error) {
	u := d.urls[index]
	ctx, cancel := context.WithTimeout(ctx, d.config.DialTimeout)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, &Error{Reason: protocol.ReasonDirectoryDown, doing: "connect to " + u.Host, err: err}
	}
	name := d.config.ServerName
	if name == "" {
		name = u.Hostname()
	}
	secure := tls.Client(raw, &tls.Config{RootCAs: d.config.RootCAs, ServerName: name, MinVersion: tls.VersionTLS12})
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, tlsError(u.Host, name, errors.Join(err, raw.Close()))
	}
	c := &conn{
		ldap: ldap.NewConn(secure, true), raw: raw, born: d.config.Clock(),
		dc: Controller{url: index, address: raw.RemoteAddr().String()},
	}
	c.ldap.Start()
	err = c.use(ctx, d.config.DialTimeout, func(c *conn) error {
		if err := d.bind(ctx, c, u.Host); err != nil {
			return err
		}
		return d.learn(c)
	})
	if err != nil {
		c.kill()
		return nil, wrap("connect to "+u.Host, err)
	}
	return c, nil
}

// tlsError tells a certificate that cannot be trusted from a connection that broke.
func tlsError(host, name string, err error) error {
	var (
		unknown x509.UnknownAuthorityError
		wrong   x509.HostnameError
		invalid x509.CertificateInvalidError
	)
	e := &Error{Reason: protocol.ReasonDirectoryDown, doing: "TLS with " + host, err: err}
	switch {
	case errors.As(err, &unknown):
		e.Reason, e.doing = protocol.ReasonNotEncrypted, "the certificate of "+host+" is signed by an authority this machine does not trust"
	case errors.As(err, &wrong):
		e.Reason, e.doing = protocol.ReasonNotEncrypted, "the certificate of "+host+" is not for the name "+name
	case errors.As(err, &invalid):
		e.Reason, e.doing = protocol.ReasonNotEncrypted, "the certificate of "+host+" is not valid"
	}
	return e
}

// bindRefusal remembers that a password was refused. Binding again and again with a wrong password would
// lock the service account, so that a mistake in a file becomes an outage.
type bindRefusal struct {
	password [sha256.Size]byte
	until    time.Time
	err      error
}

// How long the same password is not tried again: a wrong one counts towards the lockout, so longer than the
// usual observation window divided by the usual threshold; other refusals do not count.
const (
	wrongPasswordPause = 15 * time.Minute
	refusedPause       = 30 * time.Second
)

func (d *Directory) bind(ctx context.Context, c *conn, host string) error {
	password, err := d.config.Password(ctx)
	defer clear(password)
	if err == nil && len(password) == 0 {
		err = errors.New("it is empty")
	}
	if err != nil {
		return &Error{Reason: protocol.ReasonServiceAccount, doing: "read the service account's password", err: err}
	}
	sum := sha256.Sum256(password)
	d.mu.Lock()
	refusal := d.refusal
	d.mu.Unlock()
	if refusal.err != nil && refusal.password == sum && d.config.Clock().Before(refusal.until) {
		return refusal.err
	}
	err = c.ldap.Bind(d.config.User, string(password))
	refusal = bindRefusal{}
	defer func() {
		d.mu.Lock()
		d.refusal = refusal
		d.mu.Unlock()
	}()
	if err == nil {
		return nil
	}
	diag := diagnose(err)
	if !diag.answered {
		return &Error{Reason: protocol.ReasonDirectoryDown, doing: "bind to " + host, err: err}
	}
	pause := refusedPause
	if diag.bindData == bindWrong {
		pause = wrongPasswordPause
	}
	refusal = bindRefusal{password: sum, until: d.config.Clock().Add(pause), err: &Error{
		Reason: protocol.ReasonServiceAccount,
		Detail: diag.text, doing: "sign in to " + host + " as the service account: " + diag.bindMeaning(), err: err,
	}}
	return refusal.err
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
