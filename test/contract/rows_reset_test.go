package contract

import (
	"strings"

	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

// Where expectations come from.
const (
	hints      = "[MS-ADTS] 3.1.1.3.4.1.27"
	general    = "[MS-SAMR] 3.1.1.7.1"
	clear      = "[MS-SAMR] 3.1.1.7.2"
	lastSet    = "[MS-SAMR] 3.1.1.8.7"
	oneModify  = "[MS-ADTS] 3.1.1.3.1.5.1"
	ownChange  = "[MS-ADTS] 3.1.1.3.1.5.1, User-Change-Password"
	lockout    = "[MS-SAMR] 3.1.5.14.6"
	unlocking  = "[MS-SAMR] 3.1.1.8.3"
	lockedOut  = "[MS-SAMR] 3.1.5.14.5"
	inherited  = "[MS-ADTS] 6.1.3"
	minimumAge = general + "; Samba asks for it with policy hints, the agent everywhere"
	byRight    = "[MS-ADTS] 5.1.3.2.1, 5.1.3.3"
	signIn     = "[MS-ADTS] 5.1.1.1.3"
	finePolicy = "[MS-ADTS] 3.1.1.4.5.36"
	bits       = "[MS-ADTS] 2.2.16"
	homeward   = "Homeward's own rule"
	byGUID     = "[MS-ADTS] 3.1.1.3.1.2.4"
)

func resetRows() []row {
	return append(append(resetAccounts(), resetPasswords()...), resetRights()...)
}

func resetAccounts() []row {
	return []row{
		reset(ordinary(), good(), done(), hints),
		reset(neverLoggedOn(), good(), done(), hints),
		reset(mustChange(neverLoggedOn()), good(), done(), lastSet),
		reset(passwordExpired(), good(), done(), lastSet),
		reset(aged("never expires, 400 days old", longAgo, dctest.Control(uacNeverExpires)), good(), done(), bits),
		reset(locked(neverLoggedOn()), good(), done().unlocks(), oneModify+": both or neither"),
		reset(wrongTries(1), good(), done().bad("1→0"), unlocking),
		reset(wrongTries(2), good(), done().bad("2→0"), unlocking),
		reset(locked(mustChange(neverLoggedOn())), good(), done().unlocks(), oneModify),
		reset(locked(passwordExpired()), good(), done().unlocks(), oneModify),
		reset(disabled(neverLoggedOn()), good(), isDisabled(), homeward+": no password would let anybody in"),
		reset(locked(disabled(neverLoggedOn())), good(), isDisabled().stays(), homeward),
		reset(accountExpired(neverLoggedOn()), good(), isExpired(), homeward+": no password would let anybody in"),
		reset(set(neverLoggedOn(), "account expires in 2104", "accountExpires", distantFiletime), good(), done(), hints),
		reset(set(neverLoggedOn(), "account expires 0 (never)", "accountExpires", "0"), good(), done(), "[MS-ADA1] accountExpires"),
		reset(smartcard(), good(), done(), "Samba; [AD?] Windows lets no password sign in"),
		reset(cannotChange(neverLoggedOn()), good(), done(), "[MS-ADTS] 5.1.3.2.1: the person's right, not the agent's"),
		reset(control(neverLoggedOn(), "no password required", uacNotRequired), good(), done(), general),
		reset(control(neverLoggedOn(), "reversible encryption", uacReversible), good(), done(), bits),
		reset(control(neverLoggedOn(), "not delegated", uacNotDelegated), good(), done(), bits),
		reset(control(neverLoggedOn(), "no Kerberos preauthentication", uacNoPreauth), good(), done(), bits),
		reset(noHours(), good(), done().coded("530"), signIn),
		reset(oneWorkstation(), good(), done().coded("531"), signIn),
		reset(plain("inetOrgPerson", dctest.Class("inetOrgPerson")), good(), noRights(), inherited+": what people inherit is for the class user"),
		reset(plain("no mail address", dctest.WithMail("")), good(), done(), hints),
		reset(protected(neverLoggedOn()), good(), isProtected(), homeward+", [MS-ADTS] 3.1.1.6.1"),
		reset(onceProtected(neverLoggedOn()), good(), isProtected(), homeward),
		reset(protected(locked(neverLoggedOn())), good(), isProtected().stays(), homeward),
		reset(byService(), good(), isProtected().blind(), homeward),
		reset(byDN("krbtgt", "CN=krbtgt,CN=Users"), good(), isProtected().blind(), homeward),
		reset(byDN("Guest", "CN=Guest,CN=Users"), good(), isProtected().blind(), homeward),
		reset(byDN("Administrator", "CN=Administrator,CN=Users"), good(), isProtected().blind(), homeward),
		reset(byDN("the domain controller's own account", "CN=DC1,OU=Domain Controllers"), good(), isProtected().blind(), homeward),
		reset(made("a computer", "computer", map[string][]string{"sAMAccountName": {"contract-pc$"}, "userAccountControl": {"4096"}}), good(), notFound().blind(), homeward),
		reset(made("a group", "group", nil), good(), notFound().blind(), "[MS-ADSC] group"),
		reset(made("a contact", "contact", nil), good(), notFound().blind(), "[MS-ADSC] contact"),
		reset(byDN("an OU", "OU=Nothing"), good(), notFound().blind(), "[MS-ADSC] organizationalUnit"),
		reset(nobody(), good(), notFound().gone(), byGUID),
		reset(deleted(), good(), notFound().gone(), byGUID+", 3.1.1.5.5"),
		reset(moved(full), good(), done(), byGUID),
		reset(moved(none), good(), noRights(), byRight),
		reset(plain("name with reserved characters", dctest.Named(`O'Hara, "Kit" + <Rae>; \ (#1) /*`)), good(), done(), "RFC 4514, "+byGUID),
		reset(plain("name with spaces at both ends and a hash", dctest.Named(" # Kit Ümläut 漢字 ")), good(), done(), "RFC 4514, "+byGUID),
		reset(neverLoggedOn(), good(), done(), "RFC 4514, "+byGUID).in(reserved),
	}
}

func resetPasswords() []row {
	strict := domainPolicy()
	longer, lax, forgetful, free := strict, strict, strict, strict
	longer.MinLength = 20
	lax.Complexity, lax.MinLength = false, 4
	forgetful.History = 0
	free.MinAge = 0
	named := func(name string) kind { return plain("called "+name, dctest.Named(name)) }
	return []row{
		reset(neverLoggedOn(), long(11), tooShort(12), clear),
		reset(neverLoggedOn(), long(12), done(), clear),
		reset(neverLoggedOn(), text("empty", ""), tooShort(12), clear),
		reset(neverLoggedOn(), text("one kind of characters", "correcthorsebattery"), tooSimple(), clear),
		reset(neverLoggedOn(), text("two kinds of characters", "correcthorse2026"), tooSimple(), clear),
		reset(neverLoggedOn(), text("three kinds of characters", "Correcthorse2026"), done(), clear),
		reset(neverLoggedOn(), text("lower case, digits and letters without case", "correcthorse漢字2026"), done(), clear),
		reset(neverLoggedOn(), withUserName(), containsName(), clear+"; Samba does not look"),
		reset(neverLoggedOn(), withUserNameInCapitals(), containsName(), clear+"; Samba does not look"),
		reset(named("Gudrun Halvorsen"), text("contains the surname", "halvorsen-74-Kite"), containsName(), clear+"; Samba does not look"),
		reset(named("Grete Weiß-Ångström"), text("contains a part beyond ASCII", "kite-74-ÅNGSTRÖM"), containsName(), clear+"; Samba does not look"),
		reset(named("Bo Li"), text("contains names of two letters", "bo-li-74-Kite"), done(), clear),
		reset(neverLoggedOn(), current(), usedBefore(24), general+", "+hints),
		reset(history(2), back(1), usedBefore(24), general+", "+hints),
		reset(history(23), back(23), usedBefore(24), general+", "+hints),
		reset(history(26), back(26), done(), general),
		reset(aged("password set this moment", now), good(), tooYoung(), minimumAge),
		reset(aged("password 23 hours old", 23*hour), good(), tooYoung(), minimumAge),
		reset(aged("password 25 hours old", 25*hour), good(), done(), general+", "+hints),
		reset(locked(aged("password set this moment", now)), good(), tooYoung().stays(), oneModify+": both or neither"),
		reset(mustChange(aged("password set this moment", now)), good(), done(), general+": pwdLastSet 0 is old enough"),
		reset(locked(neverLoggedOn()), long(11), tooShort(12).stays(), oneModify+": both or neither"),
		reset(locked(neverLoggedOn()), current(), usedBefore(24).stays(), oneModify+": both or neither"),
		reset(neverLoggedOn(), long(256), done(), clear),
		reset(neverLoggedOn(), long(257), tooLong(), clear+"; Samba takes them"),
		reset(neverLoggedOn(), text("128 characters beyond the BMP", strings.Repeat("😀", 118)+"Kite-74-moon-Kite-74"), done(), clear+": 256 UTF-16 units"),
		reset(neverLoggedOn(), text("129 characters beyond the BMP", strings.Repeat("😀", 119)+"Kite-74-moon-Kite-74"), tooLong(), clear+": 258 UTF-16 units"),
		reset(neverLoggedOn(), text("spaces at both ends", "  Kite 74 moon  "), done(), oneModify),
		reset(neverLoggedOn(), text("quotes", `"Kite" 74 "moon"`), done(), oneModify),
		reset(neverLoggedOn(), text("combining marks", "Cafe\u0301-74-kite-moon"), done(), oneModify),
		reset(neverLoggedOn(), text("right to left", "Kite-74-سلام-שלום"), done(), oneModify),
		reset(neverLoggedOn(), text("NUL inside", "Kite-74\x00-moon-sea"), malformed(), homeward+": nobody could sign in with it"),
		reset(neverLoggedOn(), text("not UTF-8", "Kite-74-moon-\xff\xfe"), malformed(), homeward),
		reset(pso(neverLoggedOn(), "20 characters", longer), good(), tooShort(20), finePolicy),
		reset(pso(neverLoggedOn(), "20 characters", longer), long(20), done(), finePolicy),
		reset(pso(neverLoggedOn(), "4 characters, not complex", lax), text("4 characters", "kite"), done(), finePolicy),
		reset(pso(neverLoggedOn(), "4 characters, not complex", lax), text("3 characters", "kit"), tooShort(4), finePolicy),
		reset(pso(neverLoggedOn(), "4 characters, not complex", lax), withUserName(), done(), finePolicy+"; [AD?] "+clear+" names no condition"),
		reset(pso(neverLoggedOn(), "no history", forgetful), current(), refused(protocol.ReasonUsedBefore, event.PolicyRefused), "Samba; [AD?] Windows takes it, "+general),
		reset(pso(history(2), "no history", forgetful), back(1), refused(protocol.ReasonUsedBefore, event.PolicyRefused), "Samba looks at what it kept under the old policy; [AD?] Windows keeps to the new one, "+general),
		reset(pso(aged("password set this moment", now), "no minimum age", free), good(), done(), finePolicy),
		reset(pso(locked(neverLoggedOn()), "20 characters", longer), good(), tooShort(20).stays(), finePolicy),
		reset(control(neverLoggedOn(), "no password required", uacNotRequired), long(11), tooShort(12), "Samba; [AD?] Windows: no minimum length, "+clear),
		reset(control(neverLoggedOn(), "no password required", uacNotRequired), text("empty", ""), tooShort(12), homeward+": never an empty password"),
		reset(control(neverLoggedOn(), "no password required", uacNotRequired), current(), usedBefore(24), "Samba; [AD?] Windows: no history, "+general),
	}
}

func resetRights() []row {
	rows := []row{
		reset(neverLoggedOn(), good(), noRights(), byRight).in(noReset),
		reset(neverLoggedOn(), good(), noRights(), byRight+": both or neither").in(noUnlock),
		reset(locked(neverLoggedOn()), good(), noRights().stays(), byRight+": both or neither").in(noReset),
		reset(locked(neverLoggedOn()), good(), noRights().stays(), byRight+": both or neither").in(noUnlock),
		reset(neverLoggedOn(), good(), done(), byRight).in(noFlag),
		reset(neverLoggedOn(), good(), noRights(), byRight).in(none),
		reset(neverLoggedOn(), good(), noRights(), byRight+": the denial comes first").in(denied),
		reset(neverLoggedOn(), good(), done(), byRight+", "+inherited).in(above),
		reset(neverLoggedOn(), good(), noRights(), inherited).in(shut),
		reset(inheritanceCut(neverLoggedOn()), good(), noRights(), inherited),
		reset(resetDenied(neverLoggedOn()), good(), noRights(), byRight+": the denial comes first"),
		reset(resetDenied(locked(neverLoggedOn())), good(), noRights().stays(), byRight),
		reset(neverLoggedOn(), long(11), tooShort(12), homeward+": the rule is told first").in(noReset),
		reset(disabled(neverLoggedOn()), good(), isDisabled(), homeward).in(none),
		reset(protected(neverLoggedOn()), good(), isProtected(), homeward).in(none),
		adminReset(neverLoggedOn(), good(), noRights(), byRight).in(none),
	}
	return rows
}

// history is somebody who had that many passwords before the present one.
func history(n int) kind {
	return kind{name: itoa(n) + " passwords before", past: n}
}
