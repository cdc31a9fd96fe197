package provision

import (
	"context"
	"slices"
	"strings"

	"homeward/internal/protocol"
)

// Case is a problem with both parties as they are known, and the decisions that can be carried out for it now.
type Case struct {
	Explained
	This, That Party
	Suggested  Choice // empty: none of the two is the obvious one
}

// About names the case's problem.
func (c Case) About() About {
	return About{Object: c.Object, Domain: c.Domain, Reason: c.Reason, Value: c.Value}
}

// Party is one of the two accounts that a problem is about.
type Party struct {
	Person      string // id of the account; empty: the object has none yet
	Name        string // NETBIOS\name, or the sign-in name of a cloud account; empty: nothing is known
	DisplayName string
	UPN, Mail   string
	DN, Object  string
	Anchor      string
	Cloud       bool // lives in the cloud only
	Disabled    bool
	Role        bool // holds a role
}

// Cases lists problems with both parties, those that keep people from resetting first.
func (e *Engine) Cases(ctx context.Context, tenantID string, q ProblemQuery) ([]Case, error) {
	q.Domain = Fold(q.Domain)
	list, err := e.Store.ProblemPage(ctx, tenantID, q)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	known, err := e.partiesOf(ctx, tenantID, list)
	if err != nil {
		return nil, err
	}
	out := make([]Case, len(list))
	for i, p := range list {
		x, _ := Explain(p.Reason)
		c := Case{Explained: Explained{Problem: p, Meaning: x.Meaning, Remedy: x.Remedy, Whole: x.Whole || p.Person == "" && p.Holds}}
		c.This, c.That = known.this(p), known.that(p)
		c.Choices = slices.DeleteFunc(slices.Clone(choices(p)), func(choice Choice) bool { return !known.takes(c, choice) })
		c.Suggested = suggested(c)
		out[i] = c
	}
	return out, nil
}

// parties are the accounts and objects that problems name.
type parties struct {
	people   map[string]Person     // by id
	objects  map[string]Person     // by object
	waiting  map[[2]string]Waiting // by domain and object
	aside    map[string]Waiting    // by object, whatever the domain
	roles    map[string]bool
	verified map[string]bool
}

func (e *Engine) partiesOf(ctx context.Context, tenantID string, list []Problem) (*parties, error) {
	var accounts, objects []string
	for _, p := range list {
		accounts, objects = append(accounts, p.Person, p.Other), append(objects, p.Object)
	}
	accounts, objects = ids(accounts), ids(objects)
	k := &parties{people: map[string]Person{}, objects: map[string]Person{}, waiting: map[[2]string]Waiting{}, aside: map[string]Waiting{}, roles: map[string]bool{}, verified: map[string]bool{}}
	people, err := e.Store.PeopleByID(ctx, tenantID, accounts)
	if err != nil {
		return nil, err
	}
	for _, p := range people {
		k.people[p.ID] = p
	}
	if people, err = e.Store.PeopleByObject(ctx, tenantID, objects); err != nil {
		return nil, err
	}
	for _, p := range people {
		k.objects[p.Object] = p
	}
	waiting, err := e.Store.Waiting(ctx, tenantID, objects)
	if err != nil {
		return nil, err
	}
	for _, w := range waiting {
		k.waiting[[2]string{w.Domain, w.Object}], k.aside[w.Object] = w, w
	}
	if len(accounts) > 0 { // without people these would be everybody's
		roles, err := e.Store.RolesOf(ctx, tenantID, accounts)
		if err != nil {
			return nil, err
		}
		for _, r := range roles {
			k.roles[r.Person] = true
		}
	}
	domains, err := e.Store.TenantDomains(ctx, tenantID)
	for _, d := range domains {
		k.verified[Fold(d.Name)] = !d.Verified.IsZero()
	}
	return k, err
}

// this is the object itself: as the directory last sent it if it waits, or else its account.
func (k *parties) this(p Problem) Party {
	out := Party{Name: p.Name, DN: p.DN, Object: p.Object}
	if a, ok := k.objects[p.Object]; ok && a.Living() && Fold(a.Domain) == p.Domain {
		out = k.account(a)
	}
	if w, ok := k.waiting[[2]string{p.Domain, p.Object}]; ok {
		m := w.Person
		out.Name, out.DisplayName, out.UPN, out.Mail, out.DN = w.NetBIOS+`\`+m.SAM, m.DisplayName, m.UPN, m.Mail, m.DN
		out.Object, out.Anchor, out.Disabled = m.Object, m.Anchor, m.Disabled
	}
	return out
}

func (k *parties) that(p Problem) Party {
	if a, ok := k.people[p.Other]; ok && a.Living() {
		return k.account(a)
	}
	return Party{Name: p.OtherName}
}

func (k *parties) account(a Person) Party {
	return Party{
		Person: a.ID, Name: a.Name(), DisplayName: a.DisplayName, UPN: a.UPN, Mail: a.Mail, DN: a.DN, Object: a.Object, Anchor: a.Anchor,
		Cloud: a.Cloud(), Disabled: a.Disabled, Role: k.roles[a.ID],
	}
}

// takes reports whether a choice has a chance: what Decide is certain to refuse isn't offered.
func (k *parties) takes(c Case, choice Choice) bool {
	switch choice {
	case ChooseLink:
		return c.That.Person != "" && c.That.Cloud && !c.That.Role && c.Person == ""
	case ChooseThis:
		return c.That.Person == "" || !c.That.Cloud && !c.That.Role
	case ChooseMail:
		_, domain, found := strings.Cut(Fold(c.This.Mail), "@")
		return found && k.verified[domain]
	}
	return true
}

// suggested is the obvious choice where one of the two is turned off and the other isn't.
func suggested(c Case) Choice {
	if c.That.Person == "" || c.This.Disabled == c.That.Disabled {
		return ""
	}
	keep := ChooseThis
	if c.This.Disabled {
		keep = ChooseThat
	}
	if slices.Contains(c.Choices, ChooseThis) && slices.Contains(c.Choices, keep) {
		return keep
	}
	return ""
}

// Decided is a decision with the names of whom it is about.
type Decided struct {
	Decision
	Name, OtherName string // empty: nothing is known any more
}

// Decided lists what was decided, newest first, and how much that is in all.
func (e *Engine) Decided(ctx context.Context, tenantID string, skip, limit int) ([]Decided, int, error) {
	list, total, err := e.Store.DecisionPage(ctx, tenantID, skip, limit)
	if err != nil || len(list) == 0 {
		return nil, total, err
	}
	var about []Problem
	for _, d := range list {
		about = append(about, Problem{Object: d.Object, Other: d.Other})
	}
	known, err := e.partiesOf(ctx, tenantID, about)
	if err != nil {
		return nil, 0, err
	}
	out := make([]Decided, len(list))
	for i, d := range list {
		out[i] = Decided{Decision: d, OtherName: known.people[d.Other].Name()}
		if w, ok := known.aside[d.Object]; ok {
			out[i].Name = w.NetBIOS + `\` + w.Person.SAM
		} else if p, ok := known.objects[d.Object]; ok {
			out[i].Name = p.Name()
		}
	}
	return out, total, nil
}

// Waits is what waits for an operator.
type Waits struct {
	Problems int                     // objects' problems, of every domain
	Reasons  map[protocol.Reason]int // the same by reason
	Stopped  []string                // domains whose deletions are held back
	Unheld   []string                // domains that no agent brings in at this moment
}

// Waits counts what waits for an operator. It is cheap enough for every page.
func (e *Engine) Waits(ctx context.Context, tenantID string) (Waits, error) {
	w := Waits{Reasons: map[protocol.Reason]int{}}
	counts, err := e.Store.CountProblems(ctx, tenantID)
	if err != nil {
		return w, err
	}
	for _, c := range counts {
		w.Problems += c.Count
		w.Reasons[protocol.Reason(c.Reason)] += c.Count
	}
	leases, err := e.Store.Leases(ctx, tenantID)
	for _, l := range leases {
		switch {
		case l.Staging || l.Off:
		case l.Status == RunStopped:
			w.Stopped = append(w.Stopped, l.Domain)
		case l.Holder == "" || !l.Expires.After(e.Now()):
			w.Unheld = append(w.Unheld, l.Domain)
		}
	}
	return w, err
}

// PreviewPage lists verdicts of a domain's staging run, by object.
func (e *Engine) PreviewPage(ctx context.Context, tenantID, domain string, q PreviewQuery) ([]Preview, error) {
	return e.Store.PreviewPage(ctx, Key{Tenant: tenantID, Domain: Fold(domain), Staging: true}, q)
}

// PreviewCounts is how many objects of a domain's staging run have each verdict.
func (e *Engine) PreviewCounts(ctx context.Context, tenantID, domain string) (map[Verdict]int, error) {
	return e.Store.CountPreviews(ctx, Key{Tenant: tenantID, Domain: Fold(domain), Staging: true})
}
