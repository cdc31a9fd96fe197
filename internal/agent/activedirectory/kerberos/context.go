package kerberos

import (
	"bytes"
	"crypto/md5" //nolint:gosec // RFC 4121 4.1.1.2 defines the hash of the channel bindings
	"crypto/rand"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"

	"github.com/jcmturner/gokrb5/v8/iana"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

// Flags of a GSS-API context (RFC 4121 4.1.1.1).
const (
	gssMutual   = 2
	gssReplay   = 4
	gssSequence = 8
	gssConf     = 16
	gssInteg    = 32
	// gssChecksum is the checksum type of an authenticator that carries them.
	gssChecksum = 0x8003
)

// Bits of the security layers a server offers (RFC 4752 3.3).
const (
	layerNone = 1
	layerSeal = 4
)

// Context is a conversation with one service, begun by a ticket.
type Context struct {
	ticket   *Ticket
	auth     types.Authenticator
	bindings []byte
	layer    *layer
	bits     int
	maxSend  int
	agreed   bool
}

// Begin starts a conversation and returns the first token for the service. With bindings, which name the TLS
// connection around it (RFC 5929), nothing is sealed by Kerberos; without, everything is.
func Begin(ticket *Ticket, bindings []byte, now time.Time) (*Context, []byte, error) {
	seq, err := rand.Int(rand.Reader, big.NewInt(1<<30))
	if err != nil {
		return nil, nil, fmt.Errorf("draw a number: %w", err)
	}
	subkey := types.EncryptionKey{KeyType: ticket.key.KeyType, KeyValue: make([]byte, len(ticket.key.KeyValue))}
	if _, err := rand.Read(subkey.KeyValue); err != nil {
		return nil, nil, fmt.Errorf("draw a key: %w", err)
	}
	now = now.UTC()
	c := &Context{ticket: ticket, bindings: bindings, auth: types.Authenticator{
		AVNO: iana.PVNO, CRealm: ticket.realm, CName: ticket.client, CTime: now.Truncate(time.Second), Cusec: microseconds(now),
		SubKey: subkey, SeqNumber: seq.Int64(), Cksum: types.Checksum{CksumType: gssChecksum, Checksum: contextChecksum(bindings)},
	}}
	request, err := apRequest(ticket, c.auth, true)
	if err != nil {
		return nil, nil, err
	}
	token, err := frame(tokenRequest, request)
	return c, token, err
}

// contextChecksum is length, hash of the channel bindings, and flags (RFC 4121 4.1.1).
func contextChecksum(bindings []byte) []byte {
	flags := uint32(gssMutual | gssReplay | gssSequence | gssConf | gssInteg)
	var hash [md5.Size]byte
	if bindings != nil {
		// The controller forbids a second encryption inside TLS ([MS-ADTS] 5.1.1.1.2).
		flags = gssMutual
		// No addresses, then the application data (RFC 2744 3.11).
		b := binary.LittleEndian.AppendUint32(make([]byte, 16, 20+len(bindings)), uint32(len(bindings))) //nolint:gosec // a hash and a word
		hash = md5.Sum(append(b, bindings...))                                                           //nolint:gosec // as above
	}
	out := binary.LittleEndian.AppendUint32(nil, md5.Size)
	return binary.LittleEndian.AppendUint32(append(out, hash[:]...), flags)
}

// Identifiers of the tokens that begin a conversation (RFC 4121 4.1).
const (
	tokenRequest = 0x0100
	tokenReply   = 0x0200
	tokenError   = 0x0300
)

// mechanism is 1.2.840.113554.1.2.2 with its tag and length (RFC 1964 1).
const mechanism = "\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"

// frame puts a Kerberos message into a token (RFC 2743 3.1).
func frame(kind uint16, body []byte) ([]byte, error) {
	content := binary.BigEndian.AppendUint16([]byte(mechanism), kind)
	content = append(content, body...)
	return asn1.Marshal(asn1.RawValue{Class: asn1.ClassApplication, Tag: 0, IsCompound: true, Bytes: content})
}

// unframe reverses frame.
func unframe(token []byte) (kind uint16, body []byte, err error) {
	var outer asn1.RawValue
	rest, err := asn1.Unmarshal(token, &outer)
	if err != nil || len(rest) != 0 || outer.Class != asn1.ClassApplication || outer.Tag != 0 {
		return 0, nil, fmt.Errorf("%w: its token is garbled", ErrProtocol)
	}
	content, ok := bytes.CutPrefix(outer.Bytes, []byte(mechanism))
	if !ok || len(content) < 2 {
		return 0, nil, fmt.Errorf("%w: its token is of another mechanism", ErrProtocol)
	}
	return binary.BigEndian.Uint16(content), content[2:], nil
}

// Accept takes the service's answer and thereby proof that it is the service: nobody else can decrypt the ticket
// and repeat the time inside it (RFC 4120 3.2.4).
func (c *Context) Accept(token []byte, now time.Time) error {
	kind, body, err := unframe(token)
	if err != nil {
		return err
	}
	switch kind {
	case tokenError:
		refusal, _ := KDC{Clock: func() time.Time { return now }}.refusal(body)
		if refusal == nil {
			return fmt.Errorf("%w: its refusal is garbled", ErrProtocol)
		}
		return refusal
	case tokenReply:
		return c.prove(body)
	}
	return fmt.Errorf("%w: a token of kind %04x", ErrProtocol, kind)
}

func (c *Context) prove(body []byte) error {
	var reply messages.APRep
	if err := reply.Unmarshal(body); err != nil {
		return fmt.Errorf("%w: its proof is garbled", ErrProtocol)
	}
	if reply.EncPart.EType != c.ticket.key.KeyType {
		return fmt.Errorf("%w: its proof is of another kind of key", ErrProtocol)
	}
	plain, err := decrypt(c.ticket.key, reply.EncPart.Cipher, keyusage.AP_REP_ENCPART)
	if err != nil {
		return err
	}
	defer clear(plain)
	var part messages.EncAPRepPart
	if err := part.Unmarshal(plain); err != nil {
		return fmt.Errorf("%w: its proof is garbled", ErrProtocol)
	}
	if !part.CTime.Equal(c.auth.CTime) || part.Cusec != c.auth.Cusec {
		return fmt.Errorf("%w: its proof belongs to another conversation", ErrProtocol)
	}
	if part.SequenceNumber < 0 {
		return fmt.Errorf("%w: a negative number", ErrProtocol)
	}
	key, chosen := c.auth.SubKey, byte(0)
	if len(part.Subkey.KeyValue) != 0 {
		key, chosen = part.Subkey, flagSubkey
	}
	if err := checkKey(key); err != nil {
		return err
	}
	c.bits = 8 * min(len(key.KeyValue), len(c.ticket.key.KeyValue))
	c.layer, err = newLayer(key, uint64(c.auth.SeqNumber), uint64(part.SequenceNumber), chosen) //nolint:gosec // neither is negative
	clear(key.KeyValue)
	clear(c.auth.SubKey.KeyValue)
	return err
}

// maxToken is what this side takes at once, and says so.
const maxToken = 1 << 20

// minSend is the least a server must take at once for sealing to make sense.
const minSend = 1 << 10

// Agree takes the service's offer of security layers and returns the choice (RFC 4752 3.1): sealing, or none
// when TLS is around.
func (c *Context) Agree(token []byte) ([]byte, error) {
	if c.layer == nil {
		return nil, errors.New("the service has not proven itself yet")
	}
	offer, err := c.layer.unwrap(token, false)
	if err != nil {
		return nil, err
	}
	if len(offer) != 4 {
		return nil, fmt.Errorf("%w: its offer is garbled", ErrProtocol)
	}
	size := int(offer[1])<<16 | int(offer[2])<<8 | int(offer[3])
	if c.bindings != nil {
		if offer[0]&layerNone == 0 {
			return nil, fmt.Errorf("%w: it insists on sealing inside TLS", ErrProtocol)
		}
		return c.layer.sign([]byte{layerNone, 0, 0, 0}), nil
	}
	if offer[0]&layerSeal == 0 || size < minSend {
		return nil, fmt.Errorf("%w: it does not offer to seal the connection", ErrProtocol)
	}
	c.maxSend = min(size, maxToken) - overhead
	c.agreed = true
	return c.layer.sign([]byte{layerSeal, maxToken >> 16 & 0xff, maxToken >> 8 & 0xff, maxToken & 0xff}), nil
}

// Wipe forgets the keys. A connection made by Secure keeps its own.
func (c *Context) Wipe() {
	if c.layer != nil && !c.agreed {
		c.layer.wipe()
	}
	clear(c.auth.SubKey.KeyValue)
}

// Bits is the strength of the keys.
func (c *Context) Bits() int { return c.bits }

// Secure puts the sealing around a connection; from now on nothing else may be said on it.
func (c *Context) Secure(conn net.Conn) (net.Conn, error) {
	if !c.agreed {
		return nil, errors.New("sealing was not agreed on")
	}
	return &sealedConn{Conn: conn, layer: c.layer, maxSend: c.maxSend}, nil
}
