package activedirectory

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
)

const anchorAttribute = "mS-DS-ConsistencyGuid"

// always are the attributes everybody and every group is described by. whenChanged and the last two aren't replicated, or
// not told by DirSync: they are read when an object is read by itself.
func always() []string {
	return []string{
		"objectClass", "objectGUID", "sAMAccountName", "userPrincipalName", "userAccountControl", "adminCount", "pwdLastSet",
		"whenCreated", anchorAttribute, "proxyAddresses", "mail", "groupType", "name",
	}
}

// attributes are those of one object, without members.
func (f *Feed) attributes() []string {
	all := always()
	for _, name := range f.wanted {
		if !slices.ContainsFunc(all, func(have string) bool { return strings.EqualFold(have, name) }) {
			all = append(all, name)
		}
	}
	return all
}

func (f *Feed) wholeAttributes() []string {
	return append(f.attributes(), "whenChanged", "sAMAccountType", "isCriticalSystemObject")
}

// newObject reads an entry that was asked for with the extended DN control.
func newObject(e *ldap.Entry) (Object, error) {
	_, dn, _ := cutExtended(e.DN)
	o := Object{DN: dn, Attributes: make(map[string][][]byte, len(e.Attributes))}
	for _, a := range e.Attributes {
		name := strings.ToLower(a.Name)
		base, ranged := cutRange(name)
		if base != "member" {
			o.Attributes[name] = a.ByteValues
			continue
		}
		if ranged != nil && !ranged.last {
			o.MembersCut = true
		}
		if len(a.ByteValues) > 0 {
			o.Members = membersOf(a.ByteValues)
		}
	}
	var err error
	if o.ID, err = directory.GUIDFromBytes(o.first("objectguid")); err != nil {
		return o, malformed("an object's objectGUID", err)
	}
	o.Kind = o.kind()
	return o, nil
}

func (o Object) first(name string) []byte {
	if v := o.Attributes[name]; len(v) > 0 {
		return v[0]
	}
	return nil
}

// normalUser is SAM_NORMAL_USER_ACCOUNT ([MS-SAMR] 2.2.1.9).
const normalUser = "805306368"

func (o Object) kind() Kind {
	is := func(class string) bool {
		return slices.ContainsFunc(o.Attributes["objectclass"], func(v []byte) bool { return strings.EqualFold(string(v), class) })
	}
	switch {
	case is("group"):
		return GroupKind
	case is("organizationalUnit"), is("container"), is("domainDNS"), is("builtinDomain"):
		return UnitKind
	case !is("user"), is("computer"), string(o.first("iscriticalsystemobject")) == "TRUE":
		return OtherKind
	}
	if t := o.first("samaccounttype"); t != nil && string(t) != normalUser {
		return OtherKind
	}
	return PersonKind
}

// membersOf takes the ids out of extended DNs ([MS-ADTS] 3.1.1.3.4.1.5). A value without one is left out: it names
// nothing sync could find again.
func membersOf(values [][]byte) []directory.GUID {
	out := make([]directory.GUID, 0, len(values))
	for _, v := range values {
		if id, _, ok := cutExtended(string(v)); ok {
			out = append(out, id)
		}
	}
	return out
}

// cutExtended splits <GUID=…>;<SID=…>;DN into the id and the DN. ok is false where there is no id.
func cutExtended(s string) (id directory.GUID, dn string, ok bool) {
	for strings.HasPrefix(s, "<") {
		part, rest, closed := strings.Cut(s, ">")
		if !closed {
			break
		}
		if text, is := strings.CutPrefix(part, "<GUID="); is {
			if raw, err := hex.DecodeString(text); err == nil && len(raw) == len(id) {
				id, ok = directory.GUID(raw), true
			}
		}
		s = strings.TrimPrefix(rest, ";")
	}
	return id, s, ok
}

// span is the part of an attribute's values that a ranged name tells ([MS-ADTS] 3.1.1.3.1.3.3).
type span struct {
	from, to int
	last     bool
}

// cutRange splits a name such as member;range=0-1499. A name without a range has no span.
func cutRange(name string) (string, *span) {
	base, option, ok := strings.Cut(name, ";range=")
	if !ok {
		return name, nil
	}
	low, high, ok := strings.Cut(option, "-")
	from, err := strconv.ParseUint(low, 10, 31)
	if !ok || err != nil {
		return name, nil
	}
	if high == "*" {
		return base, &span{from: int(from), last: true}
	}
	to, err := strconv.ParseUint(high, 10, 31)
	if err != nil || to < from {
		return name, nil
	}
	return base, &span{from: int(from), to: int(to)}
}
