// Package event is the closed catalogue of what Homeward reports: every record in the audit log and every
// line the agent logs about a request carries one of these codes. Codes 31001 to 33009 keep the numbers and
// names that administrators of password writeback know; 31020–31033, 31035–31043 and 33010 upwards are
// unassigned there and are ours.
package event

import "slices"

// Code identifies an event. It is stored and exported: a code is never reused or renumbered.
type Code int

// The catalogue's codes.
const (
	None Code = 0

	ResetStart   Code = 31001
	ResetSuccess Code = 31002
	ResetFail    Code = 31003
	EnrolStart   Code = 31004
	EnrolSuccess Code = 31005

	ChangeStart       Code = 31006
	ChangeSuccess     Code = 31007
	ChangeFail        Code = 31008
	AdminResetStart   Code = 31009
	AdminResetSuccess Code = 31010
	AdminResetFail    Code = 31011

	AgentStarted   Code = 31015
	AgentStopped   Code = 31016
	KeyPairCreated Code = 31018
	Heartbeat      Code = 31019

	UnlockStart   Code = 31020
	UnlockSuccess Code = 31021
	UnlockFail    Code = 31022

	AgentConnected    Code = 31023
	AgentDisconnected Code = 31024
	ImportDone        Code = 31025
	TestWritten       Code = 31026
	TestFailed        Code = 31027
	KeyRolled         Code = 31028
	AgentRetired      Code = 31029
	RequestRefused    Code = 31030
	RequestReplayed   Code = 31031
	OutcomeUnknown    Code = 31032
	OutcomeProven     Code = 31033
	MustChangeVoid    Code = 31035
	MustChangeFail    Code = 31036
	AgentDraining     Code = 31037
	AgentResumed      Code = 31038
	AgentMoved        Code = 31039
	KeysRenewed       Code = 31040
	WritebackOff      Code = 31041
	WritebackOn       Code = 31042
	AgentChecked      Code = 31043
	KeyRollAsked      Code = 31044

	RelayError      Code = 32002
	InputError      Code = 32003
	DecryptionError Code = 32004
	StateError      Code = 32005

	DirectoryUnknown   Code = 33001
	UserNotFound       Code = 33002
	UserAmbiguous      Code = 33003
	PermissionDenied   Code = 33004
	AccountDisabled    Code = 33005
	AccountLocked      Code = 33006
	WrongPassword      Code = 33007
	PolicyRefused      Code = 33008
	DirectoryConfig    Code = 33009
	AccountProtected   Code = 33010
	PolicyHintsMissing Code = 33011
	DirectoryDown      Code = 33012
	NameInPassword     Code = 33013
	NotEncrypted       Code = 33014
	AccountExpired     Code = 33015
	CannotChange       Code = 33016
	ReferralRefused    Code = 33017
	ReadOnlyController Code = 33018
	DirectoryBusy      Code = 33019
	FilterRefused      Code = 33020
	ReplicationLag     Code = 33021
	LockoutImminent    Code = 33022
	BannedPassword     Code = 33023

	FlowStarted   Code = 34001
	CodeSent      Code = 34002
	CodeWrong     Code = 34003
	FlowVerified  Code = 34004
	FlowLimited   Code = 34005
	FlowNoAgent   Code = 34006
	FlowSubmitted Code = 34007
	FlowNotified  Code = 34008
	FlowOutdated  Code = 34009
	AgentEnrolled Code = 34010
	AgentRefused  Code = 34011
	AgentCloned   Code = 34012

	FlowNotInScope Code = 34013
	FlowHeld       Code = 34014
	FlowUnlicensed Code = 34015
	FlowTurnedOff  Code = 34016
	CheckPassed    Code = 34040
	NotRegistered  Code = 34041
	InfoSaved      Code = 34042
	InfoRemoved    Code = 34043
	InfoReviewed   Code = 34044
	PassIssued     Code = 34045

	PersonObjected      Code = 34050
	SelfServiceStopped  Code = 34051
	SelfServiceReleased Code = 34052
	FlowStopped         Code = 34053
	ExpiryReminded      Code = 34054
	FlowTimedOut        Code = 34055
	FlowUnderWay        Code = 34056
	RegisterReminded    Code = 34057

	OperatorSignedIn  Code = 34060
	OperatorRefused   Code = 34061
	OperatorSetUp     Code = 34062
	OperatorInvited   Code = 34063
	OperatorSignedOut Code = 34064
	OperatorDisabled  Code = 34065
	SettingChanged    Code = 34066
	FactorAdded       Code = 34067
	FactorRemoved     Code = 34068
	FactorCopied      Code = 34069
	OperatorLinked    Code = 34070
	OperatorUnlinked  Code = 34071
	OperatorConfirmed Code = 34072

	AuditExported  Code = 34090
	AlertRaised    Code = 34091
	AlertCleared   Code = 34092
	CallerVerified Code = 34080
	ScopeChanged   Code = 34081
)

// Event explains one code.
type Event struct {
	Code    Code
	Name    string // as administrators know it, or ours in the same style
	Meaning string
	Remedy  string // empty: nothing to do
}

// Catalogue returns every event, in order of code.
func Catalogue() []Event {
	all := slices.Concat(agentEvents(), directoryEvents(), portalEvents(), operatorEvents(), tellingEvents())
	slices.SortFunc(all, func(a, b Event) int { return int(a.Code) - int(b.Code) })
	return all
}

// Lookup returns the event of a code.
func Lookup(c Code) (Event, bool) {
	for _, e := range Catalogue() {
		if e.Code == c {
			return e, true
		}
	}
	return Event{}, false
}

// Alarming lists the events that an administrator is told of by an alert when they happen.
func Alarming() []Code { return []Code{AgentRetired, AgentCloned, PersonObjected} }

func agentEvents() []Event {
	return []Event{
		{ResetStart, "PasswordResetStart", "A reset request arrived at the agent.", ""},
		{ResetSuccess, "PasswordResetSuccess", "Active Directory confirmed the new password.", ""},
		{ResetFail, "PasswordResetFail", "The reset was not carried out; nothing changed.", "Read the 33xxx event of the same request."},
		{EnrolStart, "OnboardingEventStart", "An agent began to enrol.", ""},
		{EnrolSuccess, "OnboardingEventSuccess", "The agent enrolled and pinned the server's command key.", ""},
		{ChangeStart, "ChangePasswordStart", "A change request arrived at the agent.", ""},
		{ChangeSuccess, "ChangePasswordSuccess", "Active Directory confirmed the change.", ""},
		{ChangeFail, "ChangePasswordFail", "The change was not carried out; nothing changed.", "Read the 33xxx event of the same request."},
		{AdminResetStart, "ResetUserPasswordByAdminStart", "An operator's reset arrived at the agent.", ""},
		{AdminResetSuccess, "ResetUserPasswordByAdminSuccess", "Active Directory confirmed the new password. The record says whether it must be changed at the next sign-in.", ""},
		{AdminResetFail, "ResetUserPasswordByAdminFail", "The operator's reset was not carried out; nothing changed.", "Read the 33xxx event of the same request."},
		{TestWritten, "TestWriteSuccess", "A random password was written to the test account: the whole path works.", ""},
		{TestFailed, "TestWriteFail", "The test account couldn't be written.", "Read the reason in the same record; run homeward agent doctor on the agent's machine."},
		{KeyRolled, "KeyRolled", "A key was replaced, on schedule or because an operator asked for it. The one before it still opens what was sealed to it.", ""},
		{AgentRetired, "AgentRetired", "An agent was revoked or replaced; its connection was ended and it can't return.", ""},
		{MustChangeVoid, "MustChangeVoid", "The new password was written, but the person isn't made to change it: the account has a setting that forbids or voids it.", "Tell the person to change it; look at \"password never expires\" and \"user cannot change password\"."},
		{MustChangeFail, "MustChangeFail", "The new password was written, but Active Directory didn't take \"must change at next sign-in\".", "Grant the service account write pwdLastSet, and set the flag by hand for this person."},
		{AgentDraining, "AgentDraining", "An agent takes no new requests; it finishes those it has.", "After the upgrade: homeward agent resume."},
		{AgentResumed, "AgentResumed", "A drained agent takes requests again.", ""},
		{AgentMoved, "AgentMoved", "An operator approved that an agent serves from another machine. The one before can't return with this identity.", ""},
		{KeysRenewed, "EnrolmentRenewed", "The agent made new keys and enrolled anew. What was sealed to the keys before it can't be opened any more.", ""},
		{WritebackOff, "WriteBackTurnedOff", "Password writeback was turned off in Connect: the agent refuses resets and changes in this domain.", "To turn it on again: homeward connect, Customize."},
		{WritebackOn, "WriteBackTurnedOn", "Password writeback was turned on again in Connect, with new keys and a new enrolment.", ""},
		{AgentChecked, "AgentChecked", "An operator had an agent check its machine, its way to the portal, its directories and its rights.", "Read what it found on the agent's page."},
		{KeyRollAsked, "KeyRollAsked", "An operator had an agent replace its sealing key. What was sealed to the one before opens for a day.", "If the agent kept its key: read the reason in the same record, and try again later."},
		{AgentStarted, "WriteBackServiceStarted", "The agent is running.", ""},
		{AgentStopped, "WriteBackServiceStopped", "The agent stopped; requests can't reach this directory through it.", "Start the agent."},
		{KeyPairCreated, "KeyPairCreationSuccess", "The agent made its identity and sealing keys.", ""},
		{Heartbeat, "ServiceBusHeartBeat", "A heartbeat reached the server.", ""},
		{UnlockStart, "AccountUnlockStart", "An unlock request arrived at the agent.", ""},
		{UnlockSuccess, "AccountUnlockSuccess", "Active Directory confirmed the unlock; the password is the same.", ""},
		{UnlockFail, "AccountUnlockFail", "The unlock was not carried out; nothing changed.", "Read the 33xxx event of the same request."},
		{AgentConnected, "AgentConnected", "An agent connected to the relay.", ""},
		{AgentDisconnected, "AgentDisconnected", "An agent's connection to the relay ended.", "If it doesn't return within a minute: check the agent's service, its outbound port 443 and its clock."},
		{ImportDone, "ImportDone", "An agent sent all people of its organizational units.", ""},
		{RequestRefused, "RequestRefused", "A request was not for this agent, was late, altered, or not signed by the enrolled server.", "One after a restore or a clock change is harmless. Repeated ones mean that somebody injects requests: look at the relay."},
		{RequestReplayed, "RequestReplayed", "A request id came again; it was answered from the journal and not carried out twice.", ""},
		{OutcomeUnknown, "OutcomeUnknown", "A write was sent and its outcome isn't known yet. It resolves by itself.", "If it doesn't within a minute: check that the agent is running and can reach a domain controller."},
		{OutcomeProven, "OutcomeProven", "An unknown outcome was resolved from the directory's own replication metadata.", ""},
		{RelayError, "ServiceBusError", "The relay couldn't be reached.", "Open outbound TCP 443 from the agent to the portal; check the proxy and the certificate authority."},
		{InputError, "InPutValidationError", "A request could not be read.", "Update the older side."},
		{DecryptionError, "DecryptionError", "The sealed password couldn't be opened with this agent's key.", "Enrol the agent again."},
		{StateError, "ConfigurationError", "The agent's own journal or key file can't be read or written.", "Check the state folder's permissions and free space."},
	}
}

func directoryEvents() []Event {
	return []Event{
		{DirectoryUnknown, "ADUnKnownError", "Active Directory gave an answer that has no clear cause.", "Read the directory's words in the audit record."},
		{UserNotFound, "ADUserNotFoundError", "The person no longer exists in Active Directory.", "Run the import again."},
		{UserAmbiguous, "ADMutliMatchError", "Two enabled accounts belong to one person, so neither is written.", "Disable one of them, or take it out of the agent's organizational units."},
		{AccountLocked, "ADUserAccountLockedOut", "The account is locked, and a locked account takes no change.", "The person unlocks it or resets the password in the portal."},
		{WrongPassword, "ADUserIncorrectPassword", "The current password wasn't right. It counted once towards the lockout.", "The person types it again, or resets the password."},
		{AccountExpired, "ADAccountExpired", "The account has expired in Active Directory; a new password wouldn't let anybody in.", "Extend the account if the person should have access."},
		{CannotChange, "ADCannotChangePassword", "The account is set to \"user cannot change password\".", "Take the setting off, or reset the password."},
		{ReferralRefused, "ADReferral", "The domain controller sent the write to another one. Writes follow no referral.", "Name controllers of the person's own domain in the agent's configuration."},
		{ReadOnlyController, "ADReadOnlyController", "Only read-only domain controllers answered.", "Let the agent reach a writable controller of the domain."},
		{DirectoryBusy, "ADBusy", "The domain controller was too busy and wrote nothing.", "Try again; if it stays, look at the controller's load."},
		{FilterRefused, "ADPasswordFilter", "The password keeps every rule that can be read, so a password filter or a list of banned words refused it.", "The person chooses something quite different; look at the filters installed on the domain controllers."},
		{ReplicationLag, "ADReplicationLag", "Another domain controller knows this account, but not yet the one that takes the write.", "Wait for replication, or look at repadmin /replsummary (samba-tool drs showrepl)."},
		{LockoutImminent, "ADLockoutImminent", "The current password wasn't tried, because one more wrong one would have locked the account.", "The person resets the password instead, or waits until the wrong tries are forgotten."},
		{BannedPassword, "FuzzyPolicyViolationInvalidPassword", "The password is little more than words on the organisation's list of banned words.", "The person chooses something quite different; homeward policy banned-words shows the list."},
		{PermissionDenied, "ADPermissionsError", "The service account may not write this person (SSPR_0029).", "Grant Reset Password and write lockoutTime on the person's organizational unit, and check that inheritance isn't cut off."},
		{AccountDisabled, "ADUserAccountDisabled", "The account is turned off in Active Directory.", "Turn it on if the person should have access."},
		{PolicyRefused, "ADPasswordPolicyError", "Active Directory's password policy refused the new password.", "The person chooses another password."},
		{DirectoryConfig, "ADConfigurationError", "The agent's service account can't sign in to Active Directory (SSPR_0029).", "Check its password, and that it isn't locked, expired or turned off."},
		{AccountProtected, "ADProtectedAccount", "The account is protected (adminCount=1). Homeward never writes these, whatever the permissions say (SSPR_0029).", "Another administrator resets it in Active Directory."},
		{PolicyHintsMissing, "ADPolicyHintsMissing", "The domain controller doesn't offer the policy-hints control, so a reset there would bypass password history and minimum age (SSPR_0029).", "Use a domain controller on Windows Server 2012 or later, or Samba 4.24 or later."},
		{DirectoryDown, "ADUnreachable", "No domain controller answered (SSPR_0029).", "Check the domain controllers and TCP 636 from the agent's machine."},
		{NameInPassword, "ADPasswordContainsName", "The password contains part of the person's name or user name, which Active Directory forbids.", "The person chooses another password."},
		{NotEncrypted, "ADNotEncrypted", "The domain controller refuses passwords on a connection that isn't encrypted.", "Use ldaps:// in the agent's configuration."},
	}
}

func portalEvents() []Event {
	return []Event{
		{FlowStarted, "FlowStarted", "Somebody began a reset or an unlock in the portal.", ""},
		{CodeSent, "CodeSent", "A code was sent to an address the directory holds.", ""},
		{CodeWrong, "CodeWrong", "A wrong or expired code was entered.", ""},
		{FlowVerified, "FlowVerified", "The person proved who they are.", ""},
		{FlowLimited, "FlowLimited", "Too many tries; the portal refuses more for a while.", "Wait, or verify the caller and help them."},
		{FlowOutdated, "FlowAgentOutdated", "The agents that answer don't know this operation yet. A reset and an unlock still work.", "Update the agents; homeward status names their versions."},
		{FlowNoAgent, "FlowNoAgent", "No agent could write for this organisation, so the person was told before anything was sent (SSPR_0030).", "Start the agent, or read why it can't reach a domain controller."},
		{FlowSubmitted, "FlowSubmitted", "A sealed request left the portal.", ""},
		{FlowNotified, "FlowNotified", "The person was told by mail.", ""},
		{CheckPassed, "CheckPassed", "The person passed one check; another one follows.", ""},
		{NotRegistered, "UserNotProperlyConfigured", "The person proved who they are as far as they could, but has registered too few methods (SSPR_0014).", "Give them a helpdesk pass, or ask them to register another method."},
		{InfoSaved, "SecurityInfoSaved", "The person registered or changed a way to prove who they are.", ""},
		{InfoRemoved, "SecurityInfoRemoved", "The person removed a way to prove who they are.", ""},
		{InfoReviewed, "SecurityInfoReviewed", "The person said that their security info is right.", ""},
		{PassIssued, "HelpdeskPassIssued", "An operator gave out a one-time code that counts as one check.", ""},
		{PersonObjected, "PersonObjected", "Somebody was told of a change to their account and answered that it wasn't theirs.", "Call them. Set a new password with homeward people reset, look at their security info, then homeward people release."},
		{SelfServiceStopped, "SelfServiceStopped", "Nobody can help themselves for this account in the portal until an operator releases it.", "When it is certain who has the account: homeward people release."},
		{SelfServiceReleased, "SelfServiceReleased", "An operator let this account's owner help themselves again.", ""},
		{FlowStopped, "FlowStopped", "Somebody tried to help themselves for an account whose self-service is stopped. They saw what unknown names see.", "Read why it was stopped: homeward people held."},
		{ExpiryReminded, "ExpiryReminded", "Somebody was reminded that their password is about to expire.", ""},
		{FlowTimedOut, "FlowTimedOut", "Somebody came back to a page that had been open for too long. Nothing was sent, and nothing has changed.", "They begin again."},
		{FlowUnderWay, "FlowUnderWay", "Another change of the same person's password was on its way, so this one wasn't sent.", "The person waits a minute and presses again."},
		{RegisterReminded, "RegisterReminded", "An operator had people reminded who have registered too few ways to prove who they are.", ""},
		{CallerVerified, "CallerVerified", "Somebody on the telephone read out to an operator the code that was sent to them, or that their app shows.", ""},
		{FlowNotInScope, "FlowNotInScope", "Somebody who isn't among those who may reset their password tried to (SSPR_0013, or SSPR_0009 where nobody may). They saw what unknown names see.", "If they should: put them into the chosen group, or choose another scope with homeward group scope."},
		{FlowHeld, "FlowHeld", "Somebody whose sign-in name two directory accounts want tried to reset their password. They saw what unknown names see.", "Decide whose name it is: homeward sync problems."},
		{FlowUnlicensed, "FlowUnlicensed", "The tenant owns no plan that includes password writeback, or this person holds none (SSPR_0012), so they can’t reset a password.", "homeward licence show says what is missing."},
		{FlowTurnedOff, "FlowTurnedOff", "Somebody tried while an administrator has turned password writeback off for everybody (SSPR_0010).", "Turn it on in the admin portal: Password reset, On-premises integration."},
		{AgentEnrolled, "AgentEnrolled", "An agent traded a one-time code for its identity.", ""},
		{AgentRefused, "AgentRefused", "An agent's connection was refused.", "Enrol the agent again, or update it."},
		{AgentCloned, "AgentCloned", "A second machine came with an agent's identity and was refused; the one that serves goes on.", "On the copy: remove the state folder and enrol it with a code of its own. If the agent moved on purpose: homeward agent accept-move."},
	}
}

func operatorEvents() []Event {
	return []Event{
		{OperatorSignedIn, "OperatorSignedIn", "An administrator signed in to the admin portal.", ""},
		{OperatorRefused, "OperatorRefused", "A sign-in to the admin portal was refused. The record says which part was wrong; the page didn't.", "Repeated ones from an address nobody knows: somebody guesses. Passwords alone let nobody in."},
		{OperatorSetUp, "OperatorSetUp", "An administrator chose a password and a second factor with a one-time link.", ""},
		{OperatorInvited, "OperatorInvited", "A one-time set-up link was made for an administrator. An earlier password and second factor are void.", ""},
		{OperatorSignedOut, "OperatorSignedOut", "A session of an administrator was ended.", ""},
		{OperatorDisabled, "OperatorDisabled", "An administrator can't sign in any more; their sessions were ended.", "To take them back: homeward operator reset."},
		{FactorAdded, "OperatorFactorAdded", "An administrator added a passkey or an authenticator app to what they sign in with.", "If it wasn't them: homeward operator reset."},
		{FactorRemoved, "OperatorFactorRemoved", "A passkey or an authenticator app of an administrator was removed, by themselves or on the server's command line.", ""},
		{FactorCopied, "OperatorPasskeyCopied", "A passkey's counter went back, as that of a copy does. The sign-in was refused.", "Ask the administrator to remove that passkey and to make a new one, unless they know why."},
		{OperatorLinked, "OperatorLinked", "An account at the OpenID provider became an administrator's: they sign in with it from now on.", ""},
		{OperatorUnlinked, "OperatorUnlinked", "An account at the OpenID provider opens nothing here any more.", ""},
		{OperatorConfirmed, "OperatorConfirmed", "An administrator confirmed who they are before changing what they sign in with.", ""},
		{ScopeChanged, "OperatorScopeChanged", "Whom a helpdesk operator may find and help was changed.", ""},
		{SettingChanged, "SettingChanged", "An administrator changed a setting. The record holds the old and the new value.", ""},
	}
}

func tellingEvents() []Event {
	return []Event{
		{AuditExported, "AuditExported", "An administrator downloaded the audit log, or a part of it. The record holds the filter.", ""},
		{AlertRaised, "AlertRaised", "Something needs an administrator; the alert went to those the tenant names.", "Read what the alert says to do."},
		{AlertCleared, "AlertCleared", "What an alert told of is over.", ""},
	}
}
