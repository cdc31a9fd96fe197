package setting

import (
	"errors"
	"fmt"
	"strings"

	"homeward/internal/server/brand"
	"homeward/internal/server/tenant"
)

// Brand is how the pages for people look and what they say.
func Brand(t tenant.Tenant) []Value {
	s := t.Settings
	return []Value{
		{"name", t.Name},
		{"accent colour", s.Brand.Accent},
		{"logo", s.Brand.Logo},
		{"helpdesk phone", s.HelpdeskPhone},
		{"helpdesk mail", s.HelpdeskMail},
		{"helpdesk page", s.HelpURL},
		{"sign-in page", s.SignInURL},
		{"first page's sentence", s.Brand.Lead},
		{"first page's note", s.Brand.Note},
		{"VPN step", s.Brand.VPN},
	}
}

// PutLogo names the stored picture: a nil logo keeps the one there was, an empty one takes it away.
func PutLogo(t *tenant.Tenant, was string, logo []byte) {
	switch {
	case logo == nil:
		t.Settings.Brand.Logo = was
	case len(logo) == 0:
		t.Settings.Brand.Logo = ""
	default:
		t.Settings.Brand.Logo = Revision([]Value{{"logo", string(logo)}})
	}
}

// Field is one of the fields of the brand.
type Field string

// Fields.
const (
	Name   Field = "name"
	Accent Field = "accent"
	Phone  Field = "phone"
	Mail   Field = "mail"
	Help   Field = "help"
	SignIn Field = "signin"
	Lead   Field = "lead"
	Note   Field = "note"
	VPN    Field = "vpn"
)

// Problem is what is wrong with one field.
type Problem struct {
	Field Field
	Err   error
}

// LightError reports an accent colour that can't be read on the page.
type LightError struct {
	Ratio float64
	Near  brand.Colour // the nearest one that can
}

func (e *LightError) Error() string {
	return fmt.Sprintf("the accent colour has a contrast of %.1f : 1 against the page, and needs %.1f : 1: use %s, which is the nearest that can be read",
		e.Ratio, brand.Least, e.Near)
}

// CheckBrand says what an administrator has to mend of how the pages look and what they say, and completes the accent colour.
func CheckBrand(t *tenant.Tenant) []Problem {
	var out []Problem
	add := func(f Field, err error) {
		if err != nil {
			out = append(out, Problem{f, err})
		}
	}
	s := &t.Settings
	if t.Name == "" {
		add(Name, errors.New("the name is empty"))
	}
	add(Name, tenant.CheckText(t.Name, tenant.MaxName, false))
	s.Brand.Accent = strings.ToLower(s.Brand.Accent)
	add(Accent, checkAccent(&s.Brand.Accent))
	add(Phone, tenant.CheckPhone(s.HelpdeskPhone))
	if s.HelpdeskMail != "" {
		add(Mail, tenant.CheckMail(s.HelpdeskMail))
	}
	if s.HelpURL != "" {
		add(Help, tenant.CheckURL(s.HelpURL, "https", "http"))
	}
	if s.SignInURL != "" {
		add(SignIn, tenant.CheckURL(s.SignInURL, "https", "http"))
	}
	add(Lead, tenant.CheckText(s.Brand.Lead, tenant.MaxLead, false))
	add(Note, tenant.CheckText(s.Brand.Note, tenant.MaxNote, true))
	add(VPN, tenant.CheckText(s.Brand.VPN, tenant.MaxVPN, false))
	return out
}

func checkAccent(accent *string) error {
	if *accent == "" {
		return nil
	}
	c, err := brand.Parse(*accent)
	if err != nil {
		return err
	}
	*accent = c.String()
	if ratio := c.Readable(); ratio < brand.Least {
		return &LightError{ratio, c.Nearest()}
	}
	return nil
}
