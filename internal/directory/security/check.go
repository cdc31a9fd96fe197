package security

import (
	"slices"

	"homeward/internal/directory"
)

// Bits of an access mask ([MS-ADTS] 5.1.3.2).
const (
	ListContents  = 0x4
	ReadProperty  = 0x10
	WriteProperty = 0x20
	ListObject    = 0x80
	ControlAccess = 0x100
	ReadControl   = 0x20000
	WriteDACL     = 0x40000
	WriteOwner    = 0x80000
	// FullControl is what generic all stands for on objects of a directory.
	FullControl = 0xF01FF

	selfWrite                                             = 0x8
	genericRead, genericWrite, genericExecute, genericAll = 0x80000000, 0x40000000, 0x20000000, 0x10000000
)

// Well-known SIDs ([MS-DTYP] 2.4.2.4).
const (
	Everyone           = "S-1-1-0"
	OwnerRights        = "S-1-3-4"
	Self               = "S-1-5-10"
	AuthenticatedUsers = "S-1-5-11"
)

// Token is the set of SIDs somebody acts with.
type Token map[string]bool

// And returns the token with more SIDs.
func (t Token) And(sids ...string) Token {
	out := make(Token, len(t)+len(sids))
	for sid := range t {
		out[sid] = true
	}
	for _, sid := range sids {
		out[sid] = true
	}
	return out
}

// Right is one thing that can be allowed: a bit of the mask, and what it is about.
type Right struct {
	Bit uint32
	// Objects are the GUIDs an entry may be limited to and still speak of this right: the extended right, or the
	// attribute, its property set and the object's class. An entry without a GUID speaks of it in any case.
	Objects []directory.GUID
}

// Outcome is what a list says of one right.
type Outcome int

// Outcomes.
const (
	Missing Outcome = iota // no entry speaks of it, which is a refusal
	Granted
	Denied
	Unclear // a conditional entry decides, and conditions aren't evaluated here
)

// String names the outcome.
func (o Outcome) String() string {
	return [...]string{"missing", "granted", "denied", "unclear"}[o]
}

// Verdict is an outcome and the entry that decides; nil when none does.
type Verdict struct {
	Outcome Outcome
	By      *ACE
}

// Mapped returns the mask with generic bits replaced by what they stand for ([MS-ADTS] 5.1.3.2).
func (a ACE) Mapped() uint32 {
	m := a.Mask
	for generic, stands := range map[uint32]uint32{
		genericRead:    ReadControl | ReadProperty | ListContents | ListObject,
		genericWrite:   ReadControl | WriteProperty | selfWrite,
		genericExecute: ReadControl | ListContents,
		genericAll:     FullControl,
	} {
		if m&generic != 0 {
			m |= stands
		}
	}
	return m
}

// Covers reports whether the entry speaks of the right, whoever it is for.
func (a ACE) Covers(r Right) bool {
	return a.Mapped()&r.Bit != 0 && (!a.HasObject || slices.Contains(r.Objects, a.Object))
}

// Check judges one right for a token ([MS-ADTS] 5.1.3.3): the first entry that speaks of it decides. Entries that
// are only there to be inherited play no part.
func (d Descriptor) Check(t Token, r Right) Verdict {
	var maybeAllowed, maybeDenied *ACE
	for i := range d.ACEs {
		a := &d.ACEs[i]
		if a.Has(InheritOnly) || !t[a.SID] || !a.Covers(r) {
			continue
		}
		switch {
		case a.Conditional() && a.Allows():
			maybeAllowed = first(maybeAllowed, a)
		case a.Conditional():
			maybeDenied = first(maybeDenied, a)
		case a.Allows() && maybeDenied != nil:
			return Verdict{Unclear, maybeDenied}
		case a.Allows():
			return Verdict{Granted, a}
		case maybeAllowed != nil:
			return Verdict{Unclear, maybeAllowed}
		default:
			return Verdict{Denied, a}
		}
	}
	if maybeAllowed != nil {
		return Verdict{Unclear, maybeAllowed}
	}
	return Verdict{Missing, maybeDenied}
}

func first(a, b *ACE) *ACE {
	if a != nil {
		return a
	}
	return b
}
