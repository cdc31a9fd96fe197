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

type sighting struct {
	account Account
	err     error
}

// Account reads the person wherever they are. ReasonAmbiguous: two enabled accounts, in two domains or joined by
// mS-DS-ConsistencyGuid, belong to this anchor.
func (d *Domains) Account(ctx context.Context, anchor directory.GUID) (Account, error) {
	if len(d.list) == 1 {
		return d.list[0].Account(ctx, anchor)
	}
	seen := make([][]sighting, len(d.list))
	var all sync.WaitGroup
	for i := range d.list {
		all.Go(func() { seen[i] = d.sightings(ctx, i, anchor) })
	}
	all.Wait()
	return choose(slices.Concat(seen...))
}

// sightings looks for the anchor in one domain: as objectGUID, and as mS-DS-ConsistencyGuid.
func (d *Domains) sightings(ctx context.Context, index int, anchor directory.GUID) []sighting {
	dir := d.list[index]
	guids, err := d.claims(ctx, index, anchor)
	if err != nil {
		return []sighting{{err: err}}
	}
	var out []sighting
	for _, guid := range append([]directory.GUID{anchor}, guids...) {
		a, err := dir.Account(ctx, guid)
		if ReasonOf(err) != protocol.ReasonNotFound {
			out = append(out, sighting{a, err})
		}
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
	var (
		found   []Account
		problem error
	)
	for _, s := range seen {
		switch {
		case s.err == nil:
			found = append(found, s.account)
		case problem == nil:
			problem = s.err
		}
	}
	enabled := slices.DeleteFunc(slices.Clone(found), func(a Account) bool { return a.Control.Has(directory.Disabled) })
	switch {
	case len(enabled) > 1:
		domains := make([]string, 0, len(enabled))
		for _, a := range enabled {
			domains = append(domains, a.DC.Host)
		}
		return Account{}, &Error{
			Reason: protocol.ReasonAmbiguous,
			doing:  "two enabled accounts belong to this person, seen on " + strings.Join(domains, " and "),
		}
	case len(enabled) == 1:
		return enabled[0], nil
	case len(found) > 0:
		return found[0], nil
	case problem != nil:
		return Account{}, problem
	}
	return Account{}, &Error{Reason: protocol.ReasonNotFound, doing: "look for the account in every domain of this agent"}
}

// Witnesses returns the account as the controller that was written and the PDC emulator hold it, in the person's
// domain; see Directory.Witnesses.
func (d *Domains) Witnesses(ctx context.Context, guid directory.GUID, invocation string) ([]Account, error) {
	var first error
	for _, dir := range d.list {
		seen, err := dir.Witnesses(ctx, guid, invocation)
		if err == nil {
			return seen, nil
		}
		if first == nil || ReasonOf(first) == protocol.ReasonNotFound {
			first = err
		}
	}
	return nil, first
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
