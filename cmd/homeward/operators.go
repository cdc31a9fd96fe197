package main

import (
	"context"
	"fmt"
	"time"

	"homeward/internal/agent/command"
	"homeward/internal/cli/answer"
	"homeward/internal/server"
	operators "homeward/internal/server/operator"
	"homeward/internal/server/store"
)

type operatorVerbs struct {
	Invite  operatorInvite  `cmd:"" help:"Make an administrator and print the link with which they set themselves up."`
	List    operatorList    `cmd:"" help:"List the administrators and their roles."`
	Reset   operatorReset   `cmd:"" help:"Void an administrator's password and second factor, end their sessions, and print a new set-up link. The way back in for whoever is locked out."`
	Disable operatorDisable `cmd:"" help:"Keep an administrator from signing in and end their sessions; reset takes them back."`
	Scope   operatorScope   `cmd:"" help:"Show or choose whom a Helpdesk Administrator may find and help: everybody, or the people of some groups and organisational units."`
	Role    operatorRole    `cmd:"" help:"Give an administrator another role. The last Global Administrator who can sign in keeps theirs."`
	End     operatorEnd     `cmd:"" name:"end-sessions" help:"End every session of an administrator."`
	Factors operatorFactors `cmd:"" help:"List what an administrator signs in with: app, passkeys, accounts at OpenID providers."`
	Remove  operatorRemove  `cmd:"" help:"Remove a lost passkey, app or account of an administrator. The only second factor stays: reset replaces it."`
	Link    operatorLink    `cmd:"" help:"Make an account at the OpenID provider an administrator's, by its sub, where the provider verifies no addresses."`
	OIDC    oidcVerbs       `cmd:"" name:"oidc" help:"The OpenID provider through which administrators may sign in."`
	Roles   operatorRoles   `cmd:"" help:"Print what each role may do, as the table of the reference."`
}

// link prints a set-up link: the address on standard output, what it is on standard error.
func (f file) link(s command.Streams, name, token string, until time.Time) error {
	c, err := f.load()
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(s.Err, "Works once, until %s. %s opens it in a browser:\n", until.Local().Format("2 January 15:04"), name)
	_, err = fmt.Fprintln(s.Out, server.SetUpLink(c.BaseURL, token))
	return err
}

type operatorInvite struct {
	ofTenant

	Name string `arg:"" help:"Name to sign in with, such as karin.holm@contoso.com."`
	Role string `help:"global-administrator, hybrid-identity-administrator, authentication-policy-administrator, user-administrator, helpdesk-administrator or reports-reader." default:"global-administrator" placeholder:"ROLE"`
}

// Run implements the verb.
func (v *operatorInvite) Run(ctx context.Context, s command.Streams) error {
	role, err := operators.ParseRole(v.Role)
	if err != nil {
		return err
	}
	return v.with(ctx, s, func(st *store.Store, id string) error {
		token, until, err := server.Operators(st, unrecorded(s)).Invite(ctx, id, v.Name, role, operator())
		if err != nil {
			return err
		}
		return v.link(s, v.Name, token, until)
	})
}

type operatorReset struct {
	file

	Name string `arg:"" help:"The administrator's name."`
}

// Run implements the verb.
func (v *operatorReset) Run(ctx context.Context, s command.Streams) error {
	st, err := v.open(ctx, s)
	if err != nil {
		return err
	}
	defer func() { _ = st.Close() }()
	o, token, until, err := server.Operators(st, unrecorded(s)).Reset(ctx, v.Name, operator())
	if err != nil {
		return err
	}
	return v.link(s, o.Name, token, until)
}

type operatorDisable struct {
	file

	Name string `arg:"" help:"The administrator's name."`
}

// Run implements the verb.
func (v *operatorDisable) Run(ctx context.Context, s command.Streams) error {
	st, err := v.open(ctx, s)
	if err != nil {
		return err
	}
	defer func() { _ = st.Close() }()
	o, err := server.Operators(st, unrecorded(s)).Disable(ctx, v.Name, operator())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.Out, "%s can't sign in any more, and their sessions have ended.\n", o.Name)
	return err
}

type operatorRole struct {
	file

	Name string `arg:"" help:"The administrator's name."`
	Role string `arg:"" help:"The new role, such as reports-reader."`
}

// Run implements the verb.
func (v *operatorRole) Run(ctx context.Context, s command.Streams) error {
	role, err := operators.ParseRole(v.Role)
	if err != nil {
		return err
	}
	return v.about(ctx, s, v.Name, func(service *operators.Service, o operators.Operator) error {
		if err := service.SetRole(ctx, o, role, operator()); err != nil {
			return err
		}
		_, err := fmt.Fprintf(s.Out, "%s is %s.\n", o.Name, role)
		return err
	})
}

type operatorEnd struct {
	file

	Name string `arg:"" help:"The administrator's name."`
}

// Run implements the verb.
func (v *operatorEnd) Run(ctx context.Context, s command.Streams) error {
	return v.about(ctx, s, v.Name, func(service *operators.Service, o operators.Operator) error {
		if err := service.EndAll(ctx, o, operator()); err != nil {
			return err
		}
		_, err := fmt.Fprintf(s.Out, "Every session of %s has ended.\n", o.Name)
		return err
	})
}

// about finds an administrator and does something about them.
func (f file) about(ctx context.Context, s command.Streams, name string, do func(*operators.Service, operators.Operator) error) error {
	st, err := f.open(ctx, s)
	if err != nil {
		return err
	}
	defer func() { _ = st.Close() }()
	service := server.Operators(st, unrecorded(s))
	o, err := service.ByName(ctx, name)
	if err != nil {
		return err
	}
	return do(service, o)
}

type operatorList struct {
	ofTenant
	asJSON
}

// operatorAnswer is one administrator.
type operatorAnswer struct {
	Name     string         `json:"name"`
	Role     operators.Role `json:"role"`
	State    string         `json:"state" about:"ready, invited or disabled."`
	Sessions int            `json:"sessions" about:"How many are open."`
	Created  answer.Time    `json:"created"`
}

// Answer implements cli.Answering.
func (operatorList) Answer() any { return []operatorAnswer(nil) }

// Run implements the verb.
func (v *operatorList) Run(ctx context.Context, s command.Streams) error {
	return v.with(ctx, s, func(st *store.Store, id string) error {
		service := server.Operators(st, unrecorded(s))
		all, err := service.All(ctx, id)
		if err != nil {
			return err
		}
		t := v.table("Nobody administers this tenant yet: homeward operator invite, or start the server, which prints a set-up link.",
			"NAME", "ROLE", "STATE", "SESSIONS", "CREATED")
		lines := []operatorAnswer{}
		for _, o := range all {
			state := "invited"
			if o.Ready() {
				state = "ready"
			} else if o.Disabled {
				state = "disabled"
			}
			open, err := service.List(ctx, o)
			if err != nil {
				return err
			}
			t.Add(o.Name, o.Role, state, len(open), o.Created)
			lines = append(lines, operatorAnswer{o.Name, o.Role, state, len(open), answer.At(o.Created)})
		}
		return v.print(s, lines, t)
	})
}

type operatorRoles struct{}

// Run implements the verb.
func (operatorRoles) Run(s command.Streams) error { return server.RolesTable(s.Out) }

// unrecorded says that something was done and the audit log doesn't know.
func unrecorded(s command.Streams) func(error) {
	return func(err error) {
		_, _ = fmt.Fprintf(s.Err, "It is done, but the audit log couldn't be written: %v\n", err)
	}
}
