package e2e_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/demo"
	"homeward/internal/lab"
)

// supply says how many people of each kind a stack gets beside the sample. Those with a shared mail address
// come in pairs of which one is counted.
type supply map[lab.Kind]int

// create adds the people, and takes the minimum age out of the domain's policy: their passwords are new.
func (s supply) create(ctx context.Context, dc *lab.DC) (_ map[lab.Kind][]lab.Person, err error) {
	conn, err := dc.Dial(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := conn.Bind(dc.Administrator().UPN, dc.Administrator().Password); err != nil {
		return nil, err
	}
	young := ldap.NewModifyRequest(dc.BaseDN(), nil)
	young.Replace("minPwdAge", []string{"0"})
	if err := conn.Modify(young); err != nil {
		return nil, err
	}
	all := map[lab.Kind][]lab.Person{}
	for kind, count := range s {
		for i := range count {
			p := draft(dc, kind, i)
			all[kind] = append(all[kind], p)
			if err := conn.Add(addition(p)); err != nil {
				return nil, fmt.Errorf("add %s: %w", p.UPN, err)
			}
			if kind != lab.KindSharedMail {
				continue
			}
			p.SAM, p.UPN, p.DN = p.SAM+"b", "b"+p.UPN, strings.Replace(p.DN, "CN=", "CN=Twin ", 1)
			if err := conn.Add(addition(p)); err != nil {
				return nil, fmt.Errorf("add %s: %w", p.UPN, err)
			}
		}
	}
	return all, nil
}

func draft(dc *lab.DC, kind lab.Kind, i int) lab.Person {
	name := fmt.Sprintf("%s.e%02d", strings.ReplaceAll(string(kind), "-", ""), i)
	p := lab.Person{
		DisplayName: "Emil " + name, UPN: name + "@contoso.com", SAM: name, Mail: name + "@mail.example",
		DN: "CN=Emil " + name + "," + dc.OUs()[0], Kind: kind, Password: lab.RandomPassword(),
	}
	if kind == lab.KindNoMail || kind == kindMobile {
		p.Mail = ""
	}
	return p
}

// kindMobile is somebody of whom the directory holds a mobile number and no mail address.
const kindMobile lab.Kind = "mobile"

// mobileOf is that number.
func mobileOf(p lab.Person) string { return "+467012345" + p.SAM[len(p.SAM)-2:] }

// userAccountControl bits, [MS-ADTS] 2.2.16.
const (
	uacNormal   = 0x200
	uacDisabled = 0x2
)

func addition(p lab.Person) *ldap.AddRequest {
	uac := uacNormal
	if p.Kind == lab.KindDisabled {
		uac |= uacDisabled
	}
	r := ldap.NewAddRequest(p.DN, nil)
	r.Attribute("objectClass", []string{"user"})
	r.Attribute("sAMAccountName", []string{p.SAM})
	r.Attribute("userPrincipalName", []string{p.UPN})
	r.Attribute("displayName", []string{p.DisplayName})
	r.Attribute("userAccountControl", []string{strconv.Itoa(uac)})
	r.Attribute("unicodePwd", []string{string(utf16LE(`"` + p.Password + `"`))})
	if p.Mail != "" {
		r.Attribute("mail", []string{p.Mail})
	}
	if p.Kind == kindMobile {
		r.Attribute("mobile", []string{mobileOf(p)})
	}
	return r
}

func utf16LE(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

// written is what replication metadata says of one attribute: how often it was written, and the update it
// was written with last. Attributes of one modify have one update number.
type written struct {
	Times  uint32
	Update uint64
}

// ATTRTYP values ([MS-DRSR] 5.16.4, [MS-ADA2], [MS-ADA3]).
const (
	unicodePwd  = 0x9005A
	lockoutTime = 0x90296
)

// metadata reads replPropertyMetaData of a person, a PROPERTY_META_DATA_VECTOR ([MS-DRSR] 5.162).
func (s *site) metadata(t *testing.T, p lab.Person) map[uint32]written {
	t.Helper()
	raw := s.admin(t).Attr(t, p.DN, "replPropertyMetaData")
	if len(raw) != 1 || len(raw[0]) < 16 {
		t.Fatalf("metadata of %s: %d values", p.UPN, len(raw))
	}
	const head, entry = 16, 48
	b := []byte(raw[0])
	all := map[uint32]written{}
	for rest := b[head:]; len(rest) >= entry; rest = rest[entry:] {
		all[binary.LittleEndian.Uint32(rest)] = written{binary.LittleEndian.Uint32(rest[4:]), binary.LittleEndian.Uint64(rest[32:])}
	}
	return all
}

// writes tells how often a person's password was ever written.
func (s *site) writes(t *testing.T, p lab.Person) uint32 {
	t.Helper()
	return s.metadata(t, p)[unicodePwd].Times
}

// setInLog counts how often the DC's own log says that somebody tried to reset a person's password
// (Windows event 4724).
func (s *site) setInLog(t *testing.T, p lab.Person) int {
	t.Helper()
	b, err := os.ReadFile(s.DC.LogFile())
	must(t, err)
	n := 0
	for line := range strings.SplitSeq(string(b), "\n") {
		if strings.Contains(line, `"eventId": 4724`) && strings.Contains(line, p.DN) {
			n++
		}
	}
	return n
}

// changed asserts that exactly one write happened since before, and that the new password holds and the old
// one doesn't, by LDAP and by Kerberos.
func (s *site) changed(t *testing.T, p lab.Person, before uint32, fresh string) {
	t.Helper()
	if n := s.writes(t, p) - before; n != 1 {
		t.Errorf("%s: the password was written %d times, not once", p.UPN, n)
	}
	s.holds(t, p, fresh, p.Password)
}

// unchanged asserts that nothing was written and the old password holds.
func (s *site) unchanged(t *testing.T, p lab.Person, before uint32, tried string) {
	t.Helper()
	if n := s.writes(t, p) - before; n != 0 {
		t.Errorf("%s: the password was written %d times, though nothing should have changed", p.UPN, n)
	}
	s.holds(t, p, p.Password, tried)
}

// holds asserts which of two passwords is the person's.
func (s *site) holds(t *testing.T, p lab.Person, right, wrong string) {
	t.Helper()
	dc := s.admin(t)
	if err := dc.Bind(p.UPN, right); err != nil {
		t.Errorf("%s: the right password doesn't sign in (LDAP): %v", p.UPN, err)
	}
	if err := dc.Kinit(p.UPN, right); err != nil {
		t.Errorf("%s: the right password gets no Kerberos ticket: %v", p.UPN, err)
	}
	if wrong == "" {
		return
	}
	if err := dc.Bind(p.UPN, wrong); err == nil {
		t.Errorf("%s: the wrong password signs in (LDAP)", p.UPN)
	}
	if err := dc.Kinit(p.UPN, wrong); err == nil {
		t.Errorf("%s: the wrong password gets a Kerberos ticket", p.UPN)
	}
}

// verified brings a visitor to the password page, or past the check of an unlock.
func verified(t *testing.T, v *demo.Visitor, p lab.Person, problem string) demo.Page {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience) // a code that nobody sends would be waited for until the end
	defer cancel()
	page, err := v.Verify(ctx, p.UPN, p.Mail, problem)
	must(t, err)
	return page
}

// choose seals a password, sends it and returns the page that says what became of it.
func choose(t *testing.T, v *demo.Visitor, password string) demo.Page {
	t.Helper()
	must(t, v.Choose(t.Context(), []byte(password)))
	page, err := v.Outcome(t.Context())
	must(t, err)
	return page
}

// reset goes the whole way.
func reset(t *testing.T, v *demo.Visitor, p lab.Person, password string) demo.Page {
	t.Helper()
	if page := verified(t, v, p, "forgot"); page.Path != "/password" {
		t.Fatalf("%s: %q at %s instead of the password page", p.UPN, page.Title(), page.Path)
	}
	return choose(t, v, password)
}

// mark is the state a status page shows; empty for other pages.
func mark(p demo.Page) string {
	_, after, _ := strings.Cut(p.Body, `data-mark="`)
	m, _, _ := strings.Cut(after, `"`)
	return m
}

// shows fails the test unless a page has a mark.
func shows(t *testing.T, p demo.Page, want string) {
	t.Helper()
	if got := mark(p); got != want {
		t.Fatalf("%s shows %q (%s), not %s", p.Path, got, p.Title(), want)
	}
}
