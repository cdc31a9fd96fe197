package dctest

import (
	"crypto/rand"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/lab"
)

// Policy is a password policy. The zero value asks for nothing.
type Policy struct {
	MinLength        int
	History          int
	Complexity       bool
	MinAge           time.Duration
	MaxAge           time.Duration // 0: passwords never expire
	LockoutThreshold int           // 0: never locked
	LockoutDuration  time.Duration // 30 minutes when a threshold is given without it; also the observation window
}

func (p Policy) lockout() string {
	if p.LockoutDuration == 0 {
		p.LockoutDuration = 30 * time.Minute
	}
	return interval(p.LockoutDuration)
}

func (p Policy) maxAge() string {
	if p.MaxAge == 0 {
		return strconv.FormatInt(-1<<63, 10) // "never", [MS-ADTS] 6.1.1.1.2 maxPwdAge
	}
	return interval(p.MaxAge)
}

// interval is a duration as Active Directory stores it: negative, in 100 ns.
func interval(d time.Duration) string { return strconv.FormatInt(-d.Nanoseconds()/100, 10) }

// SetPolicy changes the policy of the domain and puts the old one back after the test. Everybody on the DC
// is affected: use it on a private DC, or not in parallel with others.
func (d *DC) SetPolicy(t testing.TB, p Policy) {
	t.Helper()
	properties := "0"
	if p.Complexity {
		properties = "1" // DOMAIN_PASSWORD_COMPLEX, [MS-SAMR] 2.2.3.5
	}
	for name, value := range map[string]string{
		"minPwdLength": strconv.Itoa(p.MinLength), "pwdHistoryLength": strconv.Itoa(p.History),
		"pwdProperties": properties, "minPwdAge": interval(p.MinAge), "maxPwdAge": p.maxAge(),
		"lockoutThreshold": strconv.Itoa(p.LockoutThreshold), "lockoutDuration": p.lockout(),
		"lockOutObservationWindow": p.lockout(),
	} {
		old := d.Attr(t, d.BaseDN(), name)
		t.Cleanup(func() { d.Set(t, d.BaseDN(), name, old...) })
		d.Set(t, d.BaseDN(), name, value)
	}
}

// ApplyPSO makes a fine-grained policy for one person and removes it after the test. It returns its DN.
func (d *DC) ApplyPSO(t testing.TB, person lab.Person, p Policy) string {
	t.Helper()
	dn := "CN=pso-" + strings.ToLower(rand.Text()[:8]) + ",CN=Password Settings Container,CN=System," + d.BaseDN()
	req := ldap.NewAddRequest(dn, nil)
	req.Attribute("objectClass", []string{"msDS-PasswordSettings"})
	for name, value := range map[string]string{
		"msDS-PasswordSettingsPrecedence":          "1",
		"msDS-PasswordReversibleEncryptionEnabled": "FALSE",
		"msDS-PasswordHistoryLength":               strconv.Itoa(p.History),
		"msDS-PasswordComplexityEnabled":           strings.ToUpper(strconv.FormatBool(p.Complexity)),
		"msDS-MinimumPasswordLength":               strconv.Itoa(p.MinLength),
		"msDS-MinimumPasswordAge":                  interval(p.MinAge),
		"msDS-MaximumPasswordAge":                  p.maxAge(),
		"msDS-LockoutThreshold":                    strconv.Itoa(p.LockoutThreshold),
		"msDS-LockoutDuration":                     p.lockout(),
		"msDS-LockoutObservationWindow":            p.lockout(),
		"msDS-PSOAppliesTo":                        person.DN,
	} {
		req.Attribute(name, []string{value})
	}
	if err := d.Admin(t).Add(req); err != nil {
		t.Fatalf("adding a PSO for %s: %v", person.UPN, err)
	}
	t.Cleanup(func() {
		if err := d.Admin(t).Del(ldap.NewDelRequest(dn, nil)); err != nil {
			t.Errorf("removing the PSO of %s: %v", person.UPN, err)
		}
	})
	return dn
}
