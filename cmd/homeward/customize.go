package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"homeward/internal/agent/command"
	"homeward/internal/cli"
	"homeward/internal/cli/answer"
	"homeward/internal/server"
	"homeward/internal/server/brand"
	"homeward/internal/server/setting"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
)

// tenantCustomize shows or sets how the pages for people look and what they say.
type tenantCustomize struct {
	settings

	Name          *string `help:"Name that people see."`
	Accent        *string `help:"Colour of buttons and links, such as #0b5f7d; empty: the product's." placeholder:"COLOUR"`
	Logo          string  `help:"Picture, PNG or JPEG." type:"existingfile" placeholder:"FILE" xor:"logo"`
	NoLogo        bool    `help:"Take the picture away." xor:"logo"`
	HelpdeskPhone *string `help:"Telephone number of the helpdesk; empty: none." placeholder:"NUMBER"`
	HelpdeskMail  *string `help:"Mail address of the helpdesk; empty: none." placeholder:"ADDRESS"`
	HelpURL       *string `help:"Web page of the helpdesk; empty: none." name:"help-url" placeholder:"URL"`
	SignInURL     *string `help:"Where people sign in after a reset; empty: not said." name:"sign-in-url" placeholder:"URL"`
	Lead          *string `help:"Sentence below the first page's heading; empty: the product's." placeholder:"TEXT"`
	Note          *string `help:"Note below it; empty: none." placeholder:"TEXT"`
	VPN           *string `help:"How to connect a laptop that is away from the office; empty: the product's words." name:"vpn" placeholder:"TEXT"`
}

// brandAnswer is how the pages look and what they say.
type brandAnswer struct {
	Name          string `json:"name"`
	Accent        string `json:"accent,omitempty" about:"Left out: the product's."`
	Logo          bool   `json:"logo" about:"There is a picture."`
	HelpdeskPhone string `json:"helpdesk_phone,omitempty"`
	HelpdeskMail  string `json:"helpdesk_mail,omitempty"`
	HelpURL       string `json:"help_url,omitempty"`
	SignInURL     string `json:"sign_in_url,omitempty"`
	Lead          string `json:"lead,omitempty" about:"Sentence below the first page's heading."`
	Note          string `json:"note,omitempty"`
	VPN           string `json:"vpn,omitempty"`
}

func brandOf(t tenant.Tenant) brandAnswer {
	s := t.Settings
	return brandAnswer{t.Name, s.Brand.Accent, s.Brand.Logo != "", s.HelpdeskPhone, s.HelpdeskMail, s.HelpURL, s.SignInURL, s.Brand.Lead, s.Brand.Note, s.Brand.VPN}
}

func (a brandAnswer) add(t *answer.Table) {
	t.Add("name", a.Name)
	t.Add("accent colour", orWords(a.Accent, "the product's"))
	t.Add("logo", a.Logo)
	t.Add("helpdesk phone", orNone(a.HelpdeskPhone))
	t.Add("helpdesk mail", orNone(a.HelpdeskMail))
	t.Add("helpdesk page", orNone(a.HelpURL))
	t.Add("sign-in page", orNone(a.SignInURL))
	t.Add("first page's sentence", orWords(a.Lead, "the product's"))
	t.Add("first page's note", orNone(a.Note))
	t.Add("VPN step", orWords(a.VPN, "the product's"))
}

func orWords(text, words string) string {
	if text == "" {
		return words
	}
	return text
}

// Answer implements cli.Answering.
func (tenantCustomize) Answer() any { return brandAnswer{} }

// Run implements the verb.
func (v *tenantCustomize) Run(ctx context.Context, s command.Streams) error {
	logo, err := v.logo()
	if err != nil {
		return err
	}
	return v.with(ctx, s, func(st *store.Store, id string) error {
		if v.asks() || logo != nil {
			if err := server.Rebrand(ctx, st, id, logo, func(tx *store.Store, t *tenant.Tenant) error { return v.set(ctx, tx, t, logo) }); err != nil {
				return err
			}
		}
		t, err := st.Tenant(ctx, id)
		if err != nil {
			return err
		}
		a, table := brandOf(t), answer.Settings()
		a.add(table)
		return v.print(s, a, table)
	})
}

// asks reports whether a text was given.
func (v *tenantCustomize) asks() bool {
	for _, p := range []*string{v.Name, v.Accent, v.HelpdeskPhone, v.HelpdeskMail, v.HelpURL, v.SignInURL, v.Lead, v.Note, v.VPN} {
		if p != nil {
			return true
		}
	}
	return false
}

// logo is the picture, drawn for pages; nil: it stays; empty: it goes.
func (v *tenantCustomize) logo() ([]byte, error) {
	if v.NoLogo {
		return []byte{}, nil
	}
	if v.Logo == "" {
		return nil, nil
	}
	f, err := os.Open(v.Logo)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, brand.MaxUpload+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v.Logo, err)
	}
	drawn, err := brand.NewLogo(b)
	if err != nil {
		return nil, cli.Wrong(fmt.Errorf("--logo %s: %w", v.Logo, err))
	}
	return drawn, nil
}

func (v *tenantCustomize) set(ctx context.Context, tx *store.Store, t *tenant.Tenant, logo []byte) error {
	before := setting.Brand(*t)
	for to, from := range map[*string]*string{
		&t.Name: v.Name, &t.Settings.Brand.Accent: v.Accent, &t.Settings.HelpdeskPhone: v.HelpdeskPhone, &t.Settings.HelpdeskMail: v.HelpdeskMail,
		&t.Settings.HelpURL: v.HelpURL, &t.Settings.SignInURL: v.SignInURL, &t.Settings.Brand.Lead: v.Lead, &t.Settings.Brand.Note: v.Note,
		&t.Settings.Brand.VPN: v.VPN,
	} {
		if from != nil {
			*to = strings.TrimSpace(*from)
		}
	}
	setting.PutLogo(t, t.Settings.Brand.Logo, logo)
	var wrong []error
	for _, p := range setting.CheckBrand(t) {
		wrong = append(wrong, fmt.Errorf("%s: %w", brandFlag(p.Field), p.Err))
	}
	if len(wrong) > 0 {
		return cli.Wrong(errors.Join(wrong...))
	}
	return recordChange(ctx, tx, t.ID, setting.Difference(before, setting.Brand(*t)))
}

// brandFlag is the flag that sets a field.
func brandFlag(f setting.Field) string {
	switch f {
	case setting.Phone:
		return "--helpdesk-phone"
	case setting.Mail:
		return "--helpdesk-mail"
	case setting.Help:
		return "--help-url"
	case setting.SignIn:
		return "--sign-in-url"
	case setting.Name, setting.Accent, setting.Lead, setting.Note, setting.VPN:
	}
	return "--" + string(f)
}
