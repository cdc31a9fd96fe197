package activedirectory

import (
	"context"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
	"homeward/internal/protocol"
)

// sampled is how many people of each unit stand for all of it. One alone may be an exception.
const sampled = 3

// Sample looks at a few people of each unit, and returns an *Error with ReasonRights when the service account lacks
// the rights for a reset on every one of a unit's. It is cheap enough for every few seconds; Delegation looks at
// everybody.
func (d *Directory) Sample(ctx context.Context, units []string) error {
	if d.config.Uses.NoWriteback {
		return nil // nobody is reset here
	}
	for _, unit := range units {
		guids, err := d.some(ctx, unit)
		if err != nil {
			return err
		}
		if err := d.allLack(ctx, guids); err != nil {
			return err
		}
	}
	return nil
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

// allLack returns what is missing when it is missing on every one of them.
func (d *Directory) allLack(ctx context.Context, guids []directory.GUID) error {
	var missing error
	for _, guid := range guids {
		a, err := d.Account(ctx, guid)
		if ReasonOf(err) == protocol.ReasonNotFound {
			continue // deleted meanwhile
		}
		if err == nil {
			err = a.Missing()
		}
		if ReasonOf(err) != protocol.ReasonRights {
			return err // this one can be written; or the controller is away, which Check tells
		}
		if missing == nil {
			missing = err
		}
	}
	return missing
}
