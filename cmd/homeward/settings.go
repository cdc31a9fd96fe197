package main

import (
	"context"

	"homeward/internal/agent/command"
	"homeward/internal/cli/answer"
	"homeward/internal/server/setting"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
)

// describe names a part of the settings as the audit log does.
type describe func(t tenant.Tenant) []setting.Value

// of describes a tenant by parts of its settings.
func of(parts ...func(tenant.Settings) []setting.Value) describe {
	return func(t tenant.Tenant) []setting.Value {
		var out []setting.Value
		for _, p := range parts {
			out = append(out, p(t.Settings)...)
		}
		return out
	}
}

// changed changes a tenant as the pages of the admin portal do, and records what became different.
func changed(ctx context.Context, st *store.Store, id string, d describe, change func(*tenant.Tenant) error) (tenant.Tenant, error) {
	return st.ChangeTenant(ctx, id, func(tx *store.Store, t *tenant.Tenant) error {
		before := d(*t)
		if err := change(t); err != nil {
			return err
		}
		return recordChange(ctx, tx, id, setting.Difference(before, d(*t)))
	})
}

// recordChange records what became different; nothing is worth no record.
func recordChange(ctx context.Context, st *store.Store, id, difference string) error {
	if difference == "" {
		return nil
	}
	return record(ctx, st, id, setting.Record(operator(), difference))
}

// settings is a verb that shows a part of a tenant's settings, and sets what its flags say.
type settings struct {
	ofTenant
	asJSON
}

// run changes what change does, unless it is nil, and prints what is so afterwards.
func (f *settings) run(ctx context.Context, s command.Streams, d describe, change func(*tenant.Tenant) error, show func(tenant.Tenant) (any, *answer.Table)) error {
	return f.with(ctx, s, func(st *store.Store, id string) error {
		var t tenant.Tenant
		var err error
		if change == nil {
			t, err = st.Tenant(ctx, id)
		} else {
			t, err = changed(ctx, st, id, d, change)
		}
		if err != nil {
			return err
		}
		v, table := show(t)
		return f.print(s, v, table)
	})
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
