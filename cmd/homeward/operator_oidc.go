package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"homeward/internal/agent/command"
	"homeward/internal/cli/answer"
	"homeward/internal/server"
	operators "homeward/internal/server/operator"
	"homeward/internal/server/setting"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
)

type oidcVerbs struct {
	Show   oidcShow   `cmd:"" help:"Show the OpenID provider, and the redirect URI to register there."`
	Set    oidcSet    `cmd:"" help:"Choose the OpenID provider through which administrators may sign in."`
	Groups oidcGroups `cmd:"" help:"Say which groups of the provider make somebody an administrator, and in which role."`
	Off    oidcOff    `cmd:"" help:"Turn it off: sessions that began there end, and the client secret is deleted."`
}

// maxSecret bounds a client secret.
const maxSecret = 500

type oidcShow struct {
	ofTenant
	asJSON
}

// oidcAnswer is a provider. The secret isn't in it.
type oidcAnswer struct {
	Tenant   string          `json:"tenant"`
	Redirect string          `json:"redirect_uri" about:"What to register at the provider."`
	Provider *providerAnswer `json:"provider,omitempty" about:"Left out: there is none."`
}

type providerAnswer struct {
	Issuer     string            `json:"issuer"`
	ClientID   string            `json:"client_id"`
	Name       string            `json:"name,omitempty" about:"What the sign-in page calls it."`
	GroupClaim string            `json:"group_claim,omitempty"`
	Groups     []groupRoleAnswer `json:"groups" about:"The first that fits counts."`
	ACR        []string          `json:"acr" about:"Values that mean the provider asked for a second factor."`
	AMR        []string          `json:"amr" about:"The same, of amr."`
	Logout     bool              `json:"logout" about:"Whoever signs out is offered to sign out there too."`
}

type groupRoleAnswer struct {
	Group string `json:"group"`
	Role  string `json:"role"`
}

// Answer implements cli.Answering.
func (oidcShow) Answer() any { return oidcAnswer{} }

// Run implements the verb.
func (v *oidcShow) Run(ctx context.Context, s command.Streams) error {
	return v.with(ctx, s, func(st *store.Store, id string) error {
		c, err := v.load()
		if err != nil {
			return err
		}
		t, err := st.Tenant(ctx, id)
		if err != nil {
			return err
		}
		a := oidcAnswer{Tenant: id, Redirect: server.RedirectURI(strings.TrimSuffix(c.BaseURL, "/"), id)}
		table := answer.Settings()
		table.Add("redirect URI", a.Redirect)
		p := t.Settings.Provider
		if !p.On() {
			table.Add("provider", "none")
			return v.print(s, a, table)
		}
		a.Provider = &providerAnswer{
			p.Issuer, p.ClientID, p.Name, p.GroupClaim, []groupRoleAnswer{}, append([]string{}, p.ACR...), append([]string{}, p.AMR...), p.Logout,
		}
		for _, one := range setting.Provider(t.Settings) {
			table.Add(one.Name, one.Text)
		}
		for _, r := range p.Roles {
			a.Provider.Groups = append(a.Provider.Groups, groupRoleAnswer{r.Group, r.Role})
		}
		return v.print(s, a, table)
	})
}

func factorWords(all []string) string {
	if len(all) == 0 {
		return "never said"
	}
	return strings.Join(all, ", ")
}

type oidcSet struct {
	ofTenant

	Issuer     string   `arg:"" help:"The provider's issuer, such as https://login.contoso.com."`
	ClientID   string   `arg:"" help:"The client id that the provider gave out."`
	SecretFile string   `help:"File with the client secret; - reads it from standard input. It is stored sealed. Left out: the stored one stays." placeholder:"FILE"`
	ACR        []string `help:"Values of acr that mean the provider asked for a second factor." name:"acr" placeholder:"VALUES"`
	AMR        []string `help:"Values of amr that mean so, such as mfa." name:"amr" placeholder:"VALUES"`
	Label      string   `help:"What the sign-in page calls it." placeholder:"NAME"`
	Logout     bool     `help:"Offer whoever signs out to sign out there too."`
}

// Run implements the verb.
func (v *oidcSet) Run(ctx context.Context, s command.Streams) error {
	secret, err := readSecret(s.In, v.SecretFile)
	if err != nil {
		return err
	}
	defer clear(secret)
	return v.changeProvider(ctx, s, secret, func(p *tenant.Provider) error {
		next := tenant.Provider{
			Issuer: v.Issuer, ClientID: v.ClientID, Name: v.Label, ACR: v.ACR, AMR: v.AMR, Logout: v.Logout, GroupClaim: p.GroupClaim, Roles: p.Roles,
		}
		if secret == nil && (next.Issuer != p.Issuer || next.ClientID != p.ClientID) {
			return errors.New("another client has another secret: give it with --secret-file")
		}
		*p = next
		return p.Check()
	})
}

// readSecret takes a client secret from a file or standard input, never from the command line, which others can see.
func readSecret(in io.Reader, file string) ([]byte, error) {
	switch file {
	case "":
		return nil, nil
	case "-":
	default:
		f, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("client secret: %w", err)
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	raw, err := io.ReadAll(io.LimitReader(in, maxSecret+2))
	if err != nil {
		return nil, fmt.Errorf("client secret: %w", err)
	}
	raw = bytes.TrimRight(raw, "\r\n")
	if len(raw) == 0 || len(raw) > maxSecret || bytes.ContainsAny(raw, "\r\n\x00") {
		return nil, fmt.Errorf("client secret: it must be one line of 1 to %d bytes", maxSecret)
	}
	return raw, nil
}

type oidcGroups struct {
	ofTenant

	Claim  string   `arg:"" help:"The claim that holds somebody's groups, such as groups."`
	Groups []string `arg:"" optional:"" help:"GROUP=ROLE, the widest first: the first that fits counts. None: groups make nobody an administrator." sep:"none"`
}

// Run implements the verb.
func (v *oidcGroups) Run(ctx context.Context, s command.Streams) error {
	return v.changeProvider(ctx, s, nil, func(p *tenant.Provider) error {
		p.GroupClaim, p.Roles = v.Claim, nil
		for _, text := range v.Groups {
			i := strings.LastIndexByte(text, '=')
			if i < 1 {
				return fmt.Errorf("%q is no GROUP=ROLE", text)
			}
			role, err := operators.ParseRole(text[i+1:])
			if err != nil {
				return err
			}
			p.Roles = append(p.Roles, tenant.GroupRole{Group: text[:i], Role: string(role)})
		}
		if !p.On() {
			return errors.New("there is no OpenID provider: set one with homeward operator oidc set")
		}
		return p.Check()
	})
}

type oidcOff struct{ ofTenant }

// Run implements the verb.
func (v *oidcOff) Run(ctx context.Context, s command.Streams) error {
	return v.changeProvider(ctx, s, []byte{}, func(p *tenant.Provider) error {
		*p = tenant.Provider{}
		return nil
	})
}

// change changes a tenant's provider and records that, without the secret.
func (f *ofTenant) changeProvider(ctx context.Context, s command.Streams, secret []byte, change func(p *tenant.Provider) error) error {
	return f.with(ctx, s, func(st *store.Store, id string) error {
		var after tenant.Provider
		err := server.KeepProvider(ctx, st, id, secret, func(t *tenant.Settings) error {
			err := change(&t.Provider)
			after = t.Provider
			return err
		})
		if err != nil {
			return err
		}
		text := "off"
		if after.On() {
			text = fmt.Sprintf("issuer %s, client id %s, %d groups, acr %s, amr %s", after.Issuer, after.ClientID, len(after.Roles), factorWords(after.ACR), factorWords(after.AMR))
		}
		if err := noted(ctx, st, id, "Change sign-in of administrators", "", text); err != nil {
			unrecorded(s)(err)
		}
		_, err = fmt.Fprintf(s.Out, "Administrators' OpenID provider: %s. The running server follows within two seconds.\n", text)
		return err
	})
}
