package activedirectory

import (
	"context"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
	"homeward/internal/protocol"
)

// sampled is how many people of each unit stand for all of it. One alone may be an exception.
const sampled = 3

// A controller may look at everybody in a unit to find a few, so they are chosen for a while; a unit without anybody is
// looked at again sooner.
const (
	sampleLife = time.Hour
	emptyLife  = time.Minute
)

// sample is who stands for a unit.
type sample struct {
	guids []directory.GUID
	until time.Time
}

// Sample looks at a few people of each unit, and returns an *Error with ReasonRights when the service account lacks
// the rights for a reset on every one of a unit's. It reads those few alone, so it is cheap enough for every few seconds;
// Delegation looks at everybody.
func (d *Directory) Sample(ctx context.Context, units []string) error {
	if d.config.Uses.NoWriteback {
		return nil // nobody is reset here
	}
	for _, unit := range units {
		guids, err := d.standing(ctx, unit)
		if err != nil {
			return err
		}
		all, err := d.allLack(ctx, guids)
		if !all {
			d.forget(unit)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// standing returns who stands for a unit: the same people as before, for a while.
func (d *Directory) standing(ctx context.Context, unit string) ([]directory.GUID, error) {
	now := d.config.Clock()
	d.mu.Lock()
	kept := d.samples[unit]
	d.mu.Unlock()
	if now.Before(kept.until) {
		return kept.guids, nil
	}
	guids, err := d.some(ctx, unit)
	if err != nil {
		return nil, err
	}
	life := sampleLife
	if len(guids) == 0 {
		life = emptyLife
	}
	d.mu.Lock()
	d.samples[unit] = sample{guids, now.Add(life)}
	d.mu.Unlock()
	return guids, nil
}

// forget has others chosen the next time.
func (d *Directory) forget(unit string) {
	d.mu.Lock()
	delete(d.samples, unit)
	d.mu.Unlock()
}

// some returns people of a unit that protection does not explain.
func (d *Directory) some(ctx context.Context, unit string) ([]directory.GUID, error) {
	var guids []directory.GUID
	err := d.read(ctx, func(c *conn) error {
		guids = nil
		r, err := c.ldap.Search(ldap.NewSearchRequest(unit, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, sampled, 0, false,
			"(&"+peopleFilter+"(!(adminCount=1)))", []string{"objectGUID"}, nil))
		if err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded) {
			return err
		}
		for _, e := range r.Entries {
			guid, err := directory.GUIDFromBytes(attribute(e, "objectGUID"))
			if err != nil {
				return malformed("attribute objectGUID", err)
			}
			guids = append(guids, guid)
		}
		return nil
	})
	return guids, wrap("look at a few people", err)
}

// allLack returns what is missing when it is missing on every one of them. all: none of them has gone, or is protected now.
func (d *Directory) allLack(ctx context.Context, guids []directory.GUID) (all bool, missing error) {
	all = true
	for _, guid := range guids {
		a, err := d.Account(ctx, guid)
		if ReasonOf(err) == protocol.ReasonNotFound {
			all = false
			continue // deleted meanwhile
		}
		if err == nil && a.Protected {
			all = false
			continue
		}
		if err == nil {
			err = a.Missing()
		}
		if ReasonOf(err) != protocol.ReasonRights {
			return all, err // this one can be written; or the controller is away, which Check tells
		}
		if missing == nil {
			missing = err
		}
	}
	return all, missing
}
