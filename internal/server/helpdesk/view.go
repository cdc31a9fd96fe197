package helpdesk

import (
	"context"
	"fmt"
	"time"

	"homeward/internal/event"
	"homeward/internal/server/audit"
	"homeward/internal/server/operator"
	"homeward/internal/server/provision"
	"homeward/internal/server/reset"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

const (
	// probeWithin is how long a page waits for an agent.
	probeWithin = 3 * time.Second
	// verifiedFor is how long a caller counts as verified for what is done next.
	verifiedFor = 30 * time.Minute

	recentShown, groupsShown = 12, 50
)

// View is one person, as an operator sees them.
type View struct {
	Person   provision.Person
	Standing reset.Standing
	// Limited: no agent was asked, because this operator has looked up too many people.
	Limited  bool
	Methods  []verify.Method // confirmed ones, without their secrets
	Reviewed time.Time
	Groups   []provision.Group
	More     bool   // there are more groups
	Chosen   string // name of the group that may reset, where one is chosen
	Roles    []provision.Role
	Problems []provision.Problem
	Recent   []audit.Record
	Last     audit.Record // of a password write; the zero one: there was none
	Help     Bar          // why the operator can't verify the person or give a pass
	Reset    Bar          // why they can't unlock or reset
	Verified audit.Record // the operator's last verification of the caller, if it is fresh
}

// Look shows a person to an operator. live: an agent is asked too, which is counted and recorded.
func (s *Service) Look(ctx context.Context, t tenant.Tenant, by operator.Operator, id string, live bool) (View, error) {
	p, err := s.Find(ctx, t, by, id)
	if err != nil {
		return View{}, err
	}
	v := View{Person: p}
	for _, part := range []func(context.Context, tenant.Tenant, operator.Operator, *View) error{s.bars, s.registered, s.around, s.recent} {
		if err := part(ctx, t, by, &v); err != nil {
			return View{}, fmt.Errorf("look at a person: %w", err)
		}
	}
	if live && !p.Cloud() {
		if live, err = s.mayAsk(ctx, t, by, p); err != nil {
			return View{}, err
		}
		v.Limited = !live
	}
	if live {
		v.Standing, err = s.Resets.Judge(t).Live(ctx, p, probeWithin)
	} else {
		v.Standing, err = s.Resets.Judge(t).Stored(ctx, p)
	}
	if err != nil {
		return View{}, fmt.Errorf("judge a person: %w", err)
	}
	return v, nil
}

func (s *Service) mayAsk(ctx context.Context, t tenant.Tenant, by operator.Operator, p provision.Person) (bool, error) {
	until, err := s.Limits.Probe(ctx, t.ID, by.Name)
	if err != nil || !until.IsZero() {
		return false, err
	}
	s.Record(ctx, t.ID, audit.Record{Activity: "Look up user account (by admin)", Hop: "operator", Result: "ok", Actor: by.Name, Target: p.ID})
	return true, nil
}

func (s *Service) bars(ctx context.Context, t tenant.Tenant, by operator.Operator, v *View) (err error) {
	if v.Help, err = s.Bar(ctx, t, by, v.Person, operator.HelpUsers); err != nil {
		return err
	}
	v.Reset, err = s.Bar(ctx, t, by, v.Person, operator.ResetUsers)
	return err
}

func (s *Service) registered(ctx context.Context, t tenant.Tenant, _ operator.Operator, v *View) error {
	methods, err := s.Ways.Methods(ctx, t.ID, v.Person.ID)
	if err != nil {
		return err
	}
	for _, m := range methods {
		clear(m.Secret)
		if m.Secret = nil; !m.Confirmed.IsZero() {
			v.Methods = append(v.Methods, m)
		}
	}
	r, err := s.Ways.Registration(ctx, t.ID, v.Person.ID)
	v.Reviewed = r.Reviewed
	return err
}

func (s *Service) around(ctx context.Context, t tenant.Tenant, _ operator.Operator, v *View) (err error) {
	if v.Roles, err = s.Around.RolesOf(ctx, t.ID, []string{v.Person.ID}); err != nil {
		return err
	}
	if t.Settings.ResetScope == tenant.ScopeSelected {
		chosen, err := s.Around.Groups(ctx, t.ID, []string{t.Settings.ResetGroup})
		if err != nil {
			return err
		}
		if len(chosen) > 0 {
			v.Chosen = chosen[0].Name
		}
	}
	if v.Person.Cloud() {
		return nil
	}
	if v.Groups, err = s.Around.GroupsOf(ctx, t.ID, v.Person.Object, groupsShown+1); err != nil {
		return err
	}
	if v.More = len(v.Groups) > groupsShown; v.More {
		v.Groups = v.Groups[:groupsShown]
	}
	v.Problems, err = s.Around.ProblemsOf(ctx, t.ID, []string{v.Person.Object})
	return err
}

func (s *Service) recent(ctx context.Context, t tenant.Tenant, by operator.Operator, v *View) (err error) {
	if v.Recent, err = s.Records.SearchAudit(ctx, t.ID, audit.Query{People: []string{v.Person.ID}, Limit: recentShown}); err != nil {
		return err
	}
	for _, r := range v.Recent {
		if r.Event == int(event.CallerVerified) && r.Actor == by.Name && s.Now().Sub(r.At) < verifiedFor {
			v.Verified = r
			break
		}
	}
	v.Last, err = s.last(ctx, t, v.Person.ID)
	return err
}
