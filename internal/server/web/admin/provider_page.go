package admin

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"homeward/internal/event"
	"homeward/internal/server/audit"
	"homeward/internal/server/operator"
	"homeward/internal/server/setting"
	"homeward/internal/server/tenant"
)

const providerPath = operatorsPath + "/provider"

// ProviderPage says through which OpenID provider administrators may sign in: GET and POST /admin/operators/provider.
type ProviderPage struct {
	Settings

	Set      tenant.Provider
	Redirect string
	On       bool // there is one; Set may be what was typed
}

// Template names the page's file.
func (ProviderPage) Template() string { return "provider" }

// Title is the page's one h1.
func (p ProviderPage) Title() string { return p.T("admin.provider.title") }

// Crumbs lead to the page.
func (p ProviderPage) Crumbs() []Crumb {
	return []Crumb{{p.T("admin.nav.administration"), ""}, {p.T("admin.nav.operators"), operatorsPath}, {p.Title(), ""}}
}

// May reports whether the operator may change it.
func (p ProviderPage) May() bool { return p.Operator.Role.May(operator.ChangeOperators) }

// Groups are the lines of the table of groups.
func (p ProviderPage) Groups() string { return groupLines(p.Set.Roles) }

// ACR and AMR are the values as they are typed.
func (p ProviderPage) ACR() string { return strings.Join(p.Set.ACR, " ") }

// AMR is as ACR.
func (p ProviderPage) AMR() string { return strings.Join(p.Set.AMR, " ") }

// RoleNames are those there are.
func (ProviderPage) RoleNames() string {
	var names []string
	for _, r := range operator.Roles() {
		names = append(names, string(r))
	}
	return strings.Join(names, ", ")
}

func groupLines(all []tenant.GroupRole) string {
	var out []string
	for _, r := range all {
		out = append(out, r.Group+" = "+r.Role)
	}
	return strings.Join(out, "\n")
}

// groupRoles reads lines of a group, an equals sign and a role.
func groupRoles(text string) ([]tenant.GroupRole, error) {
	var out []tenant.GroupRole
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		i := strings.LastIndexByte(line, '=') // a role has none, a group may
		if i < 0 {
			return nil, tenant.ErrGroups
		}
		group := strings.TrimSpace(line[:i])
		role, err := operator.ParseRole(line[i+1:])
		if err != nil || group == "" || len(out) == tenant.MaxGroupRoles {
			return nil, tenant.ErrGroups
		}
		out = append(out, tenant.GroupRole{Group: group, Role: string(role)})
	}
	return out, nil
}

func (v *visit) providerPage(set tenant.Provider) ProviderPage {
	p := ProviderPage{Settings: v.base(providerPath, setting.Provider(v.tenant.Settings)), Set: set, On: v.tenant.Settings.Provider.On()}
	p.Poll = ""
	p.Redirect = strings.TrimSuffix(v.BaseURL, "/") + ProviderPath(v.tenant.ID) + "/back"
	return p
}

// getProviderPage needs a fresh proof: whoever chooses the provider chooses who administers.
func (v *visit) getProviderPage() error {
	if !v.Operators.Fresh(v.session) {
		return operator.ErrNotFresh
	}
	return v.render(http.StatusOK, v.providerPage(v.tenant.Settings.Provider))
}

func (v *visit) typedProvider() (tenant.Provider, Problems) {
	p := tenant.Provider{
		Issuer: v.typed("issuer"), ClientID: v.typed("client"), Name: v.typed("name"), GroupClaim: v.typed("claim"),
		ACR: words(v.typed("acr")), AMR: words(v.typed("amr")), Logout: v.yes("logout"),
	}
	f := v.frame
	roles, err := groupRoles(v.typed("groups"))
	if p.Roles = roles; err != nil {
		return p, Problems{{"groups", f.T("admin.provider.groups.wrong")}}
	}
	switch err := p.Check(); {
	case err == nil:
		return p, nil
	case errors.Is(err, tenant.ErrIssuer):
		return p, Problems{{"issuer", f.T("admin.provider.issuer.wrong")}}
	case errors.Is(err, tenant.ErrClientID):
		return p, Problems{{"client", f.T("admin.provider.client.wrong")}}
	case errors.Is(err, tenant.ErrGroups):
		return p, Problems{{"groups", f.T("admin.provider.groups.wrong")}}
	case errors.Is(err, tenant.ErrFactors):
		return p, Problems{{"acr", f.T("admin.provider.factors.wrong")}}
	}
	return p, Problems{{"name", f.T("admin.provider.name.wrong")}}
}

// words are those of a line, each once.
func words(text string) []string {
	var out []string
	for w := range strings.FieldsSeq(text) {
		if !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}

func (v *visit) postProviderPage() error {
	if err := v.form(); err != nil {
		return err
	}
	if !v.Operators.Fresh(v.session) {
		return operator.ErrNotFresh
	}
	set, problems := v.typedProvider()
	if len(problems) == 0 {
		if err := v.Desk.LookAtProvider(v.ctx(), set.Issuer); err != nil {
			v.Log.Warn("a provider's discovery document can't be used", "tenant", v.tenant.ID, "error", err)
			problems = Problems{{"issuer", v.frame.T("admin.provider.issuer.away")}}
		}
	}
	if len(problems) > 0 {
		p := v.providerPage(set)
		p.Problems = problems
		return v.render(http.StatusUnprocessableEntity, p)
	}
	var secret []byte
	if typed := v.typed("secret"); typed != "" {
		secret = []byte(typed)
		defer clear(secret)
	} else if set.Issuer != v.tenant.Settings.Provider.Issuer || set.ClientID != v.tenant.Settings.Provider.ClientID {
		secret = []byte{} // another client's secret is none of this one's
	}
	return v.keepProvider(set, secret)
}

// keepProvider stores the settings, unless somebody else changed them meanwhile.
func (v *visit) keepProvider(set tenant.Provider, secret []byte) error {
	var before, after []setting.Value
	err := v.Desk.KeepProvider(v.ctx(), v.tenant.ID, secret, func(s *tenant.Settings) error {
		before = setting.Provider(*s)
		if setting.Revision(before) != v.r.PostForm.Get("revision") {
			v.tenant.Settings = *s
			return errMeanwhile
		}
		s.Provider = set
		after = setting.Provider(*s)
		return nil
	})
	if errors.Is(err, errMeanwhile) {
		p := v.providerPage(v.tenant.Settings.Provider)
		p.Problems = Problems{{"issuer", v.frame.T("admin.onprem.meanwhile")}}
		return v.render(http.StatusConflict, p)
	}
	if err != nil {
		return err
	}
	text := setting.Difference(before, after)
	if len(secret) > 0 {
		text = setting.WithSecret(text, "client secret")
	}
	if text != "" {
		v.Record(v.ctx(), v.tenant.ID, audit.Record{
			Activity: "Change sign-in of administrators", Hop: "operator", Event: int(event.SettingChanged), Result: "ok", Actor: v.by.Name, Detail: text,
		})
	}
	return v.seeOther(providerPath + "?saved=1")
}

func (v *visit) postProviderOff() error {
	if err := v.form(); err != nil {
		return err
	}
	if !v.Operators.Fresh(v.session) {
		return operator.ErrNotFresh
	}
	return v.keepProvider(tenant.Provider{}, []byte{})
}
