package main

import (
	"context"
	"fmt"

	"homeward/internal/agent/command"
	"homeward/internal/cli/answer"
	"homeward/internal/server"
	operators "homeward/internal/server/operator"
)

type operatorFactors struct {
	file
	asJSON

	Name string `arg:"" help:"The administrator's name."`
}

// factorAnswer is one way in.
type factorAnswer struct {
	Kind  string      `json:"kind" about:"app, passkey or provider."`
	ID    string      `json:"id" about:"What operator remove names it by."`
	Name  string      `json:"name"`
	Added answer.Time `json:"added,omitzero"`
	Used  answer.Time `json:"used,omitzero"`
}

// Answer implements cli.Answering.
func (operatorFactors) Answer() any { return []factorAnswer(nil) }

// Run implements the verb.
func (v *operatorFactors) Run(ctx context.Context, s command.Streams) error {
	return v.about(ctx, s, v.Name, func(service *operators.Service, o operators.Operator) error {
		lines, err := factorLines(ctx, service, o)
		if err != nil {
			return err
		}
		table := answer.Of("No second factor, and no provider: whoever this is signs in by a new set-up link only.", "KIND", "ID", "NAME", "LAST USED")
		for _, l := range lines {
			used := answer.Moment(l.Used.Time, nil)
			if used == "" {
				used = "never"
			}
			table.Add(l.Kind, l.ID, l.Name, used)
		}
		return v.print(s, lines, table)
	})
}

func factorLines(ctx context.Context, service *operators.Service, o operators.Operator) ([]factorAnswer, error) {
	lines := []factorAnswer{}
	if o.App() {
		lines = append(lines, factorAnswer{Kind: "app", ID: "app"})
	}
	keys, err := service.PasskeysOf(ctx, o)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		lines = append(lines, factorAnswer{"passkey", k.ID, k.Name, answer.At(k.Created), answer.At(k.Used)})
	}
	accounts, err := service.IdentitiesOf(ctx, o)
	for _, a := range accounts {
		lines = append(lines, factorAnswer{"provider", a.Issuer, a.Subject, answer.At(a.Created), answer.At(a.Used)})
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
