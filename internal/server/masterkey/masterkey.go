// Package masterkey seals the server's secrets at rest with one key that is kept outside the database, and
// derives the keys of its keyed hashes from it.
//
// A sealed value is bound to a purpose, normally the table, column and row it is stored in, so it cannot be
// moved to another place and open there. Whoever holds the key and the database can read everything sealed:
// keep copies of the two apart.
package masterkey

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
)

const (
	keySize = 32 // AES-256
	idSize  = 8  // of the key id, which only tells keys apart

	// prefix starts every sealed value; its last byte is the version of the format:
	// prefix, key id, 12 bytes nonce, ciphertext with tag.
	prefix = "HWM\x01"
)

var (
	// ErrNoKey is returned by every use of the zero Key.
	ErrNoKey = errors.New("no master key")
	// ErrMalformed is returned by Open for something that is not a sealed value of a known version.
	ErrMalformed = errors.New("not a value sealed with a master key")
	// ErrAltered is returned by Open for a value that was changed, or sealed for another purpose.
	ErrAltered = errors.New("sealed value was altered or belongs elsewhere")
)

// WrongKeyError is returned by Open for a value sealed with another master key. Both ids are harmless to show.
type WrongKeyError struct {
	Sealed string // id of the key the value was sealed with
	Given  string // id of this key
}

// Error names both keys.
func (e *WrongKeyError) Error() string {
	return fmt.Sprintf("sealed with master key %s, but master key %s was given", e.Sealed, e.Given)
}

// Key is a master key. It prints as its id only. The zero Key refuses to work.
type Key struct {
	raw  []byte
	id   [idSize]byte
	aead cipher.AEAD
}

// New returns a random key.
func New() (Key, error) {
	raw := make([]byte, keySize)
	if _, err := rand.Read(raw); err != nil {
		return Key{}, fmt.Errorf("make a master key: %w", err)
	}
	return fromBytes(raw)
}

func fromBytes(raw []byte) (Key, error) {
	if len(raw) != keySize {
		return Key{}, fmt.Errorf("master key has %d bytes, not %d", len(raw), keySize)
	}
	k := Key{raw: raw}
	id, err := k.derive("id", idSize)
	if err != nil {
		return Key{}, err
	}
	copy(k.id[:], id)
	sealing, err := k.derive("seal", keySize)
	if err != nil {
		return Key{}, err
	}
	block, err := aes.NewCipher(sealing)
	if err != nil {
		return Key{}, fmt.Errorf("set up the master key's cipher: %w", err)
	}
	// Random nonces of 96 bits are safe for 2^32 values under one key (NIST SP 800-38D, 8.3): a hundred
	// mails a second for a year.
	if k.aead, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return Key{}, fmt.Errorf("set up the master key's cipher: %w", err)
	}
	return k, nil
}

// derive separates keys by info (RFC 5869). No salt: the master key is uniformly random already.
func (k Key) derive(info string, size int) ([]byte, error) {
	out, err := hkdf.Key(sha256.New, k.raw, nil, "homeward master key 1 "+info, size)
	if err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	return out, nil
}

// Derive returns a 32-byte key of its own for name, always the same for the same master key. Names are
// constants of the program, such as "code key" or "limit pepper". It fails only for the zero Key.
func (k Key) Derive(name string) ([]byte, error) {
	if k.IsZero() {
		return nil, ErrNoKey
	}
	return k.derive("derive "+name, keySize)
}

// ID returns the key's id in hex. It tells keys apart and says nothing about them.
func (k Key) ID() string { return hex.EncodeToString(k.id[:]) }

// IsZero reports whether k is the zero Key.
func (k Key) IsZero() bool { return k.aead == nil }

// Format prints the key's id whatever the verb, so that a key never reaches a log.
func (k Key) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "master key %s", k.ID()) // a formatter has nobody to tell
}

// Seal returns plaintext sealed for purpose; see Purpose. It fails only for the zero Key.
func (k Key) Seal(purpose string, plaintext []byte) ([]byte, error) {
	if k.IsZero() {
		return nil, ErrNoKey
	}
	head := append([]byte(prefix), k.id[:]...)
	return k.aead.Seal(head, nil, plaintext, additional(head, purpose)), nil //nolint:gosec // NewGCMWithRandomNonce draws the nonce itself
}

// Open returns what Seal was given. purpose must be the same. Errors: ErrMalformed, *WrongKeyError, ErrAltered.
func (k Key) Open(purpose string, sealed []byte) ([]byte, error) {
	if k.IsZero() {
		return nil, ErrNoKey
	}
	n := len(prefix) + idSize
	if len(sealed) < n+k.aead.Overhead() || string(sealed[:len(prefix)]) != prefix {
		return nil, ErrMalformed
	}
	head := sealed[:n:n]
	if id := head[len(prefix):]; string(id) != string(k.id[:]) {
		return nil, &WrongKeyError{Sealed: hex.EncodeToString(id), Given: k.ID()}
	}
	plaintext, err := k.aead.Open(nil, nil, sealed[n:], additional(head, purpose))
	if err != nil {
		return nil, ErrAltered
	}
	return plaintext, nil
}

// additional is unambiguous because head has a fixed length.
func additional(head []byte, purpose string) []byte {
	return append(slices.Clip(head), purpose...)
}

// Purpose names the one place a sealed value belongs to: table, column, tenant and row. Parts are
// length-prefixed, so no two lists give the same purpose.
func Purpose(table, column, tenant, row string) string {
	var b []byte
	for _, p := range []string{table, column, tenant, row} {
		b = binary.BigEndian.AppendUint64(b, uint64(len(p)))
		b = append(b, p...)
	}
	return string(b)
}
