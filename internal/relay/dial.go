package relay

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

const dialTimeout = 10 * time.Second

// dialer opens the TLS connection to the relay, directly or through an HTTP proxy. TLS is done here and
// not by nats.go, because here the handshake has a deadline and its error can be told apart.
type dialer struct {
	host  string // host:port of the relay
	tls   *tls.Config
	proxy *url.URL // nil: direct
}

func newDialer(target *url.URL, conf *tls.Config, proxy *url.URL) (*dialer, error) {
	if proxy == nil {
		var err error
		if proxy, err = http.ProxyFromEnvironment(&http.Request{URL: &url.URL{Scheme: "https", Host: target.Host}}); err != nil {
			return nil, fmt.Errorf("read the proxy from the environment: %w", withoutURL(err))
		}
	}
	if proxy != nil && proxy.Scheme != "http" && proxy.Scheme != "https" {
		return nil, fmt.Errorf("proxy scheme %q is not http or https", proxy.Scheme)
	}
	if proxy != nil && proxy.Hostname() == "" {
		return nil, errors.New("proxy address names no host")
	}
	if conf == nil {
		conf = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	conf = conf.Clone()
	conf.MinVersion = max(conf.MinVersion, tls.VersionTLS12)
	conf.NextProtos = []string{"http/1.1"} // the upgrade does not exist in HTTP/2
	if conf.ServerName == "" {
		conf.ServerName = target.Hostname()
	}
	return &dialer{host: withPort(target, "443"), tls: conf, proxy: proxy}, nil
}

// withoutURL drops the URL that url.Error quotes: a proxy's may hold a password.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// dial returns a TLS connection to the relay that closes when life ends. Its errors are *Fault.
func (d *dialer) dial(life context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(life, dialTimeout)
	defer cancel()
	raw, err := d.tcp(ctx)
	if err != nil {
		return nil, err
	}
	c := tls.Client(raw, d.tls)
	if err := c.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, tlsFault(d.tls.ServerName, err)
	}
	return &lifeConn{Conn: c, stop: context.AfterFunc(life, func() { _ = c.Close() })}, nil
}

// lifeConn unregisters from its context when it is closed first.
type lifeConn struct {
	net.Conn
	stop func() bool
}

func (c *lifeConn) Close() error {
	c.stop()
	return c.Conn.Close()
}

func (d *dialer) tcp(ctx context.Context) (net.Conn, error) {
	var nd net.Dialer
	if d.proxy == nil {
		c, err := nd.DialContext(ctx, "tcp", d.host)
		if err != nil {
			return nil, connectFault(d.host, err)
		}
		return c, nil
	}
	port := "80"
	if d.proxy.Scheme == "https" {
		port = "443"
	}
	c, err := nd.DialContext(ctx, "tcp", withPort(d.proxy, port))
	if err != nil {
		return nil, &Fault{Step: StepProxy, err: err, Message: fmt.Sprintf(
			"No connection to the proxy %s. Check its address.", d.proxy.Host)}
	}
	if d.proxy.Scheme == "https" {
		c = tls.Client(c, &tls.Config{ServerName: d.proxy.Hostname(), RootCAs: d.tls.RootCAs, MinVersion: tls.VersionTLS12})
	}
	if err := d.connect(ctx, c); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// connect asks the proxy for a tunnel to the relay (RFC 9110 section 9.3.6).
func (d *dialer) connect(ctx context.Context, c net.Conn) error {
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: d.host}, Host: d.host, Header: make(http.Header)}
	if u := d.proxy.User; u != nil {
		password, _ := u.Password()
		req.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u.Username()+":"+password)))
	}
	if err := req.WithContext(ctx).Write(c); err != nil {
		return d.proxyFault("does not answer", err)
	}
	br := bufio.NewReader(c)
	// The body is not closed: closing may read on, and what follows belongs to the tunnel.
	resp, err := http.ReadResponse(br, req) //nolint:bodyclose // see above; the connection is the owner
	if err != nil {
		return d.proxyFault("does not answer like a proxy", err)
	}
	switch {
	case resp.StatusCode == http.StatusProxyAuthRequired:
		f := d.proxyFault("asks for a user name and password, or refuses the ones given. Put them in proxy.user and proxy.password_file, or in the address in HTTPS_PROXY", nil)
		f.Status = resp.StatusCode
		return f
	case resp.StatusCode/100 != 2:
		f := d.proxyFault(fmt.Sprintf("refuses to connect to %s (status %d). Ask for this address to be allowed", d.host, resp.StatusCode), nil)
		f.Status = resp.StatusCode
		return f
	case br.Buffered() > 0:
		return d.proxyFault("sends data of its own", nil)
	}
	return nil
}

func (d *dialer) proxyFault(what string, err error) *Fault {
	return &Fault{Step: StepProxy, err: err, Message: fmt.Sprintf("The proxy %s %s.", d.proxy.Host, what)}
}

func withPort(u *url.URL, port string) string {
	if p := u.Port(); p != "" {
		port = p
	}
	return net.JoinHostPort(u.Hostname(), port)
}
