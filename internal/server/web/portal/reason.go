package portal

import "homeward/internal/protocol"

// remedy is who can do something about a reason, and so what its page offers.
type remedy int

const (
	another      remedy = iota + 1 // the person, by typing something else: the password page says it
	tryAgain                       // the person, in a while
	resetInstead                   // the person, by a reset
	helpdesk                       // the helpdesk
	mend                           // IT; the page carries the support code, as all but the first do
	unsure                         // nobody yet: the outcome is being found out
)

// explanation is what a person is told about a reason: message ids. An empty title is the operation's own.
type explanation struct {
	remedy remedy
	title  string
	text   string
}

// genericLead is what is said of everything only IT can see into.
const genericLead = "status.failed.lead"

// explain returns what to say about a reason. Every reason has an explanation; one of another version than this is
// IT's to mend.
func explain(r protocol.Reason) explanation {
	for _, group := range [](func(protocol.Reason) (explanation, bool)){explainPassword, explainAccount, explainMoment} {
		if e, ok := group(r); ok {
			return e
		}
	}
	return explanation{mend, "", genericLead}
}

// explainPassword has the reasons that another password mends. PasswordPage puts the numbers in.
func explainPassword(r protocol.Reason) (explanation, bool) {
	text := ""
	switch r {
	case protocol.ReasonTooShort:
		text = "password.error.short"
	case protocol.ReasonTooSimple:
		text = "password.error.kinds"
	case protocol.ReasonContainsName:
		text = "password.error.a_name"
	case protocol.ReasonUsedBefore:
		text = "password.error.used_some"
	case protocol.ReasonTooYoung:
		text = "password.young"
	case protocol.ReasonTooLong:
		text = "password.error.long"
	case protocol.ReasonRuleUnknown:
		text = "password.error.unknown"
	case protocol.ReasonBanned:
		text = "password.error.banned_some"
	case protocol.ReasonFilter:
		text = "password.error.filter"
	case protocol.ReasonWrongPassword:
		text = "password.error.wrong"
	}
	return explanation{another, "", text}, text != ""
}

// explainAccount has what is about the person's account.
func explainAccount(r protocol.Reason) (explanation, bool) {
	switch r {
	case protocol.ReasonLocked:
		return explanation{resetInstead, "reason.locked.title", "reason.locked"}, true
	case protocol.ReasonLastTry:
		return explanation{resetInstead, "reason.last_try.title", "reason.last_try"}, true
	case protocol.ReasonAgentOutdated:
		return explanation{resetInstead, "reason.outdated.title", "reason.outdated"}, true
	case protocol.ReasonCannotChange:
		return explanation{helpdesk, "reason.cannot_change.title", "reason.cannot_change"}, true
	case protocol.ReasonAccountExpired:
		return explanation{helpdesk, "reason.account_expired.title", "reason.account_expired"}, true
	case protocol.ReasonDisabled:
		return explanation{helpdesk, "status.disabled.title", "status.disabled.lead"}, true
	case protocol.ReasonProtected:
		return explanation{helpdesk, "status.protected.title", "status.protected.lead"}, true
	case protocol.ReasonNotFound:
		return explanation{helpdesk, "", "reason.not_found"}, true
	case protocol.ReasonTurnedOff, protocol.ReasonNotLicensed, protocol.ReasonNotInScope:
		return explanation{helpdesk, "status.not_set_up.title", "status.not_set_up.lead"}, true
	case protocol.ReasonAmbiguous:
		return explanation{mend, "", "reason.ambiguous"}, true
	}
	return explanation{}, false
}

// explainMoment has what is about the company's network, now.
func explainMoment(r protocol.Reason) (explanation, bool) {
	switch r {
	case protocol.ReasonNoAgent, protocol.ReasonDirectoryDown:
		return explanation{tryAgain, "status.offline.title", "status.offline.lead"}, true
	case protocol.ReasonDirectoryBusy, protocol.ReasonOverloaded:
		return explanation{tryAgain, "", "reason.busy"}, true
	case protocol.ReasonExpired, protocol.ReasonNeverArrived, protocol.ReasonNotWritten:
		return explanation{tryAgain, "", "reason.late"}, true
	case protocol.ReasonReplication:
		return explanation{tryAgain, "", "reason.replication"}, true
	case protocol.ReasonReadOnly:
		return explanation{tryAgain, "", "reason.read_only"}, true
	case protocol.ReasonReferral:
		return explanation{mend, "", "reason.referral"}, true
	case protocol.ReasonTimeout:
		return explanation{unsure, "status.unsure.title", "status.unsure.lead"}, true
	case protocol.ReasonAgentLost:
		return explanation{unsure, "status.unsure.title", "status.unsure.lead.lost"}, true
	}
	return explanation{}, false
}
