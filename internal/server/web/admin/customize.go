package admin

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"homeward/internal/server/brand"
	"homeward/internal/server/setting"
	"homeward/internal/server/tenant"
)

// CustomizePage is how the pages for people look and what they say: GET and POST /admin/password-reset/customization.
type CustomizePage struct {
	Settings

	Name, Accent, Phone, Mail, Help, SignIn string
	Lead, Note, VPN                         string
	Logo                                    string // hash of the stored one
	Limits                                  CustomizeLimits
}

// CustomizeLimits are how much fits.
type CustomizeLimits struct{ Name, Phone, Lead, Note, VPN, KB int }

// Template names the page's file.
func (CustomizePage) Template() string { return "customize" }

// Title is the page's one h1.
func (p CustomizePage) Title() string { return p.T("admin.nav.customize") }

// Crumbs lead to the page.
func (p CustomizePage) Crumbs() []Crumb { return p.crumbs(p.Title()) }

// Themes are those the preview shows.
func (CustomizePage) Themes() []string { return []string{"light", "dark"} }

// Initial stands where there is no logo.
func (p CustomizePage) Initial() string {
	for _, r := range p.Name {
		return strings.ToUpper(string(r))
	}
	return ""
}

// Opening is the sentence below the first page's heading.
func (p CustomizePage) Opening() string {
	if p.Lead != "" {
		return p.Lead
	}
	return p.T("start.lead", "Name", p.Name)
}

// Helpline is what stands at the foot of people's pages, as far as it names something; empty: nothing.
func (p CustomizePage) Helpline() string {
	online := p.T("help.online")
	switch {
	case p.Phone != "" && p.Help != "":
		return p.T("help.both", "Phone", p.Phone, "Online", online)
	case p.Phone != "":
		return p.T("help.phone", "Phone", p.Phone)
	case p.Help != "":
		return p.T("help.url", "Online", online)
	}
	return ""
}

// colour is the accent that pages show.
func (p CustomizePage) colour() brand.Colour {
	c, err := brand.Parse(p.Accent)
	if err != nil || c.Readable() < brand.Least {
		return standard()
	}
	return c
}

// standard is the product's own accent: design.md, section 3.
func standard() brand.Colour { return brand.Colour{R: 0x0b, G: 0x5f, B: 0x7d} }

// Readable says how well the colour can be read.
func (p CustomizePage) Readable() string {
	return p.T("admin.customize.readable", "Ratio", fmt.Sprintf("%.1f : 1", p.colour().Readable()))
}

// Shown is the colour in a preview's address.
func (p CustomizePage) Shown() string { return strings.TrimPrefix(p.colour().String(), "#") }

func (v *visit) customize(t tenant.Tenant) CustomizePage {
	s := t.Settings
	return CustomizePage{
		Settings: v.base(customizePath, setting.Brand(v.tenant)), Name: t.Name, Accent: s.Brand.Accent, Phone: s.HelpdeskPhone,
		Mail: s.HelpdeskMail, Help: s.HelpURL, SignIn: s.SignInURL, Lead: s.Brand.Lead, Note: s.Brand.Note, VPN: s.Brand.VPN,
		Logo: v.tenant.Settings.Brand.Logo,
		Limits: CustomizeLimits{
			Name: tenant.MaxName, Phone: tenant.MaxPhone, Lead: tenant.MaxLead, Note: tenant.MaxNote, VPN: tenant.MaxVPN, KB: brand.MaxUpload >> 10,
		},
	}
}

func (v *visit) getCustomize() error { return v.render(http.StatusOK, v.customize(v.tenant)) }

// getLogo shows the stored logo to whoever may see the page.
func (v *visit) getLogo() error {
	body, err := v.Desk.Picture(v.ctx(), v.tenant.ID, v.tenant.Settings.Brand.Logo)
	if err != nil {
		return errors.Join(errNoPage, err)
	}
	v.w.Header().Set("Content-Type", "image/png")
	_, err = v.w.Write(body)
	return err
}

// getBrandPreview is the style sheet of the previews: ?accent=0b5f7d.
func (v *visit) getBrandPreview() error {
	c, err := brand.Parse(v.r.URL.Query().Get("accent"))
	if err != nil {
		c = standard()
	}
	v.w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, err = v.w.Write(c.Preview())
	return err
}

func (v *visit) postCustomize() error {
	if err := v.r.ParseMultipartForm(brand.MaxUpload + maxForm); err != nil && !errors.Is(err, http.ErrNotMultipart) {
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); !tooLarge {
			return errors.Join(errForm, err)
		}
		p := v.customize(v.tenant)
		p.Problems = Problems{{"logo", v.frame.T("admin.customize.logo.large", "KB", brand.MaxUpload>>10)}}
		return v.render(http.StatusUnprocessableEntity, p)
	}
	next, problems := v.typedBrand()
	logo, wrong := v.logo()
	problems = append(problems, wrong...)
	var err error
	if len(problems) == 0 {
		if err = v.rebrand(next, logo); err == nil {
			return v.seeOther(customizePath + "?saved=1")
		}
	}
	status, known := v.refused(err, "name", &problems)
	if !known {
		return err
	}
	p := v.customize(next)
	if status == http.StatusConflict {
		p = v.customize(v.tenant)
	}
	p.Problems = problems
	return v.render(status, p)
}

// rebrand stores what was typed, unless somebody else was faster.
func (v *visit) rebrand(next tenant.Tenant, logo []byte) error {
	var before, after []setting.Value
	err := v.Desk.Rebrand(v.ctx(), v.tenant.ID, logo, func(t *tenant.Tenant) error {
		before = setting.Brand(*t)
		if setting.Revision(before) != v.r.PostForm.Get("revision") {
			v.tenant = *t
			return errMeanwhile
		}
		was := t.Settings.Brand.Logo
		t.Name = next.Name
		t.Settings.HelpdeskPhone, t.Settings.HelpdeskMail, t.Settings.HelpURL = next.Settings.HelpdeskPhone, next.Settings.HelpdeskMail, next.Settings.HelpURL
		t.Settings.SignInURL, t.Settings.Brand = next.Settings.SignInURL, next.Settings.Brand
		setting.PutLogo(t, was, logo)
		after = setting.Brand(*t)
		return nil
	})
	if err == nil {
		v.changed(before, after)
	}
	return err
}

// typedBrand is the form's, with what is wrong with it.
func (v *visit) typedBrand() (next tenant.Tenant, problems Problems) {
	next = v.tenant
	s := &next.Settings
	next.Name = v.typed("name")
	s.HelpdeskPhone, s.HelpdeskMail, s.HelpURL, s.SignInURL = v.typed("phone"), v.typed("mail"), v.typed("help"), v.typed("signin")
	s.Brand = tenant.Brand{Lead: v.typed("lead"), Note: v.typed("note"), VPN: v.typed("vpn"), Accent: v.typed("accent"), Logo: s.Brand.Logo}
	for _, p := range setting.CheckBrand(&next) {
		problems = append(problems, FieldError{string(p.Field), v.brandProblem(p)})
	}
	return next, problems
}

// brandProblem says in the operator's language what is wrong with a field.
func (v *visit) brandProblem(p setting.Problem) string {
	f := v.frame
	switch p.Field {
	case setting.Name:
		return f.T("admin.customize.name.wrong", "Most", tenant.MaxName)
	case setting.Accent:
		if light, ok := errors.AsType[*setting.LightError](p.Err); ok {
			return f.T("admin.customize.accent.light", "Ratio", fmt.Sprintf("%.1f : 1", light.Ratio), "Near", light.Near.String())
		}
		return f.T("admin.customize.accent.wrong")
	case setting.Phone:
		return f.T("admin.customize.phone.wrong")
	case setting.Mail:
		return f.T("admin.customize.mail.wrong")
	case setting.Help, setting.SignIn:
		return f.T("admin.customize.link.wrong")
	case setting.Note:
		return f.T("admin.customize.text.long", "Most", tenant.MaxNote)
	case setting.Lead:
		return f.T("admin.customize.text.long", "Most", tenant.MaxLead)
	case setting.VPN:
	}
	return f.T("admin.customize.text.long", "Most", tenant.MaxVPN)
}

// logo is the uploaded one, drawn for pages; nil: none was sent; empty: the stored one shall go.
func (v *visit) logo() ([]byte, Problems) {
	f := v.frame
	file, _, err := v.r.FormFile("logo")
	if errors.Is(err, http.ErrMissingFile) || errors.Is(err, http.ErrNotMultipart) {
		if v.yes("no_logo") {
			return []byte{}, nil
		}
		return nil, nil
	}
	if err != nil {
		return nil, Problems{{"logo", f.T("admin.customize.logo.wrong")}}
	}
	defer func() { _ = file.Close() }()
	upload, err := io.ReadAll(io.LimitReader(file, brand.MaxUpload+1))
	if err != nil {
		return nil, Problems{{"logo", f.T("admin.customize.logo.wrong")}}
	}
	drawn, err := brand.NewLogo(upload)
	switch {
	case errors.Is(err, brand.ErrLarge):
		return nil, Problems{{"logo", f.T("admin.customize.logo.large", "KB", brand.MaxUpload>>10)}}
	case err != nil:
		return nil, Problems{{"logo", f.T("admin.customize.logo.wrong")}}
	}
	return drawn, nil
}

// PreviewPath is the previews' style sheet.
func (p CustomizePage) PreviewPath() string {
	return customizePath + "/preview.css?" + url.Values{"accent": {p.Shown()}}.Encode()
}

// Sheets are further style sheets of the page.
func (p CustomizePage) Sheets() []string { return []string{p.PreviewPath()} }
