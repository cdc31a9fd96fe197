package main

import (
	"context"
	"errors"
	"fmt"

	"homeward/internal/agent/command"
	"homeward/internal/cli"
	"homeward/internal/cli/answer"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
)

type syncRules struct {
	ofTenant
	asJSON

	HardMatch     string `help:"Join by source anchor: on or off." enum:"on,off," default:""`
	SoftMatch     string `help:"Join by mail address or name: on, ask (an operator confirms each) or off." enum:"on,ask,off," default:""`
	UPNMatch      string `help:"Join by user principal name too: on or off." name:"upn-match" enum:"on,off," default:""`
	DeleteLimit   int    `help:"Most deletions of a run that pass unasked." placeholder:"500"`
	DeletePercent int    `help:"The same in percent of a domain." placeholder:"10"`
	JoinPassword  string `help:"Which password joined people have: directory (it stays) or cloud (it is written to Active Directory at the next sign-in)." enum:"directory,cloud," default:""`
}

// Run implements the verb.
func (v *syncRules) Run(ctx context.Context, s command.Streams) error {
	if v.DeleteLimit < 0 || v.DeletePercent < 0 || v.DeletePercent > 100 {
		return cli.Wrong(errors.New("--delete-limit must be 1 or more, --delete-percent 1 to 100"))
	}
	return v.with(ctx, s, func(st *store.Store, id string) error {
		var now tenant.Sync
		_, err := st.ChangeTenant(ctx, id, func(tx *store.Store, t *tenant.Tenant) error {
			now = v.apply(t.Settings.Sync)
			if now == t.Settings.Sync {
				return nil
			}
			t.Settings.Sync = now
			return noted(ctx, tx, id, "Change sync rules", "", rulesLine(now))
		})
		if err != nil {
			return err
		}
		a := rulesOf(now)
		t := answer.Settings()
		t.Add("hard-match", a.HardMatch)
		t.Add("soft-match", a.SoftMatch)
		t.Add("upn-match", a.UPNMatch)
		t.Add("delete-limit", a.DeleteLimit)
		t.Add("delete-percent", a.DeletePercent)
		t.Add("join-password", a.JoinPassword)
		return v.print(s, a, t)
	})
}

func (v *syncRules) apply(r tenant.Sync) tenant.Sync {
	if v.HardMatch != "" {
		r.BlockHardMatch = v.HardMatch == "off"
	}
	if v.SoftMatch != "" {
		r.BlockSoftMatch, r.AskSoftMatch = v.SoftMatch == "off", v.SoftMatch == "ask"
	}
	if v.UPNMatch != "" {
		r.NoUPNMatch = v.UPNMatch == "off"
	}
	if v.DeleteLimit > 0 {
		r.DeleteLimit = v.DeleteLimit
	}
	if v.DeletePercent > 0 {
		r.DeletePercent = v.DeletePercent
	}
	switch v.JoinPassword {
	case "cloud":
		r.JoinPassword = tenant.KeepCloud
	case "directory":
		r.JoinPassword = tenant.KeepDirectory
	}
	return r
}

// syncRulesAnswer is the rules as the flags that make them.
type syncRulesAnswer struct {
	HardMatch     string `json:"hard_match" about:"on or off."`
	SoftMatch     string `json:"soft_match" about:"on, ask or off."`
	UPNMatch      string `json:"upn_match" about:"on or off."`
	DeleteLimit   int    `json:"delete_limit"`
	DeletePercent int    `json:"delete_percent"`
	JoinPassword  string `json:"join_password" about:"directory or cloud."`
}

// Answer implements cli.Answering.
func (syncRules) Answer() any { return syncRulesAnswer{} }

func rulesOf(r tenant.Sync) syncRulesAnswer {
	a := syncRulesAnswer{
		HardMatch: onOff(!r.BlockHardMatch), SoftMatch: onOff(!r.BlockSoftMatch), UPNMatch: onOff(!r.NoUPNMatch), DeleteLimit: r.Limit(),
		DeletePercent: r.Percent(), JoinPassword: "directory",
	}
	if r.AskSoftMatch {
		a.SoftMatch = "ask"
	}
	if r.JoinPassword == tenant.KeepCloud {
		a.JoinPassword = "cloud"
	}
	return a
}

func rulesLine(r tenant.Sync) string {
	a := rulesOf(r)
	return fmt.Sprintf("hard-match %s, soft-match %s, upn-match %s, delete-limit %d, delete-percent %d, join-password %s",
		a.HardMatch, a.SoftMatch, a.UPNMatch, a.DeleteLimit, a.DeletePercent, a.JoinPassword)
}
