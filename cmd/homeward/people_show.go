package main

import (
	"context"
	"time"

	"homeward/internal/agent/command"
	"homeward/internal/cli/answer"
	"homeward/internal/server/store"
	"homeward/internal/server/verify"
)

// methodAnswer is one method of a person. What it holds is never printed.
type methodAnswer struct {
	ID     string      `json:"id"`
	Kind   verify.Kind `json:"kind" about:"passkey, app, text, mail or questions."`
	Masked string      `json:"masked,omitempty" about:"Enough of it to know it again."`
	Added  answer.Time `json:"added"`
	Used   answer.Time `json:"used,omitzero" about:"When it last passed a check."`
}

func methodOf(m verify.Method) methodAnswer {
	return methodAnswer{m.ID, m.Kind, m.Masked, answer.At(m.Confirmed), answer.At(m.Used)}
}

// methodsOfPerson lists the methods that count: those whose registration was finished.
func methodsOfPerson(ctx context.Context, st *store.Store, tenantID, person string) ([]methodAnswer, error) {
	all, err := st.Methods(ctx, tenantID, person)
	out := []methodAnswer{}
	for _, m := range all {
		if !m.Confirmed.IsZero() {
			out = append(out, methodOf(m))
		}
	}
	return out, err
}

type methodList struct {
	ofTenant
	asJSON

	Name string `arg:"" help:"User principal name, mail address, or DOMAIN\\name."`
}

// Answer implements cli.Answering.
func (methodList) Answer() any { return []methodAnswer(nil) }

// Run implements the verb.
func (v *methodList) Run(ctx context.Context, s command.Streams) error {
	return v.with(ctx, s, func(st *store.Store, id string) error {
		p, err := personNamed(ctx, st, id, v.Name)
		if err != nil {
			return err
		}
		all, err := methodsOfPerson(ctx, st, id, p.ID)
		if err != nil {
			return err
		}
		t := v.table(p.Name()+" has registered nothing.", "METHOD", "DESTINATION", "ADDED", "LAST USED")
		for _, m := range all {
			t.Add(m.Kind, m.Masked, m.Added, m.Used)
		}
		return v.print(s, all, t)
	})
}

type peopleShow struct {
	ofTenant
	asJSON

	Name string `arg:"" help:"User principal name, mail address, or DOMAIN\\name."`
}

// personWhole is one person with what belongs to them.
type personWhole struct {
	personAnswer

	Stopped  bool           `json:"stopped" about:"Their self-service is stopped until it is released."`
	Roles    []string       `json:"roles"`
	Methods  []methodAnswer `json:"methods" about:"Registered ones."`
	Reviewed answer.Time    `json:"reviewed,omitzero" about:"When they last said that their methods are right."`
}

// Answer implements cli.Answering.
func (peopleShow) Answer() any { return personWhole{} }

// Run implements the verb.
func (v *peopleShow) Run(ctx context.Context, s command.Streams) error {
	return v.with(ctx, s, func(st *store.Store, id string) error {
		p, err := personNamed(ctx, st, id, v.Name)
		if err != nil {
			return err
		}
		a := personWhole{personAnswer: personOf(p), Roles: []string{}}
		if a.Stopped, err = st.Held(ctx, id, p.ID); err != nil {
			return err
		}
		held, err := st.RolesOf(ctx, id, []string{p.ID})
		if err != nil {
			return err
		}
		for _, r := range held {
			a.Roles = append(a.Roles, r.Role)
		}
		if a.Methods, err = methodsOfPerson(ctx, st, id, p.ID); err != nil {
			return err
		}
		r, err := st.Registration(ctx, id, p.ID)
		if err != nil {
			return err
		}
		a.Reviewed = answer.At(r.Reviewed)
		return v.print(s, a, a.table(v.zone, accountState(p, v.zone)))
	})
}

func (a personWhole) table(zone *time.Location, state string) *answer.Table {
	t := answer.Of("", "WHAT", "VALUE")
	t.Zone = zone
	t.Add("name", a.Name)
	t.Add("sign-in name", a.UPN)
	t.Add("account", a.Account)
	t.Add("lives in", a.Source)
	t.Add("mail", orNone(a.Mail))
	t.Add("state", state)
	t.Add("self-service", map[bool]string{true: "stopped: homeward people release", false: "open"}[a.Stopped])
	if a.DN != "" {
		t.Add("distinguished name", a.DN)
		t.Add("objectGUID", a.Object)
	}
	if a.ImmutableID != "" {
		t.Add("onPremisesImmutableId", a.ImmutableID)
	}
	t.Add("password set", orWords(answer.Moment(a.PasswordSet.Time, zone), "not known"))
	for _, r := range a.Roles {
		t.Add("role", r)
	}
	for _, m := range a.Methods {
		t.Add("method "+string(m.Kind), m.Masked)
	}
	if len(a.Methods) == 0 {
		t.Add("methods", "none registered")
	}
	return t
}
