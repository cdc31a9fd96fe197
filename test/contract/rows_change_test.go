package contract

import (
	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

func changeRows() []row {
	strict := domainPolicy()
	longer, forgetful, unlimited := strict, strict, strict
	longer.MinLength = 20
	forgetful.History = 0
	unlimited.LockoutThreshold = 0
	return []row{
		changePassword(ordinary(), current(), good(), done(), ownChange),
		changePassword(neverLoggedOn(), current(), good(), done(), ownChange),
		changePassword(mustChange(neverLoggedOn()), current(), good(), done(), signIn+": 773 only with the right password"),
		changePassword(passwordExpired(), current(), good(), done(), signIn+": 532 only with the right password"),
		changePassword(aged("never expires, 400 days old", longAgo, dctest.Control(uacNeverExpires)), current(), good(), done(), ownChange),
		changePassword(noHours(), current(), good(), done().coded("530"), signIn),
		changePassword(oneWorkstation(), current(), good(), done().coded("531"), signIn),
		changePassword(control(neverLoggedOn(), "no password required", uacNotRequired), current(), good(), done(), ownChange),
		changePassword(wrongTries(1), current(), good(), done().bad("1→0"), signIn),
		changePassword(wrongTries(1), wrong(), good(), wrongPassword("1→2"), lockout+": counts once"),
		changePassword(wrongTries(2), current(), good(), lastTry(), homeward+": the portal never locks anybody"),
		changePassword(wrongTries(2), wrong(), good(), lastTry(), homeward+": the portal never locks anybody"),
		changePassword(neverLoggedOn(), wrong(), good(), wrongPassword("0→1"), lockout+": counts once"),
		changePassword(ordinary(), wrong(), good(), wrongPassword("0→1"), lockout+": counts once"),
		changePassword(mustChange(neverLoggedOn()), wrong(), good(), wrongPassword("0→1").coded("773"), lockout+": counts once"),
		changePassword(passwordExpired(), wrong(), good(), wrongPassword("0→1").coded("532"), lockout+": counts once"),
		changePassword(history(2), back(1), good(), wrongPassword("0"), "[MS-SAMR] 3.1.5.14.6; the one before does not count, on Windows too [AD?]"),
		changePassword(history(4), back(3), good(), wrongPassword("0→1"), lockout+": counts once"),
		changePassword(neverLoggedOn(), text("empty", ""), good(), wrongPassword("0"), homeward+": no account has one"),
		changePassword(neverLoggedOn(), long(257), good(), wrongPassword("0"), homeward+": no account has one"),
		changePassword(locked(neverLoggedOn()), current(), good(), isLocked(), lockedOut),
		changePassword(locked(neverLoggedOn()), wrong(), good(), isLocked(), lockedOut),
		changePassword(disabled(neverLoggedOn()), current(), good(), isDisabled(), homeward+"; Samba would take it"),
		changePassword(smartcard(), current(), good(), wrongPassword("0→1").never(), "[MS-SAMR] 3.1.1.8.10: nobody knows the password"),
		changePassword(disabled(neverLoggedOn()), wrong(), good(), isDisabled(), homeward),
		changePassword(accountExpired(neverLoggedOn()), current(), good(), isExpired(), homeward),
		changePassword(cannotChange(neverLoggedOn()), current(), good(), mayNotChange(), ownChange),
		changePassword(cannotChange(neverLoggedOn()), wrong(), good(), mayNotChange(), homeward+": nothing is tried"),
		changePassword(cannotChange(mustChange(neverLoggedOn())), current(), good(), mayNotChange().coded("773"), ownChange),
		changePassword(protected(neverLoggedOn()), current(), good(), mayNotChange(), "Samba: its AdminSDHolder lets nobody; [AD?] that of Windows lets everybody"),
		changePassword(windowsProtected(neverLoggedOn()), current(), good(), done(), homeward+": the owner may"),
		changePassword(windowsProtected(neverLoggedOn()), wrong(), good(), wrongPassword("0→1"), lockout+": counts once"),
		changePassword(protected(neverLoggedOn()), wrong(), good(), wrongPassword("0→1"), lockout+": counts once"),
		changePassword(onceProtected(neverLoggedOn()), current(), good(), done(), homeward+": the owner may"),
		changePassword(byService(), current(), good(), isProtected().blind(), homeward),
		changePassword(byDN("krbtgt", "CN=krbtgt,CN=Users"), good(), good(), isProtected().blind(), homeward),
		changePassword(deleted(), current(), good(), notFound().gone(), byGUID),
		changePassword(nobody(), good(), good(), notFound().gone(), byGUID),
		changePassword(moved(none), current(), good(), done(), byGUID+"; no right of the agent's is needed"),
		changePassword(plain("name with reserved characters ", dctest.Named(`O'Hara, "Kit" + <Rae>; \ (#2) /*`)), current(), good(), done(), "RFC 4514"),
		changePassword(neverLoggedOn(), current(), long(11), tooShort(12), clear),
		changePassword(neverLoggedOn(), current(), text("one kind of characters", "correcthorsebattery"), tooSimple(), clear),
		changePassword(neverLoggedOn(), current(), withUserName(), containsName(), clear+"; Samba does not look"),
		changePassword(neverLoggedOn(), current(), current(), usedBefore(24), general),
		changePassword(history(2), current(), back(1), usedBefore(24), general),
		changePassword(history(23), current(), back(23), usedBefore(24), general),
		changePassword(neverLoggedOn(), current(), long(256), done(), clear),
		changePassword(neverLoggedOn(), current(), long(257), tooLong(), clear),
		changePassword(neverLoggedOn(), current(), text("right to left", "Kite-74-سلام-שלום"), done(), oneModify),
		changePassword(neverLoggedOn(), wrong(), long(11), tooShort(12), homeward+": a rule that can be read is told without a try"),
		changePassword(aged("password set this moment", now), current(), good(), tooYoung(), general),
		changePassword(aged("password 25 hours old", 25*hour), current(), good(), done(), general),
		changePassword(mustChange(aged("password set this moment", now)), current(), good(), done(), general+": pwdLastSet 0 is old enough"),
		changePassword(pso(neverLoggedOn(), "20 characters", longer), current(), good(), tooShort(20), finePolicy),
		changePassword(pso(neverLoggedOn(), "20 characters", longer), current(), long(20), done(), finePolicy),
		changePassword(pso(neverLoggedOn(), "no history", forgetful), current(), current(), refused(protocol.ReasonUsedBefore, event.PolicyRefused), "Samba; [AD?] Windows takes it, "+general),
		changePassword(tries(pso(neverLoggedOn(), "no lockout", unlimited), 4), wrong(), good(), wrongPassword("0"), finePolicy),
		changePassword(neverLoggedOn(), current(), good(), done(), ownChange+": no right of the agent's is needed").in(none),
		changePassword(neverLoggedOn(), current(), good(), done(), ownChange).in(noReset),
		changePassword(neverLoggedOn(), wrong(), good(), wrongPassword("0→1"), lockout).in(none),
		changePassword(inheritanceCut(neverLoggedOn()), current(), good(), noRights(), homeward+": an account that cannot be read whole is not written"),
		changePassword(resetDenied(neverLoggedOn()), current(), good(), done(), byRight+": another right"),
	}
}
