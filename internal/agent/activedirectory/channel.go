package activedirectory

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/protocol"
)

// minBits is what a connection must be encrypted with before a password may cross it. [MS-ADTS] 3.1.1.3.1.5
// demands 128 for unicodePwd; here it holds for the bind as well.
const minBits = 128

// channel is the TCP connection below an encrypted one, and how strongly it is encrypted. Only secured makes one.
type channel struct {
	net.Conn
	bits int
	read *atomic.Int64 // bytes of LDAP that came from the controller
}

// meter counts what is read through it.
type meter struct {
	net.Conn
	read *atomic.Int64
}

// Read counts what the connection gave.
func (m meter) Read(b []byte) (int, error) {
	n, err := m.Conn.Read(b)
	m.read.Add(int64(n))
	return n, err
}

// SetLinger sets how long Close waits for unsent bytes, as on a TCP connection.
func (c *channel) SetLinger(sec int) error {
	if t, ok := c.Conn.(*net.TCPConn); ok {
		return t.SetLinger(sec)
	}
	return nil
}

// mayCarryPasswords returns nil only for the connection below a channel that is encrypted well enough. Every
// write of a password asks first.
func mayCarryPasswords(raw net.Conn) error {
	bits := 0
	if c, ok := raw.(*channel); ok {
		bits = c.bits
	}
	if bits >= minBits {
		return nil
	}
	return &Error{Reason: protocol.ReasonNotEncrypted, doing: fmt.Sprintf(
		"the connection is encrypted with %d bits and a password needs %d; nothing was sent", bits, minBits)}
}

// open connects to address, which is the domain controller called host, encrypts, and signs in as the service
// account. The second result is the connection below the encryption: who closes it ends everything at once.
func (d *Directory) open(ctx context.Context, host, address string) (*ldap.Conn, net.Conn, error) {
	who, err := d.serviceAccount(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer who.wipe()
	if err := d.refused(who); err != nil {
		return nil, nil, err
	}
	if d.config.Reader == "" {
		return d.signIn(ctx, host, address, who)
	}
	account, err := d.managed(ctx, host, address, who)
	if err != nil {
		return nil, nil, err
	}
	defer account.wipe()
	if err := d.refused(account); err != nil {
		return nil, nil, err
	}
	return d.signIn(ctx, host, address, account)
}

// openAs is open as somebody else, whose password the caller keeps and wipes. A refusal is an *Error with Bind
// set; it is not tried again, and does not count as one of the service account. Bind 532 and 773 say that the
// password is the right one; with Kerberos no other word does, because a KDC looks at the account first.
func (d *Directory) openAs(ctx context.Context, host, address, user string, password []byte) (*ldap.Conn, net.Conn, error) {
	if len(password) == 0 {
		// A simple bind without a password is one as nobody, and succeeds (RFC 4513 5.1.2).
		return nil, nil, &Error{Reason: protocol.ReasonWrongPassword, Bind: bindWrong, doing: "sign in as the person: the password is empty"}
	}
	return d.signIn(ctx, host, address, identity{user: user, password: password, person: true})
}

// signIn makes a connection that is encrypted and bound, or none.
func (d *Directory) signIn(ctx context.Context, host, address string, who identity) (l *ldap.Conn, raw net.Conn, err error) {
	ctx, cancel := context.WithTimeout(ctx, d.config.DialTimeout)
	defer cancel()
	tcp, err := dialer().DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, nil, down("connect to "+host, err)
	}
	// Reads and writes look at no context: past its end they must fail.
	stop := context.AfterFunc(ctx, func() { _ = tcp.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	secure, bits, err := d.secured(ctx, host, tcp, who)
	if err == nil && !stop() {
		err = down("connect to "+host, context.Cause(ctx))
	}
	if err != nil {
		return nil, nil, closing(ctx, tcp, err)
	}
	m := meter{Conn: secure, read: new(atomic.Int64)}
	l = ldap.NewConn(m, true)
	l.Start()
	return l, &channel{Conn: tcp, bits: bits, read: m.read}, nil
}

// closing closes a connection that came to nothing, and says so when it was for the lack of time.
func closing(ctx context.Context, tcp net.Conn, err error) error {
	closed := tcp.Close()
	var e *Error
	if errors.As(err, &e) && e.Reason == protocol.ReasonDirectoryDown && ctx.Err() != nil {
		e.err = errors.Join(e.err, context.Cause(ctx), closed)
	}
	return err
}

// secured encrypts and binds. Nothing that proves or names anybody is sent before the encryption holds.
func (d *Directory) secured(ctx context.Context, host string, tcp net.Conn, who identity) (secure net.Conn, bits int, err error) {
	if d.config.Security == Kerberos {
		err = d.inTurn(ctx, who, func() error {
			secure, bits, err = d.sealed(ctx, host, tcp, who)
			return err
		})
		return secure, bits, err
	}
	overTLS, bits, err := d.encrypted(ctx, host, tcp)
	if err != nil {
		return nil, 0, err
	}
	return overTLS, bits, d.inTurn(ctx, who, func() error {
		if d.config.Keytab == "" && !who.managed && who.cache == nil {
			return d.simpleBind(overTLS, host, who)
		}
		return d.boundBind(ctx, host, tcp, overTLS, who)
	})
}

// sealed signs in with Kerberos, which then encrypts.
func (d *Directory) sealed(ctx context.Context, host string, tcp net.Conn, who identity) (net.Conn, int, error) {
	gss, err := d.gssBind(ctx, host, tcp, tcp, who, nil)
	if err != nil {
		return nil, 0, err
	}
	secure, err := gss.Secure(tcp)
	return secure, gss.Bits(), err
}

// boundBind signs in with Kerberos inside TLS, and binds the two together.
func (d *Directory) boundBind(ctx context.Context, host string, tcp net.Conn, overTLS *tls.Conn, who identity) error {
	bindings, err := channelBindings(overTLS.ConnectionState())
	if err != nil {
		return down("TLS with "+host, err)
	}
	_, err = d.gssBind(ctx, host, tcp, overTLS, who, bindings)
	return err
}

// encrypted brings up TLS, at once or after StartTLS (RFC 4511 4.14).
func (d *Directory) encrypted(ctx context.Context, host string, tcp net.Conn) (*tls.Conn, int, error) {
	if d.config.Security == StartTLS {
		if err := startTLS(host, tcp); err != nil {
			return nil, 0, err
		}
	}
	name := d.expectedName(host)
	secure := tls.Client(tcp, &tls.Config{RootCAs: d.config.RootCAs, ServerName: name, MinVersion: tls.VersionTLS12, Time: d.config.Clock})
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, 0, d.tlsError(host, err)
	}
	bits := suiteBits(secure.ConnectionState().CipherSuite)
	if bits < minBits {
		return nil, 0, &Error{Reason: protocol.ReasonNotEncrypted, doing: "TLS with " + host + " agreed on " +
			tls.CipherSuiteName(secure.ConnectionState().CipherSuite) + ", which is too weak for passwords"}
	}
	return secure, bits, nil
}

func (d *Directory) expectedName(host string) string {
	if d.config.ServerName != "" {
		return d.config.ServerName
	}
	return host
}

// startTLS asks for TLS. The bytes of the answer are the last that are read in clear.
func startTLS(host string, tcp net.Conn) error {
	a, err := (&handshake{conn: tcp}).ask(startTLSRequest(), ldap.ApplicationExtendedResponse)
	switch {
	case err != nil:
		return down("ask "+host+" for TLS", err)
	case a.err != nil:
		diag := diagnose(a.err)
		return &Error{Reason: protocol.ReasonNotEncrypted, Detail: diag.text, err: a.err, doing: host + " refused StartTLS: " +
			"it has no certificate for LDAP. Give the controller one for server authentication, or set security to kerberos; " +
			"nothing else was sent"}
	}
	return nil
}

// suiteBits is the strength of a cipher suite; zero for one that is not known to be strong.
func suiteBits(suite uint16) int {
	name := tls.CipherSuiteName(suite)
	switch {
	case strings.Contains(name, "AES_128"):
		return 128
	case strings.Contains(name, "AES_256"), strings.Contains(name, "CHACHA20"):
		return 256
	}
	return 0
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
	if c.Password == nil && c.Keytab == "" && c.Tickets == "" {
		return errors.New("directory: no password for the service account, and no keytab")
	}
	if c.Reader != "" && strings.Contains(c.User, "=") {
		return fmt.Errorf("directory: managed account %q: it must be written as DOMAIN\\name$ or name$@domain", c.User)
	}
	if (c.Security == Kerberos || c.Keytab != "" || c.Reader != "" || c.Tickets != "") && c.Domain == "" {
		return errors.New("directory: Kerberos needs the domain's DNS name: its realm comes from it")
	}
	if (c.Security == Kerberos || c.Keytab != "") && (strings.Contains(c.User, "=") || strings.Contains(c.Reader, "=")) {
		return fmt.Errorf("directory: service account %q: with Kerberos it must be written as user@domain or DOMAIN\\user", c.User)
	}
	return nil
}
