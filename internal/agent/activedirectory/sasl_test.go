package activedirectory

import (
	"crypto/x509"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/agent/activedirectory/kerberos"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

func countedBy(t testing.TB, dc *dctest.DC, p lab.Person) string {
	t.Helper()
	return strings.Join(dc.Attr(t, p.DN, "badPwdCount"), " ")
}

// agedKeytab has keys from before the last password but two: the two before the current one don't count as wrong.
func agedKeytab(t testing.TB, dc *dctest.DC, p lab.Person) string {
	t.Helper()
	keytab := keytabOf(t, dc, p.SAM)
	for _, password := range []string{"Another-Kettle-42", "Another-Teapot-43", "Another-Saucer-44"} {
		dc.Set(t, p.DN, "unicodePwd", string(quotedUTF16([]byte(password))))
	}
	return keytab
}

// TestWrongSecretIsNotTriedAgain signs in with a wrong password and with an old keytab, again and again; the
// controller sees one attempt.
func TestWrongSecretIsNotTriedAgain(t *testing.T) {
	dc := dctest.Start(t)
	all := modes(t, dc)
	for name, spoil := range map[string]func(*Config, lab.Person){
		"Kerberos": func(c *Config, _ lab.Person) { c.Password = fixed("Wrong-Kettle-42") },
		"Kerberos with keytab": func(c *Config, p lab.Person) {
			c.Keytab = agedKeytab(t, dc, p)
		},
		"LDAPS with keytab": func(c *Config, p lab.Person) {
			c.Keytab = agedKeytab(t, dc, p)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := dc.NewPerson(t)
			config := all[name]
			config.User = dc.NetBIOSName() + `\` + p.SAM
			spoil(&config, p)
			d := open(t, config)
			for range 5 {
				_, _, err := d.open(t.Context(), d.urls[0].Hostname(), d.urls[0].Host)
				e := wantReason(t, err, protocol.ReasonServiceAccount)
				if e.Bind != bindWrong || !strings.Contains(e.Error(), "wrong") {
					t.Errorf("%q: %v", e.Bind, e)
				}
			}
			if got := countedBy(t, dc, p); got != "1" {
				t.Errorf("the controller counted %s", got)
			}
			d.refusal.until = time.Now() // the pause is over
			_, _, err := d.open(t.Context(), d.urls[0].Hostname(), d.urls[0].Host)
			wantReason(t, err, protocol.ReasonServiceAccount)
			if got := countedBy(t, dc, p); got != "2" {
				t.Errorf("after the pause the controller counted %s", got)
			}
		})
	}
}

// TestServiceAccountThatCannotSignIn says why, in words.
func TestServiceAccountThatCannotSignIn(t *testing.T) {
	dc := dctest.Start(t)
	config := modes(t, dc)["Kerberos"]
	for _, tt := range []struct {
		name    string
		prepare func(testing.TB, lab.Person)
		says    string
	}{
		{"locked", dc.Lock, "it is locked"},
		{"disabled", dc.Disable, "it is disabled"},
		{"must change", dc.MustChange, "must be changed"},
		{"expired", func(t testing.TB, p lab.Person) { expirePassword(t, dc, p) }, "has expired"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := dc.NewPerson(t)
			tt.prepare(t, p)
			config.User, config.Password = p.UPN, fixed(p.Password)
			d := open(t, config)
			_, _, err := d.open(t.Context(), d.urls[0].Hostname(), d.urls[0].Host)
			if e := wantReason(t, err, protocol.ReasonServiceAccount); !strings.Contains(e.Error(), tt.says) {
				t.Errorf("%q does not say %q", e, tt.says)
			}
		})
	}
	config.User, config.Password = "nobody@"+dc.Domain(), fixed("Copper-Kettle-42")
	d := open(t, config)
	_, _, err := d.open(t.Context(), d.urls[0].Hostname(), d.urls[0].Host)
	if e := wantReason(t, err, protocol.ReasonServiceAccount); e.Bind != "525" {
		t.Errorf("unknown account: %q %v", e.Bind, e)
	}
	config = modes(t, dc)["Kerberos with keytab"]
	config.User, config.Keytab = dc.ServiceAccount().UPN, keytabOf(t, dc, dc.NewPerson(t).SAM)
	d = open(t, config)
	_, _, err = d.open(t.Context(), d.urls[0].Hostname(), d.urls[0].Host)
	if e := wantReason(t, err, protocol.ReasonServiceAccount); !strings.Contains(e.Error(), "keytab has no key for") {
		t.Errorf("somebody else's keytab: %v", e)
	}
}

// TestClockTooFarOff says how far, and does not blame the account.
func TestClockTooFarOff(t *testing.T) {
	dc := dctest.Start(t)
	for _, tt := range []struct {
		off  time.Duration
		says *regexp.Regexp // Kerberos' time has whole seconds
	}{
		{7 * time.Minute, regexp.MustCompile(`clock is (7m[012]s|6m5[89]s) ahead of`)},
		{-9 * time.Minute, regexp.MustCompile(`clock is (9m[012]s|8m5[89]s) behind`)},
	} {
		config := modes(t, dc)["Kerberos"]
		config.Clock = func() time.Time { return time.Now().Add(tt.off) }
		d := open(t, config)
		_, _, err := d.open(t.Context(), d.urls[0].Hostname(), d.urls[0].Host)
		e := wantReason(t, err, protocol.ReasonDirectoryError)
		if !tt.says.MatchString(e.Error()) {
			t.Errorf("%v: %v", tt.off, e)
		}
		if e.Bind != "" || d.refusal.err != nil {
			t.Errorf("blames the account: %q %v", e.Bind, d.refusal.err)
		}
	}
}

// TestControllerByAddress: Kerberos needs the name.
func TestControllerByAddress(t *testing.T) {
	dc := dctest.Start(t)
	config := modes(t, dc)["Kerberos"]
	config.ServerName = ""
	d := open(t, config)
	_, _, err := d.open(t.Context(), dc.Addr(), d.urls[0].Host)
	if e := wantReason(t, err, protocol.ReasonDirectoryError); !strings.Contains(e.Error(), "full DNS name") {
		t.Error(e)
	}
}

// TestConnectsAgain: every connection has a ticket of its own, so none outlives it.
func TestConnectsAgain(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, modes(t, dc)["Kerberos"])
	p := dc.NewPerson(t)
	for range 3 {
		account(t, d, p)
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLongAnswerThroughTheSeal reads the schema, which is more than one token may hold.
func TestLongAnswerThroughTheSeal(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, modes(t, dc)["Kerberos"])
	size := 0
	err := d.read(t.Context(), func(c *conn) error {
		found, err := c.ldap.Search(ldap.NewSearchRequest("CN=Schema,"+c.conf, ldap.ScopeSingleLevel, ldap.NeverDerefAliases, 0, 0, false,
			"(objectClass=*)", []string{"*"}, nil))
		if err != nil {
			return err
		}
		for _, e := range found.Entries {
			for _, a := range e.Attributes {
				size += len(a.Name)
				for _, v := range a.ByteValues {
					size += len(v)
				}
			}
		}
		return nil
	})
	if err != nil || size < 1<<20 {
		t.Errorf("%d bytes, %v", size, err)
	}
}

// TestRefusalsOfWindows: what a Windows KDC answers is taken from [MS-KILE] 2.2 and [MS-ERREF] 2.3.1, not from a
// Windows machine.
func TestRefusalsOfWindows(t *testing.T) {
	for _, tt := range []struct {
		refusal kerberos.Error
		want    string
	}{
		{kerberos.Error{Code: kerberos.CodePreauthFailed}, "52e"},
		{kerberos.Error{Code: kerberos.CodePreauthFailed, Status: 0xC000006A}, "52e"},
		{kerberos.Error{Code: kerberos.CodeClientRevoked, Status: 0xC0000234}, "775"},
		{kerberos.Error{Code: kerberos.CodeClientRevoked, Status: 0xC0000072}, "533"},
		{kerberos.Error{Code: kerberos.CodeClientRevoked, Status: 0xC0000193}, "701"},
		{kerberos.Error{Code: kerberos.CodeClientRevoked, Status: 0xC000006F}, "530"},
		{kerberos.Error{Code: kerberos.CodePolicy, Status: 0xC0000070}, "531"},
		{kerberos.Error{Code: kerberos.CodeClientRevoked}, bindRevoked},
		{kerberos.Error{Code: kerberos.CodeKeyExpired, Status: 0xC0000224, Proven: true}, "773"},
		{kerberos.Error{Code: kerberos.CodeKeyExpired, Status: 0xC0000071, Proven: true}, "532"},
		{kerberos.Error{Code: kerberos.CodeKeyExpired, Proven: true}, "532"},
		{kerberos.Error{Code: kerberos.CodeKeyExpired, Status: 0xC0000224}, bindUnknown},
		{kerberos.Error{Code: kerberos.CodeClientUnknown}, "525"},
		{kerberos.Error{Code: kerberos.CodePolicy}, bindUnknown},
	} {
		if got := bindCode(&tt.refusal); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.refusal, got, tt.want)
		}
	}
}

func TestKerberosNames(t *testing.T) {
	for user, want := range map[string]string{`CORP\svc`: "svc", "svc@corp.example": "svc@corp.example", "svc": "svc"} {
		if got, err := kerberosName(user); err != nil || got != want {
			t.Errorf("%s: %q %v", user, got, err)
		}
	}
	if _, err := kerberosName("CN=svc,DC=corp"); err == nil {
		t.Error("takes a DN")
	}
	_, err := Open(Config{
		URLs: []string{"ldap://dc1"}, Security: Kerberos, Domain: "corp.example", User: "CN=svc,DC=corp", Password: fixed("x"), RootCAs: x509.NewCertPool(),
	})
	if err == nil || !strings.Contains(err.Error(), `DOMAIN\user`) {
		t.Error(err)
	}
}
