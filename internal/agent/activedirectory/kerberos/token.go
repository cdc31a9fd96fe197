package kerberos

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // HMAC-SHA1-96 is what RFC 3962 defines for these keys
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/jcmturner/aescts/v2"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/crypto/common"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/types"
)

// Sizes of an AES-CTS-HMAC-SHA1-96 message (RFC 3962 6) and of a wrap token's header (RFC 4121 4.2.6.2).
const (
	confounderSize = 16
	macSize        = 12
	headerSize     = 16
	// overhead is what sealing adds: header, confounder, the header again, checksum.
	overhead = headerSize + confounderSize + headerSize + macSize
)

// Flags of a wrap token (RFC 4121 4.2.2).
const (
	flagAcceptor = 1
	flagSealed   = 2
	flagSubkey   = 4
	filler       = 0xff
)

var errToken = fmt.Errorf("%w: a sealed message is damaged, out of order, or was sent before", ErrProtocol)

// sealer holds the keys derived for one direction (RFC 3961 5.3).
type sealer struct{ encrypt, integrity, checksum []byte }

func newSealer(key types.EncryptionKey, usage uint32) (sealer, error) {
	et, err := crypto.GetEtype(key.KeyType)
	if err != nil {
		return sealer{}, fmt.Errorf("encryption type %d: %w", key.KeyType, err)
	}
	var s sealer
	for _, d := range []struct {
		to       *[]byte
		constant []byte
	}{{&s.encrypt, common.GetUsageKe(usage)}, {&s.integrity, common.GetUsageKi(usage)}, {&s.checksum, common.GetUsageKc(usage)}} {
		if *d.to, err = et.DeriveKey(key.KeyValue, d.constant); err != nil {
			return sealer{}, errors.New("derive the keys of the connection")
		}
	}
	return s, nil
}

func (s *sealer) wipe() {
	clear(s.encrypt)
	clear(s.integrity)
	clear(s.checksum)
}

func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha1.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)[:macSize]
}

// seal encrypts and authenticates the parts (RFC 3962 6), and wipes its copies.
func (s *sealer) seal(parts ...[]byte) ([]byte, error) {
	size := confounderSize
	for _, p := range parts {
		size += len(p)
	}
	plain := make([]byte, confounderSize, size)
	defer func() { clear(plain) }()
	if _, err := rand.Read(plain); err != nil {
		return nil, fmt.Errorf("draw a confounder: %w", err)
	}
	for _, p := range parts {
		plain = append(plain, p...)
	}
	_, sealed, err := aescts.Encrypt(s.encrypt, make([]byte, confounderSize), plain)
	if err != nil {
		return nil, errors.New("encrypt a message")
	}
	return append(sealed, mac(s.integrity, plain)...), nil
}

// open reverses seal.
func (s *sealer) open(sealed []byte) ([]byte, error) {
	if len(sealed) < confounderSize+macSize {
		return nil, errToken
	}
	cut := len(sealed) - macSize
	plain, err := aescts.Decrypt(s.encrypt, make([]byte, confounderSize), sealed[:cut])
	if err != nil {
		return nil, errToken
	}
	if !hmac.Equal(mac(s.integrity, plain), sealed[cut:]) {
		clear(plain)
		return nil, errToken
	}
	return plain[confounderSize:], nil
}

// decrypt opens one part of a Kerberos message.
func decrypt(key types.EncryptionKey, sealed []byte, usage uint32) ([]byte, error) {
	s, err := newSealer(key, usage)
	if err != nil {
		return nil, err
	}
	defer s.wipe()
	plain, err := s.open(sealed)
	if err != nil {
		return nil, fmt.Errorf("%w: its answer cannot be decrypted", ErrProtocol)
	}
	return plain, nil
}

// layer makes and takes wrap tokens (RFC 4121 4.2.4, 4.2.6.2). Each direction is used by one goroutine at a time.
type layer struct {
	out, in       sealer
	outSeq, inSeq uint64
	subkey        byte // flagSubkey when the acceptor chose the key
}

func newLayer(key types.EncryptionKey, outSeq, inSeq uint64, subkey byte) (*layer, error) {
	out, err := newSealer(key, keyusage.GSSAPI_INITIATOR_SEAL)
	if err != nil {
		return nil, err
	}
	in, err := newSealer(key, keyusage.GSSAPI_ACCEPTOR_SEAL)
	if err != nil {
		return nil, err
	}
	return &layer{out: out, in: in, outSeq: outSeq, inSeq: inSeq, subkey: subkey}, nil
}

func (l *layer) wipe() {
	l.out.wipe()
	l.in.wipe()
}

// header has no rotation: this side never rotates, and checksums are made without (RFC 4121 4.2.4).
func header(flags byte, ec uint16, seq uint64) []byte {
	h := []byte{5, 4, flags, filler}
	h = binary.BigEndian.AppendUint16(h, ec)
	h = append(h, 0, 0)
	return binary.BigEndian.AppendUint64(h, seq)
}

// wrap seals plain.
func (l *layer) wrap(plain []byte) ([]byte, error) {
	h := header(flagSealed|l.subkey, 0, l.outSeq)
	sealed, err := l.out.seal(plain, h)
	if err != nil {
		return nil, err
	}
	l.outSeq++
	return append(h, sealed...), nil
}

// sign wraps plain without hiding it, as the negotiation does (RFC 4752 3.1).
func (l *layer) sign(plain []byte) []byte {
	h := header(l.subkey, 0, l.outSeq)
	sum := mac(l.out.checksum, plain, h)
	h = header(l.subkey, macSize, l.outSeq)
	l.outSeq++
	return append(append(h, plain...), sum...)
}

// unwrap opens the next token of the other side. With mustSeal a token that is only signed is refused.
func (l *layer) unwrap(token []byte, mustSeal bool) ([]byte, error) {
	if len(token) < headerSize {
		return nil, errToken
	}
	h, body := token[:headerSize], token[headerSize:]
	flags, ec, rrc := h[2], binary.BigEndian.Uint16(h[4:]), binary.BigEndian.Uint16(h[6:])
	sealed := flags&flagSealed != 0
	if h[0] != 5 || h[1] != 4 || h[3] != filler || flags&^flagSealed != flagAcceptor|l.subkey || (mustSeal && !sealed) ||
		binary.BigEndian.Uint64(h[8:]) != l.inSeq {
		return nil, errToken
	}
	plain, err := l.unwrapBody(rotated(body, int(rrc)), flags, ec, sealed)
	if err != nil {
		return nil, err
	}
	l.inSeq++
	return plain, nil
}

func (l *layer) unwrapBody(body []byte, flags byte, ec uint16, sealed bool) ([]byte, error) {
	if !sealed {
		cut := len(body) - macSize
		if ec != macSize || cut < 0 || !hmac.Equal(mac(l.in.checksum, body[:cut], header(flags, 0, l.inSeq)), body[cut:]) {
			return nil, errToken
		}
		return body[:cut], nil
	}
	plain, err := l.in.open(body)
	if err != nil {
		return nil, err
	}
	// The header is repeated inside, with no rotation, behind ec bytes of filling.
	cut := len(plain) - headerSize
	if cut < int(ec) || !hmac.Equal(plain[cut:], header(flags, ec, l.inSeq)) {
		clear(plain)
		return nil, errToken
	}
	return plain[:cut-int(ec)], nil
}

// rotated undoes a rotation to the right (RFC 4121 4.2.5).
func rotated(b []byte, right int) []byte {
	if len(b) == 0 || right%len(b) == 0 {
		return b
	}
	right %= len(b)
	return append(append(make([]byte, 0, len(b)), b[right:]...), b[:right]...)
}
