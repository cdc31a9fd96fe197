package activedirectory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
	"homeward/internal/protocol"
)

// ErrPlace reports a place that changes can't be read from any more: made on a database that doesn't answer now, or
// refused by the controller. Only a full read helps.
var ErrPlace = errors.New("changes can't be read from there; everything has to be read again")

const (
	// syncTime bounds one search that is no stream, and how long a stream may be silent.
	syncTime = 2 * time.Minute
	// syncPage is how many objects a paged search asks for at once.
	syncPage = 500
	// syncIDs is how many objects one search by GUID names.
	syncIDs = 100
)

// Kind is what an object of the directory is to sync.
type Kind int

// Kinds of objects.
const (
	OtherKind Kind = iota // a computer, a trust, krbtgt: never synced
	PersonKind
	GroupKind
	UnitKind // an organizational unit or container
)

// Object is one object as the directory holds it. Attributes are named in lower case.
type Object struct {
	ID         directory.GUID
	DN         string
	Kind       Kind
	Attributes map[string][][]byte
	// Members are a group's, where they were asked for. MembersCut says that the controller gave only some of them:
	// read them with Feed.Members.
	Members    []directory.GUID
	MembersCut bool
}

// Delta says that an object isn't what it was. What it is now, Feed.Read tells.
type Delta struct {
	ID      directory.GUID
	DN      string
	Deleted bool
	Created bool
	// Restored from deletion: groups may have it as a member again, which isn't told of them.
	Restored bool
	Moved    bool // renamed or moved
	// Echo: only the source anchor was written, and it is the object's own id.
	Echo bool
	// Control: something changed that makes the object a person who is synced, or none.
	Control bool
	// Other attributes changed than the members.
	Other bool
	// Added and Removed are changes of a group's members; Members says that they may have changed in a way that isn't known.
	Added, Removed []directory.GUID
	Members        bool
}

// Page is a part of what changed.
type Page struct {
	Deltas []Delta
	Next   []byte // where to go on
	More   bool   // there is more already
}

// Reading is how a domain can be read.
type Reading struct {
	Mode string // protocol.SyncByDirSync or SyncByUSN
	// Deletions: what is deleted shows. If not, only comparing tells.
	Deletions bool
	DC        string
}

// Feed reads a domain for sync, from one controller as long as that answers. Its methods may be called side by side;
// each kind of work has a connection of its own.
//
// It never reads anything of a person but the attributes it was given and those every person is described by.
type Feed struct {
	dir    *Directory
	units  []string
	wanted []string // attributes of people
	step   int      // members asked for at once; zero: what the controller gives

	choosing sync.Mutex // one connects after the other, so that all come to the same controller

	mu     sync.Mutex
	home   *target
	read   int64 // bytes, by connections that are gone
	open   map[*conn]bool
	stream link
	beside link // reads other units while stream reads one
	small  link
	anchor link
	notify link
}

// link is one connection of a feed, and whose turn it is.
type link struct {
	turn sync.Mutex
	conn *conn
}

// Feed returns a feed of the units' people, with these attributes, and groups. It connects when it is first used.
func (d *Directory) Feed(units, attributes []string) *Feed {
	return &Feed{dir: d, units: units, wanted: attributes, open: map[*conn]bool{}}
}

// Close ends the connections.
func (f *Feed) Close() {
	f.mu.Lock()
	open := f.open
	f.open = map[*conn]bool{}
	f.mu.Unlock()
	for c := range open {
		c.kill()
	}
}

// Bytes is how much was read from controllers so far.
func (f *Feed) Bytes() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.read
	for c := range f.open {
		n += c.received()
	}
	return n
}

func (c *conn) received() int64 {
	if ch, ok := c.raw.(*channel); ok && ch.read != nil {
		return ch.read.Load()
	}
	return 0
}

// with runs f on the link's connection. An error that leaves the connection unusable ends it.
func (f *Feed) with(ctx context.Context, l *link, doing string, timeout time.Duration, do func(*conn) error) error {
	l.turn.Lock()
	defer l.turn.Unlock()
	c, err := f.connect(ctx, l)
	if err != nil {
		return err
	}
	err = c.use(ctx, timeout, do)
	if lost(err) || ctx.Err() != nil {
		f.drop(l)
		if err != nil && ctx.Err() == nil {
			return &Error{Reason: protocol.ReasonDirectoryDown, doing: doing + " from " + c.dc.Host, err: err}
		}
	}
	return wrap(doing, err)
}

// connect gives the link's connection: the one it has, while that is young, else one to the controller the feed is at,
// else to the best one.
func (f *Feed) connect(ctx context.Context, l *link) (*conn, error) {
	if c := l.conn; c != nil {
		if !c.ldap.IsClosing() && f.dir.config.Clock().Sub(c.born) < maxAge {
			return c, nil
		}
		f.drop(l)
	}
	f.choosing.Lock()
	defer f.choosing.Unlock()
	f.mu.Lock()
	home := f.home
	f.mu.Unlock()
	c, err := f.reach(ctx, home)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.home = &target{host: c.dc.name, address: c.dc.address}
	f.open[c] = true
	l.conn = c
	return c, nil
}

func (f *Feed) reach(ctx context.Context, home *target) (*conn, error) {
	if home != nil {
		if c, err := f.dir.dial(ctx, *home); err == nil || ctx.Err() != nil {
			return c, err
		}
	}
	return f.dir.dialAny(ctx)
}

func (f *Feed) drop(l *link) {
	c := l.conn
	l.conn = nil
	if c == nil {
		return
	}
	c.kill()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open[c] {
		delete(f.open, c)
		f.read += c.received()
	}
}

// Look finds out how the domain can be read now, and that the units are there: one that isn't would make everybody in
// it vanish.
func (f *Feed) Look(ctx context.Context) (Reading, error) {
	r := Reading{Mode: protocol.SyncByUSN}
	err := f.with(ctx, &f.small, "look at the domain", syncTime, func(c *conn) error {
		r.DC = c.dc.Host
		for _, unit := range f.units {
			if err := c.exists(unit); err != nil {
				return err
			}
		}
		can, err := c.canDirSync(f.dir.base(c))
		if err != nil {
			return err
		}
		if can {
			r.Mode = protocol.SyncByDirSync
		}
		bin, err := c.oneWith([]ldap.Control{control{oid: oidShowDeleted}}, "CN=Deleted Objects,"+f.dir.base(c), []string{"isDeleted"})
		if err != nil {
			return unlessAnswered(err)
		}
		r.Deletions = attribute(bin, "isDeleted") != nil // Samba gives an entry without attributes to whoever may not read it
		return nil
	})
	return r, err
}

// Read gives the objects as they are now, without members. Objects that are gone, or may not be read, are left out.
func (f *Feed) Read(ctx context.Context, ids []directory.GUID, each func(Object) error) error {
	for part := range slices.Chunk(ids, syncIDs) {
		err := f.with(ctx, &f.small, "read changed objects", syncTime, func(c *conn) error {
			return f.search(c, f.dir.base(c), byID(part), f.wholeAttributes(), each)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func byID(ids []directory.GUID) string {
	var b strings.Builder
	b.WriteString("(|")
	for _, id := range ids {
		b.WriteString("(objectGUID=")
		for _, c := range id {
			fmt.Fprintf(&b, `\%02x`, c)
		}
		b.WriteByte(')')
	}
	b.WriteByte(')')
	return b.String()
}

// Below gives everything below a unit, the unit too, as it is now, without members. A unit that is gone has nothing.
func (f *Feed) Below(ctx context.Context, unit directory.GUID, each func(Object) error) error {
	err := f.with(ctx, &f.small, "read a unit", syncTime, func(c *conn) error {
		return f.search(c, unit.DN(), "(|"+peopleFilter+"(objectClass=group))", f.wholeAttributes(), each)
	})
	if ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
		return nil
	}
	return err
}

// found is one page of a search.
type found struct {
	entries []*ldap.Entry
	err     error
}

// search is a paged search. The next page is asked for while the callback has the one before, so that the controller
// never waits for whom the objects are for; no more than that is read ahead. The callback must not take the same link.
func (f *Feed) search(c *conn, base, filter string, attributes []string, each func(Object) error, more ...ldap.Control) error {
	return gather(each, func(take func(found) bool) { c.fetch(base, filter, attributes, more, take) })
}

// gather hands on what the sources find, one page at a time, and tells them when no more is wanted.
func gather(each func(Object) error, sources ...func(take func(found) bool)) error {
	pages, enough := make(chan found), make(chan struct{})
	take := func(p found) bool {
		select {
		case pages <- p:
			return true
		case <-enough:
			return false
		}
	}
	var reading sync.WaitGroup
	for _, from := range sources { // end with their search or connection; waited for below
		reading.Go(func() { from(take) })
	}
	go func() {
		defer close(pages)
		reading.Wait()
	}()
	var err error
	for p := range pages {
		if err != nil {
			continue
		}
		if err = p.deliver(each); err != nil {
			close(enough)
		}
	}
	return err
}

// fetch asks for one page after the other while they are wanted. It reports whether all were taken.
func (c *conn) fetch(base, filter string, attributes []string, more []ldap.Control, take func(found) bool) bool {
	var at []byte
	for {
		paging := ldap.NewControlPaging(syncPage)
		paging.SetCookie(at)
		r, err := c.ldap.Search(ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, filter, attributes,
			append([]ldap.Control{paging, control{oidExtendedDN, extendedHex}}, more...)))
		if err != nil {
			take(found{err: err})
			return false
		}
		answer, ok := ldap.FindControl(r.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		if !take(found{entries: r.Entries}) {
			return false
		}
		if !ok || len(answer.Cookie) == 0 {
			return true
		}
		at = answer.Cookie
	}
}

func (p found) deliver(each func(Object) error) error {
	for _, e := range p.entries {
		if err := deliverObject(e, each); err != nil {
			return err
		}
	}
	return p.err
}

// errTaken is what a callback said, as opposed to a controller: the connection is as good as before.
func errTaken(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	return &Error{Reason: protocol.ReasonInternal, doing: "hand on what was read", err: err}
}

func deliverObject(e *ldap.Entry, each func(Object) error) error {
	o, err := newObject(e)
	if err != nil {
		return err
	}
	return errTaken(each(o))
}

// Anchor writes the object's own id into its empty source anchor. One that holds a value already keeps it, which is no
// error.
func (f *Feed) Anchor(ctx context.Context, id directory.GUID) error {
	return f.with(ctx, &f.anchor, "write the source anchor", f.dir.config.WriteTimeout, func(c *conn) error {
		m := ldap.NewModifyRequest(id.DN(), nil)
		// Adding a second value to a single-valued attribute is refused: nothing is ever overwritten.
		m.Add(anchorAttribute, []string{string(id[:])})
		err := c.ldap.Modify(m)
		if ldap.IsErrorAnyOf(err, ldap.LDAPResultAttributeOrValueExists, ldap.LDAPResultConstraintViolation, ldap.LDAPResultNoSuchObject) {
			return nil
		}
		return err
	})
}
