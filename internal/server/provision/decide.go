package provision

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"homeward/internal/protocol"
)

// Decide remembers an operator's decision about an object and carries it out. What can't hold is refused, and nothing
// changes: nobody is ever joined to an account with a role, and no account with a role loses its name.
//
// It decides everything about the object that takes the choice.
func (e *Engine) Decide(ctx context.Context, tenantID, operator, object string, c Choice) error {
	return e.decide(ctx, tenantID, operator, object, c, func(Problem) bool { return true })
}

// About names one problem: an object can have several.
type About struct {
	Object, Domain string
	Reason         protocol.Reason
	Value          string
}

// DecideAbout is Decide for one problem of an object.
func (e *Engine) DecideAbout(ctx context.Context, tenantID, operator string, a About, c Choice) error {
	return e.decide(ctx, tenantID, operator, a.Object, c, func(p Problem) bool {
		return p.Domain == Fold(a.Domain) && p.Reason == a.Reason && p.Value == a.Value
	})
}

func (e *Engine) decide(ctx context.Context, tenantID, operator, object string, c Choice, about func(Problem) bool) error {
	id, ok := guid(object)
	if !ok {
		return refuse(ErrNoObject, "%s is no object id: it has 32 hex digits.", clip(object, 64))
	}
	return e.Store.SyncTx(ctx, tenantID, func(tx Tx) error {
		w, err := e.begin(ctx, tx, tenantID)
		if err != nil {
			return err
		}
		problems, err := tx.ProblemsOf(ctx, tenantID, []string{id})
		if err != nil {
			return err
		}
		takes := slices.DeleteFunc(problems, func(p Problem) bool {
			return !about(p) || !slices.Contains(choices(p), c)
		})
		if len(takes) == 0 {
			return refuse(ErrNoObject, "Nothing about this object is waiting for the decision %q.", c)
		}
		for _, p := range takes {
			if err := w.choose(ctx, operator, p, c); err != nil {
				return err
			}
		}
		if err := w.reconsiderOne(ctx, id, takes[0]); err != nil {
			return err
		}
		if err := w.held(ctx, id, takes, c); err != nil {
			return err
		}
		if err := w.retry(ctx); err != nil {
			return err
		}
		detail := fmt.Sprintf("%s for object %s (%s)", c, id, takes[0].Reason)
		return tx.Append(ctx, tenantID, append(w.joins, e.record("Decide sync conflict", operator, takes[0].Other, detail))...)
	})
}

// Forget takes back what was decided about an object. It is judged anew now if it waits, and otherwise by a full run of its
// domain, which is asked for: only the directory still knows the names that its account went without.
func (e *Engine) Forget(ctx context.Context, tenantID, operator, object string) error {
	id, ok := guid(object)
	if !ok {
		return refuse(ErrNoObject, "%s is no object id: it has 32 hex digits.", clip(object, 64))
	}
	return e.Store.SyncTx(ctx, tenantID, func(tx Tx) error {
		if err := tx.DropDecisions(ctx, tenantID, id); err != nil {
			return err
		}
		w, err := e.begin(ctx, tx, tenantID)
		if err != nil {
			return err
		}
		if err := w.anew(ctx, id); err != nil {
			return err
		}
		return tx.Append(ctx, tenantID, append(w.joins, e.record("Forget sync decision", operator, "", id))...)
	})
}

// anew judges an object as if nothing had been decided.
func (w *work) anew(ctx context.Context, object string) error {
	if err := w.reconsider(ctx, []string{object}); err != nil {
		return err
	}
	found, err := w.tx.PeopleByObject(ctx, w.tenant, []string{object})
	if err != nil || len(found) == 0 || !found[0].Living() {
		return err
	}
	found[0].Hash = "" // so that what the directory sends next is another than what was taken in
	if err := w.tx.UpdatePeople(ctx, found[:1]); err != nil {
		return err
	}
	_, err = w.tx.WantFull(ctx, w.tenant, Fold(found[0].Domain))
	return err
}

// choose stores what a choice about one problem means.
func (w *work) choose(ctx context.Context, operator string, p Problem, c Choice) error {
	d := Decision{Tenant: w.tenant, Object: p.Object, Choice: c, Operator: operator, At: w.now}
	other, err := w.person(ctx, p.Other)
	if err != nil {
		return err
	}
	switch c {
	case ChooseLink:
		d.Other = p.Other
		if err := w.mayLink(ctx, p, other); err != nil {
			return err
		}
	case ChooseApart:
		d.Other = p.Other
	case ChooseThat:
		d.Value = p.Value
	case ChooseIgnore:
		d.Other, d.Value = p.Other, p.Value
	case ChooseMail:
		if err := w.mayUseMail(ctx, p); err != nil {
			return err
		}
	case ChooseThis:
		return w.strip(ctx, operator, p, other)
	default:
		return refuse(ErrInvalid, "%q is no decision.", c)
	}
	return w.tx.PutDecision(ctx, d)
}

func (w *work) person(ctx context.Context, id string) (*Person, error) {
	if id == "" {
		return nil, nil //nolint:nilnil // no other party
	}
	found, err := w.tx.PeopleByID(ctx, w.tenant, []string{id})
	if err != nil || len(found) == 0 || !found[0].Living() {
		return nil, err
	}
	return &found[0], nil
}

func (w *work) hasRole(ctx context.Context, id string) (bool, error) {
	roles, err := w.tx.RolesOf(ctx, w.tenant, []string{id})
	return len(roles) > 0, err
}

func (w *work) mayLink(ctx context.Context, p Problem, other *Person) error {
	switch {
	case other == nil:
		return Error{Why: RefusedGone}.because(ErrNoAccount, "The account to link to is gone.")
	case !other.Cloud():
		return Error{Why: RefusedDirectory, Who: other.Name()}.because(ErrRefused, "%s is a directory's account already. Two objects can't be one account.", other.Name())
	case p.Person != "":
		return Error{Why: RefusedJoined}.because(ErrRefused, "The object has an account already. Only new objects are joined.")
	}
	if role, err := w.hasRole(ctx, other.ID); err != nil {
		return err
	} else if role {
		return Error{Why: RefusedRole, Who: other.Name()}.because(ErrRefused, "%s holds a role. Take the role away first: an account with a role is never taken over.", other.Name())
	}
	return nil
}

func (w *work) mayUseMail(ctx context.Context, p Problem) error {
	self, err := w.person(ctx, p.Person)
	if err != nil {
		return err
	}
	if self == nil {
		return Error{Why: RefusedGone}.because(ErrNoAccount, "The account is gone.")
	}
	name := Fold(self.Mail)
	i := strings.LastIndexByte(name, '@')
	if i < 0 {
		return Error{Why: RefusedNoMail, Who: self.Name()}.because(ErrRefused, "%s has no mail address.", self.Name())
	}
	if !w.verified[name[i+1:]] {
		return Error{Why: RefusedUnverified, Value: self.Mail}.because(ErrRefused, "The domain of the mail address %s isn't verified either.", self.Mail)
	}
	holders, err := w.tx.PeopleByUPN(ctx, w.tenant, []string{name})
	if err != nil {
		return err
	}
	if len(holders) > 0 && holders[0].ID != self.ID {
		return Error{Why: RefusedSignsIn, Who: holders[0].Name(), Value: self.Mail}.because(ErrRefused, "%s signs in as %s.", holders[0].Name(), self.Mail)
	}
	return nil
}

// strip takes the contested name from the other account, for good.
func (w *work) strip(ctx context.Context, operator string, p Problem, other *Person) error {
	if other == nil {
		return nil // it is free
	}
	if other.Cloud() {
		return Error{Why: RefusedCloud, Who: other.Name()}.because(ErrRefused, "%s is a cloud account: link the two, keep them apart, or delete it.", other.Name())
	}
	if role, err := w.hasRole(ctx, other.ID); err != nil {
		return err
	} else if role {
		return Error{Why: RefusedRole, Who: other.Name()}.because(ErrRefused, "%s holds a role and keeps its name. Take the role away first.", other.Name())
	}
	d := Decision{Tenant: w.tenant, Object: other.Object, Choice: ChooseThat, Value: p.Value, Operator: operator, At: w.now}
	if err := w.tx.PutDecision(ctx, d); err != nil {
		return err
	}
	if Fold(other.UPN) == p.Value && p.Reason == UPNTaken {
		return w.tx.FreeUPN(ctx, w.tenant, []string{other.ID})
	}
	claims, err := w.tx.ClaimsOf(ctx, w.tenant, []string{other.ID})
	if err != nil {
		return err
	}
	if err := w.tx.DropClaims(ctx, w.tenant, []string{other.ID}); err != nil {
		return err
	}
	return w.tx.PutClaims(ctx, w.tenant, slices.DeleteFunc(claims, func(c Claim) bool { return c.Address == p.Value }))
}

// reconsiderOne judges an object again: as it waits, or as its account says.
func (w *work) reconsiderOne(ctx context.Context, object string, p Problem) error {
	if err := w.reconsider(ctx, []string{object}); err != nil {
		return err
	}
	waiting, err := w.tx.Waiting(ctx, w.tenant, []string{object})
	if err != nil || len(waiting) > 0 {
		return err
	}
	found, err := w.tx.PeopleByObject(ctx, w.tenant, []string{object})
	if err != nil || len(found) == 0 || !found[0].Living() {
		return errFirst(err, w.tx.DropProblems(ctx, []Problem{p}))
	}
	claims, err := w.tx.ClaimsOf(ctx, w.tenant, []string{found[0].ID})
	if err != nil {
		return err
	}
	k := Key{Tenant: w.tenant, Domain: Fold(found[0].Domain)}
	in, ok := w.batch(k, found[0].NetBIOS, found[0].Run).take(again(found[0], claims))
	if !ok {
		return nil
	}
	in.hash = found[0].Hash
	return w.process(ctx, k, []incoming{in}, true)
}

func errFirst(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// held makes sure that a decision ended what it was about.
func (w *work) held(ctx context.Context, object string, about []Problem, c Choice) error {
	left, err := w.tx.ProblemsOf(ctx, w.tenant, []string{object})
	if err != nil {
		return err
	}
	var agents []Problem
	for _, p := range left {
		for _, a := range about {
			same := p.Reason == a.Reason && p.Value == a.Value && p.Domain == a.Domain
			if same && p.Agent {
				agents = append(agents, p) // ignored from now on
			} else if same {
				return cannot(p)
			}
		}
	}
	if c == ChooseLink {
		found, err := w.tx.PeopleByObject(ctx, w.tenant, []string{object})
		switch {
		case err != nil:
			return err
		case len(found) == 0 && len(left) > 0:
			return cannot(left[0])
		case len(found) == 0 || found[0].ID != about[0].Other:
			return Error{Why: RefusedLink}.because(ErrRefused, "The two can't be linked.")
		}
	}
	return w.tx.DropProblems(ctx, agents)
}

func cannot(p Problem) error {
	x, _ := Explain(p.Reason)
	return Error{Why: RefusedCase, Case: p.Reason}.because(ErrRefused, "The decision can't be carried out. %s %s", x.Meaning, x.Remedy)
}

// choices are the decisions that a problem takes. Two directory objects are never linked; a cloud account doesn't give
// its name away.
func choices(p Problem) []Choice {
	if (p.Reason == UPNTaken || p.Reason == AddressTaken) && !p.Holds {
		return []Choice{ChooseLink, ChooseThat, ChooseIgnore}
	}
	x, _ := Explain(p.Reason)
	return x.Choices
}
