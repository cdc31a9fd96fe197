package activedirectory

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"homeward/internal/directory"
	"homeward/internal/protocol"
)

// Domains is every domain an agent serves, as one directory: each person is looked for in all of them and
// written where they are.
//
// It guarantees that a person with two enabled accounts is never written: which of them holds the password
// people mean cannot be known ([MS-ADTS] has no such rule; the source anchor does, one account for one person).
type Domains struct {
	list []*Directory

	mu     sync.Mutex
	linked map[linkKey]linkAnswer
}

type linkKey struct {
	index int
	guid  directory.GUID
}

// linkAnswer remembers for a while which accounts claim an anchor: the attribute has no index.
type linkAnswer struct {
	guids []directory.GUID
	read  time.Time
}

// NewDomains joins directories. There must be at least one.
func NewDomains(list ...*Directory) (*Domains, error) {
	if len(list) == 0 {
		return nil, errors.New("no directory: name at least one domain in directories")
	}
	return &Domains{list: slices.Clone(list), linked: map[linkKey]linkAnswer{}}, nil
}

// List returns the directories in the order they were given.
func (d *Domains) List() []*Directory { return slices.Clone(d.list) }

// Close ends the idle connections of all.
func (d *Domains) Close() error {
	var errs []error
	for _, one := range d.list {
		errs = append(errs, one.Close())
	}
	return errors.Join(errs...)
}

// sighting is one account that may be the person's, or why it can't be told.
type sighting struct {
	account Account
	err     error
}

const (
	// domainGrace is how much longer than the one that knows the person the other domains may take to answer: one
	// that is down must not stop the others.
	domainGrace = time.Second
	// domainTime bounds what goes on in a domain after the call that began it.
	domainTime = 15 * time.Second
)

// Account reads the person wherever they are. ReasonAmbiguous: two enabled accounts, in two domains or joined by
// mS-DS-ConsistencyGuid, belong to this anchor. A domain that does not answer is left out once another one has
// the person. With one domain there is nothing to choose, and no search for linked accounts.
func (d *Domains) Account(ctx context.Context, anchor directory.GUID) (Account, error) {
	if len(d.list) == 1 {
		return d.list[0].Account(ctx, anchor)
	}
	answers := make(chan []sighting, len(d.list))
	for i, dir := range d.list {
		dir.work.run(ctx, domainTime, func(ctx context.Context) { answers <- d.sightings(ctx, i, anchor) })
	}
	var (
		seen []sighting
		late <-chan time.Time
	)
	for range d.list {
		select {
		case more := <-answers:
			seen = append(seen, more...)
			if late == nil && slices.ContainsFunc(more, sighting.enabled) {
				timer := time.NewTimer(domainGrace)
				defer timer.Stop()
				late = timer.C
			}
		case <-late:
			return choose(seen)
		case <-ctx.Done():
			return Account{}, aborted("look for the account in every domain", context.Cause(ctx))
		}
	}
	return choose(seen)
}

func (s sighting) enabled() bool { return s.err == nil && !s.account.Control.Has(directory.Disabled) }

// sightings looks for the anchor in one domain: as objectGUID, and as mS-DS-ConsistencyGuid.
func (d *Domains) sightings(ctx context.Context, index int, anchor directory.GUID) []sighting {
	dir := d.list[index]
	var out []sighting
	look := func(guid directory.GUID) {
		a, err := dir.Account(ctx, guid)
		if ReasonOf(err) != protocol.ReasonNotFound {
			out = append(out, sighting{a, err})
		}
	}
	look(anchor)
	if len(out) > 0 && ReasonOf(out[0].err) == protocol.ReasonDirectoryDown {
		return out
	}
	guids, err := d.claims(ctx, index, anchor)
	if err != nil {
		return append(out, sighting{err: err})
	}
	for _, guid := range guids {
		look(guid)
	}
	return out
}

// claims returns the other accounts of one domain that carry the anchor.
func (d *Domains) claims(ctx context.Context, index int, anchor directory.GUID) ([]directory.GUID, error) {
	dir, key := d.list[index], linkKey{index, anchor}
	now := dir.config.Clock()
	d.mu.Lock()
	known, ok := d.linked[key]
	d.mu.Unlock()
	if ok && now.Sub(known.read) < policyAge {
		return known.guids, nil
	}
	guids, err := dir.Linked(ctx, anchor)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for k, a := range d.linked {
		if now.Sub(a.read) >= policyAge {
			delete(d.linked, k)
		}
	}
	d.linked[key] = linkAnswer{guids, now}
	return guids, nil
}

// choose picks the one account that may be meant.
func choose(seen []sighting) (Account, error) {
	var enabled, disabled []Account
	var problem error
	for _, s := range seen {
		switch {
		case s.enabled():
			enabled = append(enabled, s.account)
		case s.err == nil:
			disabled = append(disabled, s.account)
		// A global catalogue refers to another domain for people who live there; that domain speaks for itself.
		case problem == nil, ReasonOf(problem) == protocol.ReasonReferral:
			problem = s.err
		}
	}
	switch {
	case len(enabled) > 1:
		hosts := make([]string, 0, len(enabled))
		for _, a := range enabled {
			hosts = append(hosts, a.DC.Host)
		}
		slices.Sort(hosts)
		return Account{}, &Error{
			Reason: protocol.ReasonAmbiguous,
			doing:  "more than one enabled account belongs to this person, seen on " + strings.Join(hosts, " and "),
		}
	case len(enabled) == 1:
		return enabled[0], nil
	case problem != nil && (len(disabled) == 0 || ReasonOf(problem) != protocol.ReasonReferral):
		return Account{}, problem // the enabled one may be there
	case len(disabled) > 0:
		return disabled[0], nil
	}
	return Account{}, &Error{Reason: protocol.ReasonNotFound, doing: "look for the account in every domain of this agent"}
}

// Witnesses returns the account as the controller that was written and the PDC emulator hold it; see
// Directory.Witnesses. guid is the objectGUID of the very account that was written: which of a person's accounts that was
// can't be told afterwards.
func (d *Domains) Witnesses(ctx context.Context, guid directory.GUID, invocation string) ([]Account, error) {
	if len(d.list) == 1 {
		return d.list[0].Witnesses(ctx, guid, invocation)
	}
	index, err := d.written(ctx, invocation)
	if err != nil {
		return nil, err
	}
	return d.list[index].Witnesses(ctx, guid, invocation)
}

// Elsewhere returns the account as every other controller of its domain that may be written holds it; see
// Directory.Elsewhere.
func (d *Domains) Elsewhere(ctx context.Context, guid directory.GUID, invocation string) ([]Account, error) {
	index, err := d.written(ctx, invocation)
	if err != nil {
		return nil, err
	}
	return d.list[index].Elsewhere(ctx, guid, invocation)
}

// written tells which domain the database belongs to.
func (d *Domains) written(ctx context.Context, invocation string) (int, error) {
	var down error
	for i, dir := range d.list {
		if err := dir.ready(ctx); err != nil {
			down = err
		}
		if dir.fleet.holds(invocation) {
			return i, nil
		}
	}
	if down == nil {
		down = &Error{Reason: protocol.ReasonDirectoryDown, doing: "the controller that was written is not one of any domain's any more"}
	}
	return 0, wrap("look for the controller that was written", down)
}

// Policy returns the policy that holds for the account.
func (d *Domains) Policy(ctx context.Context, a Account) (directory.PasswordPolicy, error) {
	return a.home.Policy(ctx, a)
}

// Reset sets the password; see Directory.Reset.
func (d *Domains) Reset(ctx context.Context, a Account, password []byte) error {
	return a.home.Reset(ctx, a, password)
}

// Change replaces the password; see Directory.Change.
func (d *Domains) Change(ctx context.Context, a Account, current, next []byte) error {
	return a.home.Change(ctx, a, current, next)
}

// MustChange makes the person choose another password; see Directory.MustChange.
func (d *Domains) MustChange(ctx context.Context, a Account) (protocol.MustChange, error) {
	return a.home.MustChange(ctx, a)
}

// Unlock clears the account's lockout.
func (d *Domains) Unlock(ctx context.Context, a Account) error { return a.home.Unlock(ctx, a) }
