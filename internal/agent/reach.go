package agent

import (
	"context"
	"crypto/tls"
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
	client, err := httpClient(c)
	if err != nil {
		return Portal{}, err
	}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, enrolTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(c.Server, "/")+"/healthz", nil)
	if err != nil {
		return Portal{}, fmt.Errorf("portal's address: %w", err)
	}
	before := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		return Portal{}, fmt.Errorf("%s: %w", c.Server, unwrapURL(err))
	}
	_ = resp.Body.Close()
	p := Portal{Trip: time.Since(before)}
	if resp.TLS == nil || len(resp.TLS.PeerCertificates) == 0 {
		return p, errors.New("the portal answered without TLS")
	}
	if resp.StatusCode != http.StatusOK {
		return p, fmt.Errorf("%s answers with HTTP status %d: check that server names the portal, and that it works", c.Server, resp.StatusCode)
	}
	p.TLS, p.NotAfter = tls.VersionName(resp.TLS.Version), resp.TLS.PeerCertificates[0].NotAfter
	at, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return p, fmt.Errorf("the portal's clock: %w", err)
	}
	// The header has whole seconds: half of one is what is missing on average.
	p.Offset = at.Add(500 * time.Millisecond).Sub(before.Add(p.Trip / 2))
	return p, nil
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
