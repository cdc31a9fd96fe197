package server

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"homeward/internal/server/masterkey"
	"homeward/internal/server/openid"
	"homeward/internal/server/operator"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
	"homeward/internal/server/web/admin"
)

// providerSecret names the stored secret of a tenant's OpenID client.
const providerSecret = "operator provider"

// errandLife is how long somebody may take at the provider.
const errandLife = 10 * time.Minute

// provider signs administrators in through their tenant's OpenID provider. It fits admin.Provider.
type provider struct {
	client   *openid.Client
	store    *store.Store
	settings func(ctx context.Context, tenantID string, change func(*tenant.Settings) error) error
	key      masterkey.Key
	gate     operator.Gate
	base     string
	now      func() time.Time
}

// errand is what a browser carries, sealed, while somebody is at the provider. It is worth one return.
type errand struct {
	openid.Request

	Errand   admin.Errand `json:"errand"`
	Tenant   string       `json:"tenant"`
	Issuer   string       `json:"issuer"`
	ClientID string       `json:"client"`
	At       time.Time    `json:"at"`
}

const errandPurpose = "operator errand"

// party is this server as a tenant's provider knows it. The address to come back to is made of the configured base URL and
// nothing else, and each tenant has its own, so that an answer of one provider is none of another's.
func (p *provider) party(t tenant.Tenant) openid.Party {
	c := t.Settings.Provider
	return openid.Party{Issuer: c.Issuer, ClientID: c.ClientID, Redirect: RedirectURI(p.base, t.ID), GroupClaim: c.GroupClaim, ACR: c.ACR}
}

// RedirectURI is what a provider must allow as redirect URI of a tenant's client.
func RedirectURI(base, tenantID string) string { return base + admin.ProviderPath(tenantID) + "/back" }

// Begin implements admin.Provider.
func (p *provider) Begin(ctx context.Context, t tenant.Tenant, e admin.Errand) (address, cookie string, err error) {
	party := p.party(t)
	address, r, err := p.client.Begin(ctx, party)
	if err != nil {
		return "", "", err
	}
	plain, err := json.Marshal(errand{Request: r, Errand: e, Tenant: t.ID, Issuer: party.Issuer, ClientID: party.ClientID, At: p.now()})
	if err != nil {
		return "", "", fmt.Errorf("begin a sign-in: %w", err)
	}
	sealed, err := p.key.Seal(errandPurpose, plain)
	if err != nil {
		return "", "", fmt.Errorf("begin a sign-in: %w", err)
	}
	return address, base64.RawURLEncoding.EncodeToString(sealed), nil
}

// Finish implements admin.Provider.
func (p *provider) Finish(ctx context.Context, t tenant.Tenant, cookie string, back url.Values) (operator.Arrival, admin.Errand, error) {
	e, err := p.carried(cookie)
	party := p.party(t)
	if err != nil || e.Tenant != t.ID || e.Issuer != party.Issuer || e.ClientID != party.ClientID {
		return operator.Arrival{}, admin.Errand{}, &openid.Refusal{Reason: "errand"}
	}
	first, err := p.gate.Once(ctx, "errand "+e.State)
	if err != nil {
		return operator.Arrival{}, e.Errand, fmt.Errorf("finish a sign-in: %w", err)
	}
	if !first {
		return operator.Arrival{}, e.Errand, &openid.Refusal{Reason: "replayed"}
	}
	secret, err := p.secret(ctx, t.ID)
	if err != nil {
		return operator.Arrival{}, e.Errand, err
	}
	defer clear(secret)
	who, err := p.client.Finish(ctx, party, secret, e.Request, back)
	if err != nil {
		return operator.Arrival{}, e.Errand, err
	}
	return arrival(t, who), e.Errand, nil
}

// arrival is what a tenant's settings make of what its provider said.
func arrival(t tenant.Tenant, who openid.Person) operator.Arrival {
	c := t.Settings.Provider
	a := operator.Arrival{Tenant: t.ID, Issuer: who.Issuer, Subject: who.Subject, Strong: c.Strong(who.ACR, who.AMR)}
	if who.MailVerified {
		a.Mail = who.Mail
	}
	if role, err := operator.ParseRole(c.RoleOf(who.Groups)); err == nil {
		a.Role = role
	}
	return a
}

func (p *provider) carried(cookie string) (errand, error) {
	var e errand
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(cookie)
	if err != nil {
		return e, err
	}
	plain, err := p.key.Open(errandPurpose, sealed)
	if err != nil {
		return e, err
	}
	if err := json.Unmarshal(plain, &e); err != nil {
		return e, err
	}
	if age := p.now().Sub(e.At); age >= errandLife || age < -time.Minute {
		return e, errors.New("it took too long")
	}
	return e, nil
}

func (p *provider) secret(ctx context.Context, tenantID string) ([]byte, error) {
	secret, err := p.store.Secret(ctx, tenantID, providerSecret)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return secret, err
}

// Logout implements admin.Provider.
func (p *provider) Logout(ctx context.Context, t tenant.Tenant) (string, error) {
	return p.client.LogoutAddress(ctx, p.party(t), p.base+"/admin/sign-in")
}

// keep changes a tenant's provider and, unless it is nil, the client's secret, all or nothing. What an earlier provider began
// is over when issuer or client changes.
func (p *provider) keep(ctx context.Context, tenantID string, secret []byte, change func(*tenant.Settings) error) error {
	err := KeepProvider(ctx, p.store, tenantID, secret, change)
	if err != nil {
		return err
	}
	return p.settings(ctx, tenantID, func(*tenant.Settings) error { return nil }) // this server acts on it at once
}

// KeepProvider is keep on a store, for the command line too. An empty secret is removed; nil leaves it as it is.
func KeepProvider(ctx context.Context, st *store.Store, tenantID string, secret []byte, change func(*tenant.Settings) error) error {
	_, err := st.ChangeTenant(ctx, tenantID, func(tx *store.Store, t *tenant.Tenant) error {
		before := t.Settings.Provider
		if err := change(&t.Settings); err != nil {
			return err
		}
		if after := t.Settings.Provider; before.Issuer != after.Issuer || before.ClientID != after.ClientID {
			if err := tx.EndSessionsBy(ctx, tenantID, operator.ByProvider); err != nil {
				return err
			}
		}
		if secret == nil {
			return nil
		}
		return tx.PutSecret(ctx, tenantID, providerSecret, secret)
	})
	if err != nil {
		return fmt.Errorf("change the OpenID provider: %w", err)
	}
	return nil
}
