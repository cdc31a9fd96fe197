// Package kerberos signs in to a domain controller with Kerberos 5 and seals what is said to it afterwards: the
// AS, TGS and AP exchanges (RFC 4120), the GSS-API mechanism (RFC 4121) and the SASL security layer (RFC 4752)
// that LDAP uses ([MS-ADTS] 5.1.1.1.2).
//
// It guarantees that only AES keys are used; that the server has proven itself before anything is sealed for it;
// that a sealed connection takes every token once, in order and unaltered, or ends; that one call asks the
// controller about a password exactly once, whatever the answer; that every wait ends with the context; and that
// no secret is in an error.
//
// It does not look for controllers, follow no referral to another realm, keeps no tickets of its own, and cannot wipe the
// copies that gokrb5 makes of a password to derive a key from it.
package kerberos

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

// KDC is the Kerberos service of one domain controller.
type KDC struct {
	Realm   string // the domain's DNS name in capitals
	Address string // host:port; always asked over TCP
	Clock   func() time.Time
}

// Identity is who signs in. It has a password, a keytab, or tickets that somebody got before.
type Identity struct {
	// Name is user@domain, which is taken as a user principal name, or the bare logon name.
	Name     string
	Password []byte
	Keytab   *Keytab
	Cache    *Cache
}

// Ticket lets its holder speak to one service.
type Ticket struct {
	ticket messages.Ticket
	key    types.EncryptionKey
	client types.PrincipalName
	realm  string
	// Expires is when the service stops accepting it.
	Expires time.Time
}

// Wipe forgets the session key.
func (t *Ticket) Wipe() { clear(t.key.KeyValue) }

// etypes are the encryption types asked for, best first (RFC 3962). RC4 and DES are broken and not offered.
func etypes() []int32 {
	return []int32{etypeID.AES256_CTS_HMAC_SHA1_96, etypeID.AES128_CTS_HMAC_SHA1_96}
}

func known(etype int32) bool { return slices.Contains(etypes(), etype) }

// keySize is the length of a key of a known type.
func keySize(etype int32) int {
	if etype == etypeID.AES256_CTS_HMAC_SHA1_96 {
		return 32
	}
	return 16
}

func checkKey(k types.EncryptionKey) error {
	if !known(k.KeyType) || len(k.KeyValue) != keySize(k.KeyType) {
		return fmt.Errorf("%w: a key of type %d, not AES", ErrProtocol, k.KeyType)
	}
	return nil
}

// maxReply bounds a KDC's answer. Tickets of people in a thousand groups have 64 kB at most (MaxTokenSize).
const maxReply = 256 << 10

// ask sends one request over TCP (RFC 4120 7.2.2) and reads the answer.
func (k KDC) ask(ctx context.Context, request []byte) ([]byte, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", k.Address)
	if err != nil {
		return nil, fmt.Errorf("connect to Kerberos: %w", err)
	}
	defer conn.Close() //nolint:errcheck // nothing is left to be sent
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	framed := binary.BigEndian.AppendUint32(make([]byte, 0, len(request)+4), uint32(len(request))) //nolint:gosec // made here, small
	if _, err := conn.Write(append(framed, request...)); err != nil {
		return nil, fmt.Errorf("ask Kerberos: %w", errors.Join(err, context.Cause(ctx)))
	}
	reply, err := readFrame(conn, maxReply)
	if err != nil {
		return nil, fmt.Errorf("ask Kerberos: %w", errors.Join(err, context.Cause(ctx)))
	}
	return reply, nil
}

// readFrame reads four bytes of length, big-endian, and that many bytes.
func readFrame(r io.Reader, limit int) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if uint64(size) > uint64(limit) { //nolint:gosec // a constant
		return nil, fmt.Errorf("%w: %d bytes at once, more than %d", ErrProtocol, size, limit)
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(r, b); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return b, nil
}
