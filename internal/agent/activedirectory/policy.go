package activedirectory

import (
	"context"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
	"homeward/internal/protocol"
)

type rememberedPolicy struct {
	policy directory.PasswordPolicy
	read   time.Time
}

// complexityBit of pwdProperties: DOMAIN_PASSWORD_COMPLEX ([MS-SAMR] 2.2.3.12).
const complexityBit = 1

// Policy returns the password policy that holds for the account: the domain's, or the fine-grained one that
// wins. It may be up to a minute old. ReasonRights means that the agent may not read fine-grained policies.
func (d *Directory) Policy(ctx context.Context, a Account) (directory.PasswordPolicy, error) {
	d.mu.Lock()
	known, ok := d.policies[a.PSO]
	d.mu.Unlock()
	if ok && d.config.Clock().Sub(known.read) < policyAge {
		return known.policy, nil
	}
	return d.freshPolicy(ctx, a)
}

// freshPolicy reads the policy now, and remembers it.
func (d *Directory) freshPolicy(ctx context.Context, a Account) (directory.PasswordPolicy, error) {
	p, err := d.readPolicy(ctx, a.PSO)
	if err != nil {
		return directory.PasswordPolicy{}, err
	}
	now := d.config.Clock()
	d.mu.Lock()
	defer d.mu.Unlock()
	for dn, r := range d.policies {
		if now.Sub(r.read) >= policyAge {
			delete(d.policies, dn)
		}
	}
	d.policies[a.PSO] = rememberedPolicy{p, now}
	return p, nil
}

func (d *Directory) readPolicy(ctx context.Context, pso string) (p directory.PasswordPolicy, err error) {
	err = d.read(ctx, func(c *conn) error {
		var err error
		p, err = d.policyFrom(c, pso)
		return err
	})
	if err == nil {
		return p, nil
	}
	if pso != "" && ReasonOf(wrap("", err)) == protocol.ReasonNotFound {
		return p, &Error{
			Reason: protocol.ReasonRights, err: err,
			doing: "a fine-grained password policy holds for this person, but the agent may not read CN=Password Settings Container,CN=System",
		}
	}
	return p, wrap("read the password policy", err)
}

// policyFrom reads the fine-grained policy pso, or without one the domain's.
func (d *Directory) policyFrom(c *conn, pso string) (directory.PasswordPolicy, error) {
	if pso == "" {
		return c.domainPolicy(d.config.BaseDN)
	}
	return c.fineGrainedPolicy(pso)
}

func (c *conn) domainPolicy(base string) (directory.PasswordPolicy, error) {
	if base == "" {
		base = c.base
	}
	e, err := c.one(base, "minPwdLength", "pwdProperties", "pwdHistoryLength", "minPwdAge", "maxPwdAge", "lockoutThreshold",
		"lockOutObservationWindow")
	if err != nil {
		return directory.PasswordPolicy{}, err
	}
	f := fields{entry: e}
	if !f.has("minPwdLength") {
		return directory.PasswordPolicy{}, malformed("the domain's password policy", directory.ErrSyntax)
	}
	p := f.policy("minPwdLength", "pwdHistoryLength", "minPwdAge", "maxPwdAge", "lockoutThreshold", "lockOutObservationWindow")
	p.Source = "domain"
	p.Complexity = f.integer("pwdProperties")&complexityBit != 0
	return p, f.err
}

func (c *conn) fineGrainedPolicy(dn string) (directory.PasswordPolicy, error) {
	e, err := c.one(dn, fineGrainedAttributes()...)
	if err != nil {
		return directory.PasswordPolicy{}, err
	}
	f := fields{entry: e}
	if !f.has("msDS-MinimumPasswordLength") {
		return directory.PasswordPolicy{}, &ldap.Error{ResultCode: ldap.LDAPResultNoSuchObject, Err: directory.ErrSyntax}
	}
	p := f.fineGrained()
	return p, f.err
}

// fineGrainedAttributes are what fields.fineGrained reads.
func fineGrainedAttributes() []string {
	return []string{
		"name", "msDS-MinimumPasswordLength", "msDS-PasswordHistoryLength", "msDS-MinimumPasswordAge", "msDS-MaximumPasswordAge",
		"msDS-LockoutThreshold", "msDS-LockoutObservationWindow", "msDS-PasswordComplexityEnabled",
	}
}

func (f *fields) fineGrained() directory.PasswordPolicy {
	p := f.policy("msDS-MinimumPasswordLength", "msDS-PasswordHistoryLength", "msDS-MinimumPasswordAge",
		"msDS-MaximumPasswordAge", "msDS-LockoutThreshold", "msDS-LockoutObservationWindow")
	p.Source = f.text("name")
	p.Complexity = f.text("msDS-PasswordComplexityEnabled") == "TRUE"
	return p
}

func (f *fields) policy(length, history, minAge, maxAge, threshold, window string) directory.PasswordPolicy {
	return directory.PasswordPolicy{
		MinLength: int(f.integer(length)), History: int(f.integer(history)),
		MinAge: directory.FromInterval(f.integer(minAge)), MaxAge: directory.FromInterval(f.integer(maxAge)),
		LockoutThreshold: int(f.integer(threshold)), LockoutWindow: directory.FromInterval(f.integer(window)),
	}
}
