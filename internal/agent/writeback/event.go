package writeback

import (
	"context"
	"log/slog"

	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/seal"
)

// operationEvents are the codes of one operation.
type operationEvents struct{ start, success, fail event.Code }

func eventsOf(op protocol.Operation) operationEvents {
	switch op {
	case protocol.Change:
		return operationEvents{event.ChangeStart, event.ChangeSuccess, event.ChangeFail}
	case protocol.AdminReset:
		return operationEvents{event.AdminResetStart, event.AdminResetSuccess, event.AdminResetFail}
	case protocol.Unlock:
		return operationEvents{event.UnlockStart, event.UnlockSuccess, event.UnlockFail}
	default:
		return operationEvents{event.ResetStart, event.ResetSuccess, event.ResetFail}
	}
}

// meaning is what a reason stands for.
type meaning struct {
	code event.Code // event.None: the operation's own failure
	// persons: it is about this password or this account, so the outcome is Refused. The others are for IT: Failed.
	persons bool
}

// meaningOf returns the meaning of every reason; false for a reason this build does not know.
func meaningOf(reason protocol.Reason) (meaning, bool) {
	for _, table := range []map[protocol.Reason]meaning{personReasons(), directoryReasons(), requestReasons()} {
		if m, ok := table[reason]; ok {
			return m, true
		}
	}
	return meaning{}, false
}

func personReasons() map[protocol.Reason]meaning {
	return map[protocol.Reason]meaning{
		protocol.ReasonTooShort:     {event.PolicyRefused, true},
		protocol.ReasonTooSimple:    {event.PolicyRefused, true},
		protocol.ReasonUsedBefore:   {event.PolicyRefused, true},
		protocol.ReasonTooYoung:     {event.PolicyRefused, true},
		protocol.ReasonTooLong:      {event.PolicyRefused, true},
		protocol.ReasonRuleUnknown:  {event.PolicyRefused, true},
		protocol.ReasonContainsName: {event.NameInPassword, true},
		protocol.ReasonBanned:       {event.BannedPassword, true},
		protocol.ReasonFilter:       {event.FilterRefused, true},

		protocol.ReasonWrongPassword: {event.WrongPassword, true},
		protocol.ReasonLastTry:       {event.LockoutImminent, true},
		protocol.ReasonLocked:        {event.AccountLocked, true},
		protocol.ReasonCannotChange:  {event.CannotChange, true},

		protocol.ReasonDisabled:       {event.AccountDisabled, true},
		protocol.ReasonProtected:      {event.AccountProtected, true},
		protocol.ReasonAccountExpired: {event.AccountExpired, true},
	}
}

func directoryReasons() map[protocol.Reason]meaning {
	return map[protocol.Reason]meaning{
		protocol.ReasonNotFound:       {event.UserNotFound, false},
		protocol.ReasonAmbiguous:      {event.UserAmbiguous, false},
		protocol.ReasonRights:         {event.PermissionDenied, false},
		protocol.ReasonNoPolicyHints:  {event.PolicyHintsMissing, false},
		protocol.ReasonNotEncrypted:   {event.NotEncrypted, false},
		protocol.ReasonDirectoryDown:  {event.DirectoryDown, false},
		protocol.ReasonTimeout:        {event.DirectoryDown, false},
		protocol.ReasonDirectoryError: {event.DirectoryUnknown, false},
		protocol.ReasonDirectoryBusy:  {event.DirectoryBusy, false},
		protocol.ReasonReadOnly:       {event.ReadOnlyController, false},
		protocol.ReasonReferral:       {event.ReferralRefused, false},
		protocol.ReasonReplication:    {event.ReplicationLag, false},
		protocol.ReasonServiceAccount: {event.DirectoryConfig, false},
		protocol.ReasonTurnedOff:      {event.WritebackOff, false},
	}
}

func requestReasons() map[protocol.Reason]meaning {
	return map[protocol.Reason]meaning{
		protocol.ReasonNone:         {event.None, false},
		protocol.ReasonAgentState:   {event.StateError, false},
		protocol.ReasonNotWritten:   {event.None, false}, // nothing was wrong but the line or the agent
		protocol.ReasonNeverArrived: {event.OutcomeProven, false},
		protocol.ReasonInternal:     {event.None, false}, // a mistake of ours: no other code would be true

		// Decided on the server; no agent ever says so.
		protocol.ReasonNotLicensed: {event.FlowUnlicensed, false},
		protocol.ReasonNotInScope:  {event.FlowNotInScope, false},

		protocol.ReasonMalformed:    {event.InputError, false},
		protocol.ReasonVersion:      {event.InputError, false},
		protocol.ReasonWrongTenant:  {event.RequestRefused, false},
		protocol.ReasonBadSignature: {event.RequestRefused, false},
		protocol.ReasonExpired:      {event.RequestRefused, false},
		protocol.ReasonUnknownKey:   {event.RequestRefused, false},
		protocol.ReasonOverloaded:   {event.RequestRefused, false},
		protocol.ReasonSeal:         {event.DecryptionError, false},
		protocol.ReasonReplayed:     {event.RequestReplayed, false},

		// The server's words; an agent never gives them for a request of its own.
		protocol.ReasonNoAgent:       {event.FlowNoAgent, false},
		protocol.ReasonAgentOutdated: {event.FlowNoAgent, false},
		protocol.ReasonAgentLost:     {event.OutcomeUnknown, false},
		protocol.ReasonAgentCloned:   {event.AgentCloned, false},
		protocol.ReasonAgentMoved:    {event.AgentRefused, false},
	}
}

// failEvent is the specific code of a failure; where there is none, the operation's own.
func failEvent(op protocol.Operation, reason protocol.Reason) event.Code {
	if m, _ := meaningOf(reason); m.code != event.None {
		return m.code
	}
	return eventsOf(op).fail
}

// outcomeOf tells a refusal of this password or this account from something somebody has to mend.
func outcomeOf(reason protocol.Reason) protocol.Outcome {
	if m, _ := meaningOf(reason); m.persons {
		return protocol.Refused
	}
	return protocol.Failed
}

// refusalEvent is the code of a request that is not taken up at all.
func refusalEvent(reason protocol.Reason) event.Code {
	switch code := failEvent(protocol.Reset, reason); code {
	case event.RequestReplayed, event.StateError, event.InputError:
		return code
	default:
		return event.RequestRefused
	}
}

// log writes one event. Attributes carry no secret at any level, and no name or DN at info and above.
func (w *Writeback) log(ctx context.Context, level slog.Level, code event.Code, op protocol.Operation, id seal.RequestID, attrs ...slog.Attr) {
	all := append([]slog.Attr{slog.Int("event", int(code)), slog.String("operation", string(op)), slog.String("request", id.String())}, attrs...)
	w.d.Logger.LogAttrs(ctx, level, "writeback", all...)
}
