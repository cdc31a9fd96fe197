package main

import (
	"context"
	"errors"
	"fmt"

	"homeward/internal/agent/command"
	"homeward/internal/cli/answer"
	"homeward/internal/server"
	operators "homeward/internal/server/operator"
	"homeward/internal/server/provision"
	"homeward/internal/server/store"
)

type operatorScope struct {
	file
	asJSON

	Name      string   `arg:"" help:"The administrator's name."`
	Group     []string `help:"People of this group and of the groups in it, by name or object id. May be given several times." placeholder:"NAME" sep:"none"`
	OU        []string `help:"People below this organisational unit, by its distinguished name. May be given several times." name:"ou" placeholder:"DN" sep:"none"`
	Everybody bool     `help:"Take the scope away: everybody."`
}

// reachAnswer is whom an administrator may find and help.
type reachAnswer struct {
	Operator  string          `json:"operator"`
	Role      operators.Role  `json:"role"`
	Everybody bool            `json:"everybody"`
	Scope     operators.Scope `json:"scope"`
}

// Answer implements cli.Answering.
func (operatorScope) Answer() any { return reachAnswer{} }

// Run implements the verb.
func (v *operatorScope) Run(ctx context.Context, s command.Streams) error {
	if v.Everybody && len(v.Group)+len(v.OU) > 0 {
		return errors.New("--everybody stands alone: leave out --group and --ou")
	}
	st, err := v.open(ctx, s)
	if err != nil {
		return err
	}
	defer func() { _ = st.Close() }()
	service := server.Operators(st, unrecorded(s))
	o, scope, err := service.ScopeOf(ctx, v.Name)
	if err != nil {
		return err
	}
	if v.Everybody || len(v.Group)+len(v.OU) > 0 {
		if scope, err = v.parts(ctx, st, o.Tenant); err != nil {
			return err
		}
		if o, err = service.SetScope(ctx, v.Name, scope, operator()); err != nil {
			return err
		}
	}
	if v.JSON {
		return answer.JSON(s.Out, reachAnswer{o.Name, o.Role, len(scope) == 0, append(operators.Scope{}, scope...)})
	}
	_, err = fmt.Fprintf(s.Out, "%s finds and helps: %s\n", o.Name, scope)
	return err
}

// parts finds the groups and places that were named.
func (v *operatorScope) parts(ctx context.Context, st *store.Store, tenantID string) (operators.Scope, error) {
	var scope operators.Scope
	for _, name := range v.Group {
		found, err := st.GroupsNamed(ctx, tenantID, provision.Fold(name), 2)
		if err != nil {
			return nil, err
		}
		if len(found) != 1 {
			return nil, fmt.Errorf("no single synced group is called %q: name one by its id, as homeward group find shows it", name)
		}
		scope = append(scope, operators.Within{Kind: operators.WithinGroup, Value: found[0].Object, Name: found[0].Name})
	}
	for _, dn := range v.OU {
		place, err := provision.ParsePlace(dn)
		if err != nil {
			return nil, fmt.Errorf("--ou %q: %w", dn, err)
		}
		scope = append(scope, operators.Within{Kind: operators.WithinUnit, Value: place, Name: dn})
	}
	return scope, nil
}
