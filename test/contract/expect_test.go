package contract

import (
	"slices"
	"strconv"
	"strings"

	"homeward/internal/event"
	"homeward/internal/protocol"
)

func itoa(n int) string { return strconv.Itoa(n) }

// row is one case.
type row struct {
	op      protocol.Operation
	who     kind
	rights  string
	current word // of a change
	next    word
	want    result
	source  string
}

func reset(who kind, next word, want result, source string) row {
	return row{op: protocol.Reset, who: who, rights: full, next: next, want: want.filled(event.ResetSuccess), source: source}
}

func adminReset(who kind, next word, want result, source string) row {
	if want.Answer == "changed" && want.Must == "" {
		locked, bad := want.Locked, want.Bad
		want = flagged()
		want.Locked, want.Bad = locked, bad
	}
	return row{op: protocol.AdminReset, who: who, rights: full, next: next, want: want.filled(event.AdminResetSuccess), source: source}
}

func changePassword(who kind, current, next word, want result, source string) row {
	return row{op: protocol.Change, who: who, rights: full, current: current, next: next, want: want.filled(event.ChangeSuccess), source: source}
}

func unlock(who kind, want result, source string) row {
	return row{op: protocol.Unlock, who: who, rights: full, want: want.filled(event.UnlockSuccess), source: source}
}

func policy(who kind, want result, source string) row {
	return row{op: protocol.Policy, who: who, rights: full, want: want, source: source}
}

// in puts the account where the service account has other rights.
func (r row) in(rights string) row {
	r.rights = rights
	return r
}

func (r result) filled(success event.Code) result {
	if r.Answer == "changed" {
		r.Event = success
	}
	return r
}

// done is a write that happened.
func done() result {
	return result{Answer: "changed", Opens: "new", Set: "now", Locked: "no", Bad: "0"}
}

// flagged is an administrator's reset whose second write happened as well.
func flagged() result {
	return result{Answer: "changed", Must: protocol.MustChangeSet, Opens: "new (773)", Set: "0", Locked: "no", Bad: "0"}
}

// opened is an unlock that happened.
func opened() result {
	return result{Answer: "changed", Opens: "old", Set: "kept", Locked: "yes→no", Bad: "3→0"}
}

// refused is a no to this password or account: everything is as it was.
func refused(reason protocol.Reason, code event.Code) result {
	return untouched("refused", reason, code)
}

// failed is something IT has to mend: everything is as it was.
func failed(reason protocol.Reason, code event.Code) result { return untouched("failed", reason, code) }

func untouched(outcome string, reason protocol.Reason, code event.Code) result {
	return result{Answer: outcome + " " + string(reason), Event: code, Opens: "old", Set: "kept", Locked: "no", Bad: "0"}
}

// told is an answer to a question: nothing is touched.
func told(says string) result {
	return result{Answer: "answered", Says: says, Opens: "old", Set: "kept", Locked: "no", Bad: "0"}
}

// The refusals of a password.
func tooShort(n int) result {
	r := refused(protocol.ReasonTooShort, event.PolicyRefused)
	r.Rule = itoa(n) + " characters"
	return r
}
func tooSimple() result { return refused(protocol.ReasonTooSimple, event.PolicyRefused) }
func tooLong() result   { return refused(protocol.ReasonTooLong, event.PolicyRefused) }

func usedBefore(history int) result {
	r := refused(protocol.ReasonUsedBefore, event.PolicyRefused)
	r.Rule = "history " + itoa(history)
	return r
}

func tooYoung() result {
	r := refused(protocol.ReasonTooYoung, event.PolicyRefused)
	r.Rule = "not before 24 hours are over"
	return r
}

func containsName() result {
	r := refused(protocol.ReasonContainsName, event.NameInPassword)
	r.Rule = "name"
	return r
}

func malformed() result { return failed(protocol.ReasonMalformed, event.InputError) }

// The refusals of an account, and of the rights on it.
func isDisabled() result {
	return refused(protocol.ReasonDisabled, event.AccountDisabled).coded("533")
}

func isProtected() result { return refused(protocol.ReasonProtected, event.AccountProtected) }

func isExpired() result {
	return refused(protocol.ReasonAccountExpired, event.AccountExpired).coded("701")
}

func mayNotChange() result { return refused(protocol.ReasonCannotChange, event.CannotChange) }
func noRights() result     { return failed(protocol.ReasonRights, event.PermissionDenied) }
func notFound() result     { return failed(protocol.ReasonNotFound, event.UserNotFound) }
func wrongPassword(bad string) result {
	return refused(protocol.ReasonWrongPassword, event.WrongPassword).bad(bad)
}
func lastTry() result { return refused(protocol.ReasonLastTry, event.LockoutImminent).bad("2") }

func isLocked() result {
	return refused(protocol.ReasonLocked, event.AccountLocked).bad("3").locked("yes")
}

// coded says with which code the right password is refused at a sign-in.
func (r result) coded(code string) result {
	r.Opens = r.Opens[:3] + " (" + code + ")"
	return r
}

func (r result) bad(count string) result {
	r.Bad = count
	return r
}

func (r result) locked(state string) result {
	r.Locked = state
	return r
}

// unlocks: the write clears a lockout of three wrong passwords.
func (r result) unlocks() result { return r.locked("yes→no").bad("3→0") }

// stays: a locked account stays so.
func (r result) stays() result { return r.locked("yes").bad("3") }

func (r result) set(when string) result {
	r.Set = when
	return r
}

func (r result) must(m protocol.MustChange) result {
	r.Must = m
	return r
}

// blind: whose password cannot be tried.
func (r result) blind() result {
	r.Opens = ""
	return r
}

// never: no password that is known opens.
func (r result) never() result {
	r.Opens = "neither"
	return r
}

// gone: there is no account to look at.
func (r result) gone() result {
	r.Opens, r.Set, r.Locked, r.Bad = "", "", "", ""
	return r
}

// withoutHints is what becomes of the row on a controller without the policy-hints control: no reset is sent
// there. What is refused before anything is sent stays as it is, and so do changes and unlocks, which need no
// hints.
func (r row) withoutHints() result {
	if r.op != protocol.Reset && r.op != protocol.AdminReset || !r.sent() {
		return r.want
	}
	out := failed(protocol.ReasonNoPolicyHints, event.PolicyHintsMissing)
	if r.who.opens != "" {
		out.Opens = r.who.opens
	}
	out.Locked, _, _ = strings.Cut(r.want.Locked, "→")
	out.Bad, _, _ = strings.Cut(r.want.Bad, "→")
	return out
}

// sent: the request gets as far as the controller.
func (r row) sent() bool {
	if r.rights == shut || strings.Contains(r.who.name, "inheritance off") {
		return false // what cannot be read whole is not written
	}
	if slices.Contains([]string{"changed", "refused used_before", "failed rights"}, r.want.Answer) {
		return true
	}
	// The agent leaves the length to the controller where no password is required.
	return r.want.Answer == "refused too_short" && strings.Contains(r.who.name, "no password required") && r.next.name != "empty"
}
