package activedirectory

import (
	"slices"
	"strings"

	"homeward/internal/directory"
	"homeward/internal/directory/security"
	"homeward/internal/protocol"
)

// Right is a delegated right by the name Active Directory's tools use.
type Right string

// Rights on people.
const (
	ResetPassword    Right = "Reset Password"
	WriteLockoutTime Right = "Write lockoutTime"
	WritePwdLastSet  Right = "Write pwdLastSet" //nolint:gosec // G101: the name of a right, no credential
	ReadAccount      Right = "Read the account"
	ReadBadPwdCount  Right = "Read badPwdCount" //nolint:gosec // G101: the name of a right, no credential
	WriteAnchor      Right = "Write mS-DS-ConsistencyGuid"
)

// Rights elsewhere.
const (
	UnexpirePassword Right = "Unexpire Password"
	ReadPolicies     Right = "Read fine-grained policies"
	ReplicateChanges Right = "Replicating Directory Changes"
	ReadDeleted      Right = "Read deleted objects"
)

// GUIDs in object entries ([MS-ADTS] 5.1.3.2.1, [MS-ADA1], [MS-ADSC]).
const (
	resetPasswordRight    = "00299570-246d-11d0-a768-00aa006e0529" //nolint:gosec // G101: the GUID of a right, no credential
	unexpirePasswordRight = "ccc2dc7d-a6ad-4a7a-8846-c04e3cc53501" //nolint:gosec // G101: the GUID of a right, no credential
	replicateRight        = "1131f6aa-9c07-11d1-f79f-00c04fc2dcd2"
	replicateAllRight     = "1131f6ad-9c07-11d1-f79f-00c04fc2dcd2"
	replicateFilterRight  = "89e95b76-444d-4c62-991a-0facbeda640c"
	lockoutTimeGUID       = "28630ebf-41d5-11d1-a9c1-0000f80367c1"
	anchorGUID            = "23773dc2-b63a-11d2-90e1-00c04fd91ab1"
	pwdLastSetGUID        = "bf967a0a-0de6-11d0-a285-00aa003049e2" //nolint:gosec // G101: the GUID of an attribute, no credential
	userClassGUID         = "bf967aba-0de6-11d0-a285-00aa003049e2"
)

// Uses says what the service account is used for in a domain, which decides what rights it needs. The zero value is
// password writeback with unlock, and nothing else.
type Uses struct {
	NoWriteback bool // no resets and no changes
	NoUnlock    bool // no unlock without a reset
	Sync        bool // changes are read by DirSync, and deletions
	Anchor      bool // mS-DS-ConsistencyGuid is written where it is empty
}

// Everything is every use there is: what an agent that is removed may have been given.
func Everything() Uses { return Uses{Sync: true, Anchor: true} }

// peopleRights are those the service account needs on everybody, in the order they are told. A reset clears the
// lockout, so it needs the right to unlock as well.
func (u Uses) peopleRights() []Right {
	var out []Right
	if !u.NoWriteback {
		out = append(out, ResetPassword)
	}
	if !u.NoWriteback || !u.NoUnlock {
		out = append(out, WriteLockoutTime)
	}
	if !u.NoWriteback {
		out = append(out, WritePwdLastSet)
	}
	if u.Anchor {
		out = append(out, WriteAnchor)
	}
	return append(out, ReadAccount)
}

// peopleRights are those of password writeback.
func peopleRights() []Right { return Uses{}.peopleRights() }

// bits are what a right on a person of a class is made of.
func (s *schema) bits(r Right, class directory.GUID) []security.Right {
	switch r {
	case ResetPassword:
		return []security.Right{extended(resetPasswordRight)}
	case WriteLockoutTime:
		return []security.Right{s.property(security.WriteProperty, "lockoutTime", class)}
	case WritePwdLastSet:
		return []security.Right{s.property(security.WriteProperty, "pwdLastSet", class)}
	case WriteAnchor:
		return []security.Right{s.property(security.WriteProperty, "mS-DS-ConsistencyGuid", class)}
	case ReadBadPwdCount:
		return []security.Right{s.property(security.ReadProperty, "badPwdCount", class)}
	case ReadAccount:
		var all []security.Right
		for _, name := range readAttributes() {
			all = append(all, s.property(security.ReadProperty, name, class))
		}
		return all
	}
	return nil
}

// judge evaluates one right on a person: the worst verdict of what it is made of.
func (s *schema) judge(d security.Descriptor, t security.Token, r Right, class directory.GUID) security.Verdict {
	var worst security.Verdict
	for i, b := range s.bits(r, class) {
		v := d.Check(t, b)
		if i == 0 || rank(v.Outcome) > rank(worst.Outcome) {
			worst = v
		}
	}
	return worst
}

func rank(o security.Outcome) int {
	return slices.Index([]security.Outcome{security.Granted, security.Unclear, security.Missing, security.Denied}, o)
}

// grants is what the agent may do with one account, as its DACL says.
type grants struct {
	known   bool // the DACL could be read
	missing []Right
}

// Missing says which of the rights that a reset with unlock needs the agent lacks on this account, from the account's
// DACL and the agent's own token; nil when it has them, or when that can't be told. The controller decides: this
// is for telling people before they make an effort, and administrators what to grant.
func (a Account) Missing() error { return a.lacks(ResetPassword, WriteLockoutTime) }

// MissingMustChange says the same of the right to make the person choose another password.
func (a Account) MissingMustChange() error { return a.lacks(WritePwdLastSet) }

// MissingUnlock says the same of the right to unlock.
func (a Account) MissingUnlock() error { return a.lacks(WriteLockoutTime) }

func (a Account) lacks(rights ...Right) error {
	var missing []string
	for _, r := range rights {
		if a.grants.known && slices.Contains(a.grants.missing, r) {
			missing = append(missing, string(r))
		}
	}
	if missing == nil {
		return nil
	}
	return &Error{Reason: protocol.ReasonRights, doing: "the service account lacks on this account: " + strings.Join(missing, ", ")}
}

// evaluate applies a self-relative security descriptor to the connection's token. What is unclear counts as there:
// only the controller knows.
func (d *Directory) evaluate(c *conn, sd []byte) grants {
	desc, err := security.Parse(sd)
	if err != nil || d.schema.load(c) != nil {
		return grants{}
	}
	g := grants{known: true}
	for _, r := range []Right{ResetPassword, WriteLockoutTime, WritePwdLastSet, ReadBadPwdCount} {
		if o := d.schema.judge(desc, c.token, r, userClass()).Outcome; o == security.Missing || o == security.Denied {
			g.missing = append(g.missing, r)
		}
	}
	return g
}
