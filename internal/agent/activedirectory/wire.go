package activedirectory

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"homeward/internal/protocol"
)

// The few messages that come before the LDAP library may have the connection: StartTLS and bind. Sent by hand,
// because the library's own look at no deadline, keep copies of the password, and cannot change the layer below
// in between.

// Bytes that begin an element (RFC 4511 4.2, 4.14.1; X.690).
const (
	tagInteger     = 0x02
	tagOctets      = 0x04
	tagSequence    = 0x30
	tagBind        = 0x60 // [APPLICATION 0]
	tagExtended    = 0x77 // [APPLICATION 23]
	tagSimple      = 0x80 // [0] of AuthenticationChoice
	tagSASL        = 0xa3 // [3] of AuthenticationChoice
	tagRequestName = 0x80 // [0] of ExtendedRequest
	tagServerCreds = 7    // [7] of BindResponse
	ldapVersion    = 3
	oidStartTLS    = "1.3.6.1.4.1.1466.20037"
)

// element is one BER element around its parts. The parts are copied: the caller wipes both.
func element(tag byte, parts ...[]byte) []byte {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	out := make([]byte, 0, size+6)
	out = append(out, tag)
	switch {
	case size < 0x80:
		out = append(out, byte(size))
	case size < 0x10000:
		out = binary.BigEndian.AppendUint16(append(out, 0x82), uint16(size))
	default:
		out = binary.BigEndian.AppendUint32(append(out, 0x84), uint32(size))
	}
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// message is an LDAPMessage; operation is wiped.
func message(id byte, operation []byte) []byte {
	defer clear(operation)
	return element(tagSequence, element(tagInteger, []byte{id}), operation)
}

func startTLSRequest() []byte {
	return element(tagExtended, element(tagRequestName, []byte(oidStartTLS)))
}

func simpleBindRequest(user string, password []byte) []byte {
	secret := element(tagSimple, password)
	defer clear(secret)
	return element(tagBind, element(tagInteger, []byte{ldapVersion}), element(tagOctets, []byte(user)), secret)
}

func saslBindRequest(mechanism string, credentials []byte) []byte {
	return element(tagBind, element(tagInteger, []byte{ldapVersion}), element(tagOctets),
		element(tagSASL, element(tagOctets, []byte(mechanism)), element(tagOctets, credentials)))
}

// handshake sends messages on a connection nobody else uses yet.
type handshake struct {
	conn io.ReadWriter
	last byte // id of the last message
}

// answer is what a controller said to one message.
type answer struct {
	err         error  // *ldap.Error when it refused
	inProgress  bool   // a bind that wants another step
	credentials []byte // serverSaslCreds
}

// ask sends one operation, wipes it, and reads exactly its answer: not one byte more is taken from the
// connection, so that nothing sent in clear can be mistaken for something said over TLS. The error is of the
// connection; the controller's own is in the answer.
func (h *handshake) ask(operation []byte, want ber.Tag) (answer, error) {
	h.last++
	request := message(h.last, operation)
	defer clear(request)
	if _, err := h.conn.Write(request); err != nil {
		return answer{}, err
	}
	raw, err := readMessage(h.conn)
	if err != nil {
		return answer{}, err
	}
	return parseAnswer(raw, h.last, want)
}

// maxHandshake bounds one answer: the largest holds a Kerberos token.
const maxHandshake = 64 << 10

var errFraming = errors.New("what answers there does not talk LDAP")

// readMessage reads one LDAPMessage (RFC 4511 5.1: definite lengths only).
func readMessage(r io.Reader) ([]byte, error) {
	head := make([]byte, 2, 6)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	if head[0] != tagSequence {
		return nil, errFraming
	}
	size := int(head[1])
	if head[1] >= 0x80 {
		n := int(head[1] & 0x7f)
		if n == 0 || n > 4 {
			return nil, errFraming
		}
		more := make([]byte, n)
		if _, err := io.ReadFull(r, more); err != nil {
			return nil, err
		}
		head = append(head, more...)
		length := uint64(0)
		for _, b := range more {
			length = length<<8 | uint64(b)
		}
		size = int(min(length, maxHandshake+1))
	}
	if size > maxHandshake {
		return nil, fmt.Errorf("%w: a message of more than %d bytes", errFraming, maxHandshake)
	}
	raw := slices.Concat(head, make([]byte, size))
	_, err := io.ReadFull(r, raw[len(head):])
	return raw, err
}

// parseAnswer takes an LDAPMessage apart. Any input gives an answer or an error.
func parseAnswer(raw []byte, id byte, want ber.Tag) (answer, error) {
	p, err := ber.DecodePacketErr(raw)
	if err != nil || len(p.Children) < 2 || p.Children[1].ClassType != ber.ClassApplication {
		return answer{}, errFraming
	}
	got, isInteger := p.Children[0].Value.(int64)
	operation := p.Children[1]
	refusal := ldap.GetLDAPError(p)
	if isInteger && got == 0 && operation.Tag == ldap.ApplicationExtendedResponse {
		// Notice of disconnection (RFC 4511 4.4.1).
		return answer{}, fmt.Errorf("the controller ended the connection: %w", refusal)
	}
	if !isInteger || got != int64(id) || operation.Tag != want {
		return answer{}, errFraming
	}
	a := answer{err: refusal}
	if le, ok := errors.AsType[*ldap.Error](refusal); ok {
		if le.ResultCode >= ldap.ErrorNetwork {
			return answer{}, errFraming
		}
		if le.ResultCode == ldap.LDAPResultSaslBindInProgress {
			a.err, a.inProgress = nil, true
		}
	}
	for _, child := range operation.Children {
		if child.ClassType == ber.ClassContext && child.Tag == tagServerCreds {
			a.credentials = child.Data.Bytes()
		}
	}
	return a, nil
}

// down is a connection that broke or talks something else.
func down(doing string, err error) *Error {
	return &Error{Reason: protocol.ReasonDirectoryDown, doing: doing, err: err}
}
