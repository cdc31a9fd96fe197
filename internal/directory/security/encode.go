package security

import (
	"encoding/binary"
	"fmt"
	"slices"

	"homeward/internal/directory"
)

// Encode returns a self-relative descriptor that holds the DACL only: what is written with the control that
// limits a write to it. Entries that were read are written back as they were.
func (d Descriptor) Encode() ([]byte, error) {
	body, revision := []byte(nil), max(d.revision, revisionPlain)
	for _, a := range d.ACEs {
		raw, err := a.bytes()
		if err != nil {
			return nil, err
		}
		body = append(body, raw...)
		if a.Kind >= firstWithObject && a.Kind <= DenyObject {
			revision = max(revision, revisionDS)
		}
	}
	size := aclHeader + len(body)
	if size > maxACL {
		return nil, fmt.Errorf("access control list of %d bytes: Active Directory takes %d at most", size, maxACL)
	}
	out := make([]byte, sdHeader+aclHeader, sdHeader+size)
	out[0] = 1
	binary.LittleEndian.PutUint16(out[sdControl:], d.control&daclBits|daclPresent|selfRelative)
	binary.LittleEndian.PutUint32(out[sdDACL:], sdHeader)
	acl := out[sdHeader:]
	acl[0] = revision
	binary.LittleEndian.PutUint16(acl[2:], uint16(size))
	binary.LittleEndian.PutUint16(acl[4:], uint16(len(d.ACEs))) //nolint:gosec // entries are 8 bytes at least
	return append(out, body...), nil
}

// bytes is the entry as it was read, or written anew.
func (a ACE) bytes() ([]byte, error) {
	if a.raw != nil {
		return a.raw, nil
	}
	if a.Kind != Allow && a.Kind != Deny && a.Kind != AllowObject && a.Kind != DenyObject {
		return nil, fmt.Errorf("entry of kind %#x: %w", byte(a.Kind), directory.ErrSyntax)
	}
	sid, err := sidBytes(a.SID)
	if err != nil {
		return nil, err
	}
	out := make([]byte, aceHeader)
	out[0], out[1] = byte(a.Kind), a.Flags
	binary.LittleEndian.PutUint32(out[4:], a.Mask)
	if a.withObject() {
		var flags uint32
		var guids []byte
		if a.HasObject {
			flags, guids = flags|flagObject, append(guids, a.Object[:]...)
		}
		if a.HasClass {
			flags, guids = flags|flagInherit, append(guids, a.Class[:]...)
		}
		out = append(binary.LittleEndian.AppendUint32(out, flags), guids...)
	}
	out = append(out, sid...)
	binary.LittleEndian.PutUint16(out[2:], uint16(len(out))) //nolint:gosec // 112 bytes at most
	return out, nil
}

func sidBytes(text string) ([]byte, error) {
	s, err := directory.ParseSID(text)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", text, err)
	}
	var authority [8]byte
	binary.BigEndian.PutUint64(authority[:], s.Authority)
	out := append([]byte{1, byte(len(s.Sub))}, authority[2:]...) //nolint:gosec // 15 at most
	for _, n := range s.Sub {
		out = binary.LittleEndian.AppendUint32(out, n)
	}
	return out, nil
}

// With returns the descriptor with more entries in their canonical place ([MS-DTYP] 2.4.5): behind every explicit
// denial and before the inherited ones. What was there keeps its order.
func (d Descriptor) With(more ...ACE) Descriptor {
	at := 0
	for i, a := range d.ACEs {
		if a.Denies() && !a.Has(Inherited) {
			at = i + 1
		}
	}
	d.ACEs = slices.Insert(slices.Clone(d.ACEs), at, more...)
	return d
}

// Without returns the descriptor without the explicit entries that say the same as one of these.
func (d Descriptor) Without(less ...ACE) Descriptor {
	d.ACEs = slices.DeleteFunc(slices.Clone(d.ACEs), func(a ACE) bool {
		return !a.Has(Inherited) && slices.ContainsFunc(less, a.Same)
	})
	return d
}

// Owned returns a self-relative descriptor that holds an owner only: what is written with the control that limits a
// write to it.
func Owned(sid string) ([]byte, error) {
	owner, err := sidBytes(sid)
	if err != nil {
		return nil, err
	}
	out := make([]byte, sdHeader, sdHeader+len(owner))
	out[0] = 1
	binary.LittleEndian.PutUint16(out[sdControl:], selfRelative)
	binary.LittleEndian.PutUint32(out[sdOwner:], sdHeader)
	return append(out, owner...), nil
}

// Administrators is the group that owns what nobody in particular does.
const Administrators = "S-1-5-32-544"

// EncodeOwned returns a self-relative descriptor with the DACL and an owner: one that stands in an attribute of its own.
func (d Descriptor) EncodeOwned(owner string) ([]byte, error) {
	out, err := d.Encode()
	if err != nil {
		return nil, err
	}
	sid, err := sidBytes(owner)
	if err != nil {
		return nil, err
	}
	binary.LittleEndian.PutUint32(out[sdOwner:], uint32(len(out))) //nolint:gosec // an ACL has less than 64 kB
	return append(out, sid...), nil
}
