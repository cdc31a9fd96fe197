package activedirectory

import (
	"cmp"
	"slices"
	"strings"

	"homeward/internal/directory"
	"homeward/internal/directory/security"
)

// Cause is why a right isn't there.
type Cause string

// Causes.
const (
	NotGranted     Cause = "not granted"
	InheritanceOff Cause = "inheritance is off"                 // on the OU Where
	PersonCutOff   Cause = "inheritance is off on the accounts" // below the OU Where
	PersonDenied   Cause = "denied on the accounts"             // below the OU Where
	DeniedAbove    Cause = "denied"                             // on the OU Where
	NotReached     Cause = "granted, but doesn't reach them"    // granted on the OU Where
	Conditional    Cause = "depends on a condition"             // below the OU Where
	Unreadable     Cause = "permissions can't be read"          // below the OU Where
)

// Fault is some rights that some people's accounts don't give, for one cause in one place.
type Fault struct {
	Rights []Right
	Cause  Cause
	Where  string // DN of what is to be mended, or of the OU the accounts are in
	Count  int
	People []string // DNs, the first thousand
	By     string   // the entry that decides, in SDDL; empty: none does
	Class  string   // the accounts' class
	Fix    []Remedy
}

type faultKey struct {
	cause                    Cause
	where, by, class, rights string
}

// explain finds out where what the groups lack is to be mended.
func (s *survey) explain() error {
	faults := map[faultKey]*Fault{}
	for key, g := range s.groups {
		byPlace := map[faultKey][]Right{}
		for _, r := range g.rights {
			k, err := s.cause(key, r)
			if err != nil {
				return err
			}
			byPlace[k] = append(byPlace[k], r)
		}
		for k, rights := range byPlace {
			k.rights = joined(rights)
			f := faults[k]
			if f == nil {
				f = &Fault{Rights: rights, Cause: k.cause, Where: k.where, By: k.by, Class: k.class}
				faults[k] = f
			}
			f.Count += g.count
			f.People = append(f.People, g.people[:min(len(g.people), maxNamed-len(f.People))]...)
		}
	}
	for _, f := range faults {
		slices.Sort(f.People)
		f.Fix = s.remedies(*f)
		s.out.Faults = append(s.out.Faults, *f)
	}
	slices.SortFunc(s.out.Faults, func(a, b Fault) int {
		return cmp.Or(b.Count-a.Count, strings.Compare(a.Where, b.Where), strings.Compare(string(a.Cause), string(b.Cause)),
			strings.Compare(a.By, b.By), strings.Compare(joined(a.Rights), joined(b.Rights)))
	})
	return nil
}

// cause tells why a group lacks a right, and where that is to be mended.
func (s *survey) cause(g groupKey, r Right) (k faultKey, err error) {
	k = faultKey{where: g.parent, by: g.by, class: g.class}
	switch {
	case g.outcome == security.Unclear && g.by == "":
		k.cause = Unreadable
	case g.outcome == security.Unclear:
		k.cause = Conditional
	case g.outcome == security.Denied && !g.inherited:
		k.cause = PersonDenied
	case g.outcome == security.Denied:
		k.cause = DeniedAbove
		k.where, k.by, err = s.denier(g)
	case g.cutOff:
		k.cause = PersonCutOff
	default:
		k.cause, k.where, err = s.absence(g, r)
	}
	return k, err
}

// denier finds the container that denies, and its entry.
func (s *survey) denier(g groupKey) (where, by string, err error) {
	for dn := g.parent; dn != ""; dn = s.above(dn) {
		p, err := s.place(dn)
		if err != nil {
			return "", "", err
		}
		for _, a := range p.desc.ACEs {
			if a.Denies() && !a.Has(security.Inherited) && content(a.SDDL()) == content(g.by) {
				return dn, a.SDDL(), nil
			}
		}
	}
	return g.parent, g.by, nil
}

// content is an entry's SDDL without its flags, which change when it is inherited.
func content(sddl string) string {
	parts := strings.SplitN(sddl, ";", 3)
	if len(parts) < 3 {
		return sddl
	}
	return parts[0] + ";" + parts[2]
}

// absence tells why nothing grants the right: nobody gave it, an OU on the way inherits nothing, or what was given
// is not for this class.
func (s *survey) absence(g groupKey, r Right) (Cause, string, error) {
	class, err := s.dir.schema.class(s.c, g.class)
	if err != nil {
		return "", "", err
	}
	unit := s.unitOf(g.parent)
	cut := ""
	for dn := g.parent; dn != ""; dn = s.above(dn) {
		p, err := s.place(dn)
		if err != nil {
			return "", "", err
		}
		switch gives, reaches := s.gives(p, r, class); {
		case gives && reaches && cut != "":
			return InheritanceOff, cut, nil
		case gives:
			return NotReached, dn, nil
		case p.readable && p.desc.Protected && cut == "" && !strings.EqualFold(dn, s.out.BaseDN):
			cut = dn
		}
	}
	if cut != "" && !s.contains(cut, unit) {
		return NotGranted, cut, nil // given on the unit, it wouldn't arrive
	}
	return NotGranted, unit, nil
}

// gives reports whether a container hands the right to what is below it, and whether to this class.
func (s *survey) gives(p *listed, r Right, class directory.GUID) (gives, reaches bool) {
	for _, a := range p.desc.ACEs {
		if !a.Allows() || a.Conditional() || !a.Has(security.ContainerInherit) || !s.c.token[a.SID] {
			continue
		}
		all := true
		for _, b := range s.dir.schema.bits(r, class) {
			all = all && a.Covers(b)
		}
		gives = gives || all
		reaches = reaches || (all && (!a.HasClass || a.Class == class) && !a.Has(security.NoPropagate))
	}
	return gives, reaches
}

// unitOf is the configured OU that holds a container; the innermost of several.
func (s *survey) unitOf(dn string) string {
	best := dn
	found := false
	for _, u := range s.out.Units {
		if s.contains(u, dn) && (!found || len(u) > len(best)) {
			best, found = u, true
		}
	}
	return best
}

// contains reports whether dn is base or below it.
func (s *survey) contains(base, dn string) bool {
	b, err := directory.ParseDN(base)
	if err != nil {
		return false
	}
	d, err := directory.ParseDN(dn)
	return err == nil && d.Under(b)
}

// above is the container a container is in; empty above the domain head.
func (s *survey) above(dn string) string {
	if strings.EqualFold(dn, s.out.BaseDN) {
		return ""
	}
	return parentOf(dn)
}

// Below reports whether a DN is one of the bases or below one.
func Below(dn string, bases []string) bool {
	d, err := directory.ParseDN(dn)
	return err == nil && slices.ContainsFunc(bases, func(base string) bool {
		b, err := directory.ParseDN(base)
		return err == nil && d.Under(b)
	})
}
