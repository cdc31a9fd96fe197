// Package report says how ready a tenant's people are to help themselves, and how much they do. It reads; it decides nothing.
package report

import (
	"context"
	"fmt"
	"sync"
	"time"

	"homeward/internal/server/provision"
	"homeward/internal/server/reset"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

// Why is why somebody can't reset their password; empty: they can. It is a closed set: the gates of the portal that are shut,
// as files name them.
type Why string

// Reasons.
const (
	Disabled   Why = "disabled"
	Stopped    Why = "stopped" // their self-service, until it is released
	NotInScope Why = "not_in_scope"
	Unlicensed Why = "not_licensed" // everybody, or them
	TooFew     Why = "too_few_methods"
	Cloud      Why = "cloud_only" // there is no directory account to write to
	TurnedOff  Why = "turned_off" // writeback, for everybody
	Held       Why = "held"       // a conflict that waits for a decision
	NoAgent    Why = "no_agent"   // can write their domain now
	Protected  Why = "protected"
	Other      Why = "other"
)

// Reasons lists them, in the order in which they are told.
func Reasons() []Why {
	return []Why{Disabled, Stopped, NotInScope, Unlicensed, TooFew, Cloud, TurnedOff, Held, NoAgent, Protected, Other}
}

// WhyOf is the reason that a standing comes to: its first gate that isn't open.
func WhyOf(s reset.Standing) Why {
	if s.Can() == reset.Open {
		return ""
	}
	why := map[reset.GateID]Why{
		reset.GateEnabled: Disabled, reset.GateStopped: Stopped, reset.GateScope: NotInScope, reset.GateLicence: Unlicensed, reset.GateMethods: TooFew,
		reset.GateDirectory: Cloud, reset.GateWriteback: TurnedOff, reset.GateMatch: Held, reset.GateAgent: NoAgent, reset.GateProtected: Protected,
	}[s.First().ID]
	if why == "" {
		return Other
	}
	return why
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
	People int                 `json:"people"`
	Able   int                 `json:"able" about:"They can reset their password now."`
	With   map[verify.Kind]int `json:"methods" about:"How many have registered each; mail without the directory's address."`
	Why    map[Why]int         `json:"reasons" about:"Why the others can't, and how many."`
	None   int                 `json:"none" about:"They have registered nothing."`
	At     time.Time           `json:"at" about:"When they were counted: at most a minute ago."`
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
	Registered(ctx context.Context, tenant string, people []string) ([]Registered, error)
}

// Registration makes the report.
type Registration struct {
	Store Store
	// Judge is who says whether people can reset: whom the portal asks, and the pages that show people.
	Judge func(t tenant.Tenant) *reset.Judge
	Now   func() time.Time

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
	judge := r.Judge(t)
	for after := ""; ; {
		people, next, err := r.part(ctx, t, judge, after)
		if err != nil {
			return err
		}
		for _, p := range people {
			if err := do(p); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		after = next
	}
}

// Part returns some of a tenant's people, those behind the id after, and the id behind which the next ones are; empty: these are
// the last.
func (r *Registration) Part(ctx context.Context, t tenant.Tenant, after string) (people []Person, next string, err error) {
	return r.part(ctx, t, r.Judge(t), after)
}

func (r *Registration) part(ctx context.Context, t tenant.Tenant, judge *reset.Judge, after string) (lines []Person, next string, err error) {
	people, err := r.Store.ListPeople(ctx, t.ID, provision.Filter{After: after, Limit: page})
	if err != nil || len(people) == 0 {
		return nil, "", err
	}
	if len(people) == page {
		next = people[page-1].ID
	}
	lines, err = r.page(ctx, t, judge, people)
	return lines, next, err
}

func (r *Registration) page(ctx context.Context, t tenant.Tenant, judge *reset.Judge, people []provision.Person) ([]Person, error) {
	ids := make([]string, len(people))
	for i, p := range people {
		ids[i] = p.ID
	}
	registered, err := r.Store.Registered(ctx, t.ID, ids)
	if err != nil {
		return nil, fmt.Errorf("registration: %w", err)
	}
	standings, err := judge.Crowd(ctx, people)
	if err != nil {
		return nil, fmt.Errorf("registration: %w", err)
	}
	of := map[string]Registered{}
	for _, one := range registered {
		of[one.Person] = one
	}
	lines := make([]Person, len(people))
	for i, p := range people {
		line := Person{Person: p, Kinds: of[p.ID].Kinds, Last: of[p.ID].Last, Reviewed: of[p.ID].Reviewed, Why: WhyOf(standings[i])}
		line.Mailbox = p.Mail != "" && !t.Settings.Checks.RegisteredOnly
		lines[i] = line
	}
	return lines, nil
}
