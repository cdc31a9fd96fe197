package activedirectory

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
	"homeward/internal/protocol"
)

// All reads everybody and every group. next is where changes are read from: a place from before the read, so that nothing
// is missed. It is a paged search in both modes: DirSync would read in half the time, but Samba answers it only when it has
// everything, so that nothing could be sent meanwhile, and leaves out accounts whose uSNChanged may not be read.
func (f *Feed) All(ctx context.Context, mode string, each func(Object) error) (next []byte, err error) {
	if mode == protocol.SyncByDirSync {
		if next, _, err = f.streamed(ctx, 0, byID([]directory.GUID{{}}), []string{"objectGUID"}, nil, func(*ldap.Entry) error { return nil }); err != nil {
			return nil, err
		}
	}
	err = f.with(ctx, &f.stream, "read everybody", syncTime, func(c *conn) error {
		if mode != protocol.SyncByDirSync {
			usn, err := c.highestUSN()
			if err != nil {
				return err
			}
			next = usnPlace(c.dc.Invocation, usn)
		}
		return f.everybody(ctx, c, each)
	})
	return next, err
}

// everybody reads the units, two at a time where there are several: while one connection's page is taken apart here, the
// controller makes the other's.
func (f *Feed) everybody(ctx context.Context, c *conn, each func(Object) error) error {
	units := outermost(f.units)
	if len(units) == 1 {
		return f.readUnits(each, units, c)
	}
	return f.with(ctx, &f.beside, "read everybody", syncTime, func(d *conn) error {
		if d.dc.Invocation != c.dc.Invocation { // another controller's picture doesn't belong to this place
			return f.readUnits(each, units, c)
		}
		return f.readUnits(each, units, c, d)
	})
}

// readUnits shares the units among the connections.
func (f *Feed) readUnits(each func(Object) error, units []string, conns ...*conn) error {
	waiting := make(chan string, len(units))
	for _, u := range units {
		waiting <- u
	}
	close(waiting)
	sources := make([]func(func(found) bool), 0, len(conns))
	for _, c := range conns {
		sources = append(sources, func(take func(found) bool) {
			for u := range waiting {
				if !c.fetch(u, "(|"+peopleFilter+"(objectClass=group))", append(f.attributes(), "member"), nil, take) {
					return
				}
			}
		})
	}
	return gather(each, sources...)
}

// Changes reads what changed since the place. It fails with ErrPlace where that can't be told.
func (f *Feed) Changes(ctx context.Context, mode string, from []byte) (Page, error) {
	if mode == protocol.SyncByDirSync {
		return f.changesByDirSync(ctx, from)
	}
	invocation, since, err := parseUSNPlace(from)
	if err != nil {
		return Page{}, err
	}
	var p Page
	err = f.with(ctx, &f.stream, "read changes", syncTime, func(c *conn) error {
		if c.dc.Invocation != invocation {
			return errTaken(fmt.Errorf("%w: %s has another database than the one it was read from", ErrPlace, c.dc.Host))
		}
		usn, err := c.highestUSN()
		if err != nil {
			return err
		}
		p = Page{Next: usnPlace(invocation, usn)}
		if usn == since {
			return nil
		}
		if usn < since {
			return errTaken(fmt.Errorf("%w: %s is at %d, before %d", ErrPlace, c.dc.Host, usn, since))
		}
		filter := fmt.Sprintf("(&(uSNChanged>=%d)%s)", since+1, changesFilter)
		return f.search(c, f.dir.base(c), filter, []string{"objectGUID", "objectClass", "isDeleted"}, func(o Object) error {
			p.Deltas = append(p.Deltas, Delta{
				ID: o.ID, DN: o.DN, Deleted: string(o.first("isdeleted")) == "TRUE", Moved: true, Control: true, Other: true,
				Members: o.Kind == GroupKind,
			})
			return nil
		}, control{oid: oidShowDeleted})
	})
	return p, err
}

// highestUSN is the number of the controller's newest change ([MS-ADTS] 3.1.1.1.9).
func (c *conn) highestUSN() (int64, error) {
	e, err := c.one("", "highestCommittedUSN")
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(string(attribute(e, "highestCommittedUSN")), 10, 64)
	if err != nil || n < 0 {
		return 0, malformed("the controller's newest change", errors.New("highestCommittedUSN is no number"))
	}
	return n, nil
}

// usnPlaceSize is an invocation id and a number.
const usnPlaceSize = 24

func usnPlace(invocation directory.GUID, usn int64) []byte {
	return binary.BigEndian.AppendUint64(slices.Clone(invocation[:]), uint64(usn)) //nolint:gosec // never negative
}

func parseUSNPlace(b []byte) (directory.GUID, int64, error) {
	if len(b) != usnPlaceSize {
		return directory.GUID{}, 0, fmt.Errorf("%w: %d bytes", ErrPlace, len(b))
	}
	usn := int64(binary.BigEndian.Uint64(b[16:])) //nolint:gosec // checked below
	if usn < 0 {
		return directory.GUID{}, 0, fmt.Errorf("%w: a negative number", ErrPlace)
	}
	return directory.GUID(b[:16]), usn, nil
}

// IDs gives the id and the DN of everybody and every group in the units: all there is to see of who is gone, where what
// is deleted can't be read.
func (f *Feed) IDs(ctx context.Context, each func(Object) error) error {
	return f.with(ctx, &f.stream, "list everybody", syncTime, func(c *conn) error {
		for _, unit := range outermost(f.units) {
			err := f.search(c, unit, "(|"+peopleFilter+"(objectClass=group))", []string{"objectGUID", "objectClass"}, each)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Members reads a group's members, people and groups alike, and hands them on in parts. A group that is gone has none.
func (f *Feed) Members(ctx context.Context, group directory.GUID, each func([]directory.GUID) error) error {
	return f.linked(ctx, "read a group's members", group, "member", each)
}

// GroupsOf are the groups that have the object as a member, directly. Somebody can be in thousands.
func (f *Feed) GroupsOf(ctx context.Context, id directory.GUID) (groups []directory.GUID, err error) {
	err = f.linked(ctx, "read somebody's groups", id, "memberof", func(ids []directory.GUID) error {
		groups = append(groups, ids...)
		return nil
	})
	return groups, err
}

// linked reads an attribute of links, in lower case, by ranges: a controller gives no more than so many values at once
// ([MS-ADTS] 3.1.1.3.1.3.3), those of memberOf no less than those of member. An object that is gone has none.
func (f *Feed) linked(ctx context.Context, what string, id directory.GUID, name string, each func([]directory.GUID) error) error {
	err := f.with(ctx, &f.small, what, syncTime, func(c *conn) error {
		for from := 0; ; {
			to := "*"
			if f.step > 0 {
				to = strconv.Itoa(from + f.step - 1)
			}
			e, err := c.oneWith([]ldap.Control{control{oidExtendedDN, extendedHex}}, id.DN(), []string{name + ";range=" + strconv.Itoa(from) + "-" + to})
			if err != nil {
				return err
			}
			ids, got := rangedLinks(e, name)
			if len(ids) > 0 {
				if err := each(ids); err != nil {
					return errTaken(err)
				}
			}
			if got == nil || got.last || got.to < from {
				return nil
			}
			from = got.to + 1
		}
	})
	if ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
		return nil
	}
	return err
}

// rangedLinks finds the values a ranged request was answered with; no span: there are none, or no more.
func rangedLinks(e *ldap.Entry, name string) ([]directory.GUID, *span) {
	for _, a := range e.Attributes {
		base, got := cutRange(strings.ToLower(a.Name))
		if base == name && len(a.ByteValues) > 0 {
			return membersOf(a.ByteValues), got
		}
	}
	return nil, nil
}

// ID finds the object of a DN.
func (f *Feed) ID(ctx context.Context, dn string) (id directory.GUID, err error) {
	err = f.with(ctx, &f.small, "find "+dn, syncTime, func(c *conn) error {
		e, err := c.one(dn, "objectGUID")
		if err != nil {
			return err
		}
		id, err = directory.GUIDFromBytes(attribute(e, "objectGUID"))
		return err
	})
	return id, err
}

// Groups tells which of the objects are groups; with deleted, which were when they were deleted.
func (f *Feed) Groups(ctx context.Context, ids []directory.GUID, deleted bool) (groups []directory.GUID, err error) {
	var more []ldap.Control
	if deleted {
		more = []ldap.Control{control{oid: oidShowDeleted}}
	}
	for part := range slices.Chunk(ids, syncIDs) {
		err = f.with(ctx, &f.small, "look for groups", syncTime, func(c *conn) error {
			return f.search(c, f.dir.base(c), "(&(objectClass=group)"+byID(part)+")", []string{"objectGUID"},
				func(o Object) error { groups = append(groups, o.ID); return nil }, more...)
		})
		if err != nil {
			return nil, err
		}
	}
	return groups, nil
}
