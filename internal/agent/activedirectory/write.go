package activedirectory

import (
	"context"
	"encoding/binary"
	"errors"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
	"homeward/internal/protocol"
)

// control is a critical LDAP control with its value.
type control struct{ oid, value string }

// policyHintsValue is SEQUENCE { INTEGER 1 } ([MS-ADTS] 3.1.1.3.4.1.27). Any other value, or none, is
// accepted by controllers and switches the policy off without a word.
const policyHintsValue = "\x30\x03\x02\x01\x01"

// policyHints is the control that makes a reset obey history and minimum age.
func policyHints(oid string) control { return control{oid, policyHintsValue} }

// GetControlType returns the OID.
func (c control) GetControlType() string { return c.oid }

// String names the control.
func (c control) String() string { return "control " + c.oid }

// Encode writes criticality TRUE as 0xFF: the LDAP library's own NewBoolean writes 0x01, which Samba reads
// as FALSE and then ignores a control it does not know.
func (c control) Encode() *ber.Packet {
	b := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "Control")
	b.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, c.oid, "OID"))
	b.AppendChild(ber.NewLDAPBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, true, "criticality"))
	b.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, c.value, "value"))
	return b
}

// Reset sets the password of the account as read by Account and clears its lockout, both in one modify, on
// the controller the account was read from. The caller keeps and wipes password.
//
// Every failure is an *Error. Refused before anything is sent: accounts that Refusal names, passwords over
// 256 UTF-16 units, empty or not UTF-8, passwords that contain the person's name under a complexity policy,
// and a controller without policy hints. Everything else the controller decides. With Sent set nobody knows
// yet whether the password changed; read the account again and compare Password versions.
func (d *Directory) Reset(ctx context.Context, a Account, password []byte) error {
	if err := a.Refusal(); err != nil {
		return err
	}
	// Without the policy the controller still decides; only the name test is left to it as well.
	policy, policyErr := d.Policy(ctx, a)
	if err := refusedUnsent(policy, a, password); err != nil {
		return err
	}
	quoted := quotedUTF16(password)
	defer clear(quoted)
	m := ldap.NewModifyRequest(a.GUID.DN(), nil)
	m.Replace("unicodePwd", []string{string(quoted)})
	m.Replace("lockoutTime", []string{"0"})
	var c *conn
	err := d.write(ctx, a.DC, func(bound *conn) error {
		c = bound
		if c.hints == "" {
			return noPolicyHints(c.dc.Host, nil)
		}
		m.Controls = []ldap.Control{policyHints(c.hints)}
		return sent("reset the password", c.ldap.Modify(m))
	})
	var e *Error
	if errors.As(err, &e) && c != nil {
		if policyErr != nil {
			policy = directory.PasswordPolicy{}
		}
		e.explain(password, a, policy, d.config.Clock().Add(c.dc.Offset))
	}
	return err
}

// Unlock clears the account's lockout. It refuses what Reset refuses about accounts, and may be repeated.
func (d *Directory) Unlock(ctx context.Context, a Account) error {
	if err := a.Refusal(); err != nil {
		return err
	}
	m := ldap.NewModifyRequest(a.GUID.DN(), nil)
	m.Replace("lockoutTime", []string{"0"})
	return d.write(ctx, a.DC, func(c *conn) error { return sent("unlock the account", c.ldap.Modify(m)) })
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
	return &Error{Reason: d.reason(), Rule: protocol.Rule{MinLength: d.minLength()}, Detail: d.text, doing: doing, err: err}
}

func noPolicyHints(host string, err error) error {
	return &Error{Reason: protocol.ReasonNoPolicyHints, err: err, doing: host + " does not offer the policy-hints control (" + oidPolicyHints +
		"); without it a reset would bypass password history and minimum age, so nothing is written there. " +
		"Windows Server 2008 R2 SP1 or later and Samba 4.24 or later offer it"}
}

// refusedUnsent holds what is known before asking, and must not be left to the controller: Samba does not
// look for names, and over-long or malformed passwords could be stored as something else than was typed.
func refusedUnsent(policy directory.PasswordPolicy, a Account, password []byte) error {
	refuse := func(reason protocol.Reason, rule protocol.Rule) error {
		return &Error{Reason: reason, Rule: rule, doing: "test the password before sending it"}
	}
	switch n := directory.Length(password); {
	case !utf8.Valid(password):
		return refuse(protocol.ReasonMalformed, protocol.Rule{})
	case n == 0:
		return refuse(protocol.ReasonTooShort, protocol.Rule{MinLength: max(policy.MinLength, 1)})
	case n > directory.MaxPasswordLength:
		return refuse(protocol.ReasonTooLong, protocol.Rule{})
	}
	if breach, part, _ := policy.Check(password, a.Names()); breach == directory.ContainsName {
		return refuse(protocol.ReasonContainsName, protocol.Rule{Name: part})
	}
	return nil
}

// explain fills in the numbers of a refused password, and the rule where the controller did not name one and
// it can be known. Samba answers a password filter's refusal with the words for complexity.
func (e *Error) explain(password []byte, a Account, p directory.PasswordPolicy, now time.Time) {
	if p.Source != "" {
		breach, _, _ := p.Check(password, nil)
		switch {
		case e.Reason == protocol.ReasonTooSimple && directory.Kinds(password) >= 3:
			e.Reason = protocol.ReasonRuleUnknown
		case e.Reason != protocol.ReasonRuleUnknown:
		case breach == directory.TooShort:
			e.Reason = protocol.ReasonTooShort
		case breach == directory.TooSimple:
			e.Reason = protocol.ReasonTooSimple
		case now.Before(changeable(a, p)):
			e.Reason = protocol.ReasonTooYoung
		}
	}
	switch e.Reason {
	case protocol.ReasonTooShort:
		if e.Rule.MinLength == 0 {
			e.Rule.MinLength = p.MinLength
		}
	case protocol.ReasonUsedBefore, protocol.ReasonRuleUnknown:
		e.Rule.History = p.History
	case protocol.ReasonTooYoung:
		e.Rule.Changed = protocol.MilliOf(a.PasswordSet)
		e.Rule.NotBefore = protocol.MilliOf(changeable(a, p))
		e.Rule.MinAge = p.MinAge.Milliseconds()
	default: // the others have no numbers
	}
}

// changeable returns when the minimum age is over; zero when there is nothing to wait for.
func changeable(a Account, p directory.PasswordPolicy) time.Time {
	if p.MinAge <= 0 || a.PasswordSet.IsZero() {
		return time.Time{}
	}
	return a.PasswordSet.Add(p.MinAge)
}

// Changeable returns when a person may set a new password under p; zero: at once.
func (a Account) Changeable(p directory.PasswordPolicy) time.Time {
	if t := changeable(a, p); a.At.Add(a.DC.Offset).Before(t) {
		return t
	}
	return time.Time{}
}

// quotedUTF16 is the form unicodePwd takes: in double quotes, UTF-16, little-endian ([MS-ADTS]
// 3.1.1.3.1.5). The result is the only copy; the caller wipes it.
func quotedUTF16(password []byte) []byte {
	out := make([]byte, 0, 2*len(password)+4)
	out = binary.LittleEndian.AppendUint16(out, '"')
	for b := password; len(b) > 0; {
		r, size := utf8.DecodeRune(b)
		b = b[size:]
		if hi, lo := utf16.EncodeRune(r); hi != utf8.RuneError {
			out = binary.LittleEndian.AppendUint16(out, uint16(hi)) //nolint:gosec // a surrogate half
			out = binary.LittleEndian.AppendUint16(out, uint16(lo)) //nolint:gosec // a surrogate half
			continue
		}
		out = binary.LittleEndian.AppendUint16(out, uint16(r)) //nolint:gosec // in the basic plane
	}
	return binary.LittleEndian.AppendUint16(out, '"')
}
