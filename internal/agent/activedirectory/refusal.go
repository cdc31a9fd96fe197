package activedirectory

import (
	"bytes"
	"errors"
	"time"
	"unicode/utf8"

	"homeward/internal/directory"
	"homeward/internal/directory/security"
	"homeward/internal/protocol"
)

// Refusal says why the operation must not be carried out on this account whatever rights the agent has; nil
// when it may. Only a Change is open to protected accounts: it needs the current password and no right of
// the agent's. Operations that write nothing are asked as a Reset is.
func (a Account) Refusal(op protocol.Operation) error {
	refuse := func(reason protocol.Reason, why string) error {
		return &Error{Reason: reason, doing: why}
	}
	switch change := op == protocol.Change; {
	case a.TurnedOff(op):
		return refuse(protocol.ReasonTurnedOff, "this agent's configuration switches it off for the domain (features, or sync mode staging)")
	case a.Own:
		return refuse(protocol.ReasonProtected, "this is the agent's own service account")
	case a.Critical:
		return refuse(protocol.ReasonProtected, "the account belongs to the domain itself (isCriticalSystemObject)")
	case a.Protected && !change:
		return refuse(protocol.ReasonProtected, "the account is or was in a protected group (adminCount=1)")
	case !a.Control.Has(directory.NormalAccount):
		return refuse(protocol.ReasonNotFound, "the object is not a person's account")
	case a.Control.Has(directory.Disabled):
		return refuse(protocol.ReasonDisabled, "the account is disabled")
	case a.Expired():
		return refuse(protocol.ReasonAccountExpired, "the account has expired: no password would let anybody in")
	case change && a.CannotChange:
		return refuse(protocol.ReasonCannotChange, `"user cannot change password" is set`)
	case change && a.Locked():
		return refuse(protocol.ReasonLocked, "the account is locked")
	}
	return nil
}

// TurnedOff reports whether the agent's own configuration switches the operation off where the account is.
func (a Account) TurnedOff(op protocol.Operation) bool {
	switch {
	case a.home == nil:
		return false
	case a.home.config.Staging:
		return true
	case op == protocol.Unlock:
		return a.home.config.Uses.NoUnlock
	}
	return a.home.config.Uses.NoWriteback
}

// RulesHidden reports whether the portal isn't told the password rules.
func (a Account) RulesHidden() bool { return a.home != nil && a.home.config.HideRules }

// now is the controller's clock when the account was read.
func (a Account) now() time.Time { return a.At.Add(a.DC.Offset) }

// Expired reports whether the account itself, not its password, was over when it was read.
func (a Account) Expired() bool {
	return !a.AccountExpires.IsZero() && !a.now().Before(a.AccountExpires)
}

// changePasswordRight is User-Change-Password ([MS-ADTS] 5.1.3.2.1). Everyone has it on every person, so that
// who knows the password can change it; "user cannot change password" denies it to Everyone and to SELF.
const changePasswordRight = "ab721a53-1e2f-11d0-9819-00aa0040529b" //nolint:gosec // G101: the GUID of a right, no credential

// ownChange says what the DACL holds about the person's own right to change the password: the first ACE about
// it decides. Neither: there is none, or no DACL; a group of the person's may have the right.
func ownChange(sd []byte, person string) (allowed, denied bool) {
	d, err := security.Parse(sd)
	if err != nil {
		return false, false
	}
	o := d.Check(security.Token{security.Everyone: true, security.Self: true, person: true}, extended(changePasswordRight)).Outcome
	return o == security.Granted, o == security.Denied
}

// clockSlack is how exactly the controller's clock is known (see Controller.Offset). A minimum age that is
// over within it is left to the controller.
const clockSlack = 2 * time.Second

// refusedUnsent applies what is known before asking, so that the person hears the very rule also from
// controllers that don't name it. Nothing else may be left to the controller: Samba doesn't look for names,
// and over-long or malformed passwords could be stored as something else than was typed. The zero policy
// leaves only those.
func refusedUnsent(p directory.PasswordPolicy, a Account, password []byte) error {
	refuse := func(reason protocol.Reason, rule protocol.Rule) error {
		return &Error{Reason: reason, Rule: rule, doing: "test the password before sending it"}
	}
	switch n := directory.Length(password); {
	case !utf8.Valid(password), bytes.IndexByte(password, 0) >= 0:
		// Half a surrogate pair is not UTF-8 either. NUL is: controllers store it, and then nobody can sign in with it.
		return refuse(protocol.ReasonMalformed, protocol.Rule{})
	case n == 0:
		return refuse(protocol.ReasonTooShort, protocol.Rule{MinLength: max(p.MinLength, 1)})
	case n > directory.MaxPasswordLength:
		return refuse(protocol.ReasonTooLong, protocol.Rule{})
	}
	switch breach, part := breachOf(p, a, password); {
	case breach == directory.TooShort:
		return refuse(protocol.ReasonTooShort, protocol.Rule{MinLength: p.MinLength})
	case breach == directory.TooSimple && ascii(password):
		return refuse(protocol.ReasonTooSimple, protocol.Rule{})
	case breach == directory.ContainsName:
		return refuse(protocol.ReasonContainsName, protocol.Rule{Name: part})
	case a.now().Add(clockSlack).Before(changeable(a, p)):
		return refuse(protocol.ReasonTooYoung, tooYoung(a, p))
	}
	return nil
}

// breachOf is the policy's own test, without the length for accounts that need no password: what a controller
// asks of those differs ([MS-SAMR] 3.1.1.8.5; Samba asks the same of them).
func breachOf(p directory.PasswordPolicy, a Account, password []byte) (directory.Breach, string) {
	if a.Control.Has(directory.PasswordNotReqd) {
		p.MinLength = 0
	}
	breach, part, _ := p.Check(password, a.Names())
	return breach, part
}

// ascii tells passwords whose kinds of characters every controller counts alike.
func ascii(password []byte) bool {
	for _, b := range password {
		if b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func tooYoung(a Account, p directory.PasswordPolicy) protocol.Rule {
	return protocol.Rule{
		Changed: protocol.MilliOf(a.PasswordSet), NotBefore: protocol.MilliOf(changeable(a, p)), MinAge: p.MinAge.Milliseconds(),
	}
}

// explain fills in the numbers of a password the controller refused, and the rule where it named none and the
// rule can be known. a and p are what the controller holds after the refusal; the zero policy is an unknown
// one.
func (e *Error) explain(password []byte, a Account, p directory.PasswordPolicy) {
	switch e.Reason {
	case protocol.ReasonTooSimple:
		e.Reason = simpleOrFilter(password, p)
	case protocol.ReasonRuleUnknown:
		e.Reason, e.Rule = unnamed(password, a, p)
	}
	switch e.Reason {
	case protocol.ReasonTooShort:
		if e.Rule.MinLength == 0 {
			e.Rule.MinLength = p.MinLength
		}
	case protocol.ReasonUsedBefore, protocol.ReasonRuleUnknown:
		e.Rule.History = p.History
	case protocol.ReasonTooYoung:
		e.Rule = tooYoung(a, p)
	default: // the others have no numbers
	}
}

// simpleOrFilter tells what Samba's words for complexity mean: it answers a password filter's refusal with the
// same ones. Only ASCII is counted the same by everybody.
func simpleOrFilter(password []byte, p directory.PasswordPolicy) protocol.Reason {
	plain := make([]byte, 0, len(password))
	defer clear(plain)
	for _, b := range password {
		if b < utf8.RuneSelf {
			plain = append(plain, b)
		}
	}
	switch {
	case directory.Kinds(plain) >= 3, p.Source != "" && !p.Complexity:
		return protocol.ReasonFilter
	case directory.Kinds(password) >= 3:
		return protocol.ReasonRuleUnknown
	}
	return protocol.ReasonTooSimple
}

// unnamed works out the rule behind Windows' bare 0000052D. Where every rule that can be read is kept, history
// or a filter is left; which of them cannot be known while history is on.
func unnamed(password []byte, a Account, p directory.PasswordPolicy) (protocol.Reason, protocol.Rule) {
	if p.Source == "" {
		return protocol.ReasonRuleUnknown, protocol.Rule{}
	}
	switch breach, part := breachOf(p, a, password); {
	case breach == directory.TooShort:
		return protocol.ReasonTooShort, protocol.Rule{}
	case breach == directory.TooLong:
		return protocol.ReasonTooLong, protocol.Rule{}
	case breach == directory.TooSimple:
		return protocol.ReasonTooSimple, protocol.Rule{}
	case breach == directory.ContainsName:
		return protocol.ReasonContainsName, protocol.Rule{Name: part}
	case a.now().Before(changeable(a, p)):
		return protocol.ReasonTooYoung, protocol.Rule{}
	case p.History > 0, a.Control.Has(directory.PasswordNotReqd):
		return protocol.ReasonRuleUnknown, protocol.Rule{}
	}
	return protocol.ReasonFilter, protocol.Rule{}
}

// changeable returns when the minimum age is over; zero when there is nothing to wait for, as for a password
// that must be changed.
func changeable(a Account, p directory.PasswordPolicy) time.Time {
	if p.MinAge <= 0 || a.PasswordSet.IsZero() {
		return time.Time{}
	}
	return a.PasswordSet.Add(p.MinAge)
}

// Changeable returns when a person may set a new password under p; zero: at once.
func (a Account) Changeable(p directory.PasswordPolicy) time.Time {
	if t := changeable(a, p); a.now().Before(t) {
		return t
	}
	return time.Time{}
}

// nameMissing adds to a refusal for want of rights which ones the account's DACL does not give the agent. A
// reset with its unlock is refused whole when one of two is missing, and controllers name neither.
func nameMissing(err, missing error) error {
	e, ok := errors.AsType[*Error](err)
	m, known := errors.AsType[*Error](missing)
	if ok && known && e.Reason == protocol.ReasonRights {
		e.doing += ": " + m.doing
		e.Detail = m.doing + "; " + e.Detail
	}
	return err
}
