// Package security reads, judges and writes the access control lists of Active Directory objects.
//
// It guarantees that a list it reads and writes again keeps every entry byte for byte, those it doesn't know
// included; that entries are judged in the order they are stored in, as a controller does; and that what can't
// be known from the list alone, a conditional entry, is said to be unclear rather than guessed.
//
// It does not inherit: it reads what the controller has already worked out for an object. It does no I/O.
package security

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"homeward/internal/directory"
)

// ErrNoDACL reports a descriptor without a discretionary access control list.
var ErrNoDACL = errors.New("the security descriptor has no DACL")

// Kind is the type of an access control entry ([MS-DTYP] 2.4.4.1).
type Kind byte

// Kinds that allow or deny. All others are kept and play no part.
const (
	Allow                   Kind = 0x00
	Deny                    Kind = 0x01
	AllowObject             Kind = 0x05
	DenyObject              Kind = 0x06
	AllowConditional        Kind = 0x09 // ACCESS_ALLOWED_CALLBACK_ACE
	DenyConditional         Kind = 0x0A
	AllowConditionalObject  Kind = 0x0B
	DenyConditionalObject   Kind = 0x0C
	firstWithObject              = AllowObject
	flagObject, flagInherit      = 0x1, 0x2 // ACE_OBJECT_TYPE_PRESENT, ACE_INHERITED_OBJECT_TYPE_PRESENT
)

// Flags of an entry ([MS-DTYP] 2.4.4.1).
const (
	ObjectInherit    = 0x01
	ContainerInherit = 0x02
	NoPropagate      = 0x04
	InheritOnly      = 0x08
	Inherited        = 0x10
)

// Control bits of a descriptor ([MS-DTYP] 2.4.6).
const (
	daclPresent   = 0x0004
	daclProtected = 0x1000
	selfRelative  = 0x8000
	// daclBits are those that belong to the DACL: present, defaulted, trusted, auto-inherit, protected.
	daclBits = 0x0004 | 0x0008 | 0x0040 | 0x0100 | 0x0400 | 0x1000
)

// ACE is one access control entry.
type ACE struct {
	Kind      Kind
	Flags     byte
	Mask      uint32
	Object    directory.GUID // the right, attribute, property set or class it is limited to; zero: not limited
	Class     directory.GUID // InheritedObjectType: the class that inherits it; zero: every class
	HasObject bool
	HasClass  bool
	SID       string // of whom it speaks; empty for kinds that play no part

	raw []byte // as it was read
}

// Allows reports whether the entry is one that allows.
func (a ACE) Allows() bool {
	return a.Kind == Allow || a.Kind == AllowObject || a.Kind == AllowConditional || a.Kind == AllowConditionalObject
}

// Denies reports whether the entry is one that denies.
func (a ACE) Denies() bool {
	return a.Kind == Deny || a.Kind == DenyObject || a.Kind == DenyConditional || a.Kind == DenyConditionalObject
}

// Conditional reports whether the entry holds only under a condition ([MS-DTYP] 2.4.4.17).
func (a ACE) Conditional() bool { return a.Kind >= AllowConditional && a.Kind <= DenyConditionalObject }

// Has reports whether every bit of flags is set.
func (a ACE) Has(flags byte) bool { return a.Flags&flags == flags }

// Same reports whether two entries say the same, whatever their bytes.
func (a ACE) Same(b ACE) bool {
	return a.Kind == b.Kind && a.Flags == b.Flags && a.Mask == b.Mask && a.SID == b.SID && a.SID != "" && !a.Conditional() &&
		a.HasObject == b.HasObject && a.Object == b.Object && a.HasClass == b.HasClass && a.Class == b.Class
}

// Descriptor is a security descriptor's owner and DACL.
type Descriptor struct {
	Owner     string // empty: not read
	Protected bool   // inheritance is off
	ACEs      []ACE

	control  uint16
	revision byte
}

// Sizes and offsets ([MS-DTYP] 2.4.6, 2.4.5, 2.4.4.1, 2.4.2.2).
const (
	sdHeader, sdControl, sdOwner, sdDACL = 20, 2, 4, 16
	aclHeader, aceHeader, sidHeader      = 8, 8, 8
	maxACL                               = 1<<16 - 1
	revisionDS                           = 4 // ACL_REVISION_DS: object entries are allowed
	revisionPlain                        = 2
)

// Parse reads a self-relative security descriptor. One without a DACL, or with a null one, gives ErrNoDACL.
func Parse(b []byte) (Descriptor, error) {
	if len(b) < sdHeader || b[0] != 1 {
		return Descriptor{}, fmt.Errorf("security descriptor of %d bytes: %w", len(b), directory.ErrSyntax)
	}
	d := Descriptor{control: binary.LittleEndian.Uint16(b[sdControl:])}
	d.Protected = d.control&daclProtected != 0
	if at := binary.LittleEndian.Uint32(b[sdOwner:]); at != 0 {
		owner, err := readSID(from(b, at))
		if err != nil {
			return Descriptor{}, fmt.Errorf("owner: %w", err)
		}
		d.Owner = owner
	}
	at := binary.LittleEndian.Uint32(b[sdDACL:])
	if at == 0 || d.control&daclPresent == 0 {
		return Descriptor{}, ErrNoDACL
	}
	return d, d.readACL(from(b, at))
}

// from is the part of b that begins at an offset; nothing when it lies outside.
func from(b []byte, at uint32) []byte {
	if uint64(at) < sdHeader || uint64(at) > uint64(len(b)) {
		return nil
	}
	return b[at:]
}

func (d *Descriptor) readACL(b []byte) error {
	if len(b) < aclHeader {
		return fmt.Errorf("DACL outside the descriptor: %w", directory.ErrSyntax)
	}
	size, count := int(binary.LittleEndian.Uint16(b[2:])), int(binary.LittleEndian.Uint16(b[4:]))
	if size < aclHeader || size > len(b) {
		return fmt.Errorf("DACL of %d bytes in %d: %w", size, len(b), directory.ErrSyntax)
	}
	d.revision = b[0]
	rest := b[aclHeader:size]
	aces := make([]ACE, 0, min(count, len(rest)/aceHeader))
	for i := range count {
		if len(rest) < aceHeader {
			return fmt.Errorf("entry %d of %d is missing: %w", i+1, count, directory.ErrSyntax)
		}
		n := int(binary.LittleEndian.Uint16(rest[2:]))
		if n < aceHeader || n > len(rest) {
			return fmt.Errorf("entry %d of %d bytes in %d: %w", i+1, n, len(rest), directory.ErrSyntax)
		}
		a, err := readACE(rest[:n])
		if err != nil {
			return fmt.Errorf("entry %d: %w", i+1, err)
		}
		aces, rest = append(aces, a), rest[n:]
	}
	d.ACEs = aces
	return nil
}

func readACE(b []byte) (ACE, error) {
	a := ACE{Kind: Kind(b[0]), Flags: b[1], raw: append([]byte(nil), b...)}
	if !a.Allows() && !a.Denies() {
		return a, nil
	}
	a.Mask = binary.LittleEndian.Uint32(b[4:])
	rest := b[aceHeader:]
	if a.withObject() {
		var err error
		if rest, err = a.readObjects(rest); err != nil {
			return a, err
		}
	}
	// A SID may be followed by a condition or by padding.
	var err error
	a.SID, err = readSID(rest)
	return a, err
}

func (a *ACE) withObject() bool {
	return a.Kind == AllowObject || a.Kind == DenyObject || a.Kind == AllowConditionalObject || a.Kind == DenyConditionalObject
}

func (a *ACE) readObjects(b []byte) ([]byte, error) {
	if len(b) < 4 {
		return nil, fmt.Errorf("object entry of %d bytes: %w", len(b), directory.ErrSyntax)
	}
	flags, rest := binary.LittleEndian.Uint32(b), b[4:]
	for _, part := range []struct {
		bit uint32
		has *bool
		id  *directory.GUID
	}{{flagObject, &a.HasObject, &a.Object}, {flagInherit, &a.HasClass, &a.Class}} {
		if flags&part.bit == 0 {
			continue
		}
		if len(rest) < 16 {
			return nil, fmt.Errorf("object entry ends in a GUID: %w", directory.ErrSyntax)
		}
		*part.has, *part.id, rest = true, directory.GUID(rest[:16]), rest[16:]
	}
	return rest, nil
}

func readSID(b []byte) (string, error) {
	if len(b) < sidHeader || len(b) < sidHeader+4*int(b[1]) {
		return "", fmt.Errorf("SID cut short: %w", directory.ErrSyntax)
	}
	n := sidHeader + 4*int(b[1])
	s, err := directory.SIDFromBytes(b[:n])
	if err != nil {
		return "", err
	}
	return s.String(), nil
}

// Fingerprint is a hash of everything that counts when a list is judged: its entries and whether it inherits. It
// leaves the owner out. False: the descriptor can't be read.
func Fingerprint(b []byte) ([sha256.Size]byte, bool) {
	if len(b) < sdHeader {
		return [sha256.Size]byte{}, false
	}
	acl := from(b, binary.LittleEndian.Uint32(b[sdDACL:]))
	if len(acl) < aclHeader || int(binary.LittleEndian.Uint16(acl[2:])) > len(acl) {
		return [sha256.Size]byte{}, false
	}
	h := sha256.New()
	h.Write(b[:sdOwner]) // revision and control bits
	h.Write(acl[:binary.LittleEndian.Uint16(acl[2:])])
	return [sha256.Size]byte(h.Sum(nil)), true
}

// Owner reads the owner alone.
func Owner(b []byte) (string, error) {
	if len(b) < sdHeader {
		return "", fmt.Errorf("security descriptor of %d bytes: %w", len(b), directory.ErrSyntax)
	}
	return readSID(from(b, binary.LittleEndian.Uint32(b[sdOwner:])))
}
