package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"homeward/internal/agent/command"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
)

// setting shows a part of a tenant's settings as the flags that make it, and sets it if change says something else.
func (f ofTenant) setting(ctx context.Context, s command.Streams, text func(tenant.Settings) string, change func(*tenant.Settings) error) error {
	return f.with(ctx, s, func(st *store.Store, id string) error {
		after := ""
		_, err := st.ChangeTenant(ctx, id, func(tx *store.Store, t *tenant.Tenant) error {
			before := text(t.Settings)
			err := change(&t.Settings)
			if after = text(t.Settings); err != nil || before == after {
				return err
			}
			return noted(ctx, tx, id, "Self-service password reset policy changes", "", before+" → "+after)
		})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(s.Out, after)
		return err
	})
}

// tenantRegistration shows or sets who registers, and by what proof.
type tenantRegistration struct {
	ofTenant

	Required   *bool `negatable:"" help:"Whoever has too few methods is taken to registering them."`
	FirstProof *bool `negatable:"" help:"What the directory holds proves who somebody is while they have registered nothing."`
}

// Run implements the verb.
func (v *tenantRegistration) Run(ctx context.Context, s command.Streams) error {
	return v.setting(ctx, s, registrationText, func(t *tenant.Settings) error {
		if v.Required != nil {
			t.RegisterRequired = *v.Required
		}
		if v.FirstProof != nil {
			t.FirstProof = *v.FirstProof
		}
		return nil
	})
}

func registrationText(s tenant.Settings) string {
	flag := func(on bool, name string) string {
		if on {
			return "--" + name
		}
		return "--no-" + name
	}
	return flag(s.RegisterRequired, "required") + " " + flag(s.FirstProof, "first-proof")
}

// tenantExpiry shows or sets when people are reminded that their password expires.
type tenantExpiry struct {
	ofTenant

	Days  *string `help:"Days before a password expires, such as 14,7,1; an empty list: nobody is reminded." placeholder:"LIST"`
	Quiet *string `help:"When nobody is written to, in the tenant's time zone, such as 20:00-07:00; empty: never." placeholder:"TIMES"`
}

// Run implements the verb.
func (v *tenantExpiry) Run(ctx context.Context, s command.Streams) error {
	return v.setting(ctx, s, expiryText, func(t *tenant.Settings) error {
		if v.Days != nil {
			t.Expiry.Days = nil
			for part := range strings.SplitSeq(*v.Days, ",") {
				part = strings.TrimSpace(part)
				if part == "" {
					continue
				}
				n, err := strconv.Atoi(part)
				if err != nil {
					return fmt.Errorf("--days: %q is no number of days", part)
				}
				t.Expiry.Days = append(t.Expiry.Days, n)
			}
		}
		if v.Quiet != nil {
			from, until, _ := strings.Cut(*v.Quiet, "-")
			t.Expiry.QuietFrom, t.Expiry.QuietUntil = strings.TrimSpace(from), strings.TrimSpace(until)
		}
		return t.Expiry.Check()
	})
}

func expiryText(s tenant.Settings) string {
	days := make([]string, len(s.Expiry.Days))
	for i, d := range s.Expiry.Days {
		days[i] = strconv.Itoa(d)
	}
	quiet := ""
	if s.Expiry.QuietFrom != "" {
		quiet = s.Expiry.QuietFrom + "-" + s.Expiry.QuietUntil
	}
	return "--days=" + strings.Join(days, ",") + " --quiet=" + quiet
}
