package kerberos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

// Cache holds what somebody's kinit got: the ticket that gets others.
type Cache struct {
	// Holder is whose it is, as user@REALM.
	Holder  string
	tickets []Ticket
}

// Wipe forgets the session keys.
func (c *Cache) Wipe() {
	for i := range c.tickets {
		c.tickets[i].Wipe()
	}
}

var (
	errCache = errors.New("this is not a file of Kerberos tickets, or it is damaged")
	// ErrNoTicket means that kinit has to be run, or run again.
	ErrNoTicket = errors.New("the file of tickets has no valid one")
)

// cacheVersion is that of MIT and Heimdal since 1998.
const cacheVersion = 4

// ParseCache reads a credential cache file, version 4. Tickets that get no others, and keys other than AES, are left out. The
// caller wipes data. Errors never show any of it.
func ParseCache(data []byte) (*Cache, error) {
	if len(data) < 2 || data[0] != 5 || data[1] != cacheVersion {
		return nil, errCache
	}
	r := reader{data: data[2:]}
	r.bytes(int64(r.uint16())) // header: time offsets
	holder, realm := r.principal()
	c := &Cache{Holder: holder.PrincipalNameString() + "@" + realm}
	for entries := 0; len(r.data) > 0 && !r.failed; entries++ {
		t, useful := r.credential()
		if r.failed || entries == maxEntries {
			break
		}
		if useful {
			c.tickets = append(c.tickets, t)
		}
	}
	if r.failed || len(r.data) > 0 || realm == "" || len(holder.NameString) == 0 {
		c.Wipe()
		return nil, errCache
	}
	return c, nil
}

// granting is the ticket that gets others in the realm.
func (c *Cache) granting(realm string, now time.Time) (*Ticket, error) {
	for i := range c.tickets {
		t := &c.tickets[i]
		if !strings.EqualFold(t.realm, realm) {
			continue
		}
		if !now.Before(t.Expires) {
			return nil, fmt.Errorf("%w: that of %s ended at %s; run kinit again", ErrNoTicket, c.Holder, t.Expires.Local().Format(time.DateTime))
		}
		copied := *t
		copied.key.KeyValue = slices.Clone(t.key.KeyValue)
		return &copied, nil
	}
	return nil, fmt.Errorf("%w for %s, with an AES key; it is of %s", ErrNoTicket, realm, c.Holder)
}

// cached gets a ticket by one that is there.
func (k KDC) cached(ctx context.Context, c *Cache, service, host string) (*Ticket, error) {
	tgt, err := c.granting(k.Realm, k.Clock())
	if err != nil {
		return nil, err
	}
	defer tgt.Wipe()
	return k.service(ctx, tgt, instance(service, host))
}

// long is a length of four bytes and so many.
func (r *reader) long() []byte { return r.bytes(int64(r.uint32())) }

// maxParts bounds a name.
const maxParts = 16

// principal reads name type, number of parts, realm and parts.
func (r *reader) principal() (name types.PrincipalName, realm string) {
	name.NameType = int32(r.uint32()) //nolint:gosec // the number it stands for
	parts := r.uint32()
	if parts > maxParts {
		r.bytes(-1)
		return name, ""
	}
	realm = string(r.long())
	for range parts {
		name.NameString = append(name.NameString, string(r.long()))
	}
	return name, realm
}

// list skips addresses, or authorisation data.
func (r *reader) list() {
	for n := r.uint32(); n > 0 && !r.failed; n-- {
		r.uint16()
		r.long()
	}
}

// credential reads one. It is useful when it is a ticket for the ticket-granting service of its own realm.
func (r *reader) credential() (t Ticket, useful bool) {
	t.client, t.realm = r.principal()
	server, realm := r.principal()
	t.key.KeyType = int32(r.uint16())
	key := r.long()
	r.uint32() // authenticated
	r.uint32() // begins
	t.Expires = time.Unix(int64(r.uint32()), 0)
	r.uint32() // renewable until
	r.uint8()  // for another ticket's key
	r.uint32() // flags
	r.list()
	r.list()
	ticket := r.long()
	r.long() // a second ticket
	t.key.KeyValue = key
	if r.failed || len(server.NameString) != 2 || server.NameString[0] != "krbtgt" || server.NameString[1] != realm || realm != t.realm || checkKey(t.key) != nil {
		return Ticket{}, false
	}
	var m messages.Ticket
	if m.Unmarshal(ticket) != nil {
		return Ticket{}, false
	}
	t.ticket = m
	t.key.KeyValue = slices.Clone(key)
	return t, true
}
