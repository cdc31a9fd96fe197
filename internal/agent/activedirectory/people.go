package activedirectory

import (
	"context"
	"fmt"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
	"homeward/internal/protocol"
)

const peoplePage = 500

// peopleFilter finds ordinary user accounts (SAM_NORMAL_USER_ACCOUNT, [MS-SAMR] 2.2.1.9), inetOrgPerson
// included; not computers, trusts, managed service accounts, krbtgt or Guest.
const peopleFilter = "(&(objectCategory=person)(objectClass=user)(sAMAccountType=805306368)(!(isCriticalSystemObject=TRUE)))"

// People reads the people below each base and hands them to page, at most 500 at a time and each person
// once, even if bases overlap. Every base is looked at before the first page: one that does not exist is
// an *Error with ReasonNotFound that names it. It uses a connection of its own, so resets do not wait.
func (d *Directory) People(ctx context.Context, bases []string, page func([]protocol.Person) error) error {
	c, err := d.dialAny(ctx)
	if err != nil {
		return err
	}
	defer c.kill()
	return c.use(ctx, d.config.ReadTimeout, func(c *conn) error {
		for _, base := range bases {
			if err := c.exists(base); err != nil {
				return err
			}
		}
		seen := map[string]bool{}
		for _, base := range bases {
			if err := c.people(base, seen, page); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *conn) exists(base string) error {
	if _, err := directory.ParseDN(base); err != nil || base == "" {
		return &Error{Reason: protocol.ReasonNotFound, doing: fmt.Sprintf("the OU %q is not a DN", base), err: err}
	}
	_, err := c.one(base, "objectClass")
	if err == nil || lost(err) {
		return wrap("look at an OU", err)
	}
	d := diagnose(err)
	return &Error{
		Reason: protocol.ReasonNotFound, Detail: d.text, err: err,
		doing: fmt.Sprintf("the OU %q does not exist, or the service account may not read it", base),
	}
}

func (c *conn) people(base string, seen map[string]bool, page func([]protocol.Person) error) error {
	paging := ldap.NewControlPaging(peoplePage)
	for {
		r, err := c.ldap.Search(ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, peopleFilter,
			[]string{"objectGUID", "userPrincipalName", "sAMAccountName", "mail", "displayName", "userAccountControl", "adminCount"},
			[]ldap.Control{paging}))
		if err != nil {
			return wrap("list people", err)
		}
		if err := deliver(r.Entries, seen, page); err != nil {
			return err
		}
		answer, ok := ldap.FindControl(r.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		if !ok || len(answer.Cookie) == 0 {
			return nil
		}
		paging = ldap.NewControlPaging(peoplePage)
		paging.SetCookie(answer.Cookie)
	}
}

func deliver(entries []*ldap.Entry, seen map[string]bool, page func([]protocol.Person) error) error {
	people := make([]protocol.Person, 0, len(entries))
	for _, e := range entries {
		p, err := newPerson(e)
		if err != nil {
			return err
		}
		if !seen[p.Anchor] {
			seen[p.Anchor] = true
			people = append(people, p)
		}
	}
	if len(people) == 0 {
		return nil
	}
	if err := page(people); err != nil {
		return fmt.Errorf("hand on a page of people: %w", err)
	}
	return nil
}

func newPerson(e *ldap.Entry) (protocol.Person, error) {
	guid, err := directory.GUIDFromBytes(attribute(e, "objectGUID"))
	if err != nil {
		return protocol.Person{}, malformed("a person's objectGUID", err)
	}
	f := fields{entry: e}
	control := directory.AccountControl(f.integer("userAccountControl")) //nolint:gosec // a bit field
	p := protocol.Person{
		Anchor: guid.Hex(), UPN: f.text("userPrincipalName"), SAM: f.text("sAMAccountName"), Mail: f.text("mail"),
		DisplayName: f.text("displayName"), DN: e.DN,
		Disabled: control.Has(directory.Disabled), Protected: f.integer("adminCount") == 1,
	}
	return p, f.err
}
