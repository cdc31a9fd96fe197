package activedirectory

import (
	"context"
	"errors"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
	"homeward/internal/protocol"
)

// Reset sets the password of the account as read by Account and clears its lockout, both in one modify, on
// the controller the account was read from: it happens whole or not at all. The caller keeps and wipes
// password.
//
// Every failure is an *Error. Refused before anything is sent: accounts that Refusal names, what breaks a
// rule of the policy that can be read, passwords over 256 UTF-16 units, empty or not UTF-8, and a controller
// without policy hints. Everything else the controller decides. With Sent set nobody knows yet whether the
// password changed; read the account again and compare Password versions.
func (d *Directory) Reset(ctx context.Context, a Account, password []byte) error {
	if err := a.Refusal(protocol.Reset); err != nil {
		return err
	}
	if err := d.judge(ctx, a, password); err != nil {
		return err
	}
	return d.reset(ctx, a, password)
}

// reset has the controller decide.
func (d *Directory) reset(ctx context.Context, a Account, password []byte) error {
	quoted := quotedUTF16(password)
	defer clear(quoted)
	m := ldap.NewModifyRequest(a.GUID.DN(), nil)
	m.Replace("unicodePwd", []string{string(quoted)})
	m.Replace("lockoutTime", []string{"0"})
	err := d.write(ctx, a.DC, func(c *conn) error {
		if c.hints == "" {
			return noPolicyHints(c.dc.Host, nil)
		}
		if err := mayCarryPasswords(c.raw); err != nil {
			return err
		}
		m.Controls = []ldap.Control{policyHints(c.hints)}
		return sent("reset the password", c.ldap.Modify(m))
	})
	return d.explained(ctx, err, a, password)
}

// judge refuses a password that breaks a known rule. A rule that was relaxed within the minute for which
// policies are remembered refuses nobody. Without the policy the controller decides alone.
func (d *Directory) judge(ctx context.Context, a Account, password []byte) error {
	policy, _ := d.Policy(ctx, a)
	err := refusedUnsent(policy, a, password)
	if err != nil && policy.Source != "" {
		policy, _ = d.freshPolicy(ctx, a)
		err = refusedUnsent(policy, a, password)
	}
	return err
}

// explained completes the controller's refusal: the rule, from what the very controller holds now, or the
// missing right.
func (d *Directory) explained(ctx context.Context, err error, a Account, password []byte) error {
	var e *Error
	if !errors.As(err, &e) || e.Sent || !e.refused {
		return err
	}
	switch e.Reason {
	case protocol.ReasonRights:
		return nameMissing(err, a.Missing())
	case protocol.ReasonTooShort, protocol.ReasonTooSimple, protocol.ReasonTooYoung, protocol.ReasonUsedBefore, protocol.ReasonRuleUnknown:
		now, policy := d.again(ctx, a)
		e.explain(password, now, policy)
	}
	return err
}

// again reads from the account's controller what a refusal can rest on: pwdLastSet and the policy may have
// changed since they were read. The zero policy stands for one that cannot be read.
func (d *Directory) again(ctx context.Context, a Account) (Account, directory.PasswordPolicy) {
	var policy directory.PasswordPolicy
	err := d.write(ctx, a.DC, func(c *conn) error {
		e, err := c.one(a.GUID.DN(), "pwdLastSet", "msDS-ResultantPSO", "sAMAccountName", "displayName")
		if err != nil {
			return err
		}
		f := fields{entry: e}
		a.PasswordSet, a.PSO = directory.FromFiletime(f.integer("pwdLastSet")), f.text("msDS-ResultantPSO")
		a.SAM, a.DisplayName = f.text("sAMAccountName"), f.text("displayName")
		a.DC, a.At = d.fleet.now(c), d.config.Clock()
		if policy, err = d.policyFrom(c, a.PSO); err != nil {
			return err
		}
		return f.err
	})
	if err != nil {
		return a, directory.PasswordPolicy{}
	}
	return a, policy
}

// sent makes an *Error of what a modify gave.
func sent(doing string, err error) error {
	if err == nil {
		return nil
	}
	d := diagnose(err)
	if !d.answered {
		return &Error{Reason: protocol.ReasonTimeout, Sent: true, doing: doing + ": no answer", err: err}
	}
	if d.control {
		return noPolicyHints("the controller", err)
	}
	return &Error{
		Reason: d.reason(), Rule: protocol.Rule{MinLength: d.minLength()}, Detail: d.text, doing: doing, err: err, refused: true,
	}
}

func noPolicyHints(host string, err error) error {
	return &Error{Reason: protocol.ReasonNoPolicyHints, err: err, doing: host + " does not offer the policy-hints control (" + oidPolicyHints +
		"); without it a reset would bypass password history and minimum age, so nothing is written there. " +
		"Windows Server 2008 R2 SP1 or later and Samba 4.24 or later offer it"}
}
