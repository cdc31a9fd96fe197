package tenant

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Provider is the OpenID provider through which administrators may sign in. The client's secret isn't here: it is stored sealed.
type Provider struct {
	Issuer   string `json:"issuer,omitempty"` // empty: there is none
	ClientID string `json:"client_id,omitempty"`
	Name     string `json:"name,omitempty"` // on the sign-in page; empty: the issuer's host
	// GroupClaim names the claim that holds somebody's groups; empty: groups make nobody an administrator.
	GroupClaim string      `json:"group_claim,omitempty"`
	Roles      []GroupRole `json:"roles,omitempty"` // the first that fits counts
	// ACR and AMR are the values by which the provider says that it asked for a second factor. Both empty: it never says so, and
	// every administrator shows their own.
	ACR    []string `json:"acr,omitempty"`
	AMR    []string `json:"amr,omitempty"`
	Logout bool     `json:"logout,omitempty"` // whoever signs out is offered to sign out of the provider too
}

// GroupRole says which role the people of a group of the provider have.
type GroupRole struct {
	Group string `json:"group"`
	Role  string `json:"role"`
}

// How much a provider's settings hold.
const (
	MaxGroupRoles = 50
	maxClaim      = 200
	maxFactors    = 20
)

// What a provider's settings can be wrong with.
var (
	ErrIssuer   = errors.New("the issuer must be an address such as https://login.contoso.com, as the provider's discovery document names it: without ? and #")
	ErrClientID = errors.New("the client id is missing, too long, or holds a character that can't be sent")
	ErrGroups   = errors.New("groups need the name of the claim that holds them, and each line a group and a role")
	ErrFactors  = errors.New("acr and amr have up to 20 values without spaces")
)

// On reports whether there is a provider.
func (p Provider) On() bool { return p.Issuer != "" }

// Title is what the provider is called.
func (p Provider) Title() string {
	if p.Name != "" {
		return p.Name
	}
	if u, err := url.Parse(p.Issuer); err == nil && u.Host != "" {
		return u.Host
	}
	return p.Issuer
}

// Check refuses what can't work. Roles are judged by whoever knows them.
func (p Provider) Check() error {
	u, err := url.Parse(p.Issuer)
	if err != nil || CheckURL(p.Issuer, "https") != nil || u.RawQuery != "" || u.Fragment != "" {
		return ErrIssuer
	}
	if !token(p.ClientID) {
		return ErrClientID
	}
	if err := CheckText(p.Name, MaxName, false); err != nil {
		return err
	}
	if len(p.Roles) > MaxGroupRoles {
		return fmt.Errorf("up to %d groups: %w", MaxGroupRoles, ErrTooMany)
	}
	if p.GroupClaim != "" && !token(p.GroupClaim) || p.GroupClaim == "" && len(p.Roles) > 0 {
		return ErrGroups
	}
	for _, r := range p.Roles {
		if r.Group == "" || len(r.Group) > maxClaim || r.Role == "" {
			return ErrGroups
		}
	}
	for _, v := range slices.Concat(p.ACR, p.AMR) {
		if !token(v) || len(p.ACR) > maxFactors || len(p.AMR) > maxFactors {
			return ErrFactors
		}
	}
	return nil
}

// token reports whether a text is one word that can be sent.
func token(text string) bool {
	return text != "" && len(text) <= maxClaim && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

// RoleOf is the role that somebody's groups give; empty: none.
func (p Provider) RoleOf(groups []string) string {
	for _, r := range p.Roles {
		if slices.Contains(groups, r.Group) {
			return r.Role
		}
	}
	return ""
}

// Strong reports whether what the provider said of a sign-in means that it asked for a second factor.
func (p Provider) Strong(acr string, amr []string) bool {
	return acr != "" && slices.Contains(p.ACR, acr) || slices.ContainsFunc(p.AMR, func(v string) bool { return slices.Contains(amr, v) })
}
