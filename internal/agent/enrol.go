package agent

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"homeward/internal/agent/identity"
	"homeward/internal/config"
	"homeward/internal/protocol"
)

const enrolTimeout = 20 * time.Second

// Enrol trades a one-time code for an identity in the state folder. Domain is the DNS name of the domain
// the agent writes to. An agent that is enrolled already is left alone and reported as an error.
func Enrol(ctx context.Context, c config.Agent, code, domain, machine, build string) (*identity.Identity, error) {
	if _, err := identity.Load(c.State); !errors.Is(err, identity.ErrNotEnrolled) {
		if err == nil {
			err = fmt.Errorf("this agent is enrolled already; to enrol it anew, remove %s/%s first", c.State, identity.File)
		}
		return nil, err
	}
	id, err := Prepare(c)
	if err != nil {
		return nil, err
	}
	_, err = EnrolAs(ctx, c, id, nil, code, domain, machine, build)
	return id, err
}

// Prepare makes the keys of an agent that is about to enrol. Nothing is stored.
func Prepare(c config.Agent) (*identity.Identity, error) {
	return identity.New(c.State, strings.TrimRight(c.Server, "/"))
}

// EnrolAs enrols with keys that Prepare made, and stores them in the place of what was there. Until the server has
// accepted them everything stays as it is. The former identity, if there is one, vouches for its own end: it returns which
// agent the server retires as soon as this one works.
func EnrolAs(ctx context.Context, c config.Agent, id, former *identity.Identity, code, domain, machine, build string) (retires string, err error) {
	if err := os.MkdirAll(c.State, 0o700); err != nil {
		return "", fmt.Errorf("state folder: %w", err)
	}
	r := protocol.EnrolRequest{
		Version: protocol.Version, Code: code, Agent: id.Agent(), SealKey: id.PublicSealKey().Bytes(),
		Machine: machine, Build: build, Domain: domain,
	}
	if r.Signature, err = id.Sign(protocol.EnrolProof(r.Code, r.Agent, r.SealKey)); err != nil {
		return "", fmt.Errorf("sign enrolment: %w", err)
	}
	if former != nil {
		r.Former = former.Agent()
		if r.FormerSignature, err = former.Sign(protocol.FormerProof(r.Code, r.Former, r.Agent, r.SealKey)); err != nil {
			return "", fmt.Errorf("sign enrolment with the former identity: %w", err)
		}
	}
	answer, err := postEnrol(ctx, c, id.Server(), r)
	if err != nil {
		return "", err
	}
	return answer.Replaces, id.Enrolled(answer)
}

func postEnrol(ctx context.Context, c config.Agent, server string, r protocol.EnrolRequest) (protocol.EnrolAnswer, error) {
	var answer protocol.EnrolAnswer
	if err := post(ctx, c, server+"/enrol", r, &answer); err != nil {
		return answer, fmt.Errorf("enrol: %w", err)
	}
	return answer, nil
}

// renewSigned fetches a fresh credential over HTTPS, for when the old one no longer opens the relay.
func renewSigned(ctx context.Context, c config.Agent, id *identity.Identity, now time.Time) (protocol.Renewal, error) {
	var answer protocol.Renewal
	r := protocol.RenewRequest{Version: protocol.Version, Agent: id.Agent(), At: protocol.MilliOf(now)}
	var err error
	if r.Signature, err = id.Sign(protocol.RenewProof(r.Agent, r.At)); err != nil {
		return answer, fmt.Errorf("sign renewal: %w", err)
	}
	if err := post(ctx, c, id.Server()+"/renew", r, &answer); err != nil {
		return answer, fmt.Errorf("renew credential: %w", err)
	}
	return answer, nil
}

// post sends one message to the portal and decodes its answer strictly.
func post(ctx context.Context, c config.Agent, address string, message, answer any) error {
	client, err := httpClient(c)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	body, err := protocol.Encode(message)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, enrolTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("address %s: %w", address, err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("%s: %w", address, unwrapURL(err))
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, protocol.MaxMessage+1))
	if err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	if resp.StatusCode != http.StatusOK {
		return problem(address, resp.StatusCode, b)
	}
	if err := protocol.Decode(b, answer); err != nil {
		return fmt.Errorf("%s answered, but not as a Homeward server of this version does", address)
	}
	return nil
}

func problem(server string, status int, body []byte) error {
	var p protocol.Problem
	if json.Unmarshal(body, &p) == nil && p.Message != "" {
		return fmt.Errorf("%s refused: %s", server, p.Message)
	}
	return fmt.Errorf("%s answered with HTTP status %d: check that server names the portal", server, status)
}

// httpClient reaches the portal as the relay link does: same roots, same proxy.
func httpClient(c config.Agent) (*http.Client, error) {
	roots, err := tlsConfig(c.CAFile)
	if err != nil {
		return nil, err
	}
	proxy, err := proxyURL(c.Proxy)
	if err != nil {
		return nil, err
	}
	tr := &http.Transport{TLSClientConfig: roots, Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: false}
	if proxy != nil {
		tr.Proxy = http.ProxyURL(proxy)
	}
	return &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, nil
}

// tlsConfig trusts the certificates of one PEM file, or the machine's when it is empty.
func tlsConfig(caFile string) (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile == "" {
		return conf, nil
	}
	pool, err := certPool(caFile)
	if err != nil {
		return nil, err
	}
	conf.RootCAs = pool
	return conf, nil
}

func certPool(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("certificate authority %s holds no PEM certificate", file)
	}
	return pool, nil
}

// proxyURL returns the configured proxy with its credentials; nil stands for the environment's.
func proxyURL(p config.Proxy) (*url.URL, error) {
	if p.URL == "" {
		return nil, nil //nolint:nilnil // no proxy is configured
	}
	u, err := url.Parse(p.URL)
	if err != nil {
		return nil, errors.New("proxy.url is not a URL")
	}
	if p.User != "" {
		password, err := config.Secret(p.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("proxy password: %w", err)
		}
		u.User = url.UserPassword(p.User, password.Reveal())
	}
	return u, nil
}

// unwrapURL drops the URL that url.Error quotes.
func unwrapURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
