package admin_test

import (
	"net/http"
	"time"

	"homeward/internal/server/locale"
	"homeward/internal/server/operator"
	"homeward/internal/server/tenant"
	"homeward/internal/server/web/admin"
)

// factorSamples are the pages about what operators sign in with.
func factorSamples(catalog *locale.Catalog, lang string) []sample {
	const question = `{"challenge":"AAAA"}`
	f := frame(catalog, lang, "/admin/account", working())
	f.Operator.Password, f.Operator.Seed, f.Operator.Passkeys, f.Operator.Links = "x", []byte("x"), 2, 1
	sessions := []operator.Session{
		{ID: "s1", Created: ago(time.Hour), Seen: ago(time.Minute), Address: "192.0.2.7", Browser: "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0", How: operator.ByPasskey},
		{ID: "s2", Created: ago(26 * time.Hour), Seen: ago(25 * time.Hour), Address: "2001:db8::7", Browser: "curl/8", How: operator.ByProvider},
	}
	keys := []operator.Passkey{
		{ID: "k1", Name: "Work laptop", Created: ago(30 * 24 * time.Hour), Used: ago(time.Hour)},
		{ID: "k2", Name: "Security key in the drawer", Created: ago(90 * 24 * time.Hour), Warned: ago(2 * time.Hour)},
	}
	account := admin.AccountPage{
		Frame: f, Sessions: sessions, Current: "s1", Passkeys: keys, Usable: true, Provider: "Contoso login", Done: "added",
		Linked: &operator.Identity{Mail: "karin.holm@contoso.com", Used: ago(25 * time.Hour)},
	}
	refused := account
	refused.Done, refused.Linked, refused.Problems = "", nil, admin.Problems{{Field: "factors", Text: f.T("admin.account.only")}}
	pending := operator.Pending{Operator: f.Operator, Secret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", Address: "otpauth://totp/Homeward:karin?secret=JBSWY3DPEHPK3PXP"}
	set := admin.ProviderPage{
		Settings: admin.Settings{Frame: frame(catalog, lang, "/admin/operators/provider", working()), Revision: "r"}, On: true,
		Redirect: "https://password.contoso.com/admin/sign-in/oidc/contoso/back",
		Set: tenant.Provider{
			Issuer: "https://login.contoso.test", ClientID: "homeward", Name: "Contoso login", GroupClaim: "groups", AMR: []string{"mfa"}, Logout: true,
			Roles: []tenant.GroupRole{{Group: "hw-admins", Role: string(operator.GlobalAdministrator)}},
		},
	}
	wrong := set
	wrong.Problems = admin.Problems{
		{Field: "issuer", Text: f.T("admin.provider.issuer.away")},
		{Field: "client", Text: f.T("admin.provider.client.wrong")},
		{Field: "groups", Text: f.T("admin.provider.groups.wrong")},
		{Field: "acr", Text: f.T("admin.provider.factors.wrong")},
		{Field: "name", Text: f.T("admin.provider.name.wrong")},
	}
	return []sample{
		{"account-factors", http.StatusOK, account},
		{"account-only", http.StatusUnprocessableEntity, refused},
		{"confirm", http.StatusOK, admin.FactorPage{Frame: f, Confirm: true, Action: "/admin/account/confirm", Token: "t", Options: question, Code: true}},
		{"confirm-none", http.StatusOK, admin.FactorPage{Frame: f, Confirm: true, Action: "/admin/account/confirm"}},
		{"passkey", http.StatusOK, admin.NewPasskeyPage{Frame: f, Token: "t", Options: question}},
		{"passkey-wrong", http.StatusUnprocessableEntity, admin.NewPasskeyPage{Frame: f, Token: "t", Options: question, Problems: admin.Problems{
			{Field: "name", Text: f.T("admin.account.passkey.name.wrong", "Most", 60)}, {Field: "use", Text: f.T("admin.account.passkey.not")},
		}}},
		{"passkey-unusable", http.StatusOK, admin.NewPasskeyPage{Frame: f}},
		{"app", http.StatusUnprocessableEntity, admin.AppPage{Frame: f, Pending: pending, Problems: admin.Problems{{Field: "code", Text: f.T("admin.setup.wrong")}}}},
		{"provider", http.StatusOK, set},
		{"provider-wrong", http.StatusUnprocessableEntity, wrong},
	}
}
