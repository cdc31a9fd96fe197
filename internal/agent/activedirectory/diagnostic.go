package activedirectory

import (
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

	doing string
	err   error
}

// Error says what was being done and the reason. The controller's own words are in Detail.
func (e *Error) Error() string {
	text := e.doing + " (" + string(e.Reason) + ")"
	if e.err != nil && e.Detail == "" {
		text += ": " + e.err.Error()
	}
	return text
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
	winIllFormed        = 0x52C  // ERROR_ILL_FORMED_PASSWORD
	winRestriction      = 0x52D  // ERROR_PASSWORD_RESTRICTION
	winNotAuthenticated = 0x2020 // ERROR_DS_OPERATIONS_ERROR: not bound any more
	winUnavailable      = 0x200F // ERROR_DS_UNAVAILABLE
	winBusy             = 0x200E // ERROR_DS_BUSY
	winNoSuchObject     = 0x2030 // ERROR_DS_NO_SUCH_OBJECT
	winObjectNotFound   = 0x208D // ERROR_DS_OBJ_NOT_FOUND
	winInsufficient     = 0x2098 // ERROR_DS_INSUFF_ACCESS_RIGHTS
	winSecurityContext  = 0x80090308
	winBindingToken     = 0x80090346
)

// Words in a bind's diagnostic after "data " ([MS-ADTS] 5.1.1.1.3).
const (
	bindWrong   = "52e"
	bindUnknown = "refused" // ours: the controller gave no word
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
	switch d.win32 {
	case winRestriction, winIllFormed:
		return d.restriction()
	case winAccessDenied, winInsufficient:
		return protocol.ReasonRights
	case winNoSuchObject, winObjectNotFound:
		return protocol.ReasonNotFound
	case winGenFailure:
		return protocol.ReasonNotEncrypted
	case winSecurityContext, winBindingToken, winNotAuthenticated:
		return protocol.ReasonServiceAccount
	case winUnavailable, winBusy:
		return protocol.ReasonDirectoryDown
	case 0:
		return d.reasonWithoutCode()
	}
	return protocol.ReasonDirectoryError
}

func (d diagnostic) reasonWithoutCode() protocol.Reason {
	switch {
	case strings.Contains(d.text, "insufficient access rights"), d.code == ldap.LDAPResultInsufficientAccessRights:
		return protocol.ReasonRights
	case d.code == ldap.LDAPResultNoSuchObject:
		return protocol.ReasonNotFound
	case d.code == ldap.LDAPResultConfidentialityRequired, d.code == ldap.LDAPResultStrongAuthRequired:
		return protocol.ReasonNotEncrypted
	case d.code == ldap.LDAPResultInvalidCredentials:
		return protocol.ReasonServiceAccount
	case d.code == ldap.LDAPResultBusy, d.code == ldap.LDAPResultUnavailable:
		return protocol.ReasonDirectoryDown
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
	case "35b":
		return "the controller wants channel binding"
	case "418":
		return "the controller has NTLM switched off, which simple binds need"
	}
	return "refused"
}
