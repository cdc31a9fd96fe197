package activedirectory

import (
	"crypto/rand"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/protocol"
	"homeward/test/dctest"
)

// modes are the kinds of channel, each with the secret it takes.
func modes(t testing.TB, dc *dctest.DC) map[string]Config {
	t.Helper()
	registerLDAP(t, dc)
	startTLS := configFor(t, dc)
	startTLS.Security, startTLS.URLs = StartTLS, []string{"ldap://" + dc.Addr()}
	sealed := startTLS
	sealed.Security, sealed.Domain, sealed.ServerName, sealed.RootCAs = Kerberos, dc.Domain(), dc.Host(), nil
	keytab := sealed
	keytab.Keytab, keytab.Password = keytabOf(t, dc, dc.ServiceAccount().SAM), nil
	bound := configFor(t, dc)
	bound.Domain, bound.ServerName, bound.Keytab, bound.Password = dc.Domain(), dc.Host(), keytab.Keytab, nil
	boundLater := startTLS
	boundLater.Domain, boundLater.ServerName, boundLater.Keytab, boundLater.Password = dc.Domain(), dc.Host(), keytab.Keytab, nil
	return map[string]Config{
		"LDAPS": configFor(t, dc), "StartTLS": startTLS, "Kerberos": sealed, "Kerberos with keytab": keytab,
		"LDAPS with keytab": bound, "StartTLS with keytab": boundLater,
	}
}

// registerLDAP gives the controller the Kerberos name of its LDAP service, which a real one registers by itself.
func registerLDAP(t testing.TB, dc *dctest.DC) {
	t.Helper()
	change := ldap.NewModifyRequest("CN=DC1,OU=Domain Controllers,"+dc.BaseDN(), nil)
	change.Add("servicePrincipalName", []string{"ldap/" + dc.Host()})
	if err := dc.Admin(t).Modify(change); err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultAttributeOrValueExists) {
		t.Fatal(err)
	}
}

// keytabOf exports the keys of an account as an administrator would.
func keytabOf(t testing.TB, dc *dctest.DC, sam string) string {
	t.Helper()
	name := strings.ToLower(rand.Text()) + ".keytab"
	if out, err := dc.Tool(t.Context(), "domain", "exportkeytab", "/lab/"+name, "--principal="+sam); err != nil {
		t.Fatalf("exporting a keytab: %v: %s", err, out)
	}
	return filepath.Join(dc.Dir(), name)
}

// TestEveryChannel reads, resets and unlocks over every kind of channel, and proves the password by signing in.
func TestEveryChannel(t *testing.T) {
	dc := dctest.Start(t)
	for name, config := range modes(t, dc) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, config)
			p := dc.NewPerson(t)
			dc.Lock(t, p)
			locked := account(t, d, p)
			if !locked.Locked() {
				t.Fatal("the account is not locked")
			}
			if err := d.Unlock(t.Context(), locked); err != nil {
				t.Fatal(err)
			}
			if account(t, d, p).Locked() {
				t.Error("still locked")
			}
			if err := d.Reset(t.Context(), account(t, d, p), []byte("Copper-Kettle-42")); err != nil {
				t.Fatal(err)
			}
			wantBind(t, dc, p, "Copper-Kettle-42", "")
		})
	}
}

// TestSignInAsThePerson gives every reason why a person can't sign in, as the word Active Directory has for it,
// and shows that none of them counts against the service account.
func TestSignInAsThePerson(t *testing.T) {
	dc := dctest.Start(t)
	all := modes(t, dc)
	for _, name := range []string{"LDAPS", "Kerberos", "LDAPS with keytab"} { // the others prove people the same ways
		config := all[name]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, config)
			for _, tt := range personSignIns(dc) {
				t.Run(tt.name, func(t *testing.T) {
					p := dc.NewPerson(t)
					tt.prepare(t, p)
					password := p.Password
					if tt.password != "" {
						password = tt.password
					}
					l, raw, err := d.openAs(t.Context(), d.urls[0].Hostname(), d.urls[0].Host, p.UPN, []byte(password))
					if tt.bind == "" {
						if err != nil {
							t.Fatal(err)
						}
						defer l.Close()
						if err := mayCarryPasswords(raw); err != nil {
							t.Error(err)
						}
						who, err := l.WhoAmI(nil)
						if want := fmt.Sprintf(`u:%s\%s`, dc.NetBIOSName(), p.SAM); err != nil || who.AuthzID != want {
							t.Errorf("signed in as %v (%v), want %s", who, err, want)
						}
						return
					}
					e := wantReason(t, err, tt.reason)
					if tt.bind == bindWrong {
						if count := dc.Attr(t, p.DN, "badPwdCount"); len(count) != 1 || count[0] != "1" {
							t.Errorf("badPwdCount %v after one wrong password", count)
						}
					}
					if e.Bind != tt.bind {
						t.Errorf("bind %q (%v), want %q", e.Bind, err, tt.bind)
					}
				})
			}
			if d.refusal.err != nil {
				t.Errorf("counted against the service account: %v", d.refusal.err)
			}
		})
	}
}

func TestPersonWithoutPasswordIsNobody(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	p := dc.NewPerson(t)
	_, _, err := d.openAs(t.Context(), dc.Addr(), d.urls[0].Host, p.UPN, nil)
	wantReason(t, err, protocol.ReasonWrongPassword)
}
