package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"homeward/internal/agent/command"
	"homeward/internal/cli/answer"
	"homeward/internal/server/control"
	"homeward/internal/server/setting"
	"homeward/internal/server/status"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
)

type policyVerbs struct {
	Show         policyShow         `cmd:"" help:"Show everything that is set about password reset."`
	Writeback    policyWriteback    `cmd:"" help:"Show whether passwords are written back to Active Directory, or turn it on or off."`
	Unlock       policyUnlock       `cmd:"" help:"Show whether people may unlock their account without a new password, or turn it on or off."`
	Scope        groupScope         `cmd:"" help:"Show or choose who may reset their password: all, none, or the people of one group and of the groups in it."`
	Methods      policyMethods      `cmd:"" help:"Show or set how people prove who they are."`
	Registration policyRegistration `cmd:"" help:"Show or set whether people must register methods, and by what proof."`
	Banned       bannedWords        `cmd:"" name:"banned-words" help:"Show or set the words that no password may be made of. Browsers and agents judge by them; the server never sees a password."`
}

type policyShow struct{ settings }

// policyAnswer is everything about password reset.
type policyAnswer struct {
	Writeback    bool               `json:"writeback" about:"What is set; homeward status says whether it works."`
	Unlock       bool               `json:"unlock" about:"People may unlock without a new password."`
	Scope        string             `json:"scope" about:"Who may reset: all, none or selected."`
	Group        string             `json:"group,omitempty" about:"With selected: the group's objectGUID."`
	Methods      methodsAnswer      `json:"methods"`
	Registration registrationAnswer `json:"registration"`
	Expiry       expiryAnswer       `json:"expiry"`
	Banned       int                `json:"banned_words" about:"How many there are."`
}

// Answer implements cli.Answering.
func (policyShow) Answer() any { return policyAnswer{} }

// Run implements the verb.
func (v *policyShow) Run(ctx context.Context, s command.Streams) error {
	return v.run(ctx, s, nil, nil, func(t tenant.Tenant) (any, *answer.Table) {
		set := t.Settings
		a := policyAnswer{
			!set.WritebackOff, set.UnlockOnly, cmp.Or(string(set.ResetScope), "all"), set.ResetGroup, methodsOf(set), registrationOf(set), expiryOf(set),
			len(set.BannedWords),
		}
		table := answer.Settings()
		table.Add("writeback", onOff(a.Writeback))
		table.Add("unlock without a new password", onOff(a.Unlock))
		for _, one := range setting.Scope(set) {
			if one.Text != "" {
				table.Add(one.Name, one.Text)
			}
		}
		a.Methods.add(table)
		table.Add("registration required", onOff(a.Registration.Required))
		table.Add("first proof by the directory", onOff(a.Registration.FirstProof))
		a.Expiry.add(table)
		table.Add("banned words", a.Banned)
		return a, table
	})
}

// turning is a switch of the page On-premises integration.
type turning struct {
	ofTenant
	asJSON

	To string `arg:"" optional:"" help:"on or off; without it, the present state is shown." enum:"on,off," default:""`
}

// switchAnswer is how a switch stands.
type switchAnswer struct {
	On bool `json:"on" about:"What is set; homeward status says whether it works."`
}

// Answer implements cli.Answering.
func (turning) Answer() any { return switchAnswer{} }

// turn shows a switch, or turns it. Turning it on is refused while something stands in the way, as on the page; why says what,
// from what the running server knows. A server that doesn't run knows nothing, which is no reason to forbid anything.
func (v turning) turn(ctx context.Context, s command.Streams, name string, why func(tenant.Tenant, status.Report) error, at func(*tenant.Settings) (bool, func(bool))) error {
	return v.with(ctx, s, func(st *store.Store, id string) error {
		t, err := st.Tenant(ctx, id)
		if err != nil {
			return err
		}
		on, _ := at(&t.Settings)
		if want := v.To == "on"; v.To != "" && want != on {
			if want {
				if err := v.free(ctx, t, why); err != nil {
					return err
				}
			}
			t, err = st.ChangeTenant(ctx, id, func(tx *store.Store, now *tenant.Tenant) error {
				was, set := at(&now.Settings)
				if was == want {
					return errors.New("somebody else turned it in this moment")
				}
				set(want)
				return record(ctx, tx, id, setting.Turned(operator(), name, want))
			})
			if err != nil {
				return err
			}
			on, _ = at(&t.Settings)
		}
		table := answer.Settings()
		table.Add(name, onOff(on))
		return v.print(s, switchAnswer{on}, table)
	})
}

// free asks the running server what stands in the way.
func (v turning) free(ctx context.Context, t tenant.Tenant, why func(tenant.Tenant, status.Report) error) error {
	conf, err := v.load()
	if err != nil {
		return err
	}
	var r status.Report
	err = control.NewClient(control.Path(conf.State)).Call(ctx, control.PathStatus, control.Query{Tenant: t.ID}, &r)
	if errors.Is(err, control.ErrNotRunning) {
		return nil
	}
	if err != nil {
		return err
	}
	return why(t, r)
}

// blocked says why writeback can't be turned on.
func blocked(r status.Report) error {
	if !r.Blocked() {
		return nil
	}
	for _, c := range r.Off {
		if c.ID != "turned_off" {
			return fmt.Errorf("writeback can't be turned on now: %s. %s %s", c.Name, c.Says, c.Next)
		}
	}
	return errors.New("writeback can't be turned on now: no agent can write any domain. homeward status says why")
}

type policyWriteback struct{ turning }

// Run implements the verb.
func (v *policyWriteback) Run(ctx context.Context, s command.Streams) error {
	return v.turn(ctx, s, "writeback", func(_ tenant.Tenant, r status.Report) error { return blocked(r) }, func(t *tenant.Settings) (bool, func(bool)) {
		return !t.WritebackOff, func(to bool) { t.WritebackOff = !to }
	})
}

type policyUnlock struct{ turning }

// Run implements the verb.
func (v *policyUnlock) Run(ctx context.Context, s command.Streams) error {
	why := func(t tenant.Tenant, r status.Report) error {
		if t.Settings.WritebackOff {
			return errors.New("unlocking needs writeback: homeward policy writeback on")
		}
		if err := blocked(r); err != nil {
			return fmt.Errorf("unlocking needs writeback: %w", err)
		}
		for _, a := range r.CannotUnlock() {
			return fmt.Errorf("the agent on %s (version %s) is too old to unlock anybody: update it there", a.Machine, a.Build)
		}
		return nil
	}
	return v.turn(ctx, s, "unlock", why, func(t *tenant.Settings) (bool, func(bool)) {
		return t.UnlockOnly, func(to bool) { t.UnlockOnly = to }
	})
}
