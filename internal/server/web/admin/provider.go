package admin

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"homeward/internal/server/openid"
	"homeward/internal/server/operator"
	"homeward/internal/server/tenant"
)

// errandTime is how long a browser carries what brings it back from a provider.
const errandTime = 10 * time.Minute

// Provider signs operators in through their tenant's OpenID provider.
type Provider interface {
	// Begin returns where to sign in, and what the browser carries until it comes back. Errors: openid.ErrAway.
	Begin(ctx context.Context, t tenant.Tenant, e Errand) (address, cookie string, err error)
	// Finish takes what came back. What a browser carries is worth one return. Errors: *openid.Refusal, openid.ErrAway.
	Finish(ctx context.Context, t tenant.Tenant, cookie string, back url.Values) (operator.Arrival, Errand, error)
	// Logout is where somebody signs out of the provider; empty: nowhere.
	Logout(ctx context.Context, t tenant.Tenant) (string, error)
}

// Errand is why somebody was sent to a provider.
type Errand struct {
	Next string `json:"next,omitempty"` // the page they wanted
	// Operator and Session are whose account here gets the one there; empty: they sign in.
	Operator string `json:"operator,omitempty"`
	Session  string `json:"session,omitempty"`
}

// ProviderPath is where a tenant's operators begin to sign in through its provider.
func ProviderPath(tenantID string) string { return signInPath + "/oidc/" + url.PathEscape(tenantID) }

func providerRoutes() []route {
	return []route{
		{"GET " + signInPath + "/oidc/{tenant}", operator.Public, ofProvider((*visit).getProvider)},
		{"GET " + signInPath + "/oidc/{tenant}/back", operator.Public, ofProvider((*visit).getBack)},
		{"GET " + providerPath, operator.ChangeOperators, (*visit).getProviderPage},
		{"POST " + providerPath, operator.ChangeOperators, (*visit).postProviderPage},
		{"POST " + providerPath + "/off", operator.ChangeOperators, (*visit).postProviderOff},
	}
}

// ofProvider finds the tenant of an address, if it has a provider. Nobody learns which tenants there are.
func ofProvider(do func(v *visit) error) func(v *visit) error {
	return func(v *visit) error {
		t, err := v.Tenant(v.ctx(), v.r.PathValue("tenant"))
		if err != nil || !t.Settings.Provider.On() {
			return errNoPage
		}
		v.tenant = t
		v.frame.TenantName, v.frame.Location = t.Name, t.Settings.Location()
		if err := v.Operators.Admit(v.ctx(), v.visitor()); err != nil {
			return err
		}
		return do(v)
	}
}

func (v *visit) getProvider() error {
	return v.sendOff(Errand{Next: inside(v.r.URL.Query().Get("next"))})
}

// sendOff sends the browser to the tenant's provider. The cookie must come back with it from there, so it is not a strict one.
func (v *visit) sendOff(e Errand) error {
	address, cookie, err := v.Provider.Begin(v.ctx(), v.tenant, e)
	if errors.Is(err, openid.ErrAway) {
		return v.away(err)
	}
	if err != nil {
		return err
	}
	v.give(errandCookie, cookie, http.SameSiteLaxMode, errandTime)
	http.Redirect(v.w, v.r, address, http.StatusSeeOther)
	return nil
}

// away says that the provider can't be reached: every other way in stays.
func (v *visit) away(err error) error {
	v.Log.Error("administrators can't sign in through their OpenID provider", "tenant", v.tenant.ID, "error", err)
	return v.message(http.StatusBadGateway, MessagePage{Kind: providerAway})
}

// getLink goes to the provider to bring an account there back as one's own.
func (v *visit) getLink() error {
	if !v.tenant.Settings.Provider.On() {
		return errNoPage
	}
	if !v.Operators.Fresh(v.session) {
		return operator.ErrNotFresh
	}
	return v.sendOff(Errand{Operator: v.by.ID, Session: v.session.ID})
}

func (v *visit) getBack() error {
	carried := v.cookie(errandCookie)
	v.give(errandCookie, "", http.SameSiteLaxMode, 0)
	who, errand, err := v.Provider.Finish(v.ctx(), v.tenant, carried, v.r.URL.Query())
	if no, refused := errors.AsType[*openid.Refusal](err); refused {
		v.Operators.Turned(v.ctx(), v.tenant.ID, "provider_"+no.Reason, v.visitor())
		return v.message(http.StatusForbidden, MessagePage{Kind: providerNo})
	}
	if errors.Is(err, openid.ErrAway) {
		return v.away(err)
	}
	if err != nil {
		return err
	}
	if errand.Operator != "" {
		return v.linked(who, errand)
	}
	cookie, pending, err := v.Operators.Arrive(v.ctx(), who, v.visitor())
	switch {
	case errors.Is(err, operator.ErrStranger):
		return v.message(http.StatusForbidden, MessagePage{Kind: stranger})
	case errors.Is(err, operator.ErrNoFactor):
		return v.message(http.StatusForbidden, MessagePage{Kind: noFactor})
	case errors.Is(err, operator.ErrTaken), errors.Is(err, operator.ErrConflict):
		return v.message(http.StatusConflict, MessagePage{Kind: taken})
	case err != nil:
		return err
	case pending != "":
		v.give(secondCookie, pending, http.SameSiteStrictMode, secondLife)
		return v.goOn(secondAt(inside(errand.Next)))
	}
	if err := v.replace(cookie); err != nil {
		return err
	}
	return v.goOn(inside(errand.Next))
}

// linked makes an account of the provider that of the operator who went there.
func (v *visit) linked(who operator.Arrival, e Errand) error {
	err := v.Operators.LinkTo(v.ctx(), v.tenant.ID, e.Operator, e.Session, who)
	switch {
	case errors.Is(err, operator.ErrTaken):
		return v.message(http.StatusConflict, MessagePage{Kind: taken})
	case errors.Is(err, operator.ErrNoSession), errors.Is(err, operator.ErrNotFresh):
		return v.message(http.StatusGone, MessagePage{Kind: stale})
	case err != nil:
		return err
	}
	return v.goOn(accountPath + "?done=linked")
}

// OnPage leads from the provider into the portal: GET /admin/sign-in/oidc/…/back. A page of this site must begin the next
// request, because a browser doesn't send strict cookies with one that another site began.
type OnPage struct {
	Frame

	Next string
}

// Template names the page's file.
func (OnPage) Template() string { return "on" }

// Title is the page's one h1.
func (p OnPage) Title() string { return p.T("admin.on.title") }

func (v *visit) goOn(next string) error {
	v.w.Header().Set("Refresh", "0; url="+next)
	return v.render(http.StatusOK, OnPage{Frame: v.frame, Next: next})
}

// SignedOutPage offers to sign out of the provider too: POST /admin/sign-out.
type SignedOutPage struct {
	Frame

	Provider, Address string
}

// Template names the page's file.
func (SignedOutPage) Template() string { return "signedout" }

// Title is the page's one h1.
func (p SignedOutPage) Title() string { return p.T("admin.signedout.title") }

// signedOut says so. A provider that can't be asked keeps nobody signed in here.
func (v *visit) signedOut() error {
	address, err := v.Provider.Logout(v.ctx(), v.tenant)
	if err != nil {
		v.Log.Warn("the OpenID provider can't be asked where to sign out", "tenant", v.tenant.ID, "error", err)
	}
	f := v.frame
	f.Operator, f.Path, f.Poll = operator.Operator{}, signInPath, ""
	return v.render(http.StatusOK, SignedOutPage{Frame: f, Provider: v.tenant.Settings.Provider.Title(), Address: address})
}
