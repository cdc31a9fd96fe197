package activedirectory

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory/security"
)

// Excess is a right the service account has and doesn't need, or that somebody else has over it.
type Excess struct {
	What  string
	Where string // DN, or empty
	Count int    // people it reaches; zero: not counted
	Why   string
}

// What may be too much on an object. The words are those of Active Directory's own tools.
const (
	excessFull      = "Full Control"
	excessExtended  = "All extended rights"
	excessDACL      = "Change permissions"
	excessOwner     = "Owner, who may change permissions"
	excessTake      = "Take ownership"
	excessWrite     = "Write all properties"
	excessProtected = "Reset Password on protected accounts"
)

// Reasons, with the advisories that taught them.
const (
	whyEscalate = "Whoever takes over the agent's machine could do all of that. Reset Password, write lockoutTime and write pwdLastSet are enough."
	whyTiers    = "An agent that may reset administrators turns the portal into a way to take over the domain (CVE-2017-8613, Microsoft advisory 4033453). Homeward refuses protected accounts itself, but the right isn't needed."
	whyOwn      = "Whoever resets the service account's password can act with all its rights (Microsoft advisory 4056318)."
	whyChanges  = "Sync is off for this domain, so nothing uses it: take it back."
	whySync     = "Replication rights read every password hash of the domain. Nothing here uses them yet: take them back."
	whyMember   = "A member of this group may do far more than reset passwords. The service account should be an ordinary user, member of nothing."
)

// excessive lists what a token may do with an object beyond its three rights.
func excessive(d security.Descriptor, t security.Token) []string {
	var out []string
	for _, r := range []struct {
		bit  uint32
		what string
	}{
		{security.ControlAccess, excessExtended},
		{security.WriteProperty, excessWrite},
		{security.WriteDACL, excessDACL},
		{security.WriteOwner, excessTake},
	} {
		if d.Check(t, security.Right{Bit: r.bit}).Outcome == security.Granted {
			out = append(out, r.what)
		}
	}
	if len(out) == 4 {
		return []string{excessFull}
	}
	return out
}

// overgranted collects everything that is too much.
func (s *survey) overgranted() error {
	s.memberships()
	for what, count := range s.excess {
		switch what {
		case string(ResetPassword):
		case excessProtected:
			s.out.Excess = append(s.out.Excess, Excess{What: what, Count: count, Why: whyTiers})
		default:
			s.out.Excess = append(s.out.Excess, Excess{What: what, Where: "people", Count: count, Why: whyEscalate})
		}
	}
	for _, unit := range s.out.Units {
		if strings.EqualFold(unit, s.out.BaseDN) {
			continue
		}
		if err := s.onPlace(unit); err != nil {
			return err
		}
	}
	if err := s.atHead(); err != nil {
		return err
	}
	if err := s.overMe(); err != nil {
		return err
	}
	slices.SortFunc(s.out.Excess, func(a, b Excess) int {
		return cmp.Or(strings.Compare(a.Why, b.Why), strings.Compare(a.Where, b.Where), strings.Compare(a.What, b.What))
	})
	return nil
}

// privileged names the groups whose members can take over a domain or its controllers ([MS-ADTS] 6.1.1.6).
func privileged(sid, domain string) (string, bool) {
	builtin := map[string]string{
		"S-1-5-32-544": "Administrators", "S-1-5-32-548": "Account Operators", "S-1-5-32-549": "Server Operators",
		"S-1-5-32-550": "Print Operators", "S-1-5-32-551": "Backup Operators", "S-1-5-32-552": "Replicator",
	}
	if name, ok := builtin[sid]; ok {
		return name, true
	}
	rid, ok := strings.CutPrefix(sid, domain+"-")
	if !ok {
		// Enterprise and Schema Admins live in the forest's first domain.
		if rid = sid[strings.LastIndexByte(sid, '-')+1:]; !strings.HasPrefix(sid, "S-1-5-21-") || (rid != "518" && rid != "519" && rid != "527") {
			return "", false
		}
	}
	name, ok := map[string]string{
		"500": "Administrator", "512": "Domain Admins", "516": "Domain Controllers", "518": "Schema Admins", "519": "Enterprise Admins", "520": "Group Policy Creator Owners",
		"521": "Read-only Domain Controllers", "526": "Key Admins", "527": "Enterprise Key Admins",
	}[rid]
	return name, ok
}

func (s *survey) domainSID() string {
	return s.out.SID[:max(0, strings.LastIndexByte(s.out.SID, '-'))]
}

func (s *survey) memberships() {
	for sid := range s.c.token {
		if name, ok := privileged(sid, s.domainSID()); ok {
			s.out.Excess = append(s.out.Excess, Excess{What: "Member of " + name, Why: whyMember})
		}
	}
}

func (s *survey) onPlace(dn string) error {
	p, err := s.place(dn)
	if err != nil {
		return err
	}
	token := security.Token(s.c.token)
	for _, what := range excessive(p.desc, token) {
		s.out.Excess = append(s.out.Excess, Excess{What: what, Where: dn, Why: whyEscalate})
	}
	if token[p.desc.Owner] {
		s.out.Excess = append(s.out.Excess, Excess{What: excessOwner, Where: dn, Why: whyEscalate})
	}
	return nil
}

// atHead looks at the domain head and at the list that protected accounts get.
func (s *survey) atHead() error {
	head, err := s.place(s.out.BaseDN)
	if err != nil {
		return err
	}
	if err := s.onPlace(s.out.BaseDN); err != nil {
		return err
	}
	for _, r := range []struct {
		guid, name, why string
		used            bool
	}{
		{replicateRight, string(ReplicateChanges), whyChanges, s.out.Uses.Sync},
		{replicateAllRight, "Replicating Directory Changes All", whySync, false},
		{replicateFilterRight, "Replicating Directory Changes In Filtered Set", whySync, false},
	} {
		if !r.used && head.desc.Check(s.c.token, extended(r.guid)).Outcome == security.Granted {
			s.out.Excess = append(s.out.Excess, Excess{What: r.name, Where: head.dn, Why: r.why})
		}
	}
	if gives, _ := s.gives(head, ResetPassword, userClass()); gives {
		s.out.Excess = append(s.out.Excess, Excess{What: "Reset Password for the whole domain", Where: head.dn, Why: whyTiers})
	}
	holder, err := s.place("CN=AdminSDHolder,CN=System," + s.out.BaseDN)
	if err != nil {
		return err
	}
	if s.dir.schema.judge(holder.desc, s.c.token, ResetPassword, userClass()).Outcome == security.Granted {
		s.out.Excess = append(s.out.Excess, Excess{What: string(ResetPassword), Where: holder.dn, Why: whyTiers})
	}
	return nil
}

// overMe finds who else could take over the service account.
func (s *survey) overMe() error {
	me, err := s.place("<SID=" + s.c.self + ">")
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, a := range me.desc.ACEs {
		if seen[a.SID] || a.SID == "" || s.trusted(a.SID) {
			continue
		}
		seen[a.SID] = true
		can := excessive(me.desc, security.Token{a.SID: true})
		if me.desc.Check(security.Token{a.SID: true}, extended(resetPasswordRight)).Outcome == security.Granted && len(can) == 0 {
			can = []string{string(ResetPassword)}
		}
		can = slices.DeleteFunc(can, func(what string) bool { return what == excessWrite })
		if len(can) == 0 {
			continue
		}
		name, empty, err := s.trustee(a.SID)
		if err != nil {
			return err
		}
		if !empty {
			s.out.Excess = append(s.out.Excess, Excess{
				What: strings.Join(can, ", ") + " over the service account, for " + name, Where: s.out.Account, Why: whyOwn,
			})
		}
	}
	return nil
}

// trusted are those who control the domain anyway ([MS-DTYP] 2.4.2.4).
func (s *survey) trusted(sid string) bool {
	switch sid {
	case "S-1-5-18", "S-1-5-9", "S-1-3-0", security.Self, "S-1-5-32-544", s.out.SID: // SYSTEM, domain controllers, creator owner, Administrators
		return true
	}
	name, ok := privileged(sid, s.domainSID())
	return ok && (name == "Domain Admins" || name == "Enterprise Admins" || name == "Administrator")
}

// trustee names a SID and tells whether it is a group without members, whom nobody acts for.
func (s *survey) trustee(sid string) (name string, empty bool, err error) {
	switch sid {
	case security.Everyone:
		return "Everyone", false, nil
	case security.AuthenticatedUsers:
		return "Authenticated Users", false, nil
	}
	e, err := s.c.one("<SID="+sid+">", "sAMAccountName", "cn", "objectClass", "member")
	if _, answered := errors.AsType[*ldap.Error](err); err != nil && answered && !lost(err) {
		return sid, false, nil
	}
	if err != nil {
		return "", false, err
	}
	name = cmp.Or(string(attribute(e, "sAMAccountName")), string(attribute(e, "cn")), sid)
	return name, classOf(e) == "group" && attribute(e, "member") == nil && !strings.HasPrefix(memberRange(e), "member;"), nil
}

// memberRange is the name of the attribute a long membership comes in ([MS-ADTS] 3.1.1.3.1.3.3).
func memberRange(e *ldap.Entry) string {
	for _, a := range e.Attributes {
		if strings.HasPrefix(strings.ToLower(a.Name), "member;range=") {
			return "member;range"
		}
	}
	return ""
}
