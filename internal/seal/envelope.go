package seal

import (
	"crypto/ed25519"
	"fmt"
)

const (
	envelopeMagic   = "HWE"
	envelopeVersion = 1

	// maxSealed bounds enc + ciphertext: 1120 + PlaintextSize + 16, rounded up.
	maxSealed = 4096
	// MaxEnvelopeSize is the largest envelope that UnmarshalEnvelope accepts.
	MaxEnvelopeSize = len(envelopeMagic) + 1 + 2 + MaxHeaderSize + 2 + maxSealed + ed25519.SignatureSize
)

// Envelope is one request on its way to one agent: the canonical header, the sealed secret (empty for
// operations that carry none) and the server's command signature over both.
type Envelope struct {
	Header    []byte // canonical encoding, see Header.Marshal
	Sealed    []byte // HPKE encapsulated key, then ciphertext
	Signature []byte // Ed25519, 64 bytes
}

// Sign returns the envelope of header and sealed, signed with the server's command key.
func Sign(key ed25519.PrivateKey, header, sealed []byte) (Envelope, error) {
	if _, err := UnmarshalHeader(header); err != nil {
		return Envelope{}, err
	}
	if len(sealed) > maxSealed {
		return Envelope{}, fmt.Errorf("envelope: sealed part has %d bytes, more than %d: %w", len(sealed), maxSealed, ErrMalformed)
	}
	return Envelope{Header: header, Sealed: sealed, Signature: ed25519.Sign(key, signed(header, sealed))}, nil
}

// Verify reports whether the command signature is of key and covers exactly this header and sealed part.
func (e Envelope) Verify(key ed25519.PublicKey) bool {
	return len(key) == ed25519.PublicKeySize && ed25519.Verify(key, signed(e.Header, e.Sealed), e.Signature)
}

// signed is unambiguous: the purpose string, then both parts with their lengths.
func signed(header, sealed []byte) []byte {
	b := make([]byte, 0, len(signaturePurpose)+4+len(header)+len(sealed))
	b = append(b, signaturePurpose...)
	b = appendField(b, header)
	return appendField(b, sealed)
}

const signaturePurpose = "homeward command 1"

// Marshal returns the wire form.
func (e Envelope) Marshal() []byte {
	b := make([]byte, 0, MaxEnvelopeSize)
	b = append(b, envelopeMagic...)
	b = append(b, envelopeVersion)
	b = appendField(b, e.Header)
	b = appendField(b, e.Sealed)
	return append(b, e.Signature...)
}

// UnmarshalEnvelope decodes the wire form strictly. It checks neither signature nor seal; the parts it
// returns share b's memory.
func UnmarshalEnvelope(b []byte) (Envelope, error) {
	if len(b) > MaxEnvelopeSize {
		return Envelope{}, fmt.Errorf("envelope: %d bytes, more than %d: %w", len(b), MaxEnvelopeSize, ErrMalformed)
	}
	r := reader{b: b}
	if string(r.take(len(envelopeMagic))) != envelopeMagic {
		return Envelope{}, fmt.Errorf("envelope: not a Homeward envelope: %w", ErrMalformed)
	}
	if v := r.take(1); len(v) == 1 && v[0] != envelopeVersion {
		return Envelope{}, fmt.Errorf("envelope: version %d, this build reads %d: %w", v[0], envelopeVersion, ErrVersion)
	}
	e := Envelope{Header: r.field(MaxHeaderSize), Sealed: r.field(maxSealed), Signature: r.take(ed25519.SignatureSize)}
	if r.bad || len(r.b) != 0 {
		return Envelope{}, fmt.Errorf("envelope: %d bytes do not hold one envelope: %w", len(b), ErrMalformed)
	}
	if _, err := UnmarshalHeader(e.Header); err != nil {
		return Envelope{}, err
	}
	return e, nil
}
