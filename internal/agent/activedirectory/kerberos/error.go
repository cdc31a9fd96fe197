package kerberos

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/iana/patype"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

// ErrProtocol means that the other side does not keep to the protocol, or is not who it says.
var ErrProtocol = errors.New("what answers does not keep to Kerberos")

// Error is a refusal by Kerberos.
type Error struct {
	Code   int32         // RFC 4120 7.5.9
	Status uint32        // the NTSTATUS with it ([MS-KILE] 2.2.2), zero when there is none
	Skew   time.Duration // with CodeSkew: the controller's clock minus this machine's
	Text   string        // the controller's words, if any
	Proven bool          // with CodeKeyExpired: the password is expired, but the right one
}

// The codes that mean something to a caller.
const (
	CodeClientUnknown  = errorcode.KDC_ERR_C_PRINCIPAL_UNKNOWN
	CodeServiceUnknown = errorcode.KDC_ERR_S_PRINCIPAL_UNKNOWN
	CodePolicy         = errorcode.KDC_ERR_POLICY
	CodeEtype          = errorcode.KDC_ERR_ETYPE_NOSUPP
	CodeClientRevoked  = errorcode.KDC_ERR_CLIENT_REVOKED
	CodeKeyExpired     = errorcode.KDC_ERR_KEY_EXPIRED
	CodePreauthFailed  = errorcode.KDC_ERR_PREAUTH_FAILED
	CodeSkew           = errorcode.KRB_AP_ERR_SKEW
	CodeWrongRealm     = errorcode.KDC_ERR_WRONG_REALM
)

// Error names the refusal.
func (e *Error) Error() string {
	text := errorcode.Lookup(e.Code)
	if e.Status != 0 {
		text += fmt.Sprintf(", status %08X", e.Status)
	}
	if e.Text != "" {
		text += ": " + e.Text
	}
	return "Kerberos refused: " + text
}

// maxText bounds what is kept of the controller's words.
const maxText = 256

// refusal returns what a KRB-ERROR says; nil when reply is something else.
func (k KDC) refusal(reply []byte) (*Error, []byte) {
	var m messages.KRBError
	if ok := m.Unmarshal(reply) == nil; !ok {
		return nil, nil
	}
	e := &Error{Code: m.ErrorCode, Status: status(m.EData), Text: strings.ToValidUTF8(m.EText[:min(len(m.EText), maxText)], "?")}
	if e.Code == CodeSkew {
		e.Skew = m.STime.Sub(k.Clock()).Round(time.Second)
	}
	return e, m.EData
}

// status finds the NTSTATUS in a refusal's e-data: KERB-ERROR-DATA, or the same in a sequence ([MS-KILE] 2.2.1).
func status(data []byte) uint32 {
	var list []types.PAData
	var one types.PAData
	if rest, err := asn1.Unmarshal(data, &one); err == nil && len(rest) == 0 {
		list = append(list, one)
	} else if rest, err := asn1.Unmarshal(data, &list); err != nil || len(rest) != 0 {
		return 0
	}
	for _, pa := range list {
		// KERB_ERR_TYPE_EXTENDED has the number of PA-PW-SALT: status, reserved, flags.
		if pa.PADataType == patype.PA_PW_SALT && len(pa.PADataValue) == 12 {
			return binary.LittleEndian.Uint32(pa.PADataValue)
		}
	}
	return 0
}
