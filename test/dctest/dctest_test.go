package dctest_test

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"homeward/internal/lab"
	"homeward/test/dctest"
)

func TestMain(m *testing.M) { os.Exit(dctest.Main(m)) }

func wantCode(t *testing.T, err error, want string) {
	t.Helper()
	if got := dctest.BindCode(err); got != want || want == "" && err != nil {
		t.Errorf("bind: code %q (%v), want %q", got, err, want)
	}
}

func TestNewPerson(t *testing.T) {
	dc := dctest.Start(t)
	ou := dc.OUs()[2]
	p := dc.NewPerson(t, dctest.In(ou), dctest.WithMail("someone@mail.example"))
	wantCode(t, dc.Bind(p.UPN, p.Password), "")
	wantCode(t, dc.Bind(p.UPN, "wrong"), "52e")
	if err := dc.Kinit(p.UPN, p.Password); err != nil {
		t.Errorf("kinit: %v", err)
	}
	if err := dc.Kinit(p.UPN, "wrong"); err == nil {
		t.Error("kinit with a wrong password worked")
	}
	if diff := cmp.Diff([]string{"someone@mail.example"}, dc.Attr(t, "<GUID="+p.GUID+">", "mail")); diff != "" {
		t.Errorf("mail by GUID (-want +got):\n%s", diff)
	}
	if err := dc.ResetAs(dc.ServiceAccount(), p.DN, lab.RandomPassword()); err != nil {
		t.Errorf("reset although the minimum age is over: %v", err)
	}
}

func TestPasswordSetNowIsTooYoung(t *testing.T) {
	dc := dctest.Start(t)
	p := dc.NewPerson(t, dctest.PasswordSetNow())
	err := dc.ResetAs(dc.ServiceAccount(), p.DN, lab.RandomPassword())
	if !ldap.IsErrorWithCode(err, ldap.LDAPResultUnwillingToPerform) {
		t.Errorf("reset within the minimum age: %v, want unwilling to perform", err)
	}
}

func TestStates(t *testing.T) {
	dc := dctest.Start(t)
	tests := []struct {
		name string
		make func(*testing.T, lab.Person)
		want string
	}{
		{"locked", func(t *testing.T, p lab.Person) { dc.Lock(t, p) }, "775"},
		{"disabled", func(t *testing.T, p lab.Person) { dc.Disable(t, p) }, "533"},
		{"enabled again", func(t *testing.T, p lab.Person) { dc.Disable(t, p); dc.Enable(t, p) }, ""},
		{"must change", func(t *testing.T, p lab.Person) { dc.MustChange(t, p) }, "773"},
		{"expired", func(t *testing.T, p lab.Person) {
			if err := dc.DatePassword(t.Context(), p.DN, time.Now().AddDate(0, 0, -120)); err != nil {
				t.Fatal(err)
			}
		}, "532"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := dc.NewPerson(t)
			tt.make(t, p)
			wantCode(t, dc.Bind(p.UPN, p.Password), tt.want)
		})
	}
}

func TestRightsTakenAway(t *testing.T) {
	dc := dctest.Start(t)
	for name, take := range map[string]func(testing.TB, lab.Person){
		"protected": dc.SetAdminCount, "inheritance cut": dc.CutInheritance,
	} {
		t.Run(name, func(t *testing.T) {
			p := dc.NewPerson(t)
			take(t, p)
			err := dc.ResetAs(dc.ServiceAccount(), p.DN, lab.RandomPassword())
			if !ldap.IsErrorWithCode(err, ldap.LDAPResultInsufficientAccessRights) {
				t.Errorf("reset: %v, want insufficient access rights", err)
			}
			wantCode(t, dc.Bind(p.UPN, p.Password), "")
		})
	}
}

func TestRevokeAndGrant(t *testing.T) {
	dc := dctest.Private(t, lab.Options{})
	ou := dc.OUs()[2]
	p := dc.NewPerson(t, dctest.In(ou))
	dc.Revoke(t, ou, lab.ACEResetPassword)
	err := dc.ResetAs(dc.ServiceAccount(), p.DN, lab.RandomPassword())
	if !ldap.IsErrorWithCode(err, ldap.LDAPResultInsufficientAccessRights) {
		t.Errorf("reset without the right: %v", err)
	}
	dc.Grant(t, ou, lab.ACEResetPassword)
	if err := dc.ResetAs(dc.ServiceAccount(), p.DN, lab.RandomPassword()); err != nil {
		t.Errorf("reset with the right again: %v", err)
	}
}

func TestApplyPSO(t *testing.T) {
	dc := dctest.Start(t)
	p := dc.NewPerson(t)
	pso := dc.ApplyPSO(t, p, dctest.Policy{MinLength: 30, Complexity: true})
	if diff := cmp.Diff([]string{pso}, dc.Attr(t, p.DN, "msDS-ResultantPSO")); diff != "" {
		t.Errorf("resultant PSO (-want +got):\n%s", diff)
	}
	if err := dc.ResetAs(dc.ServiceAccount(), p.DN, lab.RandomPassword()); !ldap.IsErrorWithCode(err, ldap.LDAPResultUnwillingToPerform) {
		t.Errorf("17 characters where 30 are asked for: %v", err)
	}
}

func TestProxyWithoutControl(t *testing.T) {
	dc := dctest.Start(t)
	proxy := dctest.ProxyWithoutControl(t, dc)
	pem, err := os.ReadFile(proxy.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	conn, err := ldap.DialURL(proxy.LDAPSURL, ldap.DialWithTLSConfig(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	svc := dc.ServiceAccount()
	if err := conn.Bind(svc.UPN, svc.Password); err != nil {
		t.Fatal(err)
	}
	through, direct := rootDSE(t, conn), rootDSE(t, dc.Admin(t))
	kept := slices.DeleteFunc(slices.Clone(direct), func(oid string) bool {
		return oid == dctest.OIDPolicyHints || oid == dctest.OIDPolicyHintsDeprecated
	})
	if diff := cmp.Diff(kept, through); diff != "" {
		t.Errorf("supportedControl through the proxy (-want +got):\n%s", diff)
	}
	if len(kept) != len(direct)-2 {
		t.Errorf("the DC itself advertises %d controls, %d of them hidden; want 2 hidden", len(direct), len(direct)-len(kept))
	}
	people, err := conn.Search(ldap.NewSearchRequest(dc.OUs()[1], ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0,
		false, "(objectClass=user)", []string{"displayName"}, nil))
	if err != nil || len(people.Entries) == 0 {
		t.Errorf("search through the proxy: %v", err)
	}
}

func rootDSE(t *testing.T, conn *ldap.Conn) []string {
	t.Helper()
	found, err := conn.Search(ldap.NewSearchRequest("", ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false,
		"(objectClass=*)", []string{"supportedControl", "defaultNamingContext"}, nil))
	if err != nil {
		t.Fatal(err)
	}
	if got := found.Entries[0].GetAttributeValue("defaultNamingContext"); got != "DC=corp,DC=contoso,DC=test" {
		t.Errorf("defaultNamingContext = %q", got)
	}
	return found.Entries[0].GetAttributeValues("supportedControl")
}

func TestSetPolicyAndPrivate(t *testing.T) {
	dc := dctest.Private(t, lab.Options{})
	if dc.Addr() == dctest.Start(t).Addr() {
		t.Fatal("a private DC on the address of the shared one")
	}
	dc.SetPolicy(t, dctest.Policy{MinLength: 4})
	p := dc.NewPerson(t, dctest.PasswordSetNow())
	if err := dc.ResetAs(dc.ServiceAccount(), p.DN, "abcd"); err != nil {
		t.Errorf("reset under a lax policy: %v", err)
	}
	wantCode(t, dc.Bind(p.UPN, "abcd"), "")
}
