package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"time"

	"homeward/internal/config"
	"homeward/internal/server/export"
	"homeward/internal/server/store"
	"homeward/internal/server/webhook"
)

// openExports makes the streams of the configuration.
func (s *Server) openExports(ctx context.Context) (*export.Streams, error) {
	out := &export.Streams{Log: s.store, Tenants: s.tenantIDs, Now: s.now, Logger: s.log}
	for _, e := range s.config.Exports {
		send, err := destination(e, s.config.BaseURL, s.now)
		if err != nil {
			return nil, fmt.Errorf("export %s: %w", e.Name, err)
		}
		if _, err := s.store.Tenant(ctx, e.Tenant); e.Tenant != "" && errors.Is(err, store.ErrNotFound) {
			s.log.Warn("an export names a tenant that doesn't exist, so nothing is sent until it does", "export", e.Name, "tenant", e.Tenant)
		}
		out.Destinations = append(out.Destinations, export.Destination{Name: e.Name, Tenant: e.Tenant, New: e.Start == "now", Send: send})
	}
	return out, nil
}

func destination(e config.Export, baseURL string, now func() time.Time) (func(context.Context, []export.Row) error, error) {
	if e.Syslog.Address == "" {
		roots, err := trust(e.Webhook.CAFile)
		if err != nil {
			return nil, err
		}
		w := &export.Webhook{URL: e.Webhook.URL, Secret: secretFile(e.Webhook.SecretFile), Client: webhook.Trusting(roots), Now: now}
		return w.Send, nil
	}
	roots, err := trust(e.Syslog.CAFile)
	if err != nil {
		return nil, err
	}
	if e.Syslog.Cert != "" {
		pair, err := tls.LoadX509KeyPair(e.Syslog.Cert, e.Syslog.Key)
		if err != nil {
			return nil, fmt.Errorf("cert and key: %w", err)
		}
		roots.Certificates = []tls.Certificate{pair}
	}
	host := ""
	if u, err := url.Parse(baseURL); err == nil {
		host = u.Hostname()
	}
	return (&export.Syslog{Address: e.Syslog.Address, Host: host, TLS: roots}).Send, nil
}

// tenantIDs lists the tenants.
func (s *Server) tenantIDs(ctx context.Context) ([]string, error) {
	all, err := s.store.Tenants(ctx)
	if err != nil {
		return nil, err
	}
	ids := make([]string, 0, len(all))
	for _, t := range all {
		ids = append(ids, t.ID)
	}
	return ids, nil
}
