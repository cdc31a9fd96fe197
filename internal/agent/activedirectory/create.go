package activedirectory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
	"homeward/internal/protocol"
)

// maxSAM is what sAMAccountName takes for a user ([MS-SAMR] 3.1.1.6).
const maxSAM = 20

// NewAccount is a service account to be made.
type NewAccount struct {
	Name        string // sAMAccountName and CN
	Container   string // DN; empty: the domain's container for users
	Description string
	Password    []byte // the caller wipes it
}

// Made is a service account that was made, or was there.
type Made struct {
	DN, UPN, Account string // Account is DOMAIN\name
	Existed          bool   // it was there already; it got the new password
}

// CreateAccount makes an ordinary user with a password that never expires, as whoever the directory signs in as. One
// of that name that carries the very same description was made by an earlier run, and gets the new password; any
// other is an *Error and stays as it is.
func (d *Directory) CreateAccount(ctx context.Context, a NewAccount) (Made, error) {
	if err := checkName(a.Name); err != nil {
		return Made{}, err
	}
	if a.Description == "" || len(a.Password) == 0 {
		return Made{}, errors.New("a service account needs a description and a password")
	}
	c, err := d.dialAny(ctx)
	if err != nil {
		return Made{}, err
	}
	defer c.kill()
	var made Made
	err = c.use(ctx, d.config.WriteTimeout, func(c *conn) error {
		s := State{BaseDN: d.base(c)}
		if err := c.names(&s); err != nil {
			return err
		}
		made = Made{UPN: a.Name + "@" + s.Domain, Account: s.NetBIOS + `\` + a.Name}
		dn, ours, err := c.named(s.BaseDN, a, "user")
		if err != nil {
			return err
		}
		if dn != "" {
			if !ours {
				return &Error{Reason: protocol.ReasonAmbiguous, doing: "an account named " + a.Name + " exists already (" + dn +
					") and wasn't made by Homeward: choose another name, or take it as an existing account"}
			}
			made.DN, made.Existed = dn, true
			return c.setPassword(dn, a.Password)
		}
		container := a.Container
		if container == "" {
			container = "CN=Users," + s.BaseDN
		}
		made.DN = directory.DN{{Type: "CN", Value: a.Name}}.String() + "," + container
		return c.create(made, a)
	})
	return made, wrap("create the service account", err)
}

func checkName(name string) error {
	if name == "" || len(name) > maxSAM || strings.ContainsAny(name, `"/\[]:;|=,+*?<>@ `) || strings.Trim(name, ".") == "" {
		return fmt.Errorf("%q can't be an account's name: 1 to %d letters, digits and hyphens", name, maxSAM)
	}
	return nil
}

// named looks for an account of that name, and tells whether an earlier run made it, as one of these classes.
func (c *conn) named(base string, a NewAccount, classes ...string) (dn string, ours bool, err error) {
	r, err := c.ldap.Search(ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 1, 0, false,
		"(sAMAccountName="+ldap.EscapeFilter(a.Name)+")", []string{"description", "adminCount", "objectClass"}, nil))
	if err != nil {
		return "", false, err
	}
	if len(r.Entries) == 0 {
		return "", false, nil
	}
	e := r.Entries[0]
	return e.DN, string(attribute(e, "description")) == a.Description && string(attribute(e, "adminCount")) != "1" && slices.Contains(classes, classOf(e)), nil
}

// create adds the account in one request, so that none is ever there without a password.
func (c *conn) create(m Made, a NewAccount) error {
	secret := quotedUTF16(a.Password)
	defer clear(secret)
	req := ldap.NewAddRequest(m.DN, nil)
	req.Attribute("objectClass", []string{"user"})
	req.Attribute("sAMAccountName", []string{a.Name})
	req.Attribute("userPrincipalName", []string{m.UPN})
	req.Attribute("displayName", []string{"Homeward agent"})
	req.Attribute("description", []string{a.Description})
	req.Attribute("userAccountControl", []string{strconv.FormatUint(uint64(directory.NormalAccount|directory.DontExpirePassword), 10)})
	req.Attribute("unicodePwd", []string{string(secret)})
	return c.ldap.Add(req)
}

func (c *conn) setPassword(dn string, password []byte) error {
	secret := quotedUTF16(password)
	defer clear(secret)
	m := ldap.NewModifyRequest(dn, nil)
	m.Replace("unicodePwd", []string{string(secret)})
	return c.ldap.Modify(m)
}

// DeleteAccount removes a service account that CreateAccount or CreateManaged made, which the description shows.
func (d *Directory) DeleteAccount(ctx context.Context, a NewAccount) error {
	c, err := d.dialAny(ctx)
	if err != nil {
		return err
	}
	defer c.kill()
	return wrap("delete the service account", c.use(ctx, d.config.WriteTimeout, func(c *conn) error {
		dn, ours, err := c.named(d.base(c), a, "user", classManaged)
		if err != nil || dn == "" {
			return err
		}
		if !ours {
			return &Error{Reason: protocol.ReasonAmbiguous, doing: a.Name + " wasn't made by Homeward, so it stays"}
		}
		return c.ldap.Del(ldap.NewDelRequest(dn, nil))
	}))
}

// Self is who the directory signs in as.
type Self struct {
	Account    string   // DOMAIN\name
	SID        string   //
	Privileged []string // groups with far more rights than an agent may have
	Domain     State
}

// Self tells who the directory signs in as.
func (d *Directory) Self(ctx context.Context) (Self, error) {
	var out Self
	state, err := d.Check(ctx)
	if err != nil {
		return out, err
	}
	out.Domain = state
	err = d.read(ctx, func(c *conn) error {
		s := newSurvey(d, c, nil)
		if err := s.identify(); err != nil {
			return err
		}
		out.Account, out.SID, out.Privileged = s.out.Account, s.out.SID, nil
		for sid := range c.token {
			if name, ok := privileged(sid, s.domainSID()); ok {
				out.Privileged = append(out.Privileged, name)
			}
		}
		slices.Sort(out.Privileged)
		return nil
	})
	return out, wrap("look who signs in", err)
}

// PlanFor is PlanGrant for another account, seen as administrator: what CreateAccount has just made, or an existing one.
func (d *Directory) PlanFor(ctx context.Context, account string, units []string) (Plan, error) {
	return d.planOf(ctx, account, units, false)
}

// PlanRevokeFor is PlanRevoke for another account.
func (d *Directory) PlanRevokeFor(ctx context.Context, account string, units []string) (Plan, error) {
	return d.planOf(ctx, account, units, true)
}

// PlanAhead is PlanFor for an account that isn't there yet. It can be shown, but not applied.
func (d *Directory) PlanAhead(ctx context.Context, account string, units []string) (Plan, error) {
	var p Plan
	err := d.read(ctx, func(c *conn) error {
		s := newSurvey(d, c, units)
		if err := s.identify(); err != nil {
			return err
		}
		p = Plan{Domain: s.out.Domain, Account: account, Steps: d.config.Uses.needed(units, s.out.BaseDN, "")}
		return nil
	})
	return p, wrap("plan the service account's rights", err)
}

func (d *Directory) planOf(ctx context.Context, account string, units []string, remove bool) (Plan, error) {
	var p Plan
	err := d.read(ctx, func(c *conn) error {
		if err := d.ours(c, account); err != nil {
			return err
		}
		s := newSurvey(d, c, units)
		if err := s.identify(); err != nil {
			return err
		}
		r, err := c.ldap.Search(ldap.NewSearchRequest(s.out.BaseDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 1, 0, false,
			accountFilter(account, s.out.Domain), []string{"objectSid", "sAMAccountName"}, nil))
		if err != nil {
			return err
		}
		if len(r.Entries) == 0 {
			return &Error{Reason: protocol.ReasonNotFound, doing: "there is no account " + account}
		}
		sid, err := directory.SIDFromBytes(attribute(r.Entries[0], "objectSid"))
		if err != nil {
			return malformed("the service account's SID", err)
		}
		netbios, _, _ := strings.Cut(s.out.Account, `\`)
		p, err = d.planFor(s, netbios+`\`+string(attribute(r.Entries[0], "sAMAccountName")), sid.String(), units, remove)
		return err
	})
	return p, wrap("plan the service account's rights", err)
}

// accountFilter finds an account by name; name@domain is also what everybody is called who has no userPrincipalName
// ([MS-ADTS] 5.1.1.1.1).
func accountFilter(account, domain string) string {
	name, suffix, ok := strings.Cut(account, "@")
	if !ok || !strings.EqualFold(suffix, domain) {
		return nameFilter(account)
	}
	return "(&(objectClass=user)(|(userPrincipalName=" + ldap.EscapeFilter(account) + ")(sAMAccountName=" + ldap.EscapeFilter(name) + ")))"
}

func (d *Directory) planFor(s *survey, account, sid string, units []string, remove bool) (Plan, error) {
	p := Plan{Domain: s.out.Domain, Account: account, Remove: remove}
	for _, unit := range units {
		if err := s.c.exists(unit); err != nil {
			return p, err
		}
	}
	for _, step := range d.config.Uses.needed(units, s.out.BaseDN, sid) {
		step, err := s.look(step, map[string]bool{sid: true}, sid == s.out.SID, remove)
		if err != nil {
			return p, err
		}
		p.Steps = append(p.Steps, step)
	}
	return p, nil
}
