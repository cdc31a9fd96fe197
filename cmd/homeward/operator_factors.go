package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"homeward/internal/agent/command"
	"homeward/internal/server"
	operators "homeward/internal/server/operator"
)

type operatorFactors struct {
	file
	asJSON

	Name string `arg:"" help:"The administrator's name."`
}

// factorLine is one way in as a program reads it.
type factorLine struct {
	Kind  string    `json:"kind"` // app, passkey, provider
	ID    string    `json:"id"`   // what operator remove names it by
	Name  string    `json:"name"`
	Added time.Time `json:"added,omitzero"`
	Used  time.Time `json:"used,omitzero"`
}

// Run implements the verb.
func (v *operatorFactors) Run(ctx context.Context, s command.Streams) error {
	return v.about(ctx, s, v.Name, func(service *operators.Service, o operators.Operator) error {
		lines, err := factorLines(ctx, service, o)
		if err != nil {
			return err
		}
		if v.JSON {
			return printJSON(s, lines)
		}
		w := tabwriter.NewWriter(s.Out, 0, 4, 2, ' ', 0)
		_, _ = fmt.Fprintln(w, "KIND\tID\tNAME\tLAST USED")
		for _, l := range lines {
			used := "never"
			if !l.Used.IsZero() {
				used = l.Used.Local().Format("2 January 2006 15:04")
			}
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", l.Kind, l.ID, l.Name, used)
		}
		return w.Flush()
	})
}

func factorLines(ctx context.Context, service *operators.Service, o operators.Operator) ([]factorLine, error) {
	lines := []factorLine{}
	if o.App() {
		lines = append(lines, factorLine{Kind: "app", ID: "app"})
	}
	keys, err := service.PasskeysOf(ctx, o)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		lines = append(lines, factorLine{"passkey", k.ID, k.Name, k.Created, k.Used})
	}
	accounts, err := service.IdentitiesOf(ctx, o)
	for _, a := range accounts {
		lines = append(lines, factorLine{"provider", a.Issuer, a.Subject, a.Created, a.Used})
	}
	return lines, err
}

type operatorRemove struct {
	file

	Name     string `arg:"" help:"The administrator's name."`
	Passkey  string `help:"Remove this passkey, by the id that operator factors shows." xor:"what" required:"" placeholder:"ID"`
	App      bool   `help:"Remove the authenticator app." xor:"what" required:""`
	Provider string `help:"Unlink the account at this OpenID provider." xor:"what" required:"" placeholder:"ISSUER"`
}

// Run implements the verb.
func (v *operatorRemove) Run(ctx context.Context, s command.Streams) error {
	return v.about(ctx, s, v.Name, func(service *operators.Service, o operators.Operator) error {
		var err error
		switch {
		case v.App:
			err = service.DropApp(ctx, o, operator())
		case v.Passkey != "":
			err = service.DropPasskey(ctx, o, v.Passkey, operator())
		default:
			err = service.Unlink(ctx, o, v.Provider, operator())
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.Out, "Removed: it opens nothing for %s any more. Sessions go on: homeward operator end-sessions ends them.\n", o.Name)
		return err
	})
}

type operatorLink struct {
	file

	Name    string `arg:"" help:"The administrator's name."`
	Subject string `arg:"" help:"The account's sub at the tenant's OpenID provider."`
}

// Run implements the verb.
func (v *operatorLink) Run(ctx context.Context, s command.Streams) error {
	st, err := v.open(ctx, s)
	if err != nil {
		return err
	}
	defer func() { _ = st.Close() }()
	service := server.Operators(st, unrecorded(s))
	o, err := service.ByName(ctx, v.Name)
	if err != nil {
		return err
	}
	t, err := st.Tenant(ctx, o.Tenant)
	if err != nil {
		return err
	}
	if !t.Settings.Provider.On() {
		return fmt.Errorf("%s has no OpenID provider: set one with homeward operator oidc set", t.Name)
	}
	if err := service.LinkSubject(ctx, o, t.Settings.Provider.Issuer, v.Subject, operator()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.Out, "That account at %s is %s from now on.\n", t.Settings.Provider.Title(), o.Name)
	return err
}
