package provision

import (
	"context"

	"homeward/internal/server/tenant"
)

// InScope reports whether somebody may reset their password by the tenant's choice: everybody synced, nobody, or the
// people of one group and of the groups in it.
func (e *Engine) InScope(ctx context.Context, t tenant.Tenant, p Person) (bool, error) {
	switch t.Settings.ResetScope {
	case tenant.ScopeAll:
		return true, nil
	case tenant.ScopeSelected:
		if p.Object == "" || t.Settings.ResetGroup == "" {
			return false, nil
		}
		return e.Store.InGroup(ctx, t.ID, t.Settings.ResetGroup, p.Object)
	}
	return false, nil
}

// InScopeOf says of several people, by id, what InScope says. Who isn't in the answer isn't in scope.
func (e *Engine) InScopeOf(ctx context.Context, t tenant.Tenant, people []Person) (map[string]bool, error) {
	out, owner := map[string]bool{}, map[string]string{}
	var objects []string
	for _, p := range people {
		if t.Settings.ResetScope == tenant.ScopeAll {
			out[p.ID] = true
		}
		if p.Object != "" {
			objects, owner[p.Object] = append(objects, p.Object), p.ID
		}
	}
	if t.Settings.ResetScope != tenant.ScopeSelected || t.Settings.ResetGroup == "" {
		return out, nil
	}
	within, err := e.Store.InGroupOf(ctx, t.ID, t.Settings.ResetGroup, objects)
	for _, object := range within {
		out[owner[object]] = true
	}
	return out, err
}

// ScopeCount is how many living people a choice covers, of all that are synced: accounts that live in the cloud only have
// nothing to write back.
func (e *Engine) ScopeCount(ctx context.Context, tenantID string, scope tenant.Scope, group string) (in, all int, err error) {
	if all, err = e.Store.CountPeople(ctx, tenantID); err != nil {
		return 0, 0, err
	}
	cloud, err := e.Store.CloudAccounts(ctx, tenantID)
	if err != nil {
		return 0, 0, err
	}
	all -= cloud
	switch scope {
	case tenant.ScopeAll:
		return all, all, nil
	case tenant.ScopeSelected:
		in, err = e.Store.CountIn(ctx, tenantID, group)
	}
	return in, all, err
}

// FindGroups finds living groups by name, sAMAccountName or objectGUID, whatever the case.
func (e *Engine) FindGroups(ctx context.Context, tenantID, name string) ([]Group, error) {
	const most = 50
	folded := Fold(name)
	if folded == "" {
		return nil, nil
	}
	return e.Store.GroupsNamed(ctx, tenantID, folded, most)
}

// PeopleOf lists the living people of a group and of the groups in it, by id.
func (e *Engine) PeopleOf(ctx context.Context, tenantID, group, after string, limit int) ([]Person, error) {
	return e.Store.PeopleIn(ctx, tenantID, group, after, limit)
}
