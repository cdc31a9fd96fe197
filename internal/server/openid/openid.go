// Package openid signs people in through an OpenID provider: the authorization code flow with PKCE (OpenID Connect Core 1.0,
// RFC 7636, RFC 9700).
//
// It guarantees that a person is returned only for an ID token that the issuer signed with a key of its own discovery document,
// for this client, for this very request, and not too long ago; that every request to the provider goes over TLS, follows no
// redirect, and is bounded in time and size; and that no error holds a code, a token or a secret. Tokens are read and dropped.
//
// It does not keep state: whoever begins keeps the Request, bound to the browser, and lets it be used once.
package openid

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	// timeout is how long one request to a provider may take.
	timeout = 10 * time.Second
	// maxAnswer bounds what a provider answers: discovery documents and keys have a few kilobytes.
	maxAnswer = 1 << 20
	// discoveryLife is how long a discovery document is believed.
	discoveryLife = 30 * time.Minute
	// maxAge is how old an ID token may be, and clockSkew how far the provider's clock may be ahead.
	maxAge    = 10 * time.Minute
	clockSkew = 2 * time.Minute
	// maxSubject is the specification's (OpenID Connect Core 1.0, 2).
	maxSubject = 255
	// maxValue bounds one claim, maxValues how many of a list are read.
	maxValue, maxValues = 320, 1000
)

// Party is this server as one provider knows it.
type Party struct {
	Issuer   string
	ClientID string
	Redirect string // the one address the provider sends people back to
	// GroupClaim names the claim that holds groups; empty: they aren't asked for.
	GroupClaim string
	ACR        []string // asked for, in order of preference
}

// Request is what one sign-in was begun with. It is secret, and worth one use.
type Request struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
}

// Person is somebody the provider vouches for.
type Person struct {
	Issuer, Subject string
	Mail            string
	MailVerified    bool
	Groups          []string
	ACR             string
	AMR             []string
}

// Refusal is a sign-in that must not go on. Reason is one word for the record; it holds nothing of what came.
type Refusal struct{ Reason string }

// Error implements error.
func (r *Refusal) Error() string { return "the provider's answer is refused: " + r.Reason }

// ErrAway reports a provider that can't be reached, or whose answers can't be used.
var ErrAway = errors.New("the OpenID provider can't be reached")

func refuse(reason string) error { return &Refusal{Reason: reason} }

// Client speaks to providers. It is safe for concurrent use.
type Client struct {
	http *http.Client
	now  func() time.Time

	mu    sync.Mutex
	found map[string]found
}

type found struct {
	*oidc.Provider
	document

	at time.Time
}

// document is what a discovery document says beyond what the library reads.
type document struct {
	EndSession string   `json:"end_session_endpoint"`
	Iss        bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207
	TokenAuth  []string `json:"token_endpoint_auth_methods_supported"`
}

// New returns a Client that trusts roots (nil: the machine's).
//
// It may reach private networks, other than webhooks: a provider that an organisation hosts itself usually stands in one, the
// address is chosen by a Global Administrator or on the server's machine, nothing of an answer but a verified token's claims is
// shown to anybody, and whoever may choose it may make themselves anything here already.
func New(roots *tls.Config, now func() time.Time) *Client {
	t := &http.Transport{
		TLSClientConfig: roots, Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true,
		MaxResponseHeaderBytes: 64 << 10, ResponseHeaderTimeout: timeout, TLSHandshakeTimeout: timeout,
	}
	return &Client{now: now, found: map[string]found{}, http: &http.Client{
		Transport: bounded{t}, Timeout: timeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// bounded refuses what isn't TLS and answers that are too long.
type bounded struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" {
		return nil, errors.New("not an https address")
	}
	a, err := b.next.RoundTrip(r)
	if err == nil {
		a.Body = http.MaxBytesReader(nil, a.Body, maxAnswer)
	}
	return a, err
}

func secure(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil
}

// provider returns what an issuer's discovery document says, which names that very issuer.
func (c *Client) provider(ctx context.Context, issuer string) (found, error) {
	c.mu.Lock()
	have, ok := c.found[issuer]
	c.mu.Unlock()
	if age := c.now().Sub(have.at); ok && age < discoveryLife && age >= 0 {
		return have, nil
	}
	p, err := oidc.NewProvider(oidc.ClientContext(ctx, c.http), issuer)
	if err != nil {
		return found{}, away("discovery", err)
	}
	f := found{Provider: p, at: c.now()}
	if err := p.Claims(&f.document); err != nil {
		return found{}, away("discovery", err)
	}
	if e := p.Endpoint(); !secure(e.AuthURL) || !secure(e.TokenURL) {
		return found{}, fmt.Errorf("discovery: an endpoint isn't https: %w", ErrAway)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found[issuer] = f
	return f, nil
}

// away is ErrAway with a cause that fits on a line.
func away(doing string, err error) error {
	const most = 300
	text := strings.Join(strings.Fields(err.Error()), " ")
	return fmt.Errorf("%s: %w: %s", doing, ErrAway, strings.ToValidUTF8(text[:min(len(text), most)], ""))
}

// Look reads an issuer's discovery document anew, to tell whoever sets it up whether it works.
func (c *Client) Look(ctx context.Context, issuer string) error {
	c.mu.Lock()
	delete(c.found, issuer)
	c.mu.Unlock()
	_, err := c.provider(ctx, issuer)
	return err
}

// Begin returns the address at which somebody signs in, and what to keep until they come back.
func (c *Client) Begin(ctx context.Context, p Party) (address string, r Request, err error) {
	at, err := c.provider(ctx, p.Issuer)
	if err != nil {
		return "", r, err
	}
	r = Request{State: random(), Nonce: random(), Verifier: oauth2.GenerateVerifier()}
	options := []oauth2.AuthCodeOption{oidc.Nonce(r.Nonce), oauth2.S256ChallengeOption(r.Verifier)}
	if len(p.ACR) > 0 {
		options = append(options, oauth2.SetAuthURLParam("acr_values", strings.Join(p.ACR, " ")))
	}
	return at.config(p, nil).AuthCodeURL(r.State, options...), r, nil
}

// config is the library's. How the client shows its secret is chosen, not tried out: a code is sent once.
func (f found) config(p Party, secret []byte) *oauth2.Config {
	e := f.Endpoint()
	e.AuthStyle = oauth2.AuthStyleInHeader
	basic := len(f.TokenAuth) == 0 || slices.Contains(f.TokenAuth, "client_secret_basic")
	if len(secret) == 0 || !basic {
		e.AuthStyle = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{
		ClientID: p.ClientID, ClientSecret: string(secret), Endpoint: e, RedirectURL: p.Redirect, Scopes: []string{oidc.ScopeOpenID, "profile", "email"},
	}
}

// Finish takes what came back with the browser and returns who signed in. Errors: *Refusal, ErrAway.
func (c *Client) Finish(ctx context.Context, p Party, secret []byte, r Request, back url.Values) (Person, error) {
	var none Person
	if r.State == "" || len(back["state"]) != 1 || !same(back.Get("state"), r.State) {
		return none, refuse("state")
	}
	at, err := c.provider(ctx, p.Issuer)
	if err != nil {
		return none, err
	}
	// An answer of another provider is told from this one's (RFC 9207 2.4).
	if iss := back.Get("iss"); len(back["iss"]) > 1 || iss != "" && iss != p.Issuer || iss == "" && at.Iss {
		return none, refuse("issuer")
	}
	if back.Get("error") != "" {
		return none, refuse("provider_refused")
	}
	if len(back["code"]) != 1 || back.Get("code") == "" {
		return none, refuse("code")
	}
	ctx = oidc.ClientContext(ctx, c.http)
	t, err := at.config(p, secret).Exchange(ctx, back.Get("code"), oauth2.VerifierOption(r.Verifier))
	if err != nil {
		if _, told := errors.AsType[*oauth2.RetrieveError](err); told {
			return none, refuse("code_refused")
		}
		return none, away("token", err)
	}
	return c.read(ctx, at, p, r, t)
}

// read judges an ID token and reads its claims.
func (c *Client) read(ctx context.Context, at found, p Party, r Request, t *oauth2.Token) (Person, error) {
	var none Person
	raw, _ := t.Extra("id_token").(string)
	if raw == "" {
		return none, refuse("no_token")
	}
	id, err := at.Verifier(&oidc.Config{ClientID: p.ClientID, Now: c.now}).Verify(ctx, raw)
	if err != nil {
		if _, expired := errors.AsType[*oidc.TokenExpiredError](err); expired {
			return none, refuse("expired")
		}
		return none, refuse("token") // the library's text may hold claims
	}
	var claims claims
	if err := id.Claims(&claims); err != nil {
		return none, refuse("claims")
	}
	now := c.now()
	switch {
	case id.Issuer != p.Issuer:
		return none, refuse("issuer")
	case id.Nonce == "" || !same(id.Nonce, r.Nonce):
		return none, refuse("nonce")
	case claims.text("azp") != "" && claims.text("azp") != p.ClientID, len(id.Audience) > 1 && claims.text("azp") == "":
		return none, refuse("azp")
	case id.IssuedAt.IsZero() || now.Sub(id.IssuedAt) > maxAge || id.IssuedAt.Sub(now) > clockSkew:
		return none, refuse("issued")
	case id.Subject == "" || len(id.Subject) > maxSubject:
		return none, refuse("subject")
	case id.AccessTokenHash != "" && id.VerifyAccessToken(t.AccessToken) != nil:
		return none, refuse("access_token")
	}
	if err := c.complete(ctx, at, p, id.Subject, t, claims); err != nil {
		return none, err
	}
	return Person{
		Issuer: id.Issuer, Subject: id.Subject, Mail: claims.text("email"), MailVerified: claims.yes("email_verified"),
		Groups: claims.list(p.GroupClaim), ACR: claims.text("acr"), AMR: claims.list("amr"),
	}, nil
}

// complete adds claims that the provider tells at its userinfo endpoint only: address and groups, of the same subject. How
// somebody signed in is read from the signed token alone.
func (c *Client) complete(ctx context.Context, at found, p Party, subject string, t *oauth2.Token, have claims) error {
	want := []string{"email", "email_verified"}
	if p.GroupClaim != "" {
		want = append(want, p.GroupClaim)
	}
	missing := func(name string) bool { return have[name] == nil }
	if !slices.ContainsFunc(want, missing) || !secure(at.UserInfoEndpoint()) || t.AccessToken == "" {
		return nil
	}
	info, err := at.UserInfo(ctx, oauth2.StaticTokenSource(t))
	if err != nil {
		return away("userinfo", errors.New("no answer that can be used"))
	}
	if info.Subject != subject {
		return refuse("userinfo_subject")
	}
	var more claims
	if err := info.Claims(&more); err != nil {
		return refuse("claims")
	}
	if missing("email") { // the two belong together
		have["email"], have["email_verified"] = more["email"], more["email_verified"]
	}
	if p.GroupClaim != "" && missing(p.GroupClaim) {
		have[p.GroupClaim] = more[p.GroupClaim]
	}
	return nil
}

// LogoutAddress is where somebody signs out of the provider and comes back from; empty: it has no such place.
func (c *Client) LogoutAddress(ctx context.Context, p Party, back string) (string, error) {
	at, err := c.provider(ctx, p.Issuer)
	if err != nil || !secure(at.EndSession) {
		return "", err
	}
	u, err := url.Parse(at.EndSession)
	if err != nil {
		return "", err
	}
	q := u.Query()
	q.Set("client_id", p.ClientID)
	q.Set("post_logout_redirect_uri", back)
	u.RawQuery = q.Encode()
	return u.String(), nil
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func random() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}
