package activedirectory

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
	"homeward/internal/protocol"
)

// Rules are the password policies of a domain.
type Rules struct {
	DC       string // DNS name of the controller that said so
	Withheld bool   // the configuration tells nobody the rules; the rest is empty then
	Policies []Rule // the domain's own first, then the fine-grained ones, by precedence
	More     int    // fine-grained policies beyond protocol.MaxRules
	// Unseen: the agent may not read the Password Settings Container, or something in it. A controller then answers as if nothing
	// were there.
	Unseen bool
}

// Rule is one password policy.
type Rule struct {
	directory.PasswordPolicy

	// LockoutDuration is zero where a lockout lasts until somebody ends it.
	LockoutDuration time.Duration
	// Precedence, AppliesTo and Linked are a fine-grained policy's: of several the one with the lowest precedence wins; AppliesTo
	// names the first few groups and people it is linked to, of so many.
	Precedence int
	AppliesTo  []string
	Linked     int
}

const (
	// rulesWithin bounds one reading of the rules, whatever becomes of the question meanwhile.
	rulesWithin = 5 * time.Second
	// maxApplies is how many groups and people of a policy are named.
	maxApplies = 3
)

// Rules reads a domain's password policies. ReasonNotFound: the directory is another domain's.
func (d *Directory) Rules(ctx context.Context, domain string) (Rules, error) {
	ctx, cancel := context.WithTimeout(ctx, rulesWithin)
	defer cancel()
	var out Rules
	err := d.within(ctx, domain, func(c *conn) (err error) {
		out, err = d.rulesFrom(c)
		return err
	})
	return out, wrap("read the password rules", err)
}

// Rules asks the domain of that DNS name; see Directory.Rules. ReasonNotFound: none of the agent's domains is it.
func (d *Domains) Rules(ctx context.Context, domain string) (Rules, error) {
	return ofDomain(d, domain, func(dir *Directory) (Rules, error) { return dir.Rules(ctx, domain) })
}

func (d *Directory) rulesFrom(c *conn) (Rules, error) {
	out := Rules{DC: c.dc.Host, Withheld: d.config.HideRules}
	if out.Withheld {
		return out, nil
	}
	base := d.base(c)
	own, err := c.domainPolicy(base)
	if err != nil {
		return Rules{}, err
	}
	e, err := c.one(base, "lockoutDuration")
	if err != nil {
		return Rules{}, err
	}
	f := fields{entry: e}
	out.Policies = []Rule{{PasswordPolicy: own, LockoutDuration: directory.FromInterval(f.integer("lockoutDuration"))}}
	if f.err != nil {
		return Rules{}, f.err
	}
	container, err := c.place(policyContainer(base))
	if err != nil {
		return Rules{}, err
	}
	out.Unseen = !container.readable || !canList(container.desc, c.token)
	fine, hidden, err := c.fineGrained(policyContainer(base))
	if err != nil {
		return Rules{}, err
	}
	out.Unseen = out.Unseen || hidden
	if most := protocol.MaxRules - 1; len(fine) > most {
		fine, out.More = fine[:most], len(fine)-most
	}
	out.Policies = append(out.Policies, fine...)
	return out, nil
}

// fineGrained reads what is in the Password Settings Container, the policy that wins over others first. hidden: something in it may
// not be read. A container that may not be read is as good as empty.
func (c *conn) fineGrained(container string) (found []Rule, hidden bool, err error) {
	wanted := append([]string{"msDS-PasswordSettingsPrecedence", "msDS-LockoutDuration", appliesTo}, fineGrainedAttributes()...)
	r, err := c.ldap.Search(ldap.NewSearchRequest(container, ldap.ScopeSingleLevel, ldap.NeverDerefAliases, 0, 0, false,
		"(objectClass=msDS-PasswordSettings)", wanted, []ldap.Control{ldap.NewControlPaging(censusPage)}))
	if err != nil {
		return nil, true, unlessAnswered(err)
	}
	for _, e := range r.Entries {
		f := fields{entry: e}
		if !f.has("msDS-MinimumPasswordLength") {
			hidden = true
			continue
		}
		rule := Rule{
			PasswordPolicy: f.fineGrained(), Precedence: int(f.integer("msDS-PasswordSettingsPrecedence")),
			LockoutDuration: directory.FromInterval(f.integer("msDS-LockoutDuration")),
		}
		if f.err != nil {
			return nil, hidden, f.err
		}
		rule.AppliesTo, rule.Linked = linked(e)
		found = append(found, rule)
	}
	slices.SortFunc(found, func(a, b Rule) int {
		return cmp.Or(cmp.Compare(a.Precedence, b.Precedence), strings.Compare(a.Source, b.Source))
	})
	return found, hidden, nil
}

// appliesTo holds the DNs of the groups and people that a fine-grained policy is linked to.
const appliesTo = "msDS-PSOAppliesTo"

// linked names the first few that a policy is linked to, in order, and counts all. A controller gives 1,500 values at most, under a
// name that says so (MaxValRange, [MS-ADTS] 3.1.1.3.4.6): the count is then the least there are.
func linked(e *ldap.Entry) (names []string, n int) {
	for _, a := range e.Attributes {
		name, _, _ := strings.Cut(a.Name, ";")
		if !strings.EqualFold(name, appliesTo) {
			continue
		}
		for _, v := range a.Values {
			n++
			dn, err := directory.ParseDN(v)
			if err != nil || len(dn) == 0 {
				continue
			}
			names = append(names, dn[0].Value)
		}
	}
	slices.Sort(names)
	return names[:min(len(names), maxApplies)], n
}
