// Package report says how ready a tenant's people are to help themselves, and how much they do. It reads; it decides nothing.
package report

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/provision"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

// Why is why somebody can't reset their password; empty: they can. It is a closed set, in the order it is looked at.
type Why string

// Reasons.
const (
	TurnedOff  Why = "turned_off"   // writeback, for everybody
	Unlicensed Why = "not_licensed" // everybody, or them
	Cloud      Why = "cloud_only"   // there is no directory account to write to
	NotInScope Why = "not_in_scope"
	Stopped    Why = "stopped" // their self-service, until it is released
	Held       Why = "held"    // a conflict that waits for a decision
	Disabled   Why = "disabled"
	Protected  Why = "protected"
	TooFew     Why = "too_few_methods"
)

// Reasons lists them.
func Reasons() []Why {
	return []Why{TurnedOff, Unlicensed, Cloud, Stopped, NotInScope, Held, Disabled, Protected, TooFew}
}

// Person is one line of the report.
type Person struct {
	provision.Person

	Kinds    []verify.Kind // registered and confirmed
	Mailbox  bool          // the directory's mail address counts as a check
	Last     verify.Kind   // what they last passed a check with
	Reviewed time.Time
	Why      Why
}

// Summary counts.
type Summary struct {
	People int
	Able   int
	With   map[verify.Kind]int // registered; verify.Mail without the directory's address
	Why    map[Why]int
	None   int // registered nothing
	At     time.Time
}

// Registered is what is known of one person's methods.
type Registered struct {
	Person   string
	Kinds    []verify.Kind
	Last     verify.Kind
	Reviewed time.Time
}

// Store reads people and what they have registered.
type Store interface {
	ListPeople(ctx context.Context, tenant string, f provision.Filter) ([]provision.Person, error)
	RolesOf(ctx context.Context, tenant string, people []string) ([]provision.Role, error)
	Registered(ctx context.Context, tenant string, people []string) ([]Registered, error)
}

// Registration makes the report.
type Registration struct {
	Store   Store
	InScope func(ctx context.Context, t tenant.Tenant, p provision.Person) (bool, error)
	// Works reports whether this server can carry out a kind of check.
	Works    func(k verify.Kind) bool
	Licensed func(t tenant.Tenant) bool
	// HoldsLicence and Stopped are about one person, as the portal asks: reset.Deps.
	HoldsLicence func(ctx context.Context, t tenant.Tenant, p provision.Person) (bool, error)
	Stopped      func(ctx context.Context, tenant, person string) (bool, error)
	Now          func() time.Time

	mu     sync.Mutex
	recent map[string]Summary
}

const (
	// page is how many people are read at once.
	page = 500
	// remember is how long a summary is shown before people are counted anew.
	remember = time.Minute
)

// Summary counts a tenant's people; one that is at most a minute old is good enough.
func (r *Registration) Summary(ctx context.Context, t tenant.Tenant) (Summary, error) {
	r.mu.Lock()
	have, ok := r.recent[t.ID]
	r.mu.Unlock()
	if ok && r.Now().Sub(have.At) < remember {
		return have, nil
	}
	s := Summary{With: map[verify.Kind]int{}, Why: map[Why]int{}, At: r.Now()}
	err := r.Walk(ctx, t, func(p Person) error {
		s.People++
		for _, k := range p.Kinds {
			s.With[k]++
		}
		if len(p.Kinds) == 0 {
			s.None++
		}
		if p.Why == "" {
			s.Able++
		} else {
			s.Why[p.Why]++
		}
		return nil
	})
	if err != nil {
		return Summary{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.recent == nil {
		r.recent = map[string]Summary{}
	}
	r.recent[t.ID] = s
	return s, nil
}

// Walk calls do with each of a tenant's people, by id, until it returns an error.
func (r *Registration) Walk(ctx context.Context, t tenant.Tenant, do func(Person) error) error {
	for after := ""; ; {
		people, err := r.Store.ListPeople(ctx, t.ID, provision.Filter{After: after, Limit: page})
		if err != nil || len(people) == 0 {
			return err
		}
		ids := make([]string, len(people))
		for i, p := range people {
			ids[i] = p.ID
		}
		if err := r.judge(ctx, t, people, ids, do); err != nil {
			return err
		}
		after = people[len(people)-1].ID
	}
}

func (r *Registration) judge(ctx context.Context, t tenant.Tenant, people []provision.Person, ids []string, do func(Person) error) error {
	registered, err := r.Store.Registered(ctx, t.ID, ids)
	if err != nil {
		return fmt.Errorf("registration: %w", err)
	}
	roles, err := r.Store.RolesOf(ctx, t.ID, ids)
	if err != nil {
		return fmt.Errorf("registration: %w", err)
	}
	of := map[string]Registered{}
	for _, one := range registered {
		of[one.Person] = one
	}
	for _, p := range people {
		holds := slices.ContainsFunc(roles, func(one provision.Role) bool { return one.Person == p.ID })
		line := Person{Person: p, Kinds: of[p.ID].Kinds, Last: of[p.ID].Last, Reviewed: of[p.ID].Reviewed}
		line.Mailbox = p.Mail != "" && !t.Settings.Checks.RegisteredOnly
		if line.Why, err = r.why(ctx, t, line, holds || p.Protected); err != nil {
			return fmt.Errorf("registration: %w", err)
		}
		if err := do(line); err != nil {
			return err
		}
	}
	return nil
}

func (r *Registration) why(ctx context.Context, t tenant.Tenant, p Person, strict bool) (Why, error) {
	within, err := r.InScope(ctx, t, p.Person)
	if err != nil {
		return "", err
	}
	licensed, err := r.HoldsLicence(ctx, t, p.Person)
	if err != nil {
		return "", err
	}
	stopped, err := r.Stopped(ctx, t.ID, p.ID)
	if err != nil {
		return "", err
	}
	switch {
	case t.Settings.WritebackOff:
		return TurnedOff, nil
	case !r.Licensed(t) || !licensed:
		return Unlicensed, nil
	case p.Cloud():
		return Cloud, nil
	case stopped:
		return Stopped, nil
	case !within:
		return NotInScope, nil
	case p.Held != protocol.Reason(""):
		return Held, nil
	case p.Disabled:
		return Disabled, nil
	case p.Protected:
		return Protected, nil
	case r.usable(t, p, strict) < t.Settings.Checks.Need(strict):
		return TooFew, nil
	}
	return "", nil
}

// usable is how many different kinds of checks somebody can pass.
func (r *Registration) usable(t tenant.Tenant, p Person, strict bool) int {
	rules, n := t.Settings.Checks, 0
	mail := p.Mailbox && rules.Allows(string(verify.Mail), strict)
	if mail {
		n++
	}
	for _, k := range p.Kinds {
		if k == verify.Mail && mail || !rules.Allows(string(k), strict) || !r.Works(k) || k == verify.Questions && rules.Need(false) < 2 {
			continue
		}
		n++
	}
	return n
}
