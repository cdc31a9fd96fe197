package lab

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// dialTimeout bounds connecting; requestTimeout one LDAP request.
const (
	dialTimeout    = 2 * time.Second
	requestTimeout = 20 * time.Second
)

// TLSConfig trusts the DC's own authority and nothing else.
func (d *DC) TLSConfig() (*tls.Config, error) {
	b, err := os.ReadFile(d.CAFile())
	if err != nil {
		return nil, fmt.Errorf("DC's authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("DC's authority: no certificate in %s", d.CAFile())
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12, ServerName: d.Addr()}, nil
}

// Dial connects over LDAPS without binding.
func (d *DC) Dial(ctx context.Context) (*ldap.Conn, error) {
	conf, err := d.TLSConfig()
	if err != nil {
		return nil, err
	}
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: dialTimeout}, Config: conf}
	socket, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(d.Addr(), "636"))
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", d.LDAPSURL(), err)
	}
	conn := ldap.NewConn(socket, true)
	conn.Start()
	conn.SetTimeout(requestTimeout)
	return conn, nil
}

// Bind signs in over LDAPS with a simple bind and closes the connection. A refusal is an *ldap.Error with
// Active Directory's code in its text, for example "data 775" for a locked account.
func (d *DC) Bind(ctx context.Context, name, password string) error {
	conn, err := d.bound(ctx, name, password)
	if err != nil {
		return err
	}
	return conn.Close()
}

func (d *DC) bound(ctx context.Context, name, password string) (*ldap.Conn, error) {
	conn, err := d.Dial(ctx)
	if err != nil {
		return nil, err
	}
	if err := conn.Bind(name, password); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

func (d *DC) adminConn(ctx context.Context) (*ldap.Conn, error) {
	return d.bound(ctx, d.Administrator().UPN, d.Administrator().Password)
}

// settle does what only a running DC can: correct the DNS records, and in a fresh domain lock the locked
// person and date the recently changed one.
func (d *DC) settle(ctx context.Context, fresh bool) error {
	conn, err := d.adminConn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := d.correctDNS(conn, d); err != nil {
		return fmt.Errorf("DC's DNS records: %w", err)
	}
	if !fresh {
		return nil
	}
	for _, p := range d.contents.People {
		switch p.Kind {
		case KindLocked:
			err = d.lock(ctx, p.UPN)
		case KindRecentlyChanged:
			err = errors.Join(replace(conn, p.DN, "pwdLastSet", "0"), replace(conn, p.DN, "pwdLastSet", "-1"))
		}
		if err != nil {
			return fmt.Errorf("making %s %s: %w", p.UPN, p.Kind, err)
		}
	}
	return nil
}

// correctDNS writes the addresses of DCs into the records and remembers them.
func (d *DC) correctDNS(conn *ldap.Conn, members ...*DC) error {
	moved := map[string]string{}
	for _, m := range members {
		moved[m.contents.Address] = m.Addr()
	}
	if err := (zones{conn: conn, base: d.BaseDN()}).move(moved); err != nil {
		return err
	}
	for _, m := range members {
		m.contents.Address = m.Addr()
		if err := m.contents.write(m.dir); err != nil {
			return err
		}
	}
	return nil
}

// Lock signs in with wrong passwords until the account is locked, as an attacker or a forgetful person does.
func (d *DC) Lock(ctx context.Context, upn string) error {
	if err := d.lock(ctx, upn); err != nil {
		return fmt.Errorf("locking %s: %w", upn, err)
	}
	return nil
}

func (d *DC) lock(ctx context.Context, upn string) error {
	for range lockoutThreshold {
		err := d.Bind(ctx, upn, RandomPassword())
		if !ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials) {
			return fmt.Errorf("bind with a wrong password: %w", err)
		}
	}
	return nil
}

func replace(conn *ldap.Conn, dn, attr string, values ...string) error {
	req := ldap.NewModifyRequest(dn, nil)
	req.Replace(attr, values)
	return conn.Modify(req)
}

// DatePassword sets pwdLastSet to any time, which LDAP does not allow (0 and -1 only); Samba's own tool
// writes it beside the running DC, which sees it at once.
func (d *DC) DatePassword(ctx context.Context, dn string, when time.Time) error {
	return d.DatePasswords(ctx, map[string]time.Time{dn: when})
}

// DatePasswords is DatePassword for many, by DN, in the time of one.
func (d *DC) DatePasswords(ctx context.Context, dates map[string]time.Time) error {
	const fileTimeOfUnixEpoch = 116444736000000000 // 1601 to 1970 in 100 ns, [MS-DTYP] 2.3.3
	change := &bytes.Buffer{}
	for dn, when := range dates {
		fmt.Fprintf(change, "dn:: %s\nchangetype: modify\nreplace: pwdLastSet\npwdLastSet: %d\n\n",
			base64String(dn), when.UnixNano()/100+fileTimeOfUnixEpoch)
	}
	// DSDB_CONTROL_BYPASS_PASSWORD_HASH_OID
	_, err := d.inside(ctx, change.String(), "ldbmodify", "-H", "/lab/dc/private/sam.ldb", "--relax",
		"--controls=local_oid:1.3.6.1.4.1.7165.4.3.12:0")
	if err != nil {
		return fmt.Errorf("dating %d passwords: %w", len(dates), err)
	}
	return nil
}
