package activedirectory

import (
	"context"
	"crypto/tls"
	"net"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/protocol"
)

// signInAs opens a connection of its own to exactly this controller and binds once, as somebody else than the
// service account. Nothing is remembered of a refusal.
func (d *Directory) signInAs(ctx context.Context, dc Controller, name string, password []byte) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.config.DialTimeout)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", dc.address)
	if err != nil {
		return nil, &Error{Reason: protocol.ReasonDirectoryDown, doing: "connect to " + dc.Host, err: err}
	}
	server := d.config.ServerName
	if server == "" {
		server = d.urls[dc.url].Hostname()
	}
	secure := tls.Client(raw, &tls.Config{RootCAs: d.config.RootCAs, ServerName: server, MinVersion: tls.VersionTLS12})
	c := &conn{ldap: ldap.NewConn(secure, true), raw: raw, born: d.config.Clock(), dc: dc}
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = raw.Close() // the handshake's error says more
		return nil, tlsError(dc.Host, server, err)
	}
	c.ldap.Start()
	err = c.use(ctx, d.config.DialTimeout, func(c *conn) error { return c.ldap.Bind(name, string(password)) })
	if err != nil {
		c.kill()
		return nil, err
	}
	return c, nil
}
