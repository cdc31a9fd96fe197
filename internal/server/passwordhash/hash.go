// Package passwordhash turns a password into an Argon2id hash in PHC string format and compares one with it. A stored
// hash carries its own parameters, so those of new ones may rise; what asks for too much is no hash of ours.
package passwordhash

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// The parameters of new hashes: 64 MiB and two passes take about 60 ms here, more than RFC 9106 (4) asks of a machine
// with little memory.
const (
	memory  = 64 << 10 // KiB
	passes  = 2
	threads = 1
	saltLen = 16
	keyLen  = 32

	// What a stored hash may ask for.
	maxMemory = 1 << 20
	maxPasses = 32
)

// ErrHash reports a stored hash that can't be read.
var ErrHash = errors.New("the stored password hash can't be read")

// parameters of one hash.
type parameters struct {
	memory, passes uint32
	threads        uint8
	salt, key      []byte
}

// New returns the hash of a password with a salt of its own. Passwords are compared in NFKC: keyboards differ
// (RFC 8265, 4.2).
func New(password []byte) string {
	p := parameters{memory: memory, passes: passes, threads: threads, salt: make([]byte, saltLen)}
	_, _ = rand.Read(p.salt) // never fails (crypto/rand)
	p.key = p.derive(password)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memory, p.passes, p.threads,
		b64.EncodeToString(p.salt), b64.EncodeToString(p.key))
}

// Matches reports whether the password has this hash, in the same time whatever they differ in.
func Matches(stored string, password []byte) (bool, error) {
	p, err := parse(stored)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(p.derive(password), p.key) == 1, nil
}

func (p parameters) derive(password []byte) []byte {
	normal := norm.NFKC.Append(nil, password...) // never password itself, which is the caller's to wipe
	defer clear(normal)
	n := uint32(keyLen)
	if len(p.key) > 0 {
		n = uint32(len(p.key)) //nolint:gosec // parse bounds it
	}
	return argon2.IDKey(normal, p.salt, p.passes, p.memory, p.threads, n)
}

// parse reads a PHC string strictly.
func parse(stored string) (parameters, error) {
	var p parameters
	parts := strings.Split(stored, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, ErrHash
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.passes, &p.threads); err != nil ||
		parts[3] != fmt.Sprintf("m=%d,t=%d,p=%d", p.memory, p.passes, p.threads) {
		return p, ErrHash
	}
	var err error
	if p.salt, err = base64.RawStdEncoding.Strict().DecodeString(parts[4]); err != nil {
		return p, ErrHash
	}
	if p.key, err = base64.RawStdEncoding.Strict().DecodeString(parts[5]); err != nil {
		return p, ErrHash
	}
	if p.threads < 1 || p.memory < 8*uint32(p.threads) || p.memory > maxMemory || p.passes < 1 || p.passes > maxPasses ||
		len(p.salt) < 8 || len(p.salt) > 64 || len(p.key) < 16 || len(p.key) > 64 {
		return p, ErrHash
	}
	return p, nil
}
