package contract

import (
	"time"

	"homeward/internal/protocol"
	"homeward/test/dctest"
)

const hour = time.Hour

func adminRows() []row {
	void := func(m protocol.MustChange) result { return done().must(m) }
	return []row{
		adminReset(ordinary(), good(), done(), hints+", then pwdLastSet 0"),
		adminReset(neverLoggedOn(), good(), done(), hints+", then pwdLastSet 0"),
		adminReset(mustChange(neverLoggedOn()), good(), flagged().set("kept"), lastSet),
		adminReset(passwordExpired(), good(), done(), lastSet),
		adminReset(locked(neverLoggedOn()), good(), done().unlocks(), oneModify),
		adminReset(aged("never expires", longAgo, dctest.Control(uacNeverExpires)), good(), void(protocol.MustChangeNeverExpires), "[MS-ADTS] 3.1.1.4.5.17: the flag would be void"),
		adminReset(cannotChange(neverLoggedOn()), good(), void(protocol.MustChangeCannot), homeward+": the person would be shut out"),
		adminReset(neverLoggedOn(), good(), void(protocol.MustChangeRefused), byRight+": the second write alone is refused").in(noFlag),
		adminReset(locked(neverLoggedOn()), good(), void(protocol.MustChangeRefused).unlocks(), byRight).in(noFlag),
		adminReset(neverLoggedOn(), good(), noRights(), byRight).in(noReset),
		adminReset(neverLoggedOn(), good(), noRights(), byRight).in(noUnlock),
		adminReset(disabled(neverLoggedOn()), good(), isDisabled(), homeward),
		adminReset(accountExpired(neverLoggedOn()), good(), isExpired(), homeward),
		adminReset(protected(neverLoggedOn()), good(), isProtected(), homeward),
		adminReset(byService(), good(), isProtected().blind(), homeward),
		adminReset(byDN("krbtgt", "CN=krbtgt,CN=Users"), good(), isProtected().blind(), homeward),
		adminReset(deleted(), good(), notFound().gone(), byGUID),
		adminReset(neverLoggedOn(), long(11), tooShort(12), clear),
		adminReset(neverLoggedOn(), text("one kind of characters", "correcthorsebattery"), tooSimple(), clear),
		adminReset(neverLoggedOn(), withUserName(), containsName(), clear),
		adminReset(neverLoggedOn(), current(), usedBefore(24), general+", "+hints),
		adminReset(aged("password set this moment", now), good(), tooYoung(), minimumAge),
		adminReset(mustChange(aged("password set this moment", now)), good(), flagged().set("kept"), general),
		adminReset(inheritanceCut(neverLoggedOn()), good(), noRights(), byRight),
		adminReset(smartcard(), good(), void(protocol.MustChangeNeverExpires), "[MS-ADTS] 3.1.1.4.5.17: the flag would be void"),
	}
}

func unlockRows() []row {
	nothing := func() result { return opened().locked("no").bad("0") }
	return []row{
		unlock(locked(neverLoggedOn()), opened(), unlocking),
		unlock(locked(ordinary()), opened(), unlocking),
		unlock(neverLoggedOn(), nothing(), unlocking+": it may be repeated"),
		unlock(wrongTries(2), nothing().bad("2→0"), unlocking),
		unlock(locked(mustChange(neverLoggedOn())), opened().coded("773"), unlocking),
		unlock(locked(passwordExpired()), opened().coded("532"), unlocking),
		unlock(locked(aged("password set this moment", now)), opened(), unlocking+": no minimum age"),
		unlock(locked(aged("never expires", longAgo, dctest.Control(uacNeverExpires))), opened(), unlocking),
		unlock(cannotChange(locked(neverLoggedOn())), opened(), unlocking),
		unlock(locked(control(neverLoggedOn(), "no password required", uacNotRequired)), opened(), unlocking),
		unlock(locked(disabled(neverLoggedOn())), isDisabled().stays(), homeward),
		unlock(accountExpired(locked(neverLoggedOn())), isExpired().stays(), homeward),
		unlock(protected(locked(neverLoggedOn())), isProtected().stays(), homeward),
		unlock(onceProtected(locked(neverLoggedOn())), isProtected().stays(), homeward),
		unlock(byService(), isProtected().blind(), homeward),
		unlock(byDN("krbtgt", "CN=krbtgt,CN=Users"), isProtected().blind(), homeward),
		unlock(made("a group", "group", nil), notFound().blind(), "[MS-ADSC] group"),
		unlock(nobody(), notFound().gone(), byGUID),
		unlock(deleted(), notFound().gone(), byGUID),
		unlock(locked(neverLoggedOn()), opened(), byRight+": no other right is needed").in(noReset),
		unlock(locked(neverLoggedOn()), noRights().stays(), byRight).in(noUnlock),
		unlock(locked(neverLoggedOn()), opened(), byRight).in(noFlag),
		unlock(locked(neverLoggedOn()), noRights().stays(), byRight).in(none),
		unlock(locked(neverLoggedOn()), opened(), byRight+": another right is denied").in(denied),
		unlock(inheritanceCut(locked(neverLoggedOn())), noRights().stays(), inherited),
		unlock(locked(neverLoggedOn()), opened(), "RFC 4514").in(reserved),
	}
}

func policyRows() []row {
	const domain = "12 characters, complex, history 24, minimum age 24 hours, maximum age 90 days"
	strict := domainPolicy()
	longer := strict
	longer.MinLength = 20
	lax := dctest.Policy{MinLength: 4}
	no := func(says string, reason protocol.Reason) result {
		r := told(says)
		r.Answer = "no: " + string(reason)
		return r
	}
	return []row{
		policy(neverLoggedOn(), told(domain+", tries left 2"), general),
		policy(mustChange(neverLoggedOn()), told(domain+", must change, tries left 2").coded("773"), lastSet),
		policy(passwordExpired(), told(domain+", expired, tries left 2").coded("532"), "[MS-ADTS] 3.1.1.4.5.17"),
		policy(aged("password set this moment", now), told(domain+", not yet changeable, tries left 2"), general),
		policy(mustChange(aged("password set this moment", now)), told(domain+", must change, tries left 2").coded("773"), general),
		policy(aged("never expires", longAgo, dctest.Control(uacNeverExpires)), told(domain+", never expires, tries left 2"), bits),
		policy(smartcard(), told(domain+", tries left 2").never(), bits),
		policy(cannotChange(neverLoggedOn()), told(domain+", cannot change, tries left 2"), ownChange),
		policy(wrongTries(1), told(domain+", tries left 1").bad("1"), lockout),
		policy(wrongTries(2), told(domain+", tries left 0").bad("2"), lockout),
		policy(locked(neverLoggedOn()), told(domain+", locked, tries left 0").stays(), lockout),
		policy(pso(neverLoggedOn(), "20 characters", longer), told("20 characters, complex, history 24, minimum age 24 hours, maximum age 90 days, from a PSO, tries left 2"), finePolicy),
		policy(pso(neverLoggedOn(), "4 characters, nothing else", lax), told("4 characters, from a PSO"), finePolicy),
		policy(disabled(neverLoggedOn()), no(domain+", tries left 2", protocol.ReasonDisabled).coded("533"), homeward),
		policy(accountExpired(neverLoggedOn()), no(domain+", tries left 2", protocol.ReasonAccountExpired).coded("701"), homeward),
		policy(protected(neverLoggedOn()), no(domain+", tries left 2", protocol.ReasonProtected), homeward),
		policy(neverLoggedOn(), no(domain+", tries left 2", protocol.ReasonRights), byRight).in(noReset),
		policy(neverLoggedOn(), no(domain+", tries left 2", protocol.ReasonRights), byRight).in(noUnlock),
		policy(neverLoggedOn(), told(domain+", tries left 2"), byRight).in(noFlag),
		policy(neverLoggedOn(), no(domain+", tries left 2", protocol.ReasonRights), byRight).in(none),
		policy(inheritanceCut(neverLoggedOn()), no("not found", protocol.ReasonRights), byRight),
		policy(made("a group", "group", nil), no("not found", protocol.ReasonNotFound).blind(), "[MS-ADSC] group"),
		policy(nobody(), no("not found", protocol.ReasonNotFound).gone(), byGUID),
	}
}

// headRows run while the service account has its rights at the domain head too.
func headRows() []row {
	return []row{
		reset(neverLoggedOn(), good(), done(), byRight+", "+inherited).in(everybody),
		reset(protected(neverLoggedOn()), good(), isProtected(), homeward+": whatever the rights").in(everybody),
		reset(onceProtected(neverLoggedOn()), good(), isProtected(), homeward+": whatever the rights").in(everybody),
		reset(byDN("krbtgt", "CN=krbtgt,CN=Users"), good(), isProtected().blind(), homeward+": whatever the rights").in(everybody),
		reset(byDN("Guest", "CN=Guest,CN=Users"), good(), isProtected().blind(), homeward+": whatever the rights").in(everybody),
		reset(byService(), good(), isProtected().blind(), homeward+": whatever the rights").in(everybody),
		reset(disabled(neverLoggedOn()), good(), isDisabled(), homeward).in(everybody),
		reset(neverLoggedOn(), current(), usedBefore(24), hints+": more rights bypass nothing").in(everybody),
		reset(aged("password set this moment", now), good(), tooYoung(), hints+": more rights bypass nothing").in(everybody),
		adminReset(neverLoggedOn(), good(), done(), byRight).in(everybody),
		unlock(locked(neverLoggedOn()), opened(), byRight).in(everybody),
		unlock(protected(locked(neverLoggedOn())), isProtected().stays(), homeward+": whatever the rights").in(everybody),
	}
}
