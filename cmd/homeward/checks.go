package main

import (
	"context"
	"fmt"
	"strings"

	"homeward/internal/agent/command"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
)

// tenantChecks shows or sets how people prove who they are.
type tenantChecks struct {
	ofTenant

	Required   *int     `help:"How many checks people pass: 1 or 2. Protected people always pass two."`
	Methods    []string `help:"Allowed methods: passkey, app, text, mail, questions." placeholder:"LIST"`
	Registered *bool    `name:"registered-only" negatable:"" help:"The mail address that the directory holds proves nothing."`
	Reconfirm  *int     `help:"Ask people every so many days whether their methods are still right; 0: never." placeholder:"DAYS"`
}

// Run implements the verb.
func (v *tenantChecks) Run(ctx context.Context, s command.Streams) error {
	return v.with(ctx, s, func(st *store.Store, id string) error {
		var now tenant.Checks
		_, err := st.ChangeTenant(ctx, id, func(tx *store.Store, t *tenant.Tenant) error {
			before := checksText(t.Settings.Checks)
			v.set(&t.Settings.Checks)
			now = t.Settings.Checks
			after := checksText(now)
			if err := now.Check(); err != nil || before == after {
				return err
			}
			return noted(ctx, tx, id, "Self-service password reset policy changes", "", before+" → "+after)
		})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(s.Out, checksText(now))
		return err
	})
}

func (v *tenantChecks) set(c *tenant.Checks) {
	if v.Required != nil {
		c.Required = *v.Required
	}
	if v.Methods != nil {
		c.Methods = v.Methods
	}
	if v.Registered != nil {
		c.RegisteredOnly = *v.Registered
	}
	if v.Reconfirm != nil {
		c.Reconfirm = *v.Reconfirm
	}
}

// checksText is the settings on one line, as the flags that make them.
func checksText(c tenant.Checks) string {
	methods := c.Methods
	if len(methods) == 0 {
		methods = tenant.DefaultMethods()
	}
	text := fmt.Sprintf("--required=%d --methods=%s --reconfirm=%d", c.Need(false), strings.Join(methods, ","), c.Reconfirm)
	if c.RegisteredOnly {
		return text + " --registered-only"
	}
	return text + " --no-registered-only"
}
