package activedirectory

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/protocol"
)

// Error is a failed call, with a reason both sides understand. Its text names no person.
type Error struct {
	Reason protocol.Reason
	Rule   protocol.Rule // the numbers behind a refused password
	Detail string        // what the controller said; for the audit record only, it can hold a DN
	Sent   bool          // the write was sent and no answer came: it may have been applied, or still be
	Bind   string        // why a sign-in was refused: the word after "data ", such as 52e, also for Kerberos' refusals

	doing   string
	err     error
	refused bool // the controller said no to a modify
}

// Error says what was being done and the reason. The controller's own words are in Detail.
func (e *Error) Error() string {
	text := e.doing + " (" + string(e.Reason) + ")"
	if e.err != nil && e.Detail == "" {
		text += ": " + e.err.Error()
	}
	return text
}

// Words is an error for people: without the reason's code, which programs read, without what closing a broken
// connection said, and without the library's words where ours have told the same.
func Words(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	if e, ok := errors.AsType[*Error](err); ok {
		text = strings.Replace(text, " ("+string(e.Reason)+")", "", 1)
		text, _, _ = strings.Cut(text, ": tls: failed to verify certificate")
	}
	return strings.ReplaceAll(text, context.DeadlineExceeded.Error(), "no answer in time")
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.err }

// ReasonOf returns the reason of err: directory_error when it has none, and nothing when err is nil.
func ReasonOf(err error) protocol.Reason {
	var e *Error
	switch {
	case err == nil:
		return protocol.ReasonNone
	case errors.As(err, &e):
		return e.Reason
	default:
		return protocol.ReasonDirectoryError
	}
}

// wrap makes an *Error of whatever a search or a connection attempt gave.
func wrap(doing string, err error) error {
	var e *Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	d := diagnose(err)
	return &Error{Reason: d.reason(), Detail: d.text, doing: doing, err: err}
}

// malformed reports an answer of the controller that does not hold what it should.
func malformed(what string, err error) error {
	return &Error{Reason: protocol.ReasonDirectoryError, doing: "read " + what, err: err}
}

// Win32 codes at the head of a diagnostic message ([MS-ADTS] 3.1.1.3.1.9, [MS-ERREF] 2.2).
const (
	winAccessDenied     = 0x5    // ERROR_ACCESS_DENIED
	winGenFailure       = 0x1F   // ERROR_GEN_FAILURE: a password over an unencrypted connection
	winInvalidPassword  = 0x56   // ERROR_INVALID_PASSWORD: the old password of a change
	winNotSignedIn      = 0x4DC  // ERROR_NOT_AUTHENTICATED
	winIllFormed        = 0x52C  // ERROR_ILL_FORMED_PASSWORD
	winRestriction      = 0x52D  // ERROR_PASSWORD_RESTRICTION
	winLogonFailure     = 0x52E  // ERROR_LOGON_FAILURE
	winDisabled         = 0x533  // ERROR_ACCOUNT_DISABLED
	winAccountExpired   = 0x701  // ERROR_ACCOUNT_EXPIRED
	winLockedOut        = 0x775  // ERROR_ACCOUNT_LOCKED_OUT
	winCantChange       = 0x8C3  // NERR_PasswordCantChange
	winHistoryConflict  = 0x8C4  // NERR_PasswordHistConflict
	winTooShort         = 0x8C5  // NERR_PasswordTooShort: any rule of the policy
	winTooRecent        = 0x8C6  // NERR_PasswordTooRecent
	winBusy             = 0x200E // ERROR_DS_BUSY
	winUnavailable      = 0x200F // ERROR_DS_UNAVAILABLE
	winNotAuthenticated = 0x2020 // ERROR_DS_OPERATIONS_ERROR: not bound any more
	winTimeLimit        = 0x2022 // ERROR_DS_TIMELIMIT_EXCEEDED
	winAdminLimit       = 0x2024 // ERROR_DS_ADMIN_LIMIT_EXCEEDED
	winStrongAuth       = 0x2028 // ERROR_DS_STRONG_AUTH_REQUIRED
	winReferral         = 0x202B // ERROR_DS_REFERRAL
	winConfidentiality  = 0x202D // ERROR_DS_CONFIDENTIALITY_REQUIRED
	winConstraint       = 0x202F // ERROR_DS_CONSTRAINT_VIOLATION
	winNoSuchObject     = 0x2030 // ERROR_DS_NO_SUCH_OBJECT
	winServerDown       = 0x203A // ERROR_DS_SERVER_DOWN
	winObjectNotFound   = 0x208D // ERROR_DS_OBJ_NOT_FOUND
	winInsufficient     = 0x2098 // ERROR_DS_INSUFF_ACCESS_RIGHTS
	winSecurityContext  = 0x80090308
	winBindingToken     = 0x80090346
)

// Words in a bind's diagnostic after "data " ([MS-ADTS] 5.1.1.1.3).
const (
	bindWrong   = "52e"
	bindUnknown = "refused" // ours: the controller gave no word
	bindRevoked = "revoked" // ours: Kerberos says disabled, locked or expired, without saying which
)

// diagnostic is a parsed answer of the controller.
type diagnostic struct {
	answered bool   // it is the controller's answer, not a lost connection
	code     uint16 // LDAP result code
	win32    uint32 // zero when the text does not begin with one
	text     string
	bindData string // the word after "data " of a refused bind
	control  bool   // the controller does not know a critical control
}

// diagnose takes an error of the LDAP library apart.
func diagnose(err error) diagnostic {
	if isUnknownControl(err) {
		return diagnostic{answered: true, control: true, text: err.Error()}
	}
	var le *ldap.Error
	if !errors.As(err, &le) || le.ResultCode >= ldap.ErrorNetwork {
		return diagnostic{}
	}
	text := ""
	if le.Err != nil {
		text = le.Err.Error()
	}
	return parseDiagnostic(le.ResultCode, text)
}

// maxDetail bounds what is kept of a controller's text.
const maxDetail = 1024

// parseDiagnostic reads the message of an LDAP result. Any input gives a diagnostic.
func parseDiagnostic(code uint16, text string) diagnostic {
	text = strings.ToValidUTF8(strings.Trim(text, "\x00\r\n\t "), "?")
	if len(text) > maxDetail {
		text = strings.ToValidUTF8(text[:maxDetail], "")
	}
	d := diagnostic{answered: true, code: code, text: text}
	d.control = code == ldap.LDAPResultUnavailableCriticalExtension
	if head, rest, ok := strings.Cut(text, ":"); ok && len(head) == 8 && strings.ToUpper(head) == head {
		if v, err := strconv.ParseUint(head, 16, 32); err == nil {
			d.win32 = uint32(v)
			d.bindData = bindData(rest)
		}
	}
	return d
}

// bindData finds XXX in "…, data XXX, v1db1".
func bindData(text string) string {
	_, after, ok := strings.Cut(text, ", data ")
	if !ok {
		return ""
	}
	word, _, _ := strings.Cut(after, ",")
	return strings.ToLower(strings.TrimSpace(word))
}

// reason decides by the Win32 code. Only where the controller gives none (Samba's ACL module and GUID
// lookups) the text, and last the LDAP code, has to do: 53 and 19 alone mean nothing.
func (d diagnostic) reason() protocol.Reason {
	if !d.answered {
		return protocol.ReasonDirectoryDown
	}
	if d.control {
		return protocol.ReasonNoPolicyHints
	}
	if d.win32 == 0 {
		return d.reasonWithoutCode()
	}
	return reasonOfWin32(d)
}

func reasonOfWin32(d diagnostic) protocol.Reason {
	switch d.win32 {
	case winRestriction, winIllFormed, winTooShort:
		return d.restriction()
	case winHistoryConflict:
		return protocol.ReasonUsedBefore
	case winTooRecent:
		return protocol.ReasonTooYoung
	case winCantChange:
		return protocol.ReasonCannotChange
	case winInvalidPassword, winLogonFailure:
		return protocol.ReasonWrongPassword
	case winLockedOut:
		return protocol.ReasonLocked
	case winDisabled:
		return protocol.ReasonDisabled
	case winAccountExpired:
		return protocol.ReasonAccountExpired
	case winAccessDenied, winInsufficient:
		return protocol.ReasonRights
	case winNoSuchObject, winObjectNotFound:
		return protocol.ReasonNotFound
	case winGenFailure, winStrongAuth, winConfidentiality:
		return protocol.ReasonNotEncrypted
	case winSecurityContext, winBindingToken, winNotAuthenticated, winNotSignedIn:
		return protocol.ReasonServiceAccount
	case winBusy, winTimeLimit, winAdminLimit:
		return protocol.ReasonDirectoryBusy
	case winUnavailable, winServerDown:
		return protocol.ReasonDirectoryDown
	case winReferral:
		return protocol.ReasonReferral
	}
	return protocol.ReasonDirectoryError
}

func (d diagnostic) reasonWithoutCode() protocol.Reason {
	// Samba's ACL module gives its refusals no Win32 code; this one is of a change that the DACL denies.
	if strings.Contains(d.text, "insufficient access rights") {
		return protocol.ReasonRights
	}
	if d.code == ldap.LDAPResultConstraintViolation && strings.HasPrefix(d.text, "error in module acl: Constraint violation") {
		return protocol.ReasonCannotChange
	}
	switch d.code {
	case ldap.LDAPResultInsufficientAccessRights:
		return protocol.ReasonRights
	case ldap.LDAPResultNoSuchObject:
		return protocol.ReasonNotFound
	case ldap.LDAPResultConfidentialityRequired, ldap.LDAPResultStrongAuthRequired:
		return protocol.ReasonNotEncrypted
	case ldap.LDAPResultInvalidCredentials:
		return protocol.ReasonServiceAccount
	case ldap.LDAPResultBusy, ldap.LDAPResultTimeLimitExceeded, ldap.LDAPResultAdminLimitExceeded:
		return protocol.ReasonDirectoryBusy
	case ldap.LDAPResultUnavailable:
		return protocol.ReasonDirectoryDown
	case ldap.LDAPResultReferral:
		return protocol.ReasonReferral
	}
	return protocol.ReasonDirectoryError
}

// restriction reads Samba's words for a refused password. Windows gives none: rule_unknown.
func (d diagnostic) restriction() protocol.Reason {
	for _, known := range []struct {
		words  string
		reason protocol.Reason
	}{
		{"password was already used", protocol.ReasonUsedBefore},
		{"password is too short", protocol.ReasonTooShort},
		{"does not meet the complexity criteria", protocol.ReasonTooSimple},
		{"password is too young to change", protocol.ReasonTooYoung},
	} {
		if strings.Contains(d.text, known.words) {
			return known.reason
		}
	}
	return protocol.ReasonRuleUnknown
}

// minLength reads the number out of Samba's "too short" sentence; zero when there is none.
func (d diagnostic) minLength() int {
	_, after, ok := strings.Cut(d.text, "equal to or longer than ")
	if !ok {
		return 0
	}
	digits, _, _ := strings.Cut(after, " ")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 || n > 1024 {
		return 0
	}
	return n
}

// bindMeaning puts a refused bind into words.
func (d diagnostic) bindMeaning() string {
	switch d.bindData {
	case "525", bindWrong:
		return "user name or password is wrong"
	case "530":
		return "not at this hour (logon hours)"
	case "531":
		return "not from this machine (logon workstations)"
	case "52f":
		return "the account's restrictions forbid it"
	case "569":
		return "this kind of sign-in is not granted there"
	case "532":
		return "its password has expired"
	case "533":
		return "it is disabled"
	case "701":
		return "it has expired"
	case "773":
		return "its password must be changed first"
	case "775":
		return "it is locked"
	case bindRevoked:
		return "it is disabled, locked or expired; Kerberos doesn't say which"
	case "35b":
		return "the controller wants channel binding; name a keytab of the account, or set security to kerberos"
	case "418":
		return "the controller has NTLM switched off, which simple binds need; name a keytab of the account, or set security to kerberos"
	}
	return "refused"
}
