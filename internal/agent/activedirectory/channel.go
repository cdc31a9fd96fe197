package activedirectory

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/protocol"
)

// open connects to address, which is the domain controller called host, encrypts, and signs in as the service
// account. The second result is the connection below the encryption: who closes it ends everything at once.
func (d *Directory) open(ctx context.Context, host, address string) (*ldap.Conn, net.Conn, error) {
	if d.config.Security != LDAPS || d.config.Keytab != "" {
		return nil, nil, &Error{Reason: protocol.ReasonInternal, doing: "this kind of channel is not built yet"}
	}
	ctx, cancel := context.WithTimeout(ctx, d.config.DialTimeout)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, nil, &Error{Reason: protocol.ReasonDirectoryDown, doing: "connect to " + host, err: err}
	}
	name := d.config.ServerName
	if name == "" {
		name = host
	}
	secure := tls.Client(raw, &tls.Config{RootCAs: d.config.RootCAs, ServerName: name, MinVersion: tls.VersionTLS12})
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, nil, tlsError(host, name, errors.Join(err, raw.Close()))
	}
	c := &conn{ldap: ldap.NewConn(secure, true), raw: raw}
	c.ldap.Start()
	err = c.use(ctx, d.config.DialTimeout, func(c *conn) error { return d.bind(ctx, c.ldap, host) })
	if err != nil {
		c.kill()
		return nil, nil, wrap("connect to "+host, err)
	}
	return c.ldap, raw, nil
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

// endpoint returns the URL scheme and the port that go with the kind of security; nothing for an unknown kind.
func (s Security) endpoint() (scheme, port string) {
	switch s {
	case LDAPS:
		return "ldaps", "636"
	case StartTLS, Kerberos:
		return "ldap", "389"
	}
	return "", ""
}

// checkSecurity refuses combinations that can't work.
func checkSecurity(c Config) error {
	if scheme, _ := c.Security.endpoint(); scheme == "" {
		return fmt.Errorf("directory: security %q is unknown: it must be ldaps, starttls or kerberos", c.Security)
	}
	if c.Password == nil && c.Keytab == "" {
		return errors.New("directory: no password for the service account, and no keytab")
	}
	if (c.Security == Kerberos || c.Keytab != "") && c.Domain == "" {
		return errors.New("directory: Kerberos needs the domain's DNS name: its realm comes from it")
	}
	return nil
}
