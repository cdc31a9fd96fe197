package activedirectory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory/security"
	"homeward/internal/protocol"
)

// Step is one entry in one object's access control list, to be put in or taken out.
type Step struct {
	DN    string
	Right Right
	ACE   security.ACE
	// Settled: the list says it already, or doesn't when it's to be taken out. Unknown: the list can't be read with
	// the service account's rights; Apply looks again as administrator.
	Settled bool
	Unknown bool
}

// Words says in plain words what the entry does.
func (s Step) Words() string {
	switch s.Right {
	case UnexpirePassword:
		return string(s.Right) + ", on the domain head itself"
	case ReadPolicies:
		return string(s.Right) + ", on this container and below"
	case ReplicateChanges:
		return string(s.Right) + ", on the domain head itself (no password is among what it reads)"
	case ReadDeleted:
		return string(s.Right) + ", on this container itself"
	default:
		return string(s.Right) + ", on users below"
	}
}

// Plan is what Grant or Revoke would change in one domain.
type Plan struct {
	Domain  string
	Account string // the service account as DOMAIN\name
	Remove  bool
	Steps   []Step
}

// applyTimeout bounds one change: a controller hands it on to everybody below before it answers, 4 s for 20,000 people.
const applyTimeout = 2 * time.Minute

// PlanGrant says which entries the service account needs on these units and elsewhere, and which are there. It
// reads with the service account's own rights and changes nothing.
func (d *Directory) PlanGrant(ctx context.Context, units []string) (Plan, error) {
	return d.plan(ctx, units, false)
}

// PlanRevoke says which of the entries that PlanGrant names are there and would be taken out.
func (d *Directory) PlanRevoke(ctx context.Context, units []string) (Plan, error) {
	return d.plan(ctx, units, true)
}

func (d *Directory) plan(ctx context.Context, units []string, remove bool) (Plan, error) {
	var p Plan
	err := d.read(ctx, func(c *conn) error {
		s := newSurvey(d, c, units)
		if err := d.schema.load(c); err != nil {
			return err
		}
		if err := s.identify(); err != nil {
			return err
		}
		for _, unit := range units {
			if err := c.exists(unit); err != nil {
				return err
			}
		}
		p = Plan{Domain: s.out.Domain, Account: s.out.Account, Remove: remove}
		var err error
		for _, step := range d.config.Uses.needed(units, s.out.BaseDN, s.out.SID) {
			if step, err = s.look(step, c.token, true, remove); err != nil {
				return err
			}
			p.Steps = append(p.Steps, step)
		}
		return nil
	})
	return p, wrap("plan the service account's rights", err)
}

// look finds out whether an object's list says a step already, for an account with that token. own: it is who asks.
// Nobody but administrators reads the list of CN=Deleted Objects, but who sees the container has the right.
func (s *survey) look(step Step, t security.Token, own, remove bool) (Step, error) {
	place, err := s.place(step.DN)
	if err != nil {
		return step, err
	}
	if step.Unknown = !place.readable; !step.Unknown {
		step.Settled = settled(place.desc, step, t, remove)
		return step, nil
	}
	if step.Right == ReadDeleted && own && !remove {
		step.Settled, err = s.c.seesDeleted(step.DN)
		step.Unknown = !step.Settled
	}
	return step, err
}

// needed are all entries of the service account.
func (u Uses) needed(units []string, base, sid string) []Step {
	var out []Step
	for _, unit := range units {
		for _, r := range u.peopleRights() {
			if r == ReadAccount { // everybody who signs in has it, unless it was taken away
				continue
			}
			for _, a := range aces(r, sid, userClass()) {
				out = append(out, Step{DN: unit, Right: r, ACE: a})
			}
		}
	}
	head := func(r Right, guid string) Step {
		return Step{DN: base, Right: r, ACE: security.ACE{
			Kind: security.AllowObject, Mask: security.ControlAccess, HasObject: true, Object: mustGUID(guid), SID: sid,
		}}
	}
	if !u.NoWriteback {
		out = append(out, Step{DN: policyContainer(base), Right: ReadPolicies, ACE: security.ACE{
			Kind: security.Allow, Flags: security.ContainerInherit, SID: sid,
			Mask: security.ListContents | security.ReadProperty | security.ListObject | security.ReadControl,
		}}, head(UnexpirePassword, unexpirePasswordRight))
	}
	if u.Sync {
		out = append(out, head(ReplicateChanges, replicateRight), Step{DN: deletedContainer(base), Right: ReadDeleted, ACE: security.ACE{
			Kind: security.Allow, SID: sid, Mask: security.ListContents | security.ReadProperty,
		}})
	}
	return out
}

// settled reports whether a list needs no change. What a group or a unit above already gives isn't given again;
// only the account's own entries are taken out.
func settled(d security.Descriptor, step Step, t security.Token, remove bool) bool {
	own := slices.ContainsFunc(d.ACEs, func(a security.ACE) bool { return !a.Has(security.Inherited) && a.Same(step.ACE) })
	if remove {
		return !own
	}
	return own || slices.ContainsFunc(d.ACEs, func(a security.ACE) bool {
		return a.Allows() && !a.Conditional() && !a.Has(security.NoPropagate) && t[a.SID] && gives(a, step.ACE)
	})
}

// gives reports whether an entry that allows gives at least what another would.
func gives(a, want security.ACE) bool {
	reaches := a.Has(want.Flags & security.ContainerInherit)
	if want.Flags&security.ContainerInherit == 0 {
		reaches = !a.Has(security.InheritOnly)
	}
	return reaches && a.Mapped()&want.Mask == want.Mask && (!a.HasObject || (want.HasObject && a.Object == want.Object)) &&
		(!a.HasClass || (want.HasClass && a.Class == want.Class))
}

// As returns the same domain through the same controllers, for somebody else's credentials. Close it after use.
func (d *Directory) As(user string, password func(context.Context) ([]byte, error)) (*Directory, error) {
	c := d.config
	c.User, c.Reader, c.Password, c.Keytab, c.Tickets, c.Conns = user, "", password, "", "", 1
	return Open(c)
}

// Outcome of one step, told as it happens.
type Change struct {
	Step Step
	Done bool // changed now; otherwise it was so already
}

// Apply carries out a plan. Call it on the directory that As returned for a domain administrator. It looks whether
// every list may be changed before it changes the first one, and reads each again afterwards. When it breaks off,
// what was told to done has happened and nothing else, but for the one change that an error with Sent names.
func (d *Directory) Apply(ctx context.Context, p Plan, done func(Change)) error {
	c, err := d.dialAny(ctx)
	if err != nil {
		return err
	}
	defer c.kill()
	return c.use(ctx, applyTimeout, func(c *conn) error {
		var order []string
		for _, s := range p.Steps {
			if !slices.Contains(order, s.DN) {
				order = append(order, s.DN)
			}
		}
		places, err := c.changeable(order)
		if err != nil {
			return err
		}
		for _, dn := range order {
			if err := c.apply(p, places[dn], done); err != nil {
				return err
			}
		}
		return nil
	})
}

// changeable reads every list, and refuses when one may not be changed.
func (c *conn) changeable(dns []string) (map[string]*listed, error) {
	out := map[string]*listed{}
	var refused []string
	for _, dn := range dns {
		p, err := c.place(dn)
		if err == nil && !p.readable && isDeletedContainer(dn) && refused == nil { // it comes last
			p, err = c.takeOver(dn)
		}
		if err != nil {
			return nil, wrap("read the permissions of "+dn, err)
		}
		allowed := p.readable && (security.Token(c.token)[p.desc.Owner] ||
			p.desc.Check(c.token, security.Right{Bit: security.WriteDACL}).Outcome == security.Granted)
		if !allowed {
			refused = append(refused, dn)
		}
		out[dn] = p
	}
	if refused != nil {
		return nil, &Error{
			Reason: protocol.ReasonRights,
			doing:  "nothing was changed: this account may not change permissions on " + strings.Join(refused, " and ") + "; a domain admin may",
		}
	}
	return out, nil
}

func (c *conn) apply(p Plan, at *listed, done func(Change)) error {
	var changes []Change
	var more []security.ACE
	for _, s := range p.Steps {
		if s.DN != at.dn {
			continue
		}
		// The administrator's own token says nothing about the service account's rights; the plan's does.
		todo := !s.Settled && !settled(at.desc, s, security.Token{s.ACE.SID: true}, p.Remove)
		if todo {
			more = append(more, s.ACE)
		}
		changes = append(changes, Change{s, todo})
	}
	if more != nil {
		// Handing a list on to thousands takes seconds, in which somebody may have changed this one.
		fresh, err := c.place(at.dn)
		if err != nil {
			return wrap("read the permissions of "+at.dn, err)
		}
		if !fresh.readable {
			return &Error{Reason: protocol.ReasonRights, doing: "the permissions of " + at.dn + " can't be read any more; they were not changed"}
		}
		at = fresh
		next := at.desc.With(more...)
		if p.Remove {
			next = at.desc.Without(more...)
		}
		if err := c.setList(at.dn, next, more, p.Remove); err != nil {
			return err
		}
	}
	for _, ch := range changes {
		done(ch)
	}
	return nil
}

// setList writes a DACL and reads it again.
func (c *conn) setList(dn string, next security.Descriptor, changed []security.ACE, remove bool) error {
	raw, err := next.Encode()
	if err != nil {
		return &Error{Reason: protocol.ReasonDirectoryError, doing: "write the permissions of " + dn, err: err}
	}
	m := ldap.NewModifyRequest(dn, append(seeing(dn), control{oidSDFlags, onlyDACL}))
	m.Replace("nTSecurityDescriptor", []string{string(raw)})
	if err := c.ldap.Modify(m); err != nil {
		if lost(err) {
			return &Error{Reason: protocol.ReasonTimeout, Sent: true, err: err, doing: "change the permissions of " + dn +
				": no answer came, so it may have happened; run it again, it does only what is missing"}
		}
		return wrap("change the permissions of "+dn, err)
	}
	after, err := c.place(dn)
	if err != nil {
		return wrap("read the permissions of "+dn+" again", err)
	}
	for _, a := range changed {
		there := slices.ContainsFunc(after.desc.ACEs, func(b security.ACE) bool { return !b.Has(security.Inherited) && b.Same(a) })
		if !after.readable || there == remove {
			return &Error{
				Reason: protocol.ReasonDirectoryError,
				doing:  fmt.Sprintf("the controller accepted the change of permissions of %s, but %s isn't as it should be", dn, a.SDDL()),
			}
		}
	}
	return nil
}

// Done reports whether nothing is left to do, as far as can be seen.
func (p Plan) Done() bool {
	return !slices.ContainsFunc(p.Steps, func(s Step) bool { return !s.Settled })
}
