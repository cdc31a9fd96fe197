package activedirectory

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
	"homeward/internal/protocol"
)

// Controls of sync ([MS-ADTS] 3.1.1.3.4.1).
const (
	oidDirSync      = "1.2.840.113556.1.4.841"
	oidExtendedDN   = "1.2.840.113556.1.4.529"
	oidShowDeleted  = "1.2.840.113556.1.4.417"
	oidNotification = "1.2.840.113556.1.4.528"
	extendedHex     = "\x30\x03\x02\x01\x00" // flag 0: ids as hex digits
	// incrementalValues is LDAP_DIRSYNC_INCREMENTAL_VALUES, 0x80000000, as the signed number that 32 bits make of it.
	incrementalValues = -0x80000000
	// inMemory is how many entries of a stream wait for their consumer; the rest waits on the wire.
	inMemory = 64
)

// changesFilter also finds what was deleted, which keeps its classes and little else, and the units, because what is in
// them isn't told when they are renamed or moved.
const changesFilter = "(|(&(objectClass=user)(!(objectClass=computer)))(objectClass=group)(objectClass=organizationalUnit)(objectClass=container))"

// dirSync is the control of one request.
func dirSync(flags int64, cookie []byte) control {
	v := ber.NewSequence("DirSync")
	v.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, flags, "flags"))
	v.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, int64(0), "maximum"))
	v.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, string(cookie), "cookie"))
	return control{oidDirSync, string(v.Bytes())}
}

// canDirSync asks for nobody's changes: the right to ask is looked at first.
func (c *conn) canDirSync(base string) (bool, error) {
	_, err := c.ldap.Search(ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
		byID([]directory.GUID{{}}), []string{"objectGUID"}, []ldap.Control{dirSync(0, nil)}))
	if err != nil && (lost(err) || ldap.IsErrorAnyOf(err, ldap.LDAPResultBusy, ldap.LDAPResultUnavailable)) {
		return false, err
	}
	return err == nil, nil
}

// stream runs one DirSync request. Its entries are handed on as they come: a slow consumer makes the controller wait.
func (f *Feed) streamed(ctx context.Context, flags int64, filter string, attributes []string, cookie []byte, each func(*ldap.Entry) error) (next []byte, more bool, err error) {
	var told error
	// No timeout: the library would drop entries whose consumer takes longer. The watch below stands for it.
	err = f.with(ctx, &f.stream, "read by DirSync", 0, func(c *conn) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		silent := time.AfterFunc(syncTime, c.kill)
		defer silent.Stop()
		r := c.ldap.SearchAsync(ctx, ldap.NewSearchRequest(f.dir.base(c), ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, filter,
			attributes, []ldap.Control{dirSync(flags, cookie), control{oidExtendedDN, extendedHex}}), inMemory)
		for r.Next() {
			silent.Stop()
			if e := r.Entry(); e != nil {
				if told = each(e); told != nil {
					return down("stop reading", told) // the rest of the answer is still on the wire
				}
			}
			if answer, ok := ldap.FindControl(r.Controls(), oidDirSync).(*ldap.ControlDirSync); ok {
				next, more = bytes.Clone(answer.Cookie), answer.Flags != 0
			}
			silent.Reset(syncTime)
		}
		return r.Err()
	})
	if told != nil {
		f.stream.turn.Lock()
		f.drop(&f.stream)
		f.stream.turn.Unlock()
		return nil, false, told
	}
	if err == nil && len(next) == 0 {
		err = malformed("DirSync's answer", errors.New("it has no cookie"))
	}
	return next, more, badCookie(err)
}

// badCookie recognises a cookie the controller doesn't take.
func badCookie(err error) error {
	if ldap.IsErrorWithCode(err, ldap.LDAPResultUnavailableCriticalExtension) && strings.Contains(err.Error()+diagnose(err).text, "cookie") ||
		ldap.IsErrorWithCode(err, ldap.LDAPResultProtocolError) {
		return errors.Join(ErrPlace, err)
	}
	return err
}

// changesByDirSync is one page of changes.
func (f *Feed) changesByDirSync(ctx context.Context, from []byte) (Page, error) {
	var p Page
	var err error
	attributes := append(f.attributes(), "member", "parentGUID", "isDeleted", "isCriticalSystemObject")
	p.Next, p.More, err = f.streamed(ctx, incrementalValues, changesFilter, attributes, from, func(e *ldap.Entry) error {
		c, err := newDelta(e)
		p.Deltas = append(p.Deltas, c)
		return err
	})
	return p, err
}

// newDelta reads an entry of an incremental answer: it has the attributes that changed, and of members those that were
// added (range 1-1) or removed (0-0) ([MS-ADTS] 3.1.1.3.4.1.3).
func newDelta(e *ldap.Entry) (Delta, error) {
	_, dn, _ := cutExtended(e.DN)
	c := Delta{DN: dn}
	var anchor []byte
	for _, a := range e.Attributes {
		base, _ := cutRange(strings.ToLower(a.Name))
		switch base {
		case "objectguid":
			var err error
			if len(a.ByteValues) != 1 {
				return c, malformed("a change", errors.New("it has no objectGUID"))
			}
			if c.ID, err = directory.GUIDFromBytes(a.ByteValues[0]); err != nil {
				return c, malformed("a change", err)
			}
		case "instancetype":
		case "isdeleted":
			c.Deleted = len(a.Values) == 1 && a.Values[0] == "TRUE"
			c.Restored = !c.Deleted
			c.Created = c.Created || c.Restored
		case "objectclass":
			c.Created = true
		case "name", "parentguid":
			c.Moved = true
		case "useraccountcontrol", "iscriticalsystemobject":
			c.Control, c.Other = true, true
		case "ms-ds-consistencyguid":
			if len(a.ByteValues) == 1 {
				anchor = a.ByteValues[0]
			} else {
				c.Other = true
			}
		case "member":
			c.members(strings.ToLower(a.Name), a.ByteValues)
		default:
			c.Other = true
		}
	}
	if c.ID == (directory.GUID{}) {
		return c, malformed("a change", errors.New("it has no objectGUID"))
	}
	if anchor != nil {
		c.Echo = bytes.Equal(anchor, c.ID[:]) && !c.Other && !c.Moved && !c.Created && !c.Deleted && c.Added == nil && c.Removed == nil && !c.Members
		c.Other = !c.Echo
	}
	return c, nil
}

func (c *Delta) members(name string, values [][]byte) {
	switch name {
	case "member;range=1-1":
		c.Added = append(c.Added, membersOf(values)...)
	case "member;range=0-0":
		c.Removed = append(c.Removed, membersOf(values)...)
	default: // the whole list, or none
		c.Members = true
	}
}

// Watch calls changed whenever the controller tells of a change anywhere in the domain, until ctx ends. An error says
// that it tells no more, or never did; a controller may not offer it at all.
func (f *Feed) Watch(ctx context.Context, changed func()) error {
	return f.with(ctx, &f.notify, "be told of changes", 0, func(c *conn) error {
		r := c.ldap.SearchAsync(ctx, ldap.NewSearchRequest(f.dir.base(c), ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
			"(objectClass=*)", []string{"objectGUID"}, []ldap.Control{control{oid: oidNotification}, control{oid: oidShowDeleted}}), inMemory)
		for r.Next() {
			if r.Entry() != nil {
				changed()
			}
		}
		err := r.Err()
		if err == nil {
			err = errors.New("the controller ended it")
		}
		return &Error{Reason: protocol.ReasonDirectoryDown, doing: "be told of changes", err: err, Sent: true}
	})
}
