package activedirectory

import (
	"encoding/binary"
	"strings"

	"homeward/internal/directory"
	"homeward/internal/protocol"
)

// grants is what the agent may do with one account, as its DACL says.
type grants struct {
	known  bool // the DACL could be read
	reset  bool
	unlock bool
}

// GUIDs in object ACEs ([MS-ADTS] 5.1.3.2.1, [MS-ADA1], [MS-ADSC]).
const (
	resetPasswordRight = "00299570-246d-11d0-a768-00aa006e0529" //nolint:gosec // G101: the GUID of a right, no credential
	lockoutTimeGUID    = "28630ebf-41d5-11d1-a9c1-0000f80367c1"
	userClassGUID      = "bf967aba-0de6-11d0-a285-00aa003049e2"
)

// Bits of an access mask ([MS-ADTS] 5.1.3.2).
const (
	rightWriteProperty = 0x20
	rightControlAccess = 0x100
	rightGenericAll    = 0x10000000
)

// Missing says which delegated rights the agent lacks on this account, from the account's DACL and the
// agent's own token; nil when it has them or when the DACL cannot be read. The controller decides: this is
// for telling people before they make an effort, and administrators what to grant.
func (a Account) Missing() error {
	var missing []string
	if a.grants.known && !a.grants.reset {
		missing = append(missing, "Reset Password")
	}
	if a.grants.known && !a.grants.unlock {
		missing = append(missing, "Write lockoutTime")
	}
	if missing == nil {
		return nil
	}
	return &Error{Reason: protocol.ReasonRights, doing: "the service account lacks on this account: " + strings.Join(missing, ", ")}
}

// evaluate applies a self-relative security descriptor to a token. Conditional ACEs are passed over.
func evaluate(sd []byte, token map[string]bool) grants {
	aces, ok := parseDACL(sd)
	if !ok {
		return grants{}
	}
	return grants{
		known:  true,
		reset:  allowed(aces, token, rightControlAccess, resetPasswordRight),
		unlock: allowed(aces, token, rightWriteProperty, lockoutTimeGUID, userClassGUID),
	}
}

// allowed finds the first ACE for the right and the token: it decides ([MS-ADTS] 5.1.3.3).
func allowed(aces []ace, token map[string]bool, right uint32, objects ...string) bool {
	for _, a := range aces {
		if a.inheritOnly || a.mask&(right|rightGenericAll) == 0 || !token[a.sid] {
			continue
		}
		match := a.object == ""
		for _, o := range objects {
			match = match || a.object == o
		}
		if match {
			return a.allow
		}
	}
	return false
}

// ace is what counts of an access control entry ([MS-DTYP] 2.4.4).
type ace struct {
	allow       bool
	inheritOnly bool
	mask        uint32
	object      string // the right, attribute or class it is limited to, or empty
	sid         string
}

const (
	sdHeader, sdDACL   = 20, 16
	aclHeader          = 8
	aceHeader          = 8
	flagInheritOnly    = 0x08
	objectTypePresent  = 0x1
	inheritTypePresent = 0x2
)

// parseDACL reads the DACL of a self-relative security descriptor ([MS-DTYP] 2.4.6, 2.4.5).
func parseDACL(sd []byte) ([]ace, bool) {
	if len(sd) < sdHeader {
		return nil, false
	}
	at := uint64(binary.LittleEndian.Uint32(sd[sdDACL:]))
	if at < sdHeader || at+aclHeader > uint64(len(sd)) {
		return nil, false
	}
	acl := sd[at:]
	count := int(binary.LittleEndian.Uint16(acl[4:]))
	rest := acl[aclHeader:]
	var aces []ace
	for range count {
		if len(rest) < aceHeader {
			return nil, false
		}
		size := int(binary.LittleEndian.Uint16(rest[2:]))
		if size < aceHeader || size > len(rest) {
			return nil, false
		}
		a, use, ok := parseACE(rest[:size])
		if !ok {
			return nil, false
		}
		if use {
			aces = append(aces, a)
		}
		rest = rest[size:]
	}
	return aces, true
}

// parseACE reads one entry; use is false for kinds that neither allow nor deny.
func parseACE(b []byte) (a ace, use, ok bool) {
	kind := b[0]
	a.inheritOnly = b[1]&flagInheritOnly != 0
	a.mask = binary.LittleEndian.Uint32(b[4:])
	rest := b[aceHeader:]
	switch kind {
	case 0, 1: // ACCESS_ALLOWED_ACE, ACCESS_DENIED_ACE
		a.allow = kind == 0
	case 5, 6: // ACCESS_ALLOWED_OBJECT_ACE, ACCESS_DENIED_OBJECT_ACE
		a.allow = kind == 5
		if a.object, rest, ok = objectTypes(rest); !ok {
			return a, false, false
		}
	default:
		return a, false, true
	}
	// A SID may be followed by padding or application data.
	if len(rest) < 8 || len(rest) < 8+4*int(rest[1]) {
		return a, false, false
	}
	sid, err := directory.SIDFromBytes(rest[:8+4*int(rest[1])])
	a.sid = sid.String()
	return a, true, err == nil
}

func objectTypes(b []byte) (object string, rest []byte, ok bool) {
	if len(b) < 4 {
		return "", nil, false
	}
	flags, rest := binary.LittleEndian.Uint32(b), b[4:]
	for _, present := range []uint32{objectTypePresent, inheritTypePresent} {
		if flags&present == 0 {
			continue
		}
		if len(rest) < 16 {
			return "", nil, false
		}
		if present == objectTypePresent {
			object = directory.GUID(rest[:16]).String()
		}
		rest = rest[16:]
	}
	return object, rest, true
}
