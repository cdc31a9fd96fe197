package activedirectory

import (
	"bytes"
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/agent/activedirectory/kerberos"
	"homeward/internal/directory"
	"homeward/internal/protocol"
)

// Change replaces the current password by next, as the person who knows both: one modify that deletes the one
// and adds the other, which a controller takes only if the first is right ([MS-ADTS] 3.1.1.3.1.5.1). It goes
// to the controller the account was read from, signed in as the person, so that the agent's rights play no
// part. Where the person cannot sign in although the password may be right (it has expired or must be changed;
// hours, machines or the channel forbid it), the same modify goes over the agent's own connection: the
// controller asks everybody for the current password. A change does not unlock. The caller wipes both.
//
// A wrong current password is tried once and counts once: after a refused sign-in nothing more is sent. Where
// one more wrong one could lock the account, nothing is sent at all (ReasonLastTry). Every failure is an
// *Error; Sent has the meaning it has for Reset.
func (d *Directory) Change(ctx context.Context, a Account, current, next []byte) error {
	if err := a.Refusal(protocol.Change); err != nil {
		return err
	}
	if err := impossible(current); err != nil {
		return err
	}
	// Fresh: the account's lockout hangs on it.
	policy, err := d.freshPolicy(ctx, a)
	if err != nil {
		return err
	}
	if err := refusedUnsent(policy, a, next); err != nil {
		return err
	}
	if bytes.Equal(current, next) && policy.History > 0 {
		return &Error{Reason: protocol.ReasonUsedBefore, Rule: protocol.Rule{History: policy.History}, doing: "compare the two passwords"}
	}
	// Two changes for one person side by side would each see the other's try still free.
	leave, err := d.changing.enter(ctx, a.GUID)
	if err != nil {
		return err
	}
	defer leave()
	if err := d.spare(ctx, a, policy); err != nil {
		return err
	}
	err = d.change(ctx, a, current, next)
	if mayHaveCounted(err) {
		d.tried.add(a.GUID, policy.LockoutWindow, d.config.Clock())
	}
	return err
}

// mayHaveCounted tells whether a change that failed has, or may have, used up a try.
func mayHaveCounted(err error) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return false
	}
	dial, ok := errors.AsType[*net.OpError](err)
	away := ok && dial.Op == "dial"
	return e.Sent || e.Reason == protocol.ReasonWrongPassword || e.Reason == protocol.ReasonDirectoryDown && !away
}

// impossible refuses current passwords no account can have, without using up a try.
func impossible(current []byte) error {
	switch n := directory.Length(current); {
	case !utf8.Valid(current):
		return &Error{Reason: protocol.ReasonMalformed, doing: "test the current password before sending it"}
	case n == 0 || n > directory.MaxPasswordLength:
		return &Error{Reason: protocol.ReasonWrongPassword, doing: "test the current password before sending it"}
	}
	return nil
}

func (d *Directory) change(ctx context.Context, a Account, current, next []byte) error {
	before, after := quotedUTF16(current), quotedUTF16(next)
	defer clear(before)
	defer clear(after)
	m := ldap.NewModifyRequest(a.GUID.DN(), nil)
	m.Delete("unicodePwd", []string{string(before)}) // first, or the controller refuses
	m.Add("unicodePwd", []string{string(after)})
	modify := func(c *conn) error {
		if err := mayCarryPasswords(c.raw); err != nil {
			return err
		}
		return sent("change the password", c.ldap.Modify(m))
	}

	person, err := d.asPerson(ctx, a, current)
	switch {
	case err != nil:
		return err
	case person == nil:
		err = d.write(ctx, a.DC, modify)
	default:
		err = person.use(ctx, d.config.WriteTimeout, modify)
		person.kill()
	}
	return d.explained(ctx, a.changeDenied(err, person != nil), a, next)
}

// changeDenied recognises the answers to a change that the DACL denies. Access denied, to the one right a change
// needs, is about the person, unless the agent asked for them and they may have it. [MS-ADCAP] 3.3.4.1.8.7 has
// a constraint violation for it.
func (a Account) changeDenied(err error, asPerson bool) error {
	e, ok := errors.AsType[*Error](err)
	if !ok || !e.refused {
		return err
	}
	if diagnose(e.err).win32 == winConstraint || e.Reason == protocol.ReasonRights && (asPerson || !a.mayChange) {
		e.Reason = protocol.ReasonCannotChange
	}
	return err
}

// asPerson returns a connection to the account's controller bound as the person; nil when the person cannot
// bind although that says nothing about the password.
func (d *Directory) asPerson(ctx context.Context, a Account, current []byte) (*conn, error) {
	if bytes.IndexByte(current, 0) >= 0 {
		return nil, nil // not every controller takes NUL in a simple bind: it would count as a wrong password
	}
	l, raw, err := d.openAs(ctx, a.DC.name, a.DC.address, d.signInName(a), current)
	if err == nil {
		c := &conn{ldap: l, raw: raw, born: d.config.Clock(), dc: a.DC}
		if err := c.use(ctx, d.config.ReadTimeout, (*conn).stillThere); err != nil {
			c.kill()
			return nil, err
		}
		return c, nil
	}
	var e *Error
	if !errors.As(err, &e) {
		return nil, wrap("sign in as the person", err)
	}
	switch {
	case passable(e):
		return nil, nil
	case e.Bind == "533":
		e.Reason = protocol.ReasonDisabled
	case e.Bind == "701":
		e.Reason = protocol.ReasonAccountExpired
	case e.Bind == "775":
		e.Reason = protocol.ReasonLocked
	case e.Bind == "525":
		e.Reason = protocol.ReasonWrongPassword
	}
	return nil, e
}

// stillThere makes sure that the controller the account was read from is who answers at its address: what was read
// there is what the outcome is told by.
func (c *conn) stillThere() error {
	root, err := c.one("", "dsServiceName")
	if err != nil {
		return down("look who answers at "+c.dc.Host, err)
	}
	if !strings.EqualFold(root.GetAttributeValue("dsServiceName"), c.dc.service) {
		return down("sign in to "+c.dc.Host, errors.New("another controller answers there now; nothing was sent"))
	}
	return nil
}

// passable reports whether a refused sign-in says nothing against the password and did not count as a wrong
// one: the controller looks at these only when the password is right, or before it looks at all ([MS-ERREF]
// 2.2, [MS-ADTS] 5.1.1.1.3).
func passable(e *Error) bool {
	if slices.Contains([]string{
		"773", "532", // must be changed; expired
		"530", "531", "52f", "569", // hours, machines, account restriction, kind of sign-in not granted
		"418", "35b", // NTLM switched off; channel binding wanted
	}, e.Bind) {
		return true
	}
	// The KDC says this before it is sent a proof.
	if refusal, ok := errors.AsType[*kerberos.Error](e.err); errors.Is(e.err, kerberos.ErrNoAES) || ok && refusal.Code == kerberos.CodeEtype {
		return true
	}
	// Not a judgement on name and password, but on this kind of bind.
	le, ok := errors.AsType[*ldap.Error](e.err)
	return ok && slices.Contains([]uint16{
		ldap.LDAPResultAuthMethodNotSupported, ldap.LDAPResultStrongAuthRequired, ldap.LDAPResultConfidentialityRequired,
		ldap.LDAPResultInappropriateAuthentication, ldap.LDAPResultUnwillingToPerform,
	}, le.ResultCode)
}

// signInName is the one name that cannot be somebody else's: a userPrincipalName can be given twice, or be
// another's implicit one ([MS-ADTS] 5.1.1.1.1, [MS-KILE] 3.3.5.6.1).
func (d *Directory) signInName(a Account) string {
	if d.config.Security == Kerberos || d.config.Keytab != "" {
		return d.config.Domain + `\` + a.SAM
	}
	return a.DN
}
