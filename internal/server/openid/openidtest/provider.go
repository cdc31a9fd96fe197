// Package openidtest runs an OpenID provider for tests: discovery, authorization codes with PKCE, client authentication,
// signed ID tokens, userinfo. It keeps to the specification, and on request breaks one rule of it.
package openidtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// User is who signs in at the provider.
type User struct {
	Subject, Mail string
	Verified      bool
	Groups        []string
	ACR           string
	AMR           []string
}

// Twist breaks rules. The zero value breaks none.
type Twist struct {
	Claims     map[string]any    // replace those of the ID token; nil takes one away
	Back       map[string]string // replace parameters of the way back
	None       bool              // the token says that it needs no signature
	Symmetric, // the token is signed with the client's secret
	OtherKey bool // the token is signed with a key that isn't published
	Huge      bool // the discovery document is larger than anybody reads
	Plain     bool // the discovery document names an endpoint without TLS
	Elsewhere bool // the discovery document is another issuer's
	Stranger  bool // userinfo speaks of somebody else
	Slim      bool // address and groups are at the userinfo endpoint only
}

// Provider is a running provider.
type Provider struct {
	*httptest.Server

	ClientID, Secret string
	CAFile           string // PEM, for clients
	// Ask: somebody presses a button, as in a browser; otherwise people are sent back at once.
	Ask bool

	key, other *ecdsa.PrivateKey

	mu       sync.Mutex
	user     User
	twist    Twist
	redirect string
	grants   map[string]grant
	tokens   map[string]User
	seen     []string // every code and token it gave out
}

type grant struct {
	user             User
	nonce, challenge string
	redirect         string
}

// Start runs a provider until the test ends.
func Start(t *testing.T, redirect string) *Provider {
	t.Helper()
	p := &Provider{
		ClientID: "homeward", Secret: "client-secret-" + random(), redirect: redirect, grants: map[string]grant{}, tokens: map[string]User{},
		key: newKey(t), other: newKey(t), CAFile: filepath.Join(t.TempDir(), "ca.pem"),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /keys", p.keys)
	mux.HandleFunc("GET /userinfo", p.userinfo)
	p.Server = httptest.NewTLSServer(mux)
	t.Cleanup(p.Close)
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate().Raw})
	if err := os.WriteFile(p.CAFile, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Be says who signs in next, and what is wrong with it.
func (p *Provider) Be(u User, w Twist) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.user, p.twist = u, w
}

// Allow names the one redirect URI.
func (p *Provider) Allow(redirect string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.redirect = redirect
}

// Given lists every code and token that was given out.
func (p *Provider) Given() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string{p.Secret}, p.seen...)
}

func random() string { return rand.Text() }

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone: nobody is left to tell
}

func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := map[string]any{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
		"userinfo_endpoint": p.URL + "/userinfo", "end_session_endpoint": p.URL + "/logout", "response_types_supported": []string{"code"},
		"subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"ES256", "none", "HS256"},
		"authorization_response_iss_parameter_supported": true, "code_challenge_methods_supported": []string{"S256"},
	}
	switch {
	case p.twist.Huge:
		d["filling"] = strings.Repeat("x", 3<<20)
	case p.twist.Plain:
		d["token_endpoint"] = strings.Replace(p.URL, "https:", "http:", 1) + "/token"
	case p.twist.Elsewhere:
		d["issuer"] = "https://login.evil.test"
	}
	answer(w, http.StatusOK, d)
}

func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := r.FormValue
	if q("client_id") != p.ClientID || q("redirect_uri") != p.redirect || q("response_type") != "code" || q("code_challenge_method") != "S256" ||
		len(q("code_challenge")) != 43 || len(q("state")) < 20 || len(q("nonce")) < 20 || !strings.Contains(q("scope"), "openid") {
		http.Error(w, "the request isn't right", http.StatusBadRequest)
		return
	}
	if p.Ask && r.Method == http.MethodGet {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, `<!doctype html><title>Provider</title><h1>Provider</h1><form method="post" action="/authorize?%s"><button id="yes">Yes</button></form>`, html.EscapeString(r.URL.RawQuery))
		return
	}
	code := random()
	p.seen = append(p.seen, code)
	p.grants[code] = grant{p.user, q("nonce"), q("code_challenge"), q("redirect_uri")}
	back := url.Values{"code": {code}, "state": {q("state")}, "iss": {p.URL}}
	for name, value := range p.twist.Back {
		if back.Set(name, value); value == "" {
			back.Del(name)
		}
	}
	http.Redirect(w, r, p.redirect+"?"+back.Encode(), http.StatusSeeOther)
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id, secret, ok := r.BasicAuth()
	if !ok || id != p.ClientID || subtle.ConstantTimeCompare([]byte(secret), []byte(p.Secret)) != 1 {
		answer(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	}
	g, known := p.grants[r.PostFormValue("code")]
	delete(p.grants, r.PostFormValue("code")) // works once
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !known || base64.RawURLEncoding.EncodeToString(sum[:]) != g.challenge || r.PostFormValue("redirect_uri") != g.redirect {
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
		return
	}
	access := random()
	half := sha256.Sum256([]byte(access))
	now := time.Now()
	claims := map[string]any{
		"iss": p.URL, "sub": g.user.Subject, "aud": p.ClientID, "exp": now.Add(time.Minute).Unix(), "iat": now.Unix(), "nonce": g.nonce,
		"at_hash": base64.RawURLEncoding.EncodeToString(half[:16]), "acr": g.user.ACR, "amr": g.user.AMR,
	}
	if !p.twist.Slim {
		maps.Copy(claims, about(g.user))
	}
	for name, value := range p.twist.Claims {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	raw, err := p.sign(claims)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	p.tokens[access] = g.user
	p.seen = append(p.seen, access, raw)
	answer(w, http.StatusOK, map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 60, "id_token": raw})
}

func about(u User) map[string]any {
	return map[string]any{"email": u.Mail, "email_verified": u.Verified, "groups": u.Groups}
}

func (p *Provider) sign(claims map[string]any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	part := base64.RawURLEncoding.EncodeToString
	if p.twist.None {
		return part([]byte(`{"alg":"none"}`)) + "." + part(payload) + ".", nil
	}
	key := jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: p.key, KeyID: "one"}}
	switch {
	case p.twist.OtherKey:
		key.Key = jose.JSONWebKey{Key: p.other, KeyID: "one"}
	case p.twist.Symmetric:
		key = jose.SigningKey{Algorithm: jose.HS256, Key: []byte(p.Secret + strings.Repeat("0", 32))}
	}
	s, err := jose.NewSigner(key, nil)
	if err != nil {
		return "", err
	}
	signed, err := s.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

func (p *Provider) keys(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: crypto.PublicKey(&p.key.PublicKey), KeyID: "one", Algorithm: "ES256", Use: "sig"}}})
}

func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	u, ok := p.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	if !ok {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	claims := about(u)
	if claims["sub"] = u.Subject; p.twist.Stranger {
		claims["sub"] = "somebody else"
	}
	answer(w, http.StatusOK, claims)
}
