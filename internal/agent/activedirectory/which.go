package activedirectory

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
	"homeward/internal/directory/security"
	"homeward/internal/protocol"
)

const (
	// whichWithin bounds one search for people, whatever becomes of the question meanwhile.
	whichWithin = 5 * time.Second
	// whichPage and maxCandidates bound what is read: an attribute that stays behind, such as the time of a lockout that has elapsed,
	// makes candidates of many.
	whichPage     = 500
	maxCandidates = 2000
)

// Which returns the people of a domain whose accounts stand in a certain way now, up to protocol.MaxWhich of them, in order; more:
// there are more, or not everybody who may be one was looked at. The directory can't be asked for what it computes (a filter with
// msDS-User-Account-Control-Computed finds nobody), so it is asked for those who may be, and each is looked at. ReasonNotFound: the
// directory is another domain's.
func (d *Directory) Which(ctx context.Context, domain string, standing protocol.Standing) (found []directory.GUID, more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, whichWithin)
	defer cancel()
	now := d.config.Clock()
	err = d.within(ctx, domain, func(c *conn) (err error) {
		found, more, err = c.which(d.base(c), standing, now)
		if err == nil && len(found) == 0 {
			err = d.blind(c, standing)
		}
		return err
	})
	return found, more, wrap("look for people whose accounts are "+string(standing), err)
}

// Which asks the domain of that DNS name; see Directory.Which. ReasonNotFound: none of the agent's domains is it.
func (d *Domains) Which(ctx context.Context, domain string, standing protocol.Standing) (found []directory.GUID, more bool, err error) {
	type answer struct {
		found []directory.GUID
		more  bool
	}
	a, err := ofDomain(d, domain, func(dir *Directory) (a answer, err error) {
		a.found, a.more, err = dir.Which(ctx, domain, standing)
		return a, err
	})
	return a.found, a.more, err
}

func (c *conn) which(base string, standing protocol.Standing, now time.Time) (found []directory.GUID, more bool, err error) {
	paging := ldap.NewControlPaging(whichPage)
	for looked := 0; ; {
		r, err := c.ldap.Search(ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
			candidates(standing, now), append([]string{"objectGUID"}, stateAttributes()...), []ldap.Control{paging}))
		if err != nil {
			return nil, false, err
		}
		looked += len(r.Entries)
		for _, e := range r.Entries {
			f := fields{entry: e}
			state, known := f.state()
			guid, err := directory.GUIDFromBytes(attribute(e, "objectGUID"))
			if err != nil || f.err != nil {
				return nil, false, malformed("an account's state", err)
			}
			if known && state.Is(standing, now) {
				found = append(found, guid)
			}
		}
		answer, ok := ldap.FindControl(r.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		last := !ok || len(answer.Cookie) == 0
		if last || looked >= maxCandidates || len(found) > protocol.MaxWhich {
			more = !last
			break
		}
		paging = ldap.NewControlPaging(whichPage)
		paging.SetCookie(answer.Cookie)
	}
	slices.SortFunc(found, func(a, b directory.GUID) int { return slices.Compare(a[:], b[:]) })
	if len(found) > protocol.MaxWhich {
		found, more = found[:protocol.MaxWhich], true
	}
	return found, more, nil
}

// blind returns ReasonRights where the agent may not read the attribute that candidates are found by: the directory then answers as
// if nobody had it. One person stands for all; a list that can't be read says nothing.
func (d *Directory) blind(c *conn, standing protocol.Standing) error {
	name := map[protocol.Standing]string{
		protocol.StandingLocked: "lockoutTime", protocol.StandingMust: "pwdLastSet", protocol.StandingEnded: "accountExpires",
	}[standing]
	if name == "" {
		return nil
	}
	r, err := c.ldap.Search(ldap.NewSearchRequest(d.base(c), ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
		"(&"+peopleFilter+"(!(adminCount=1)))", []string{"nTSecurityDescriptor"}, []ldap.Control{ldap.NewControlPaging(1), control{oidSDFlags, ownerAndDACL}}))
	if err != nil {
		return err
	}
	if err := d.schema.load(c); err != nil {
		return err
	}
	for _, e := range r.Entries {
		desc, err := security.Parse(attribute(e, "nTSecurityDescriptor"))
		if err != nil {
			continue
		}
		switch desc.Check(c.token, d.schema.property(security.ReadProperty, name, userClass())).Outcome {
		case security.Missing, security.Denied:
			return &Error{Reason: protocol.ReasonRights, doing: "the service account may not read " + name + " of people"}
		case security.Granted, security.Unclear:
		}
	}
	return nil
}

// candidates is a filter for people who may stand that way. Its attributes aren't indexed by default; the account type is.
func candidates(standing protocol.Standing, now time.Time) string {
	may := map[protocol.Standing]string{
		protocol.StandingLocked: "(lockoutTime>=1)",
		protocol.StandingMust:   "(pwdLastSet=0)",
		protocol.StandingEnded:  "(accountExpires>=1)(accountExpires<=" + strconv.FormatInt(directory.Filetime(now), 10) + ")",
	}[standing]
	if may == "" {
		may = "(!(objectClass=*))"
	}
	var out strings.Builder
	out.WriteString("(&" + peopleFilter + may)
	out.WriteString("(!(userAccountControl:1.2.840.113556.1.4.803:=" + strconv.Itoa(int(directory.Disabled)) + ")))")
	return out.String()
}

// Is reports whether an account stands in a certain way. One that is turned off doesn't.
func (s AccountState) Is(standing protocol.Standing, now time.Time) bool {
	if s.Disabled {
		return false
	}
	switch standing {
	case protocol.StandingLocked:
		return s.Locked
	case protocol.StandingMust:
		return s.MustChange
	case protocol.StandingEnded:
		return !s.Expires.IsZero() && !s.Expires.After(now)
	}
	return false
}
