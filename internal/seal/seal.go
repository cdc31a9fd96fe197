// Package seal carries one secret to one agent, bound to one request.
//
// A browser (or, for an administrator's reset, the server) seals a password to an agent's public key with
// HPKE (RFC 9180, base mode: MLKEM768-X25519, HKDF-SHA256, AES-256-GCM). The canonical request Header is the
// additional authenticated data, so a sealed password is worthless for any other person, tenant, operation,
// request or time. HPKE's base mode proves no origin: the server adds an Ed25519 command signature over
// header and sealed part (Sign), and the agent, which pinned that key when it enrolled, verifies it first.
//
// The package guarantees that what Open returns was sealed for exactly this header. It does not judge
// times, tenants or replays; writeback does.
package seal

import (
	"crypto/hpke"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	// PlaintextSize is the fixed size of what is sealed, so that a ciphertext tells nothing of the
	// password's length: count byte, then per secret two bytes of length and its UTF-8, then zeros.
	// Two passwords of 256 UTF-16 units (Active Directory's limit) need 1,541 bytes at most.
	PlaintextSize = 1600

	// EncSize is the size of the encapsulated key of MLKEM768-X25519.
	EncSize = 1120
	// PublicKeySize is the size of an agent's public sealing key.
	PublicKeySize = 1216

	info       = "homeward writeback 1"
	maxSecrets = 2
)

// ErrOpen reports a seal that this key and header do not open. It says no more on purpose.
var ErrOpen = errors.New("seal does not open")

// PrivateKey is an agent's sealing key.
type PrivateKey struct{ key hpke.PrivateKey }

// PublicKey is the half of it that browsers and the server hold.
type PublicKey struct{ key hpke.PublicKey }

// GenerateKey makes a new sealing key.
func GenerateKey() (PrivateKey, error) {
	k, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		return PrivateKey{}, fmt.Errorf("make sealing key: %w", err)
	}
	return PrivateKey{k}, nil
}

// NewPrivateKey decodes the 32-byte form that Bytes returns.
func NewPrivateKey(b []byte) (PrivateKey, error) {
	k, err := hpke.MLKEM768X25519().NewPrivateKey(b)
	if err != nil {
		return PrivateKey{}, fmt.Errorf("sealing key: %w", ErrMalformed)
	}
	return PrivateKey{k}, nil
}

// Bytes returns the serialised private key. It is a secret.
func (k PrivateKey) Bytes() ([]byte, error) { return k.key.Bytes() }

// Public returns the public half.
func (k PrivateKey) Public() PublicKey { return PublicKey{k.key.PublicKey()} }

// NewPublicKey decodes a public sealing key of PublicKeySize bytes.
func NewPublicKey(b []byte) (PublicKey, error) {
	if len(b) != PublicKeySize {
		return PublicKey{}, fmt.Errorf("public sealing key has %d bytes, not %d: %w", len(b), PublicKeySize, ErrMalformed)
	}
	k, err := hpke.MLKEM768X25519().NewPublicKey(b)
	if err != nil {
		return PublicKey{}, fmt.Errorf("public sealing key: %w", ErrMalformed)
	}
	return PublicKey{k}, nil
}

// Bytes returns the serialised public key.
func (k PublicKey) Bytes() []byte { return k.key.Bytes() }

// ID returns the key's id.
func (k PublicKey) ID() KeyID {
	h := sha256.New()
	var kem [2]byte
	binary.BigEndian.PutUint16(kem[:], k.key.KEM().ID())
	h.Write(kem[:])
	h.Write(k.key.Bytes())
	return KeyID(h.Sum(nil)[:KeyIDSize])
}

// Seal seals one or two secrets (the new password; for a change the old one, then the new one) to key,
// bound to the canonical header. The caller keeps and wipes secrets.
func Seal(key PublicKey, header []byte, secrets ...[]byte) ([]byte, error) {
	plain, err := pad(secrets)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	enc, s, err := hpke.NewSender(key.key, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(info))
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	ct, err := s.Seal(header, plain)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return append(enc, ct...), nil
}

// Open returns the secrets of sealed, each in memory of its own that the caller wipes. Every failure is
// ErrOpen: wrong key, altered header, altered ciphertext and wrong padding look the same.
func Open(key PrivateKey, header, sealed []byte) ([][]byte, error) {
	if len(sealed) < EncSize {
		return nil, ErrOpen
	}
	r, err := hpke.NewRecipient(sealed[:EncSize], key.key, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(info))
	if err != nil {
		return nil, ErrOpen
	}
	plain, err := r.Open(header, sealed[EncSize:])
	if err != nil {
		return nil, ErrOpen
	}
	defer clear(plain)
	return unpad(plain)
}

func pad(secrets [][]byte) ([]byte, error) {
	if len(secrets) == 0 || len(secrets) > maxSecrets {
		return nil, fmt.Errorf("seal: %d secrets, not 1 to %d: %w", len(secrets), maxSecrets, ErrMalformed)
	}
	plain := make([]byte, 1, PlaintextSize)
	plain[0] = byte(len(secrets)) //nolint:gosec // at most maxSecrets
	for _, s := range secrets {
		if len(plain)+2+len(s) > PlaintextSize {
			clear(plain)
			return nil, fmt.Errorf("seal: secret longer than the envelope holds: %w", ErrMalformed)
		}
		plain = appendField(plain, s)
	}
	return plain[:PlaintextSize], nil
}

func unpad(plain []byte) ([][]byte, error) {
	if len(plain) != PlaintextSize || plain[0] == 0 || plain[0] > maxSecrets {
		return nil, ErrOpen
	}
	r := reader{b: plain[1:]}
	secrets := make([][]byte, 0, plain[0])
	for range plain[0] {
		secrets = append(secrets, append([]byte(nil), r.field(PlaintextSize)...))
	}
	rest := byte(0)
	for _, b := range r.b {
		rest |= b
	}
	if r.bad || rest != 0 {
		for _, s := range secrets {
			clear(s)
		}
		return nil, ErrOpen
	}
	return secrets, nil
}
