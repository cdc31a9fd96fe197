package main

import (
	"context"
	"errors"
	"slices"

	"homeward/internal/agent/command"
	"homeward/internal/cli"
	"homeward/internal/cli/answer"
	"homeward/internal/server/setting"
	"homeward/internal/server/tenant"
)

// policyMethods shows or sets how people prove who they are.
type policyMethods struct {
	settings

	Required   *int      `help:"How many checks people pass: 1 or 2. Protected people always pass two." complete:"1,2"`
	Methods    *[]string `help:"Allowed methods: passkey, app, text, mail, questions." placeholder:"LIST" complete:"passkey,app,text,mail,questions"`
	Registered *bool     `name:"registered-only" negatable:"" help:"The mail address that the directory holds proves nothing."`
	Pass       *bool     `negatable:"" help:"A helpdesk pass counts as a check."`
	SetUp      *int      `name:"questions-set-up" help:"How many security questions people set up: 3 to 5." placeholder:"NUMBER" complete:"3,4,5"`
	Asked      *int      `name:"questions-asked" help:"How many of them are asked: 3 to 5." placeholder:"NUMBER" complete:"3,4,5"`
	Reconfirm  *int      `help:"Ask people every so many days whether their methods are still right; 0: never." placeholder:"DAYS"`
}

// methodsAnswer is how people prove who they are.
type methodsAnswer struct {
	Required  int      `json:"required" about:"How many checks people pass."`
	Methods   []string `json:"methods" about:"Allowed kinds, strongest first."`
	Directory bool     `json:"directory_mail" about:"The mail address that the directory holds proves somebody."`
	Pass      bool     `json:"pass" about:"A helpdesk pass counts as a check."`
	SetUp     int      `json:"questions_set_up"`
	Asked     int      `json:"questions_asked"`
	Reconfirm int      `json:"reconfirm_days" about:"0: never."`
}

func methodsOf(s tenant.Settings) methodsAnswer {
	c := s.Checks
	return methodsAnswer{c.Need(false), setting.Allowed(c), !c.RegisteredOnly, !c.PassOff, c.SetUp(), c.Asked(), c.Reconfirm}
}

// Answer implements cli.Answering.
func (policyMethods) Answer() any { return methodsAnswer{} }

func (a methodsAnswer) add(t *answer.Table) {
	t.Add("checks required", a.Required)
	t.Add("methods", a.Methods)
	t.Add("directory's mail address", onOff(a.Directory))
	t.Add("helpdesk pass", onOff(a.Pass))
	t.Add("security questions to set up", a.SetUp)
	t.Add("security questions to answer", a.Asked)
	t.Add("reconfirm after days", a.Reconfirm)
}

// Run implements the verb.
func (v *policyMethods) Run(ctx context.Context, s command.Streams) error {
	if v.Methods != nil && len(slices.DeleteFunc(slices.Clone(*v.Methods), func(m string) bool { return m == "" })) == 0 {
		return cli.Wrong(errors.New("--methods: name at least one method"))
	}
	var change func(t *tenant.Tenant) error
	if v.Required != nil || v.Methods != nil || v.Registered != nil || v.Pass != nil || v.SetUp != nil || v.Asked != nil || v.Reconfirm != nil {
		change = func(t *tenant.Tenant) error { return v.set(&t.Settings.Checks) }
	}
	return v.run(ctx, s, of(setting.Methods, reconfirm), change, func(t tenant.Tenant) (any, *answer.Table) {
		a, table := methodsOf(t.Settings), answer.Settings()
		a.add(table)
		return a, table
	})
}

// reconfirm is the one setting of registration that this verb sets too.
func reconfirm(s tenant.Settings) []setting.Value { return setting.Registration(s)[1:2] }

func (v *policyMethods) set(c *tenant.Checks) error {
	if v.Required != nil {
		if c.Required = *v.Required; c.Required < 1 {
			return errors.New("--required: use 1 or 2")
		}
	}
	if v.Methods != nil {
		c.Methods = *v.Methods
	}
	if v.Registered != nil {
		c.RegisteredOnly = *v.Registered
	}
	if v.Pass != nil {
		c.PassOff = !*v.Pass
	}
	if v.SetUp != nil {
		c.QuestionsSetUp = *v.SetUp
	}
	if v.Asked != nil {
		c.QuestionsAsked = *v.Asked
	}
	if v.Reconfirm != nil {
		c.Reconfirm = *v.Reconfirm
	}
	return c.Check()
}

// policyRegistration shows or sets who registers, and by what proof.
type policyRegistration struct {
	settings

	Required   *bool `negatable:"" help:"Whoever has too few methods is taken to registering them."`
	FirstProof *bool `negatable:"" help:"What the directory holds proves who somebody is while they have registered nothing."`
	Reconfirm  *int  `help:"Ask people every so many days whether their methods are still right; 0: never." placeholder:"DAYS"`
}

// registrationAnswer is how people come to have methods.
type registrationAnswer struct {
	Required   bool `json:"required" about:"Whoever has too few methods is taken to registering them."`
	FirstProof bool `json:"first_proof" about:"What the directory holds proves who somebody is while they have registered nothing."`
	Reconfirm  int  `json:"reconfirm_days" about:"0: never."`
}

func registrationOf(s tenant.Settings) registrationAnswer {
	return registrationAnswer{s.RegisterRequired, s.FirstProof, s.Checks.Reconfirm}
}

func (a registrationAnswer) add(t *answer.Table) {
	t.Add("registration required", onOff(a.Required))
	t.Add("first proof by the directory", onOff(a.FirstProof))
	t.Add("reconfirm after days", a.Reconfirm)
}

// Answer implements cli.Answering.
func (policyRegistration) Answer() any { return registrationAnswer{} }

// Run implements the verb.
func (v *policyRegistration) Run(ctx context.Context, s command.Streams) error {
	var change func(t *tenant.Tenant) error
	if v.Required != nil || v.FirstProof != nil || v.Reconfirm != nil {
		change = func(t *tenant.Tenant) error {
			if v.Required != nil {
				t.Settings.RegisterRequired = *v.Required
			}
			if v.FirstProof != nil {
				t.Settings.FirstProof = *v.FirstProof
			}
			if v.Reconfirm != nil {
				t.Settings.Checks.Reconfirm = *v.Reconfirm
			}
			return t.Settings.Checks.Check()
		}
	}
	return v.run(ctx, s, of(setting.Registration), change, func(t tenant.Tenant) (any, *answer.Table) {
		a, table := registrationOf(t.Settings), answer.Settings()
		a.add(table)
		return a, table
	})
}
