package seal

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// Sizes of the canonical header. Variable fields are length-prefixed with two bytes, big endian.
const (
	// KeyIDSize is the length of an agent key id: the first bytes of SHA-256 over KEM id and public key.
	KeyIDSize = 8
	// RequestIDSize is the length of a request id, random per request.
	RequestIDSize = 16

	maxTenant    = 64
	maxAnchor    = 64
	maxOperation = 32
	// MaxHeaderSize is the largest header that UnmarshalHeader accepts.
	MaxHeaderSize = len(headerMagic) + 1 + 2 + maxTenant + KeyIDSize + 2 + maxAnchor + 2 + maxOperation + RequestIDSize + 3*8

	headerMagic   = "HWH"
	headerVersion = 1
)

// Errors of decoding. Every refusal of this package wraps one of them.
var (
	// ErrMalformed reports bytes that are not one canonical header or envelope.
	ErrMalformed = errors.New("malformed")
	// ErrVersion reports a header or envelope of a version this build does not know.
	ErrVersion = errors.New("unknown version")
)

// KeyID names one public sealing key of an agent.
type KeyID [KeyIDSize]byte

// RequestID names one request. It is drawn at random and never used twice.
type RequestID [RequestIDSize]byte

// String returns the id in lower-case hex.
func (id KeyID) String() string { return hex.EncodeToString(id[:]) }

// String returns the id in lower-case hex.
func (id RequestID) String() string { return hex.EncodeToString(id[:]) }

// Header says what one envelope is for. Its canonical encoding is the additional authenticated data of
// the seal and the first part of what the command signature covers: whoever alters a field breaks both.
type Header struct {
	Tenant    string    // tenant id, 1..64 bytes
	Key       KeyID     // the agent key the secret is sealed to; zero for operations without a secret
	Anchor    []byte    // the person: objectGUID as Active Directory stores it (16 bytes), or nothing
	Operation string    // a protocol operation, 1..32 bytes
	Request   RequestID // random, names the request for ever
	Issued    time.Time // server clock, millisecond precision
	AcceptBy  time.Time // an agent that has not accepted by then must not start
	Expires   time.Time // the request is dead from then on
}

// Marshal returns the canonical encoding: there is exactly one for a header.
func (h Header) Marshal() ([]byte, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	b := make([]byte, 0, MaxHeaderSize)
	b = append(b, headerMagic...)
	b = append(b, headerVersion)
	b = appendField(b, []byte(h.Tenant))
	b = append(b, h.Key[:]...)
	b = appendField(b, h.Anchor)
	b = appendField(b, []byte(h.Operation))
	b = append(b, h.Request[:]...)
	for _, t := range []time.Time{h.Issued, h.AcceptBy, h.Expires} {
		b = binary.BigEndian.AppendUint64(b, uint64(t.UnixMilli()))
	}
	return b, nil
}

func (h Header) check() error {
	switch {
	case h.Tenant == "" || len(h.Tenant) > maxTenant:
		return fmt.Errorf("header: tenant has %d bytes, not 1 to %d: %w", len(h.Tenant), maxTenant, ErrMalformed)
	case len(h.Anchor) > maxAnchor:
		return fmt.Errorf("header: anchor has %d bytes, more than %d: %w", len(h.Anchor), maxAnchor, ErrMalformed)
	case h.Operation == "" || len(h.Operation) > maxOperation:
		return fmt.Errorf("header: operation has %d bytes, not 1 to %d: %w", len(h.Operation), maxOperation, ErrMalformed)
	case h.Request == RequestID{}:
		return fmt.Errorf("header: no request id: %w", ErrMalformed)
	case h.Issued.UnixMilli() < 0 || h.AcceptBy.Before(h.Issued) || h.Expires.Before(h.AcceptBy):
		return fmt.Errorf("header: times are not issued <= accept-by <= expires: %w", ErrMalformed)
	}
	return nil
}

// UnmarshalHeader decodes exactly one canonical header. Trailing bytes, unknown versions, fields over
// their limits and times out of order are refused.
func UnmarshalHeader(b []byte) (Header, error) {
	var h Header
	r := reader{b: b}
	if string(r.take(len(headerMagic))) != headerMagic {
		return h, fmt.Errorf("header: not a Homeward header: %w", ErrMalformed)
	}
	if v := r.take(1); len(v) == 1 && v[0] != headerVersion {
		return h, fmt.Errorf("header: version %d, this build reads %d: %w", v[0], headerVersion, ErrVersion)
	}
	h.Tenant = string(r.field(maxTenant))
	copy(h.Key[:], r.take(KeyIDSize))
	if anchor := r.field(maxAnchor); len(anchor) > 0 {
		h.Anchor = append([]byte(nil), anchor...)
	}
	h.Operation = string(r.field(maxOperation))
	copy(h.Request[:], r.take(RequestIDSize))
	h.Issued, h.AcceptBy, h.Expires = r.time(), r.time(), r.time()
	if r.bad || len(r.b) != 0 {
		return Header{}, fmt.Errorf("header: %d bytes do not hold one header: %w", len(b), ErrMalformed)
	}
	if err := h.check(); err != nil {
		return Header{}, err
	}
	return h, nil
}

func appendField(b, field []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(field))) //nolint:gosec // callers check the length
	return append(b, field...)
}

// reader takes bytes off the front; after the first short read it stays bad and yields nothing.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || len(r.b) < n {
		r.bad = true
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) field(limit int) []byte {
	size := r.take(2)
	if size == nil {
		return nil
	}
	n := int(binary.BigEndian.Uint16(size))
	if n > limit {
		r.bad = true
		return nil
	}
	return r.take(n)
}

func (r *reader) time() time.Time {
	b := r.take(8)
	if b == nil {
		return time.Time{}
	}
	ms := binary.BigEndian.Uint64(b)
	if ms > 1<<53 {
		r.bad = true
		return time.Time{}
	}
	return time.UnixMilli(int64(ms)).UTC()
}
