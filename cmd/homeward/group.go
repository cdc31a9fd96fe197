package main

import (
	"cmp"
	"context"
	"fmt"

	"homeward/internal/agent/command"
	"homeward/internal/cli/answer"
	"homeward/internal/server/provision"
	"homeward/internal/server/setting"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
)

type groupVerbs struct {
	Find  groupFind  `cmd:"" help:"Find synced groups by name."`
	Scope groupScope `cmd:"" help:"Show or choose who may reset their password: all, none, or the people of one group and of the groups in it."`
}

type groupFind struct {
	ofTenant
	asJSON

	Name string `arg:"" help:"Name, logon name or object id."`
}

// Run implements the verb.
func (v *groupFind) Run(ctx context.Context, s command.Streams) error {
	return v.withEngine(ctx, s, func(e *provision.Engine, _ *store.Store, id string) error {
		all, err := e.FindGroups(ctx, id, v.Name)
		if err != nil {
			return err
		}
		t := v.table("No synced group is called that.", "ID", "NAME", "PEOPLE", "WHERE")
		found := []groupAnswer{}
		for _, g := range all {
			n, _, err := e.ScopeCount(ctx, id, tenant.ScopeSelected, g.Object)
			if err != nil {
				return err
			}
			t.Add(g.Object, g.Name, n, g.DN)
			found = append(found, groupAnswer{g.Object, g.Name, g.SAM, g.Mail, g.Domain, g.DN, g.Security, n})
		}
		return v.print(s, found, t)
	})
}

// Answer implements cli.Answering.
func (groupFind) Answer() any { return []groupAnswer(nil) }

type groupScope struct {
	ofTenant
	asJSON

	Scope string `arg:"" optional:"" help:"all, none, or selected." enum:"all,none,selected," default:""`
	Group string `arg:"" optional:"" help:"With selected: the group's name or id."`
}

// Run implements the verb.
func (v *groupScope) Run(ctx context.Context, s command.Streams) error {
	return v.withEngine(ctx, s, func(e *provision.Engine, st *store.Store, id string) error {
		t, err := st.Tenant(ctx, id)
		if err != nil {
			return err
		}
		if v.Scope != "" {
			if t.Settings, err = v.choose(ctx, e, id, t.Settings); err != nil {
				return err
			}
			chosen := t.Settings
			t, err = changed(ctx, st, id, of(setting.Scope), func(now *tenant.Tenant) error {
				now.Settings.ResetScope, now.Settings.ResetGroup = chosen.ResetScope, chosen.ResetGroup
				return nil
			})
			if err != nil {
				return err
			}
		}
		in, all, err := e.ScopeCount(ctx, id, t.Settings.ResetScope, t.Settings.ResetGroup)
		if err != nil {
			return err
		}
		a := scopeAnswer{Scope: cmp.Or(string(t.Settings.ResetScope), "all"), Group: t.Settings.ResetGroup, In: in, People: all}
		if v.JSON {
			return answer.JSON(s.Out, a)
		}
		_, err = fmt.Fprintf(s.Out, "%s may reset their password: %d of %d people.\n", scopeName(ctx, e, id, t.Settings), in, all)
		return err
	})
}

// scopeAnswer is who may reset.
type scopeAnswer struct {
	Scope  string `json:"scope" about:"all, none or selected."`
	Group  string `json:"group,omitempty" about:"With selected: the group's objectGUID."`
	In     int    `json:"in" about:"How many people may."`
	People int    `json:"people" about:"Of how many."`
}

// Answer implements cli.Answering.
func (groupScope) Answer() any { return scopeAnswer{} }

func (v *groupScope) choose(ctx context.Context, e *provision.Engine, tenantID string, set tenant.Settings) (tenant.Settings, error) {
	set.ResetGroup = ""
	switch v.Scope {
	case "all":
		set.ResetScope = tenant.ScopeAll
	case "none":
		set.ResetScope = tenant.ScopeNone
	case "selected":
		found, err := e.FindGroups(ctx, tenantID, v.Group)
		if err != nil {
			return set, err
		}
		if len(found) != 1 {
			return set, fmt.Errorf("%d synced groups are called %q: name one by its id, as homeward group find shows it", len(found), v.Group)
		}
		set.ResetScope, set.ResetGroup = tenant.ScopeSelected, found[0].Object
	}
	return set, nil
}

func scopeName(ctx context.Context, e *provision.Engine, tenantID string, set tenant.Settings) string {
	switch set.ResetScope {
	case tenant.ScopeNone:
		return "Nobody"
	case tenant.ScopeSelected:
		if found, err := e.FindGroups(ctx, tenantID, set.ResetGroup); err == nil && len(found) == 1 {
			return "The people of " + found[0].Name + " and of the groups in it"
		}
		return "The people of a group that isn't synced any more"
	case tenant.ScopeAll:
	}
	return "Everybody"
}
