package agent

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"homeward/internal/agent/identity"
	"homeward/internal/config"
	"homeward/internal/relay"
)

// Portal is what the portal shows of itself on the agent's own way to it.
type Portal struct {
	TLS      string        // version
	NotAfter time.Time     // end of its certificate
	Offset   time.Duration // its clock minus this machine's, within a second
	Trip     time.Duration
}

// LookAtPortal makes one request, through the configured proxy and with the configured authority.
func LookAtPortal(ctx context.Context, c config.Agent) (Portal, error) {
	resp, err := ask(ctx, c, c.Server)
	if err != nil {
		return Portal{}, err
	}
	p := Portal{Trip: resp.trip}
	if resp.tls == nil || len(resp.tls.PeerCertificates) == 0 {
		return p, errors.New("the portal answered without TLS")
	}
	if resp.status != http.StatusOK {
		return p, fmt.Errorf("%s answers with HTTP status %d: check that server names the portal, and that it works", c.Server, resp.status)
	}
	p.TLS, p.NotAfter = tls.VersionName(resp.tls.Version), resp.tls.PeerCertificates[0].NotAfter
	p.Offset, err = resp.offset()
	return p, err
}

// answer is what the portal said to one small request, without its body.
type answer struct {
	status int
	header http.Header
	tls    *tls.ConnectionState
	sent   time.Time
	trip   time.Duration
}

// ask makes one small request to the portal at server.
func ask(ctx context.Context, c config.Agent, server string) (answer, error) {
	client, err := httpClient(c)
	if err != nil {
		return answer{}, err
	}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, enrolTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(server, "/")+"/healthz", nil)
	if err != nil {
		return answer{}, fmt.Errorf("portal's address: %w", err)
	}
	a := answer{sent: time.Now()}
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, fmt.Errorf("%s: %w%s", server, unwrapURL(err), advice(err))
	}
	_ = resp.Body.Close()
	a.status, a.header, a.tls, a.trip = resp.StatusCode, resp.Header, resp.TLS, time.Since(a.sent)
	return a, nil
}

// offset is how far the portal's clock is ahead of this machine's, within a second.
func (a answer) offset() (time.Duration, error) {
	at, err := http.ParseTime(a.header.Get("Date"))
	if err != nil {
		return 0, fmt.Errorf("the portal's clock: %w", err)
	}
	// The header has whole seconds: half of one is what is missing on average.
	return at.Add(500 * time.Millisecond).Sub(a.sent.Add(a.trip / 2)), nil
}

// advice says what to do where the error itself doesn't.
func advice(err error) string {
	if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); unknown {
		return "; if the portal has a private certificate authority, name its root certificate (PEM) in ca_file"
	}
	return ""
}

// Precheck walks the whole way to the relay once.
func Precheck(ctx context.Context, c config.Agent, id *identity.Identity, offset time.Duration) error {
	roots, err := tlsConfig(c.CAFile)
	if err != nil {
		return err
	}
	proxy, err := proxyURL(c.Proxy)
	if err != nil {
		return err
	}
	return relay.Precheck(ctx, relay.AgentConfig{
		URL: id.RelayURL(), Agent: id.Agent(), Sign: id.Sign, JWT: id.JWT, TLS: roots, Proxy: proxy,
		Clock: func() time.Time { return time.Now().Add(offset) },
	})
}
