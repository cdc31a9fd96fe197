package writeback

import (
	"context"
	"log/slog"

	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/seal"
)

func startEvent(op protocol.Operation) event.Code {
	if op == protocol.Unlock {
		return event.UnlockStart
	}
	return event.ResetStart
}

func successEvent(op protocol.Operation) event.Code {
	if op == protocol.Unlock {
		return event.UnlockSuccess
	}
	return event.ResetSuccess
}

// failEvent is the specific code of a failure; where there is none, the operation's own.
func failEvent(op protocol.Operation, reason protocol.Reason) event.Code {
	switch reason {
	case protocol.ReasonTooShort, protocol.ReasonTooSimple, protocol.ReasonUsedBefore, protocol.ReasonTooYoung,
		protocol.ReasonTooLong, protocol.ReasonRuleUnknown:
		return event.PolicyRefused
	case protocol.ReasonContainsName:
		return event.NameInPassword
	case protocol.ReasonNotFound:
		return event.UserNotFound
	case protocol.ReasonRights:
		return event.PermissionDenied
	case protocol.ReasonProtected:
		return event.AccountProtected
	case protocol.ReasonDisabled:
		return event.AccountDisabled
	case protocol.ReasonNoPolicyHints:
		return event.PolicyHintsMissing
	case protocol.ReasonNotEncrypted:
		return event.NotEncrypted
	case protocol.ReasonServiceAccount:
		return event.DirectoryConfig
	case protocol.ReasonDirectoryDown, protocol.ReasonTimeout:
		return event.DirectoryDown
	case protocol.ReasonDirectoryError:
		return event.DirectoryUnknown
	case protocol.ReasonMalformed:
		return event.InputError
	case protocol.ReasonSeal:
		return event.DecryptionError
	case protocol.ReasonAgentState:
		return event.StateError
	default:
		if op == protocol.Unlock {
			return event.UnlockFail
		}
		return event.ResetFail
	}
}

func refusalEvent(reason protocol.Reason) event.Code {
	switch reason {
	case protocol.ReasonReplayed:
		return event.RequestReplayed
	case protocol.ReasonAgentState:
		return event.StateError
	case protocol.ReasonMalformed, protocol.ReasonVersion:
		return event.InputError
	default:
		return event.RequestRefused
	}
}

// personsFault reports whether a reason is about this password or this account, rather than about something
// somebody has to mend.
func personsFault(reason protocol.Reason) bool {
	switch failEvent(protocol.Reset, reason) {
	case event.PolicyRefused, event.NameInPassword, event.AccountDisabled, event.AccountProtected:
		return true
	default:
		return false
	}
}

// log writes one event. Attributes carry no secret at any level, and no name or DN at info and above.
func (w *Writeback) log(ctx context.Context, level slog.Level, code event.Code, op protocol.Operation, id seal.RequestID, attrs ...slog.Attr) {
	all := append([]slog.Attr{slog.Int("event", int(code)), slog.String("operation", string(op)), slog.String("request", id.String())}, attrs...)
	w.d.Logger.LogAttrs(ctx, level, "writeback", all...)
}
