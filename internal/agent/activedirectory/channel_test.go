package activedirectory

import (
	"fmt"
	"testing"

	"homeward/internal/protocol"
	"homeward/test/dctest"
)

// modes are the kinds of channel, each with the secret it takes.
func modes(t testing.TB, dc *dctest.DC) map[string]Config {
	t.Helper()
	startTLS := configFor(t, dc)
	startTLS.Security, startTLS.URLs = StartTLS, []string{"ldap://" + dc.Addr()}
	return map[string]Config{"LDAPS": configFor(t, dc), "StartTLS": startTLS}
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
	for name, config := range modes(t, dc) {
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
					host := dc.Host()
					if config.Security == LDAPS {
						host = dc.Addr()
					}
					l, raw, err := d.openAs(t.Context(), host, d.urls[0].Host, p.UPN, []byte(password))
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
