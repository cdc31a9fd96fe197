package dctest

import (
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/lab"
)

// draft is a person NewPerson is about to make.
type draft struct {
	lab.Person
	ou     string
	dated  time.Time
	undone bool
	uac    int
	class  string
}

// PersonOption changes what NewPerson makes.
type PersonOption func(*draft)

// Control adds bits of userAccountControl, for example 0x10000 (password never expires).
func Control(bits int) PersonOption { return func(d *draft) { d.uac |= bits } }

// Class makes an object of another class of user than user, for example inetOrgPerson.
func Class(name string) PersonOption { return func(d *draft) { d.class = name } }

// In puts the person into another OU than OU=Design.
func In(ou string) PersonOption { return func(d *draft) { d.ou = ou } }

// WithMail sets the mail address; empty leaves the attribute out.
func WithMail(mail string) PersonOption { return func(d *draft) { d.Mail = mail } }

// Named sets the display name and the CN, which has to be new in its OU.
func Named(name string) PersonOption { return func(d *draft) { d.DisplayName = name } }

// PasswordSet dates the password; without it the password is 40 days old, past every minimum age.
func PasswordSet(when time.Time) PersonOption { return func(d *draft) { d.dated = when } }

// PasswordSetNow leaves the password as young as it is; the domain's minimum age of two minutes then holds.
func PasswordSetNow() PersonOption { return func(d *draft) { d.undone = true } }

// NewPerson makes an ordinary enabled person with a known password and an own mail address, and removes it
// after the test.
func (d *DC) NewPerson(t testing.TB, opts ...PersonOption) lab.Person {
	t.Helper()
	name := "p-" + strings.ToLower(rand.Text()[:10])
	want := draft{class: "user", ou: d.OUs()[0], dated: time.Now().AddDate(0, 0, -40), Person: lab.Person{
		DisplayName: "Person " + name, UPN: name + "@" + d.UPNSuffix(), SAM: name, Mail: name + "@mail.example",
		Kind: lab.KindOrdinary, Password: lab.RandomPassword(),
	}}
	for _, opt := range opts {
		opt(&want)
	}
	want.DN = "CN=" + ldap.EscapeDN(want.DisplayName) + "," + want.ou
	if err := d.Admin(t).Add(want.request()); err != nil {
		t.Fatalf("adding %s: %v", want.DN, err)
	}
	want.GUID = d.guid(t, want.DN)
	t.Cleanup(func() { d.remove(t, want.GUID) })
	if !want.undone {
		d.DatePasswords(t, map[string]time.Time{want.DN: want.dated})
	}
	return want.Person
}

func (p draft) request() *ldap.AddRequest {
	req := ldap.NewAddRequest(p.DN, nil)
	req.Attribute("objectClass", []string{p.class})
	req.Attribute("sAMAccountName", []string{p.SAM})
	req.Attribute("userPrincipalName", []string{p.UPN})
	req.Attribute("displayName", []string{p.DisplayName})
	req.Attribute("userAccountControl", []string{strconv.Itoa(uacNormal | p.uac)})
	req.Attribute("unicodePwd", []string{quoted(p.Password)})
	if p.Mail != "" {
		req.Attribute("mail", []string{p.Mail})
	}
	return req
}

// remove deletes by GUID, because the test may have moved or renamed the person; gone already is fine.
func (d *DC) remove(t testing.TB, guid string) {
	t.Helper()
	err := d.Admin(t).Del(ldap.NewDelRequest("<GUID="+guid+">", nil))
	if err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
		t.Errorf("removing person %s: %v", guid, err)
	}
}

func (d *DC) guid(t testing.TB, dn string) string {
	t.Helper()
	raw := d.Attr(t, dn, "objectGUID")
	if len(raw) != 1 || len(raw[0]) != 16 {
		t.Fatalf("objectGUID of %s: %d values", dn, len(raw))
	}
	b := []byte(raw[0])
	// The first three fields are little-endian, [MS-DTYP] 2.3.4.2.
	return fmt.Sprintf("%x-%x-%x-%x-%x", []byte{b[3], b[2], b[1], b[0]}, []byte{b[5], b[4]}, []byte{b[7], b[6]}, b[8:10], b[10:])
}

// userAccountControl bits, [MS-ADTS] 2.2.16.
const (
	uacDisabled = 0x2
	uacNormal   = 0x200
)

// Lock locks a person by signing in with wrong passwords.
func (d *DC) Lock(t testing.TB, p lab.Person) {
	t.Helper()
	if err := d.DC.Lock(t.Context(), p.UPN); err != nil {
		t.Fatal(err)
	}
}

// Disable sets ACCOUNTDISABLE.
func (d *DC) Disable(t testing.TB, p lab.Person) {
	t.Helper()
	d.Set(t, p.DN, "userAccountControl", strconv.Itoa(uacNormal|uacDisabled))
}

// Enable clears ACCOUNTDISABLE.
func (d *DC) Enable(t testing.TB, p lab.Person) {
	t.Helper()
	d.Set(t, p.DN, "userAccountControl", strconv.Itoa(uacNormal))
}

// MustChange makes the person change the password at the next sign-in.
func (d *DC) MustChange(t testing.TB, p lab.Person) {
	t.Helper()
	d.Set(t, p.DN, "pwdLastSet", "0")
}

// SetPassword gives a person a password as an administrator does who bypasses history and minimum age.
func (d *DC) SetPassword(t testing.TB, p lab.Person, password string) {
	t.Helper()
	d.Set(t, p.DN, "unicodePwd", quoted(password))
}

// DatePasswords sets when passwords were set, by DN. It takes the time of one.
func (d *DC) DatePasswords(t testing.TB, dates map[string]time.Time) {
	t.Helper()
	if err := d.DC.DatePasswords(t.Context(), dates); err != nil {
		t.Fatal(err)
	}
}

// Set replaces an attribute as administrator; no values remove it.
func (d *DC) Set(t testing.TB, dn, name string, values ...string) {
	t.Helper()
	req := ldap.NewModifyRequest(dn, nil)
	req.Replace(name, values)
	if err := d.Admin(t).Modify(req); err != nil {
		t.Fatalf("setting %s of %s: %v", name, dn, err)
	}
}

// Attr reads an attribute as administrator, constructed ones too; no values when it is absent.
func (d *DC) Attr(t testing.TB, dn, name string) []string {
	t.Helper()
	found, err := d.Admin(t).Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0,
		false, "(objectClass=*)", []string{name}, nil))
	if err != nil {
		t.Fatalf("reading %s of %s: %v", name, dn, err)
	}
	if len(found.Entries) != 1 {
		t.Fatalf("reading %s of %s: %d entries", name, dn, len(found.Entries))
	}
	var values []string
	for _, raw := range found.Entries[0].GetRawAttributeValues(name) {
		values = append(values, string(raw))
	}
	return values
}
