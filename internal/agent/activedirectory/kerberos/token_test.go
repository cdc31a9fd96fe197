package kerberos

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/types"
)

func newKey(t testing.TB, etype int32) types.EncryptionKey {
	t.Helper()
	key := types.EncryptionKey{KeyType: etype, KeyValue: make([]byte, keySize(etype))}
	if _, err := rand.Read(key.KeyValue); err != nil {
		t.Fatal(err)
	}
	return key
}

// pair is an initiator's layer and the acceptor's beside it.
func pair(t testing.TB, etype int32) (initiator, acceptor *layer) {
	t.Helper()
	key := newKey(t, etype)
	initiator, err := newLayer(key, 100, 200, flagSubkey)
	if err != nil {
		t.Fatal(err)
	}
	return initiator, &layer{out: initiator.in, in: initiator.out, outSeq: 200, inSeq: 100, subkey: flagSubkey | flagAcceptor}
}

// fromAcceptor is unwrap for the acceptor's side of a test: the initiator's tokens lack the acceptor's flag.
func fromInitiator(l *layer, token []byte) ([]byte, error) {
	token = bytes.Clone(token)
	side := *l
	side.subkey = flagSubkey
	if token[2]&flagAcceptor != 0 {
		return nil, errToken
	}
	plain, err := side.in.open(token[headerSize:])
	if err != nil {
		return nil, err
	}
	cut := len(plain) - headerSize
	if !bytes.Equal(plain[cut:], token[:headerSize]) {
		return nil, errToken
	}
	return plain[:cut], nil
}

// TestSealedAsTheLibraryDoes lets gokrb5 open what is sealed here, and the other way round, for every length.
func TestSealedAsTheLibraryDoes(t *testing.T) {
	for _, etype := range etypes() {
		key := newKey(t, etype)
		s, err := newSealer(key, keyusage.GSSAPI_INITIATOR_SEAL)
		if err != nil {
			t.Fatal(err)
		}
		for size := range 70 {
			text := bytes.Repeat([]byte{byte(size)}, size)
			sealed, err := s.seal(text)
			if err != nil {
				t.Fatal(err)
			}
			got, err := crypto.DecryptMessage(sealed, key, keyusage.GSSAPI_INITIATOR_SEAL)
			if err != nil || !bytes.Equal(got, text) {
				t.Fatalf("type %d, %d bytes: the library reads %x (%v)", etype, size, got, err)
			}
			theirs, err := crypto.GetEncryptedData(text, key, keyusage.GSSAPI_INITIATOR_SEAL, 0)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := s.open(theirs.Cipher); err != nil || !bytes.Equal(got, text) {
				t.Fatalf("type %d, %d bytes: read from the library %x (%v)", etype, size, got, err)
			}
		}
	}
}

// TestSignedAsTheLibraryDoes has the library check what the negotiation sends.
func TestSignedAsTheLibraryDoes(t *testing.T) {
	key := newKey(t, 18)
	l, err := newLayer(key, 7, 0, flagSubkey)
	if err != nil {
		t.Fatal(err)
	}
	var token gssapi.WrapToken
	if err := token.Unmarshal(l.sign([]byte{4, 0x10, 0, 0}), false); err != nil {
		t.Fatal(err)
	}
	if ok, err := token.Verify(key, keyusage.GSSAPI_INITIATOR_SEAL); !ok {
		t.Error(err)
	}
	if token.SndSeqNum != 7 || !bytes.Equal(token.Payload, []byte{4, 0x10, 0, 0}) || l.outSeq != 8 {
		t.Errorf("%+v", token)
	}
}

// TestChallengeOfAController opens a token as gokrb5's own tests have it from a real acceptor (MIT Kerberos):
// RFC 4121 4.2.6.2, signed only.
func TestChallengeOfAController(t *testing.T) {
	const (
		token = "050401ff000c000000000000575e85d601010000853b728d5268525a1386c19f"
		key   = "14f9bde6b50ec508201a97f74c4e5bd3"
	)
	raw, _ := hex.DecodeString(token)
	value, _ := hex.DecodeString(key)
	l, err := newLayer(types.EncryptionKey{KeyType: 17, KeyValue: value}, 0, 0x575e85d6, 0)
	if err != nil {
		t.Fatal(err)
	}
	got, err := l.unwrap(raw, false)
	if err != nil || !bytes.Equal(got, []byte{1, 1, 0, 0}) {
		t.Errorf("%x %v", got, err)
	}
}

func TestRotationIsUndone(t *testing.T) {
	for _, size := range []int{1, 5, 28} {
		for right := range 3 * size {
			b := make([]byte, size)
			for i := range b {
				b[(i+right)%size] = byte(i)
			}
			for i, v := range rotated(b, right) {
				if int(v) != i {
					t.Fatalf("size %d, right %d: %v", size, right, rotated(b, right))
				}
			}
		}
	}
}

// TestTokensOnceInOrderAndWhole gives every way a sealed conversation can be meddled with.
func TestTokensOnceInOrderAndWhole(t *testing.T) {
	me, dc := pair(t, 18)
	wrap := func(text string) []byte {
		token, err := dc.wrap([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	first, second, third := wrap("first"), wrap("second"), wrap("third")
	refuse := func(name string, token []byte) {
		t.Helper()
		if got, err := me.unwrap(token, true); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %q (%v)", name, got, err)
		}
	}
	refuse("later one first", second)
	for i := range first {
		for bit := range 8 {
			bad := bytes.Clone(first)
			bad[i] ^= 1 << bit
			// The rotation count is not authenticated; what it points at is.
			refuse("one bit", bad)
		}
	}
	for n := range first {
		refuse("cut off", first[:n])
	}
	refuse("grown", append(bytes.Clone(first), 0))
	if got, err := me.unwrap(first, true); err != nil || string(got) != "first" {
		t.Fatalf("%q %v", got, err)
	}
	refuse("replay", first)
	refuse("left out", third)
	mine, err := me.wrap([]byte("mine"))
	if err != nil {
		t.Fatal(err)
	}
	refuse("reflected", mine)
	signed := *dc
	signed.outSeq = me.inSeq
	refuse("signed only", signed.sign([]byte("open")))
	if got, err := me.unwrap(second, true); err != nil || string(got) != "second" {
		t.Fatalf("%q %v", got, err)
	}
}

// TestConnection sends more than one token takes, both ways, and ends at the first bad one.
func TestConnection(t *testing.T) {
	me, dc := pair(t, 17)
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	conn := &sealedConn{Conn: a, layer: me, maxSend: 100}
	text := bytes.Repeat([]byte("Copper-Kettle-42"), 64)
	go func() { _, _ = conn.Write(text) }()
	var heard []byte
	for len(heard) < len(text) {
		token, err := readFrame(b, maxToken)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(token, []byte("Kettle")) {
			t.Fatal("not sealed")
		}
		plain, err := fromInitiator(dc, token)
		if err != nil || len(plain) > 100 {
			t.Fatalf("%d bytes, %v", len(plain), err)
		}
		heard = append(heard, plain...)
	}
	if !bytes.Equal(heard, text) {
		t.Error("not what was written")
	}
	token, err := dc.wrap([]byte("answer"))
	if err != nil {
		t.Fatal(err)
	}
	framed := append([]byte{0, 0, 0, byte(len(token))}, token...)
	go func() { _, _ = b.Write(append(bytes.Clone(framed), framed...)) }() // and once more
	got := make([]byte, 6)
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != "answer" {
		t.Fatalf("%q %v", got, err)
	}
	for range 2 {
		if n, err := conn.Read(got); n != 0 || !errors.Is(err, ErrProtocol) {
			t.Fatalf("a replayed token gives %d bytes and %v", n, err)
		}
	}
	if _, err := conn.Write([]byte("more")); err == nil {
		t.Error("the connection goes on after a replay")
	}
}

func TestOverlongFrame(t *testing.T) {
	if _, err := readFrame(bytes.NewReader([]byte{0, 0x10, 0, 1}), maxToken); !errors.Is(err, ErrProtocol) {
		t.Error(err)
	}
	if _, err := readFrame(bytes.NewReader([]byte{0, 0, 0, 9, 1}), maxToken); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
}

func FuzzUnwrap(f *testing.F) {
	raw, _ := hex.DecodeString("050401ff000c000000000000575e85d601010000853b728d5268525a1386c19f")
	f.Add(raw)
	f.Add([]byte{5, 4, 7, 0xff, 0, 0, 0, 28, 0, 0, 0, 0, 0, 0, 0, 200})
	me, dc := pair(f, 18)
	token, _ := dc.wrap([]byte("first"))
	f.Add(token)
	f.Fuzz(func(t *testing.T, b []byte) {
		l := *me
		if got, err := l.unwrap(b, true); err == nil && string(got) != "first" {
			t.Errorf("forged: %x", got)
		}
	})
}

func FuzzFrame(f *testing.F) {
	f.Add([]byte{0, 0, 0, 2, 1, 2}, 5)
	f.Add([]byte{255, 255, 255, 255}, 1<<20)
	f.Fuzz(func(t *testing.T, b []byte, limit int) {
		if limit < 0 || limit > maxToken {
			return
		}
		got, err := readFrame(bytes.NewReader(b), limit)
		if err == nil && (len(got) > limit || !bytes.Equal(got, b[4:4+len(got)])) {
			t.Errorf("%x of %x", got, b)
		}
	})
}
